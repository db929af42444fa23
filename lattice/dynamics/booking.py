"""The books of the collocation: which integrals the kernel keeps, and what they mean for the ledgers.

A force F on coordinate t changes l_st = Q_s P_t − Q_t P_s by ∫ Q_s F dt for each s that M links to t, and the energy of
the multiplet of t by ∫ P_t F dt. The restoring and damping forces of a linked pair need ∫ Q_s Q_t, ∫ P_s Q_t and
∫ Q_s P_t, the heat of a coordinate Γ ∫ P². All are Gauss quadratures over the nodes of the windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.dynamics.force_plan import ForcePlan
from lattice.dynamics.table import Int32Array, Table
from lattice.structure.crystal import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Booking:
    """Integrals in the kernel's order, and their places in the ledgers.

    Attributes
    ----------
    partner_start, partner : ndarray
        ``(n + 1,)``, ``(n_partners + 1,)`` coordinates that M links to each; one entry of padding.
    n_book : int
        Integrals: for each slot its work, then one for each partner of its coordinate; three for each linked pair; one
        for each coordinate.
    source, row, multiplet : ndarray
        ``(n_entries,)`` an integral, and the ledger row and multiplet that it belongs to.
    torque : ndarray
        ``(n_entries, 3)`` angular momentum along x, y, z per unit of the integral.
    work : ndarray
        ``(n_entries,)`` energy per unit of the integral.
    """

    partner_start: Int32Array
    partner: Int32Array
    n_book: int
    source: IntArray
    row: IntArray
    multiplet: IntArray
    torque: FloatArray
    work: FloatArray

    def settle(self, booked: FloatArray, ledger: FloatArray, energy: FloatArray) -> None:
        """Write integrals ``(B, n_book)`` to ledgers ``(B, rows, multiplets, 3)`` and ``(B, rows, multiplets)``."""
        _, rows, multiplets, _ = ledger.shape
        place, size = self.row * multiplets + self.multiplet, rows * multiplets
        with np.errstate(over="ignore", invalid="ignore"):  # integrals of a motion that diverged
            for values, out in ((self.work, energy), *((self.torque[:, a], ledger[..., a]) for a in range(3))):
                some = np.flatnonzero(values)
                factor, source, target = values[some], self.source[some], place[some]
                for one, integrals in zip(out, booked, strict=True):
                    one[...] = np.bincount(target, factor * integrals[source], size).reshape(one.shape)


def plan_booking(table: Table, plan: ForcePlan) -> Booking:
    """Lay out the books of a table."""
    n = table.n_modes
    links = list(zip(table.link_mode.tolist(), table.link_matrix, strict=True))
    partners: list[list[tuple[int, FloatArray]]] = [[] for _ in range(n)]
    for (s, t), matrix in links:
        partners[t].append((s, matrix))
        partners[s].append((t, -matrix))  # l_st falls by Q_t F_s
    entries: list[tuple[int, int, int, FloatArray, float]] = []  # source, row, multiplet, torque, work
    nothing, at = np.zeros(3), 0
    of = table.multiplet_of.tolist()
    for row, t in zip(plan.slot_row.tolist(), plan.slot_mode.tolist(), strict=True):
        entries.append((at, row, of[t], nothing, 1.0))
        for k, (s, matrix) in enumerate(partners[t], 1):
            entries += [(at + k, row, of[u], 0.5 * matrix, 0.0) for u in (s, t)]
        at += 1 + len(partners[t])
    harmonic, damping = len(table.rows) - 3, len(table.rows) - 2
    for (s, t), matrix in links:
        # dl_st/dt = (ω_s² − ω_t²) Q_s Q_t + Γ_s P_s Q_t − Γ_t Q_s P_t
        factors = (table.omega_squared[s] - table.omega_squared[t], table.gamma[s], -table.gamma[t])
        for k, (row, factor) in enumerate(zip((harmonic, damping, damping), factors, strict=True)):
            entries += [(at + k, row, of[u], 0.5 * float(factor) * matrix, 0.0) for u in (s, t)]
        at += 3
    entries += [(at + i, damping, of[i], nothing, -1.0) for i in range(n)]
    source, row_of, multiplet, torque, work = zip(*entries, strict=True)
    return Booking(
        np.cumsum([0, *(len(p) for p in partners)], dtype=np.int32),
        np.array([*(s for p in partners for s, _ in p), 0], np.int32),
        at + n,
        np.array(source, int),
        np.array(row_of, int),
        np.array(multiplet, int),
        np.array(torque),
        np.array(work),
    )
