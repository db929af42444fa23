"""One trajectory by exponential Gauss collocation, with an error that is measured on a second grid of windows.

Windows fit the recorded times: whole numbers of intervals, or whole fractions. The kernel makes them as long as its
estimate of the error in each allows. Each run is made on two grids, one with windows of 1, 2, 4 … intervals, the other,
looser, with 1, 3, 6 …; the step error is the largest difference of a recorded Q between the two (the state at the end
included), relative to max(largest |Q| of its multiplet, 1e-6 × largest |Q| of the run). Where it is above rtol the run
is made again with a tighter tolerance, on the other grid in turn. The tighter of the last two is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lattice._kernels import collocation as kernel
from lattice.anharmonic.potential import Potential
from lattice.dynamics.booking import Booking, plan_booking
from lattice.dynamics.field_table import FieldTable, tabulate_field
from lattice.dynamics.force_plan import ForcePlan, plan_forces
from lattice.dynamics.integrate import DIVERGED, OK, UNRESOLVED, Solution, empty_solution, relative_to_multiplets
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.scheme import SRKN14
from lattice.dynamics.steps import Grid, first_steps
from lattice.dynamics.table import Int32Array, Table, build_table
from lattice.dynamics.window import LARGEST_DECAY, LARGEST_PHASE, aligned, make_window, rule
from lattice.modes.batch import instruction_set
from lattice.structure.crystal import FloatArray

METHODS = ("auto", "splitting", "collocation")
LOCAL = 0.1  #: of rtol: tolerance of a window in the first run
LOOSER = 8.0  #: how much looser the run is that it is compared with
TIGHTER = 1.0 / 16.0  #: each further run
MAX_RUNS = 6
_MOST_OUTPUTS = 32  # recorded times in a window
_DEPTHS = (4, 24)  # halvings of the longest window that are prepared: at first, and where they are not enough
_MOST_WINDOWS = 2**24


def collocate(
    potential: Potential,
    pulses: tuple[Pulse, ...],
    Q0: FloatArray,
    P0: FloatArray,
    grid: Grid,
    rtol: float,
    *,
    series: bool = False,
) -> Solution:
    """Integrate one trajectory from ``Q0, P0`` ``(n,)``; the ensemble of the solution has this one member.

    Raises
    ------
    InputError
        If it would need too many steps, counted as those of the splitting scheme.
    """
    table = table_of(potential)
    first_steps(table, [pulses], grid, SRKN14, None)
    plan, booking = _plans(potential)
    return Problem(table, plan, booking, tabulate_field(pulses, grid.duration), Q0, P0, grid, series).solve(rtol)


@lru_cache(maxsize=16)
def table_of(potential: Potential) -> Table:
    """Table of a potential; kept, because it takes longer to make than a short run."""
    return build_table(potential)


@lru_cache(maxsize=16)
def _plans(potential: Potential) -> tuple[ForcePlan, Booking]:
    """Programs and books of a potential."""
    table = table_of(potential)
    plan = plan_forces(table)
    return plan, plan_booking(table, plan)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One trajectory.

    Attributes
    ----------
    table : Table
    plan : ForcePlan
    booking : Booking
    field : FieldTable
    Q0, P0 : ndarray
        ``(n,)`` state at time 0.
    grid : Grid
    series : bool
        Whether the ledger is wanted at every recorded time; windows then end there.
    """

    table: Table
    plan: ForcePlan
    booking: Booking
    field: FieldTable
    Q0: FloatArray
    P0: FloatArray
    grid: Grid
    series: bool = False

    def solve(self, rtol: float, *, book: bool = True) -> Solution:
        """Integrate until two grids agree to rtol; what can't be met keeps its status."""
        tolerance = LOCAL * rtol
        other = self.run(LOOSER * tolerance, family=3, book=False)
        for count in range(1, MAX_RUNS):
            out = self.run(tolerance, family=1 if count % 2 else 3, book=book)
            out.step_error[:] = self._difference(other, out)
            if out.status[0] == DIVERGED or out.step_error[0] <= rtol:
                break
            other, tolerance = out, tolerance * TIGHTER
        if out.status[0] != DIVERGED:
            out.status[0] = OK if out.step_error[0] <= rtol else UNRESOLVED
        return out

    def run(self, tolerance: float, *, family: int, book: bool) -> Solution:
        """Integrate once; the step error is left open."""
        depth = _DEPTHS[0]
        out, good = self._run(tolerance, family, book, depth)
        if not good:
            out, _ = self._run(tolerance, family, book, _DEPTHS[-1])
        return out

    def _run(self, tolerance: float, family: int, book: bool, depth: int) -> tuple[Solution, bool]:
        """Integrate with windows down to 2^−depth of the longest."""
        grid, table = self.grid, self.table
        out = empty_solution(table, 1, grid.n_intervals + 1, self.series and book)
        stretch = _Stretch(self, tolerance, family, depth, book)
        good = stretch.advance(0.0, grid.start, 1, None)
        # After a divergence the kernel leaves the last state that was finite, which is not that of the recorded time.
        out.Q[0, 0], out.P[0, 0] = stretch.state[:2] if stretch.status != DIVERGED else (np.nan, np.nan)
        if self.series and book:
            stretch.series[0] = stretch.booked()
        good = stretch.advance(grid.start, grid.every, grid.n_intervals, out) and good
        good = stretch.advance(grid.end, grid.tail, 1, None) and good
        out.Q_end[0], out.P_end[0] = stretch.state[:2]
        out.step[0], out.status[0] = stretch.shortest, stretch.status
        if stretch.status == DIVERGED:
            _blank(out)
        if book:
            self.booking.settle(stretch.booked()[None], out.ledger, out.energy)
        if self.series and book:
            self.booking.settle(stretch.series, out.ledger_series[0], out.energy_series[0])
            out.ledger_series[0][np.isnan(out.Q[0]).any(axis=1)] = np.nan
        return out, good

    def _difference(self, one: Solution, two: Solution) -> float:
        """Largest relative difference of Q between two runs; infinite where one of them diverged."""
        if DIVERGED in (one.status[0], two.status[0]):
            return math.inf
        change = np.maximum(np.abs(one.Q - two.Q).max(axis=1), np.abs(one.Q_end - two.Q_end))
        largest = np.maximum(np.abs(two.Q).max(axis=1), np.abs(two.Q_end))
        return float(relative_to_multiplets(change, largest, self.table.multiplet_of)[0])


class _Stretch:
    """The kernel's state while it goes from one stretch of the grid to the next."""

    def __init__(self, problem: Problem, tolerance: float, family: int, depth: int, book: bool) -> None:
        self.problem, self.tolerance, self.family, self.depth = problem, tolerance, family, depth
        table, plan, booking, field = problem.table, problem.plan, problem.booking, problem.field
        self.omega_squared, self.gamma, kind = _kinds(table.omega_squared.tobytes(), table.gamma.tobytes())
        mode = np.stack([kind, table.multiplet_of])
        self.motion = kernel.Motion(
            plan.n_dark, plan.factor, plan.pull, plan.column, plan.value, plan.programs, mode, booking.partner_start,
            booking.partner, table.link_mode, table.gamma, field.edge, field.coefficient, field.longest,
        )  # fmt: skip
        self.state = np.ascontiguousarray(np.stack([problem.Q0, problem.P0, np.abs(problem.Q0)]))
        self.account = aligned((booking.n_book, kernel.NODES)) if book else None
        self.series = np.zeros((problem.grid.n_intervals + 1 if problem.series and book else 0, booking.n_book))
        self.work = aligned((self.motion.work_size(),))
        self.level = kernel.LEVELS.index(instruction_set())
        self.status, self.shortest = OK, math.inf

    def booked(self) -> FloatArray:
        """Integrals so far, ``(n_book,)``."""
        booked: FloatArray = self.account @ rule()[1] if self.account is not None else np.zeros(0)
        return booked

    def advance(self, begin: float, every: float, n: int, out: Solution | None) -> bool:
        """Advance over n intervals; the states after each go to `out`. False where windows missed the tolerance."""
        if every <= 0 or n == 0 or self.status == DIVERGED:
            return self.status == OK
        table, problem = self.problem.table, self.problem
        record = np.full((2, n, table.n_modes), np.nan)
        lengths = _lengths(table, every, n, self.family, self.depth, whole=problem.series and out is not None)
        interval = lengths[-1][1]
        windows = [
            make_window(self.omega_squared, self.gamma, every * units / interval, outputs).arguments(units)
            for units, _, outputs in lengths
        ]
        keep = problem.series and out is not None and self.account is not None
        status, shortest, *_ = kernel.advance(
            self.level, self.motion, rule(), windows, begin, n * interval, interval, self.tolerance, _MOST_WINDOWS,
            self.state, self.account, record, self.series[1:] if keep else None, self.work,
        )  # fmt: skip
        self.status = max(self.status, status) if DIVERGED not in (self.status, status) else DIVERGED
        self.shortest = min(self.shortest, shortest)
        if out is not None:
            out.Q[0, 1:], out.P[0, 1:] = record
        return status == OK


@lru_cache(maxsize=16)
def _kinds(omega_squared: bytes, gamma: bytes) -> tuple[bytes, bytes, Int32Array]:
    """Different pairs of ω² and Γ (float64 as bytes), and which of them each coordinate has."""
    rates = np.stack([np.frombuffer(omega_squared), np.frombuffer(gamma)], axis=1)
    kinds, kind = np.unique(rates, axis=0, return_inverse=True)
    return kinds[:, 0].tobytes(), kinds[:, 1].tobytes(), kind.ravel().astype(np.int32)


def longest_window(table: Table) -> float:
    """Longest window in *ps* that the frequencies and dampings allow; infinite without any."""
    omega = math.sqrt(float(np.abs(table.omega_squared).max(initial=0.0)))
    limits = [LARGEST_PHASE / omega] if omega > 0 else []
    gamma = float(table.gamma.max(initial=0.0))
    return min([math.inf, *limits, *([LARGEST_DECAY / gamma] if gamma > 0 else [])])


def _lengths(table: Table, every: float, n: int, family: int, depth: int, *, whole: bool) -> list[tuple[int, int, int]]:
    """Windows, longest first: length and recording interval in units of the shortest, and recorded times in it."""
    ratio = longest_window(table) / every
    most = 1 if whole else min(_MOST_OUTPUTS, n)
    counts = [1]
    while (longer := max(counts[-1] * 2, family)) <= min(ratio, most):
        counts.append(longer)
    first = 0  # halvings that the longest window below one interval needs
    while ratio * family * 2.0**first < 1.0:
        first += 1
    last = max(depth + first - len(counts) + 1, 0)
    unit = family * 2**last
    out = [(m * unit, unit, m) for m in reversed(counts) if ratio >= 1.0]
    return out + [(unit // (family * 2**j), unit, 1) for j in range(first, last + 1) if family * 2**j > 1]


def _blank(out: Solution) -> None:
    """Nothing is known from the first recorded time at which the motion is not finite."""
    bad = ~(np.isfinite(out.Q[0]) & np.isfinite(out.P[0])).all(axis=1)
    first = int(bad.argmax()) if bad.any() else len(bad)
    out.Q[0, first:], out.P[0, first:], out.Q_end[:], out.P_end[:] = np.nan, np.nan, np.nan, np.nan
