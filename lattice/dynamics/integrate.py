"""Integration with step control: each run is made with step h and h/2, and refined until they agree.

The recorded times form a grid; steps land on them. The step error of a trajectory is the largest change of a recorded Q
(the state at the end of the run included) on halving the step, relative to max(largest |Q| of its multiplet, 1e-6 ×
largest |Q| of the run). The finer of the two runs is kept: its own error is smaller again by up to 2⁶.

In a bath all steps see the same random force, so the step error is that of the path. Paths under white noise are rough
and converge slowly, averages over them with the square of the step: there the bound is `BATH_RTOL` where rtol is finer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lattice._kernels import trajectory as kernel
from lattice.dynamics import scheme
from lattice.dynamics.bath import Bath, noise
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.steps import Grid, first_steps, halvings
from lattice.dynamics.table import Int32Array, Table
from lattice.modes.batch import instruction_level
from lattice.structure.crystal import FloatArray, IntArray

LEVEL = instruction_level()  #: instruction set of the kernel, chosen at import
OK, DIVERGED, UNRESOLVED = 0, 1, 2
STATUS_TEXT = {
    OK: "ok",
    DIVERGED: "the motion diverged: a coordinate is no longer finite",
    UNRESOLVED: "the step error is above rtol at the smallest step",
}
MAX_HALVINGS = 8  #: of the first step; at order 6 each is worth a factor 64
SCALE_FLOOR = 1e-6  #: of the largest |Q| of the run: scale for multiplets that hardly move
_BLOW_UP_AGREEMENT = 1e-3  #: relative change of Q before a blow-up, up to which two levels count as the same motion
BATH_RTOL = 1e-3  #: finest bound on the step error of a path in a bath
_FIELD_BUDGET = 2**22  #: numbers of field tables held at a time (32 MiB)
_BLOCK = 64  #: trajectories integrated together


def composition_for(bath: Bath | None) -> scheme.Composition:
    """Return the composition that integrates with or without a bath."""
    return scheme.SRKN14 if bath is None else scheme.STRANG


def describe(method: str, bath: bool) -> str:
    """Return one line on the method, for the provenance."""
    if method == "collocation":
        return "exponential Gauss collocation, 8 nodes, adaptive windows, error measured on a second grid of windows"
    if bath:
        return "Strang splitting, order 2, exact Ornstein–Uhlenbeck flow, step halving under the same random force"
    return "Blanes–Moan SRKN14 splitting, order 6, exact damped-harmonic flow, step halving"


@dataclass(slots=True)
class Solution:
    """Trajectories of one block.

    Attributes
    ----------
    Q, P : ndarray
        ``(B, n_times, n)`` Å√amu and Å√amu/ps; NaN after a divergence.
    Q_end, P_end : ndarray
        ``(B, n)`` state at the end of the run.
    ledger : ndarray
        ``(B, n_rows, n_multiplets, 3)`` amu Å²/ps, whole run.
    energy : ndarray
        ``(B, n_rows, n_multiplets)`` amu Å²/ps², whole run: what ½ Σ (P² + ω² Q²) of the multiplet received;
        ``(B, 0, 0)`` where it was not booked.
    ledger_series, energy_series : ndarray
        ``(B, n_times, …)`` the same from time 0 to each recorded time; ``(B, 0, …)`` where not asked for.
    status : ndarray
        ``(B,)`` int32, see `STATUS_TEXT`.
    step : ndarray
        ``(B,)`` *ps*, step between recorded times; of the collocation the shortest window.
    step_error : ndarray
        ``(B,)``, NaN where the run diverged.
    """

    Q: FloatArray
    P: FloatArray
    Q_end: FloatArray
    P_end: FloatArray
    ledger: FloatArray
    energy: FloatArray
    ledger_series: FloatArray
    energy_series: FloatArray
    status: Int32Array
    step: FloatArray
    step_error: FloatArray

    def take(self, index: IntArray) -> Solution:
        """Return the trajectories `index`."""
        return Solution(*(getattr(self, name)[index] for name in self.__slots__))

    def put(self, index: IntArray, other: Solution) -> None:
        """Replace the trajectories `index` by those of `other`."""
        for name in self.__slots__:
            getattr(self, name)[index] = getattr(other, name)


def integrate(
    table: Table,
    pulses: Sequence[tuple[Pulse, ...]],
    Q0: FloatArray,
    P0: FloatArray,
    grid: Grid,
    rtol: float,
    n_threads: int,
    bath: Bath | None = None,
    *,
    series: bool = False,
) -> Solution:
    """Integrate one trajectory for each entry of `pulses` from ``Q0, P0`` ``(B, n)`` until halving the step agrees.

    What a trajectory becomes depends on its own pulses and initial state only, never on its neighbours in the block; in
    a bath also on its number, which selects its random force.

    Raises
    ------
    InputError
        If a trajectory, or all together, would need too many steps.
    """
    steps = np.array(first_steps(table, pulses, grid, composition_for(bath), bath))
    out = empty_solution(table, len(pulses), grid.n_intervals + 1, series)
    for count in np.unique(steps):
        members = np.flatnonzero(steps == count)
        for block in np.split(members, range(_BLOCK, len(members), _BLOCK)):
            group = [pulses[i] for i in block]
            solver = Refinement(table, group, Q0[block], P0[block], grid, int(count), n_threads, bath, block, series)
            out.put(block, solver.solve(rtol))
    return out


@dataclass(slots=True)
class _Stretch:
    """State of one pass over the grid: its solution, torques and works that kicks booked, its trajectories, whether it
    is the coarse twin, halvings since that, and drifts made.
    """

    out: Solution
    account: FloatArray
    slot_work: FloatArray
    active: IntArray
    coarse: bool
    depth: int
    index: int = 0


@dataclass(slots=True)
class Refinement:
    """One block of trajectories on one grid, integrated with ever finer steps.

    `numbers` are those in the ensemble; with `series` the ledgers are kept at every recorded time.
    """

    table: Table
    pulses: list[tuple[Pulse, ...]]
    Q0: FloatArray
    P0: FloatArray
    grid: Grid
    steps: int
    n_threads: int
    bath: Bath | None = None
    numbers: IntArray = field(default_factory=lambda: np.arange(1))
    series: bool = False

    def solve(self, rtol: float) -> Solution:
        """Halve the step until the step error is ≤ rtol; what can't be met keeps its status."""
        stride = 2 if self.steps == 1 else 1
        bound = rtol if self.bath is None else max(rtol, BATH_RTOL)
        active = np.arange(len(self.pulses))
        out = coarse = self.level(active, 0, coarse=True)
        for level in range(halvings(self.grid, self.steps, self._composition, MAX_HALVINGS) + 1):
            fine = self.level(active, level)
            fine.step_error = self._step_error(coarse, fine, stride if level == 0 else 1)
            fine.status[(fine.status == OK) & ~(fine.step_error <= bound)] = UNRESOLVED
            if level == 0:
                out = fine.take(active)
            else:
                out.put(active, fine)
            again = fine.status != OK
            if level > 0:
                again &= ~same_blow_up(coarse, fine)
            if not again.any():
                break
            keep = np.flatnonzero(again)
            active, coarse = active[keep], fine.take(keep)
        return out

    def level(self, active: IntArray, level: int, *, coarse: bool = False) -> Solution:
        """Integrate with 2^level × the first number of steps, or, as its coarse twin, half as many and no ledger."""
        grid, n = self.grid, self.grid.n_intervals
        double = coarse and self.steps == 1  # the coarse run then strides over every second recorded time
        out = empty_solution(self.table, len(active), (n // 2 if double else n) + 1, self.series and not coarse)
        out.Q_end[:], out.P_end[:], out.status[:] = self.Q0[active], self.P0[active], OK
        torques, works = (np.zeros((len(active), size)) for size in (self.table.n_accounts, len(self.table.slot_row)))
        stretch = _Stretch(out, torques, works, active, coarse, depth=0 if coarse else level + 1)
        factor = 2.0 ** (level - coarse)
        step = grid.every / self.steps
        if grid.start > 0:
            self._advance(stretch, 0.0, grid.start, 1, self._even(grid.start / step, factor))
        out.Q[:, 0], out.P[:, 0] = out.Q_end, out.P_end
        self._keep_books(stretch, 0)
        if double:
            self._advance(stretch, grid.start, 2.0 * grid.every, n // 2, 1, keep=True)
            if n % 2:
                self._advance(stretch, grid.start + grid.every * (n - 1), grid.every, 1, 1)
        else:
            self._advance(stretch, grid.start, grid.every, n, round(self.steps * factor), keep=True)
        if grid.tail > 0:
            self._advance(stretch, grid.end, grid.tail, 1, self._even(grid.tail / step, factor))
        if not coarse:
            self.table.settle(stretch.account, out.ledger)
            self.table.settle_work(stretch.slot_work, out.energy)
        out.step[:] = step / factor
        out.Q_end[out.status != OK], out.P_end[out.status != OK] = np.nan, np.nan
        return out

    @staticmethod
    def _even(steps: float, factor: float) -> int:
        """Steps of an unrecorded stretch: an even number times `factor`."""
        return round(2 * max(1, math.ceil(steps / 2 - 1e-9)) * factor)

    def _advance(
        self, stretch: _Stretch, begin: float, interval: float, n: int, steps: int, *, keep: bool = False
    ) -> None:
        """Advance over n intervals of equal numbers of steps from time `begin`, and keep the state after each.

        The work is cut so that the field tables stay small. Where it is cut does not change a bit.
        """
        weights, out = self._weights(interval / steps), stretch.out
        budget = max(1, _FIELD_BUDGET // (len(stretch.active) * 3 * len(weights.kick)))
        window, part = max(1, budget // steps), min(steps, budget)
        if keep and out.ledger_series.shape[1]:
            window = 1  # the books are read after every interval
        for first in range(0, n, window):
            count = min(window, n - first)
            for done in range(0, steps, part):
                Q, P = self._call(stretch, weights, begin, first * steps + done, count, min(part, steps - done))
            if keep:
                out.Q[:, 1 + first : 1 + first + count], out.P[:, 1 + first : 1 + first + count] = Q, P
                self._keep_books(stretch, 1 + first)

    def _keep_books(self, stretch: _Stretch, time: int) -> None:
        """Write the ledgers so far to recorded time number `time`, if they are wanted."""
        out = stretch.out
        if not out.ledger_series.shape[1]:
            return
        books = out.ledger.copy(), out.energy.copy()
        self.table.settle(stretch.account, books[0])
        self.table.settle_work(stretch.slot_work, books[1])
        out.ledger_series[:, time], out.energy_series[:, time] = books

    @property
    def _composition(self) -> scheme.Composition:
        return composition_for(self.bath)

    def _weights(self, step: float) -> scheme.Weights:
        table = self.table
        return scheme.weights(self._composition, table.omega_squared, table.gamma, table.link_mode, step)

    def _call(
        self, stretch: _Stretch, weights: scheme.Weights, begin: float, first: int, n: int, steps: int
    ) -> tuple[FloatArray, FloatArray]:
        """One call of the kernel: n intervals of `steps` steps, from step `first` after `begin`; states after each."""
        table, out, active = self.table, stretch.out, stretch.active
        B, n_kicks = len(active), len(weights.kick)
        Q, P = np.full((2, B, n, table.n_modes), np.nan)
        stopped = out.status != OK
        if stopped.all():
            return Q, P
        t = begin + weights.step * (np.arange(first, first + n * steps)[:, None] + self._composition.kick_times)
        field = np.zeros((B, n * steps, n_kicks, 3))
        for i, member in enumerate(active):
            if self.pulses[member] and not stopped[i]:
                field[i] = total_field(self.pulses[member], t.ravel()).reshape(*t.shape, 3)
        work = np.empty((B, table.work_size))
        shocks = noise(table, self.bath, weights.step / 2, stretch.depth)
        kernel.advance(
            LEVEL, out.Q_end, out.P_end, out.ledger, stretch.account, out.energy, stretch.slot_work, out.status,
            Q, P, work, field,
            weights.flow, weights.link_integral, weights.kick, shocks.root, shocks.bridge,
            self.numbers[active].astype(np.int32), 0 if self.bath is None else self.bath.seed, stretch.index,
            self.bath is not None, table.omega_squared, table.multiplet_of,
            table.coefficient, table.term_order, table.term_mode, table.term_slot, table.term_field,
            table.slot_row, table.slot_mode, table.link_mode, table.link_multiplet, table.link_matrix,
            table.link_arm, table.arm_start, table.arm_multiplet,
            len(table.rows) - 3, len(table.rows) - 2, not stretch.coarse, self.n_threads,
        )  # fmt: skip
        stretch.index += (n_kicks + 1) * n * steps
        return Q, P

    def _step_error(self, coarse: Solution, fine: Solution, stride: int) -> FloatArray:
        """Largest relative change of Q between two levels, per trajectory; infinite where one of them diverged."""
        change = np.maximum(np.abs(fine.Q[:, ::stride] - coarse.Q).max(axis=1), np.abs(fine.Q_end - coarse.Q_end))
        largest = np.maximum(np.abs(fine.Q).max(axis=1), np.abs(fine.Q_end))
        error = relative_to_multiplets(change, largest, self.table.multiplet_of)
        return np.where((coarse.status == DIVERGED) | (fine.status == DIVERGED), np.inf, error)


def same_blow_up(coarse: Solution, fine: Solution) -> NDArray[np.bool_]:
    """Whether the motion itself diverges, and not a step that is too long for it: ``(B,)`` bool.

    True where two levels become infinite in the same recorded interval, not the first two, after the same motion.
    """
    first = []
    for level in (coarse, fine):
        bad: NDArray[np.bool_] = np.any(np.isnan(level.Q), axis=2)
        first.append(np.where(bad.any(axis=1), bad.argmax(axis=1), bad.shape[1]))
    # The last finite numbers may be anything up to the largest double: they don't count as motion.
    before = (np.arange(fine.Q.shape[1]) < first[1][:, None] - 1)[:, :, None]
    Q_coarse, Q_fine = (np.where(before, level.Q, 0.0) for level in (coarse, fine))
    agree = np.abs(Q_fine - Q_coarse).max(axis=(1, 2)) <= _BLOW_UP_AGREEMENT * np.abs(Q_fine).max(axis=(1, 2))
    both = (coarse.status == DIVERGED) & (fine.status == DIVERGED) & (first[0] == first[1]) & (first[1] > 2)
    return np.asarray(both & agree)


def relative_to_multiplets(change: FloatArray, largest: FloatArray, multiplet_of: Int32Array) -> FloatArray:
    """Largest `change` of a coordinate over max(largest |Q| of its multiplet, 1e-6 × largest |Q| of the run).

    Parameters
    ----------
    change, largest : ndarray
        ``(B, n)`` Å√amu.
    multiplet_of : ndarray
        ``(n,)`` int.

    Returns
    -------
    ndarray
        ``(B,)``; 0 where nothing moves at all.
    """
    scale = np.zeros((len(change), int(multiplet_of.max(initial=-1)) + 1))
    np.maximum.at(scale.T, multiplet_of, largest.T)
    scale = np.maximum(scale, SCALE_FLOOR * largest.max(axis=1, initial=0.0, keepdims=True))[:, multiplet_of]
    still = scale == 0
    error: FloatArray = (np.where(still, 0.0, change) / np.where(still, 1.0, scale)).max(axis=1, initial=0.0)
    return error


def empty_solution(table: Table, B: int, n_times: int, series: bool = False) -> Solution:
    """Allocate B trajectories, with room for the ledgers at every time if `series`."""
    n, book, kept = table.n_modes, (len(table.rows), len(table.multiplets)), n_times if series else 0
    return Solution(
        Q=np.empty((B, n_times, n)),
        P=np.empty((B, n_times, n)),
        Q_end=np.empty((B, n)),
        P_end=np.empty((B, n)),
        ledger=np.zeros((B, *book, 3)),
        energy=np.zeros((B, *book)),
        ledger_series=np.zeros((B, kept, *book, 3)),
        energy_series=np.zeros((B, kept, *book)),
        status=np.empty(B, dtype=np.int32),
        step=np.empty(B),
        step_error=np.full(B, np.nan),
    )
