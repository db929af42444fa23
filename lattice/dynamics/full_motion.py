"""One path under the forces of a calculator: kicks by forces of all atoms, drifts of normal coordinates, and the book.

Mass-weighted displacements x of all atoms of the supercell split into the coordinates of a potential and the rest,
x_lκ = Σ_s Q_s e_sκ + y_lκ with Q_s = (1/n_cells) Σ_l x_l · e_s. Each part moves under its own part of the force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lattice import units
from lattice.anharmonic.supercell_forces import SupercellForces
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.scheme import Composition, Weights, weights
from lattice.dynamics.steps import Grid
from lattice.dynamics.table import HARMONIC, LIGHT, LIGHT2, RESERVED, Int32Array, Table
from lattice.dynamics.twin import Twin
from lattice.structure.crystal import FloatArray, IntArray

EXCHANGE = "exchange"  #: ledger row: what the calculator's forces do beyond the harmonic and the polynomial rows
_RKN_A = (0.2452989571842710, 0.6048726657110800)
_RKN_B = (0.0829844064174052, 0.3963098014983680, -0.0390563049223486)
_HALF_A = (*_RKN_A, 0.5 - sum(_RKN_A))
#: Order 4; the last kick of a step is at the place of the first kick of the next, so it costs six force calls.
SRKN6 = Composition(
    np.array((0.0, *_HALF_A, *_HALF_A[::-1], 0.0)), np.array((*_RKN_B, 1.0 - 2.0 * sum(_RKN_B), *_RKN_B[::-1]))
)
#: Velocity Verlet, order 2: half a kick, a drift, half a kick.
VERLET = Composition(np.array((0.0, 1.0, 0.0)), np.array((0.5, 0.5)))


@dataclass(frozen=True, slots=True)
class Method:
    """How a path is integrated.

    Attributes
    ----------
    composition : Composition
        Of kicks and drifts; ends with kicks.
    harmonic_drift : bool
        Whether the coordinates drift by the exact flow of their harmonic part; else freely, and all forces kick.
    finer : int
        By how much its first step is shorter than a quarter of the fastest period.
    text : str
        For the provenance.
    """

    composition: Composition
    harmonic_drift: bool
    finer: int
    text: str


METHODS = {
    "srkn6": Method(SRKN6, True, 1, "Blanes–Moan SRKN6 splitting, order 4, exact damped-harmonic flow of the modes"),
    "verlet": Method(VERLET, False, 16, "velocity Verlet, order 2"),
}


@dataclass(slots=True, eq=False)
class Path:
    """Recorded motion of one path.

    Attributes
    ----------
    Q, P : ndarray
        ``(n_times, n)`` *Å√amu* and *Å√amu/ps*.
    Q_end, P_end : ndarray
        ``(n,)`` at the end of the run.
    ledger, energy : ndarray
        ``(n_rows, n_multiplets, 3)`` *ħ* and ``(n_rows, n_multiplets)`` *amu Å²/ps²*, over the whole run.
    ledger_series, energy_series : ndarray
        ``(n_times, …)`` the same from time 0 to each recorded time; ``(0, …)`` where not asked for.
    outside : float
        Largest displacement of an atom outside the coordinates of the potential, at recorded times, *Å*.
    """

    Q: FloatArray
    P: FloatArray
    Q_end: FloatArray
    P_end: FloatArray
    ledger: FloatArray
    energy: FloatArray
    ledger_series: FloatArray
    energy_series: FloatArray
    outside: float = 0.0


@dataclass(slots=True, eq=False)
class FullMotion:
    """What moves, and under which forces.

    Attributes
    ----------
    table : Table
        Frequencies, damping and M of the potential; its `rows` hold `EXCHANGE`.
    twin : Twin
        Forces of the potential's terms, by ledger row.
    forces : SupercellForces
    eigenvectors : ndarray
        ``(n, n_atoms, 3)``.
    masses : ndarray
        ``(n_atoms,)`` *amu*.
    pulses : tuple of Pulse
    method : Method
    charges : ndarray or None
        ``(n_atoms, 3, 3)`` *e*: Born charges with which light moves the rest.
    rest : ndarray
        ``(n_cells, n_atoms, 3)`` *Å√amu*, the rest at time 0.
    """

    table: Table
    twin: Twin
    forces: SupercellForces
    eigenvectors: FloatArray
    masses: FloatArray
    pulses: tuple[Pulse, ...]
    method: Method
    charges: FloatArray | None
    rest: FloatArray
    _place: FloatArray = field(init=False)
    _accelerations: FloatArray = field(init=False)
    _sparse: tuple[IntArray, FloatArray] = field(init=False)

    def __post_init__(self) -> None:
        self._place = np.full(1, np.nan)
        self._accelerations = np.zeros(0)
        name, mode, number = np.nonzero(self.twin.target)
        row = np.array([self.table.rows.index(x) for x in self.twin.names], dtype=np.int64)
        place, value = np.zeros(self.twin.target.shape[2], dtype=np.int64), np.zeros(self.twin.target.shape[2])
        place[number] = row[name] * self.table.n_modes + mode
        value[number] = self.twin.target[name, mode, number]
        self._sparse = place, value

    @property
    def moves_outside(self) -> bool:
        """Whether there are atomic motions outside the coordinates, translations aside."""
        return len(self.rest) > 1 or len(self.eigenvectors) < 3 * len(self.masses) - 3

    def polynomial_forces(self, Q: FloatArray, E: FloatArray) -> FloatArray:
        """Forces of the potential's terms at Q ``(n,)`` and E ``(3,)``: ``(n_rows, n)`` *amu^½ Å/ps²*."""
        twin, (place, value) = self.twin, self._sparse
        factors = np.append(Q, 1.0)[twin.mode_factors].prod(axis=1) * np.append(E, 1.0)[twin.field_factors].prod(axis=1)
        shape = (len(self.table.rows), self.table.n_modes)
        forces: FloatArray = np.bincount(place, factors * value, minlength=shape[0] * shape[1]).astype(np.float64)
        return forces.reshape(shape)

    def accelerations(self, Q: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Split the calculator's forces into those on Q ``(n,)`` and on the rest, *amu^½ Å/ps²*.

        A place is computed once: the kick that ends a step and the one that begins the next are at one place.
        """
        root = np.sqrt(self.masses)[:, None]
        place: FloatArray = (np.tensordot(Q, self.eigenvectors, axes=1) + rest) / root
        if not np.array_equal(place, self._place):
            self._place, self._accelerations = place, self.forces(place) * units.EV / root
        return self.split(self._accelerations)

    def split(self, weighted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Split mass-weighted vectors ``(n_cells, n_atoms, 3)`` into coordinates ``(n,)`` and the rest."""
        own: FloatArray = np.einsum("lka,ska->s", weighted, self.eigenvectors) / len(weighted)
        if not self.moves_outside:
            return own, np.zeros_like(weighted)
        return own, weighted - np.tensordot(own, self.eigenvectors, axes=1)

    def light_outside(self, E: FloatArray) -> FloatArray:
        """Acceleration of the rest by light, ``(n_cells, n_atoms, 3)`` *amu^½ Å/ps²*."""
        if self.charges is None:
            return np.zeros_like(self.rest)
        force = units.FIELD_FORCE * np.einsum("a,kab->kb", E, self.charges)
        force -= (self.masses / self.masses.sum())[:, None] * force.sum(axis=0)
        weighted = np.broadcast_to(force / np.sqrt(self.masses)[:, None], self.rest.shape)
        return self.split(weighted)[1]


def follow(motion: FullMotion, Q0: FloatArray, P0: FloatArray, grid: Grid, steps: int, *, series: bool = False) -> Path:
    """Integrate from ``Q0, P0`` ``(n,)`` with so many steps in a recorded interval, and book every sub-step.

    Raises
    ------
    FitError
        If the calculator fails on the way.
    """
    n, n_times = motion.table.n_modes, grid.n_intervals + 1
    book = (len(motion.table.rows), len(motion.table.multiplets))
    state = _State(
        motion,
        Q0.copy(),
        P0.copy(),
        motion.rest.copy(),
        np.zeros_like(motion.rest),
        np.zeros((*book, 3)),
        np.zeros(book),
    )
    Q, P = np.empty((n_times, n)), np.empty((n_times, n))
    kept = n_times if series else 0
    books = np.empty((kept, *book, 3)), np.empty((kept, *book))
    step, outside = grid.every / steps, 0.0
    if grid.start > 0:
        state.advance(0.0, grid.start, max(1, int(np.ceil(grid.start / step - 1e-9))))
    for k in range(n_times):
        if k > 0:
            state.advance(grid.start + (k - 1) * grid.every, grid.every, steps)
            outside = max(outside, state.outside())
        Q[k], P[k] = state.Q, state.P
        if series:
            books[0][k], books[1][k] = state.ledger, state.energy
    if grid.tail > 0:
        state.advance(grid.end, grid.tail, max(1, int(np.ceil(grid.tail / step - 1e-9))))
    return Path(Q, P, state.Q, state.P, state.ledger, state.energy, *books, max(outside, state.outside()))


@dataclass(slots=True, eq=False)
class _State:
    """Q, P, the rest with its velocity, and the books so far: angular momentum in ħ, energy in amu Å²/ps²."""

    motion: FullMotion
    Q: FloatArray
    P: FloatArray
    rest: FloatArray
    velocity: FloatArray
    ledger: FloatArray
    energy: FloatArray
    _weights: dict[float, Weights] = field(default_factory=dict)

    def outside(self) -> float:
        """Largest displacement of an atom by the rest, *Å*."""
        displacement = self.rest / np.sqrt(self.motion.masses)[:, None]
        return float(np.linalg.norm(displacement, axis=-1).max())

    def advance(self, begin: float, interval: float, steps: int) -> None:
        """Make equal steps over an interval that begins at a time, *ps*."""
        step = interval / steps
        prepared = self._prepared(step)
        composition = self.motion.method.composition
        times = begin + step * (np.arange(steps)[:, None] + composition.kick_times)
        fields = total_field(self.motion.pulses, times.ravel()).reshape(*times.shape, 3)
        for k in range(steps):
            for i, length in enumerate(prepared.kick):
                self._drift(prepared, i)
                self._kick(float(length), fields[k, i])
            self._drift(prepared, len(prepared.kick))

    def _prepared(self, step: float) -> Weights:
        if step not in self._weights:
            table, method = self.motion.table, self.motion.method
            stiffness = table.omega_squared if method.harmonic_drift else np.zeros(table.n_modes)
            self._weights[step] = weights(method.composition, stiffness, table.gamma, table.link_mode, step)
        return self._weights[step]

    def _drift(self, prepared: Weights, i: int) -> None:
        """Move freely, or by the harmonic flow, and book what restoring forces and damping do meanwhile."""
        length = float(self.motion.method.composition.drifts[i]) * prepared.step
        if length == 0.0:
            return
        table, (Q, P) = self.motion.table, (self.Q, self.P)
        s, t = table.link_mode.T
        products = np.stack([Q[s] * Q[t], Q[s] * P[t], P[s] * Q[t], P[s] * P[t]], axis=1)
        first = table.rows.index(HARMONIC)  # damping is the next row
        for row, part in ((first, slice(0, 4)), (first + 1, slice(4, 8))):
            change = (prepared.link_integral[i, :, part] * products).sum(axis=1)
            received = 0.5 / units.HBAR * table.link_matrix * change[:, None]
            for end in (0, 1):
                np.add.at(self.ledger[row], table.link_multiplet[:, end], received)
        f = prepared.flow[i].T
        self.Q, self.P = f[0] * Q + f[1] * P, f[2] * Q + f[3] * P
        self._book_drift(first, Q, P)
        self.rest = self.rest + length * self.velocity

    def _book_drift(self, harmonic: int, Q: FloatArray, P: FloatArray) -> None:
        """Book the energy that a drift from Q, P changed.

        In the exact flow only damping does. A free drift changes ½ ω² Q², which the kicks by the spring take from
        ½ P²: both go to the harmonic row, where they cancel up to the error of the step.
        """
        table = self.motion.table
        kinetic = 0.5 * (self.P * self.P - P * P)
        stretched = 0.5 * table.omega_squared * (self.Q * self.Q - Q * Q)
        if self.motion.method.harmonic_drift:
            kinetic, stretched = kinetic + stretched, np.zeros_like(stretched)
        np.add.at(self.energy[harmonic], table.multiplet_of, stretched)
        np.add.at(self.energy[harmonic + 1], table.multiplet_of, kinetic)

    def _kick(self, length: float, E: FloatArray) -> None:
        """Change the momenta by all forces that do not act in a drift, and book each row's torque and work."""
        motion, table, rows = self.motion, self.motion.table, self.motion.table.rows
        own, outside = motion.accelerations(self.Q, self.rest)
        forces = motion.polynomial_forces(self.Q, E)
        dark = [i for i, row in enumerate(rows) if row not in RESERVED]
        spring = -table.omega_squared * self.Q
        forces[rows.index(EXCHANGE)] = own - spring - forces[dark].sum(axis=0)
        forces[rows.index(HARMONIC)] = 0.0 if motion.method.harmonic_drift else spring
        self.ledger += length * motion.twin.torques(self.Q, forces)
        light = forces[rows.index(LIGHT)] + forces[rows.index(LIGHT2)]
        drifts = spring if motion.method.harmonic_drift else 0.0
        before, self.P = self.P, self.P + length * (own - drifts + light)
        # A constant force does its work at the mean of the momenta before and after: ½ P² changes by just that.
        work = length * forces * (0.5 * (before + self.P))
        np.add.at(self.energy.T, table.multiplet_of, work.T)
        if motion.moves_outside:
            self.velocity = self.velocity + length * (outside + motion.light_outside(E))


def step_error(coarse: Sequence[FloatArray], fine: Sequence[FloatArray], multiplet_of: Int32Array) -> float:
    """Largest change of Q, relative to max(largest |Q| of its multiplet, 1e-6 × largest |Q|).

    Parameters
    ----------
    coarse, fine : sequence of ndarray
        ``(…, n)`` each: the same points of two paths.
    multiplet_of : ndarray
        ``(n,)`` int.
    """
    n = len(multiplet_of)
    change = np.max([np.abs(a - b).reshape(-1, n).max(axis=0) for a, b in zip(coarse, fine, strict=True)], axis=0)
    largest = np.max([np.abs(b).reshape(-1, n).max(axis=0) for b in fine], axis=0)
    scale = np.array([largest[multiplet_of == a].max() for a in multiplet_of])
    scale = np.maximum(scale, 1e-6 * largest.max())
    return float(np.max(np.divide(change, scale, out=np.zeros(n), where=scale > 0)))
