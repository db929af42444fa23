"""The potential as the kernel wants it: coherent units, int32 tables, ledger rows and linked pairs."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.anharmonic.potential import PADDING, Potential
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray

Int32Array = NDArray[np.int32]
LIGHT, LIGHT2, HARMONIC, DAMPING, NOISE = "light", "light2", "harmonic", "damping", "noise"
RESERVED = (LIGHT, LIGHT2, HARMONIC, DAMPING, NOISE)
_LINK_FLOOR = 1e-13  #: |M| below this is round-off of a symmetry zero (M of orthonormal eigenvectors is of order 1)


@dataclass(frozen=True, slots=True)
class Table:
    """Arrays of one potential for the kernel (kernel units: Å, amu, ps, rad; field in MV/cm).

    Attributes
    ----------
    omega_squared, gamma : ndarray
        ``(n,)`` rad²/ps² and 1/ps.
    multiplet_of : ndarray
        ``(n,)`` int32, number of the multiplet of each coordinate.
    multiplets, rows : tuple of str
        Names of the multiplets and of the ledger's channels.
    matrix : ndarray
        ``(3, n, n)`` M with round-off zeros removed; L and the ledger both use it.
    coefficient, term_order, term_mode, term_slot, term_field : ndarray
        Terms: amu Å²/ps² per (Å√amu)^k (MV/cm)^j, number of mode factors, factors, slots and field factors.
    slot_row, slot_mode : ndarray
        A slot is one (ledger row, coordinate) that some term pushes.
    link_mode, link_multiplet, link_matrix, link_arm : ndarray
        Pairs s < t with M_st ≠ 0: their coordinates, multiplets, M_st per axis, and places in the arms.
    arm_start, arm_multiplet : ndarray
        Multiplets whose L changes when coordinate s is kicked: entries ``arm_start[s] : arm_start[s + 1]``.
    """

    omega_squared: FloatArray
    gamma: FloatArray
    multiplet_of: Int32Array
    multiplets: tuple[str, ...]
    rows: tuple[str, ...]
    matrix: FloatArray
    coefficient: FloatArray
    term_order: Int32Array
    term_mode: Int32Array
    term_slot: Int32Array
    term_field: Int32Array
    slot_row: Int32Array
    slot_mode: Int32Array
    link_mode: Int32Array
    link_multiplet: Int32Array
    link_matrix: FloatArray
    link_arm: Int32Array
    arm_start: Int32Array
    arm_multiplet: Int32Array

    @property
    def n_modes(self) -> int:
        """Number of real coordinates."""
        return len(self.gamma)

    @property
    def n_accounts(self) -> int:
        """Numbers that book the kicks: one for each slot, multiplet that its coordinate is linked to, and axis."""
        return 3 * int(np.diff(self.arm_start)[self.slot_mode].sum())

    @property
    def work_size(self) -> int:
        """Doubles of scratch per trajectory."""
        return len(self.slot_row) + 3 * len(self.arm_multiplet) + int(self.term_mode.shape[1]) + 2 * self.n_modes

    def settle(self, account: FloatArray, ledger: FloatArray) -> None:
        """Add what kicks booked, ``(B, n_accounts)``, to their rows of the ledger ``(B, n_rows, n_multiplets, 3)``."""
        arms = [np.arange(self.arm_start[s], self.arm_start[s + 1]) for s in self.slot_mode]
        row = np.repeat(self.slot_row, [len(a) for a in arms])
        multiplet = self.arm_multiplet[np.concatenate([np.zeros(0, int), *arms])]
        places: Any = (slice(None), row, multiplet)
        with np.errstate(over="ignore", invalid="ignore"):  # accounts of a trajectory that diverged
            np.add.at(ledger, places, account.reshape(len(account), -1, 3))

    def settle_work(self, work: FloatArray, energy: FloatArray) -> None:
        """Add the work of kicks, ``(B, n_slots)``, to their rows of the energy ledger ``(B, n_rows, n_multiplets)``."""
        places: Any = (slice(None), self.slot_row, self.multiplet_of[self.slot_mode])
        with np.errstate(over="ignore", invalid="ignore"):
            np.add.at(energy, places, work)

    def energy(self, Q: FloatArray, P: FloatArray) -> FloatArray:
        """½ Σ_{s∈a} (P_s² + ω_s² Q_s²) in amu Å²/ps²: ``(…, n)`` → ``(…, n_multiplets)``."""
        per_mode = 0.5 * (P * P + self.omega_squared * Q * Q)
        out: FloatArray = np.zeros((*Q.shape[:-1], len(self.multiplets)))
        for s, a in enumerate(self.multiplet_of):
            out[..., a] += per_mode[..., s]
        return out

    def angular_momentum(self, Q: FloatArray, P: FloatArray) -> FloatArray:
        """L_a = ½ Σ_{s∈a} [Q_s (M P)_s + (Q M)_s P_s] in ħ: ``(…, n)`` → ``(…, n_multiplets, 3)``."""
        out: FloatArray = np.zeros((*Q.shape[:-1], len(self.multiplets), 3))
        for axis, matrix in enumerate(self.matrix):
            per_mode = 0.5 * (Q * (P @ matrix.T) + (Q @ matrix) * P)
            for s, a in enumerate(self.multiplet_of):
                out[..., a, axis] += per_mode[..., s]
        out /= units.HBAR
        return out


def checked_potential(potential: object) -> Potential:
    """Return the argument if it is a potential.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if not isinstance(potential, Potential):
        raise InputError(
            "The potential is not a Potential",
            found=reprlib.repr(potential),
            fix='load it: lattice.load_potential("Bi2Se3")',
        )
    return potential


def build_table(potential: Potential) -> Table:
    """Convert a potential to kernel units and lay out its terms, ledger rows and linked pairs.

    Raises
    ------
    InputError
        If a term without field factors bears the name of one of the ledger's own rows.
    """
    names = potential.multiplets
    multiplet_of = np.array([names.index(m) for m in potential.multiplet.tolist()], dtype=np.int32)
    matrix = np.where(np.abs(potential.angular_momentum) < _LINK_FLOOR, 0.0, potential.angular_momentum)
    rows, row_of_term = ledger_rows(potential)
    with np.errstate(over="ignore"):  # an infinite rate is refused when the steps are counted
        omega, gamma = units.TWO_PI * potential.frequency, units.TWO_PI * potential.linewidth
        omega_squared = np.sign(omega) * omega**2
    return Table(
        omega_squared=omega_squared,
        gamma=gamma,
        multiplet_of=multiplet_of,
        multiplets=names,
        rows=rows,
        matrix=matrix,
        **_term_arrays(potential, row_of_term),
        **_link_arrays(matrix, multiplet_of),
    )


def ledger_rows(potential: Potential) -> tuple[tuple[str, ...], IntArray]:
    """Names of the ledger's rows, and the row of each term ``(n_terms,)``.

    `light`: one Q and one E (dipole); `light2`: any other term with field factors (Raman, mixed); then one row for each
    channel name of the terms without field; then `harmonic`, `damping`, `noise`.
    """
    n_q = (potential.mode_index >= 0).sum(axis=1)
    n_e = (potential.field_axis >= 0).sum(axis=1)
    dark = tuple(dict.fromkeys(potential.channel[n_e == 0].tolist()))
    clash = [name for name in dark if name in RESERVED]
    if clash:
        raise InputError(
            "An anharmonic channel bears the name of a row of the ledger",
            found=clash,
            fix=f"rename the channel; reserved are {', '.join(RESERVED)}",
        )
    rows = (LIGHT, LIGHT2, *dark, HARMONIC, DAMPING, NOISE)
    place = {name: i for i, name in enumerate(rows)}
    row_of_term = np.array(
        [place[c] if e == 0 else 1 for c, e in zip(potential.channel.tolist(), n_e, strict=True)], int
    )
    row_of_term[(n_q == 1) & (n_e == 1)] = 0
    return rows, row_of_term


def _term_arrays(potential: Potential, row_of_term: IntArray) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """Left-align the factors of each term and number its slots."""
    term_mode, order = _left_aligned(potential.mode_index)
    term_field, _ = _left_aligned(potential.field_axis)
    slots: dict[tuple[int, int], int] = {}
    term_slot = np.full_like(term_mode, PADDING)
    for t, row in enumerate(row_of_term.tolist()):
        for b in range(order[t]):
            term_slot[t, b] = slots.setdefault((row, int(term_mode[t, b])), len(slots))
    table = np.array(list(slots), dtype=np.int32).reshape(-1, 2)
    return {
        "coefficient": potential.coefficient * units.EV,
        "term_order": order,
        "term_mode": term_mode,
        "term_slot": term_slot,
        "term_field": term_field,
        "slot_row": np.ascontiguousarray(table[:, 0]),
        "slot_mode": np.ascontiguousarray(table[:, 1]),
    }


def _left_aligned(index: IntArray) -> tuple[Int32Array, Int32Array]:
    """Factors first, padding last, at least one column; and the number of factors of each row."""
    padded = np.concatenate([index, np.full((len(index), 1), PADDING)], axis=1)
    order = np.argsort(padded < 0, axis=1, kind="stable")
    count = (padded >= 0).sum(axis=1)
    width = max(1, int(count.max(initial=0)))
    aligned = np.take_along_axis(padded, order, axis=1)[:, :width]
    return np.ascontiguousarray(aligned, dtype=np.int32), count.astype(np.int32)


def _link_arrays(matrix: FloatArray, multiplet_of: Int32Array) -> dict[str, NDArray]:  # type: ignore[type-arg]
    """Pairs that M links, and for each coordinate the multiplets whose L its kicks change."""
    n = len(multiplet_of)
    s, t = np.nonzero(np.triu((matrix != 0).any(axis=0), k=1))
    arms = [
        sorted(
            {int(multiplet_of[m]) for a, b in ((s, t), (t, s)) for m in b[a == k]}
            | ({int(multiplet_of[k])} if k in s or k in t else set())
        )
        for k in range(n)
    ]
    start = np.concatenate([[0], np.cumsum([len(a) for a in arms])]).astype(np.int32)
    place = {(k, a): start[k] + i for k in range(n) for i, a in enumerate(arms[k])}
    link_arm = [
        [place[u, int(multiplet_of[v])] for u in (i, j) for v in (i, j)]
        for i, j in zip(s.tolist(), t.tolist(), strict=True)
    ]
    link_mode = np.stack([s, t], axis=1).astype(np.int32)
    return {
        "link_mode": link_mode,
        "link_multiplet": np.ascontiguousarray(multiplet_of[link_mode]),
        "link_matrix": np.ascontiguousarray(matrix[:, s, t].T),
        "link_arm": np.array(link_arm, dtype=np.int32).reshape(-1, 4),
        "arm_start": start,
        "arm_multiplet": np.array([a for arm in arms for a in arm], dtype=np.int32),
    }
