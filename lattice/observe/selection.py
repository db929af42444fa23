"""Pseudo-angular momentum in the process driver + driver → receiver: ΔM, which alone decides on Umklapp."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.invariance import coordinate_representation
from lattice.modes.axis import generator_about
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

TOLERANCE = 1e-4  #: of a rotation and of its eigenvalues


@dataclass(frozen=True, slots=True)
class Selection:
    """Pseudo-angular momentum in the process, with the partners that move.

    Attributes
    ----------
    m_driver, m_receiver : int
        m of the moving partner, its representative in (−n/2, n/2]; −n/2 where that makes |ΔM| smaller.
    delta : int
        ΔM = 2 m_driver − m_receiver.
    order : int
        n of the axis.
    """

    m_driver: int
    m_receiver: int
    delta: int
    order: int


def select(potential: Potential, rows: dict[str, dict[str, Any]], summary: dict[str, Any]) -> Selection | None:
    """Return m of the partners that move, and ΔM.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    rows : dict
        Label → {`helicity`, …}: the sign says which partner moves; Q_x = cos ωt, Q_y = sin ωt is ε_+ e^(−iωt).
    summary : dict
        With the labels `driver` and `receiver`.

    Returns
    -------
    Selection or None
        None where the crystal, the eigenvectors, a rotation about n̂ or a helicity is not known.
    """
    found = []
    for name in (summary["driver"], summary["receiver"]):
        helicity = None if name is None else rows[name]["helicity"]
        pair = None if helicity is None else pair_m(potential, name)
        if helicity is None or pair is None:
            return None
        plus, order = pair
        found.append(plus if helicity > 0 else -plus)
    choices = [(a, c) for a in _representatives(found[0], order) for c in _representatives(found[1], order)]
    a, c = min(choices, key=lambda m: abs(2 * m[0] - m[1]))
    return Selection(a, c, 2 * a - c, order)


def pair_m(potential: Potential, multiplet: str) -> tuple[int, int] | None:
    """Return m of the partner + of a pair, and the order n of the axis, from the group of the crystal.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    multiplet : str
        Label of a multiplet with a pair that turns about n̂.

    Returns
    -------
    tuple of int or None
        m in (−n/2, n/2] with T(C_n) ε_+ = exp(−2πi m/n) ε_+, ε_+ = (e_x + i e_y)/√2, for the rotation by +360°/n about
        n̂; that of the partner − is −m. None where the crystal, the eigenvectors, a rotation or a pair is missing.
    """
    plus = [x for x, y in enumerate(potential.pair) if y > x and potential.multiplet[x] == multiplet]
    if not plus:
        return None
    values, order = partner_m(potential)
    m = values[plus[0]]
    return None if m is None else (m, order)


def partner_m(potential: Potential) -> tuple[list[int | None], int]:
    """Return m of every circular partner and singlet, and the order n of the axis, from the group of the crystal.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.

    Returns
    -------
    m : list of int or None
        ``n`` entries as in `pair_m`: of the partner + at the coordinate x of a pair, of − at y, of a coordinate without
        partner its own. None where the crystal, the eigenvectors or a rotation is missing, or where the rotation mixes
        it with others.
    order : int
        1 where there is no rotation about n̂.
    """
    unknown: list[int | None] = [None] * len(potential.pair)
    if potential.crystal is None or potential.eigenvectors is None:
        return unknown, 1
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    order, position = generator_about(rotations, potential.axis, TOLERANCE)
    if position is None:
        return unknown, 1
    return [_m_of(matrices[position], potential, s, order) for s in range(len(unknown))], order


def _m_of(rotation: FloatArray, potential: Potential, s: int, order: int) -> int | None:
    """Return m of the partner or singlet at one coordinate."""
    partner = int(potential.pair[s])
    vector = np.zeros(len(rotation), dtype=complex)
    vector[s] = 1.0
    if partner >= 0:
        x, y = min(s, partner), max(s, partner)
        vector[[x, y]] = np.array([1.0, 1.0j if s == x else -1.0j]) / math.sqrt(2.0)
    eigenvalue = complex(vector.conj() @ rotation @ vector)
    if abs(abs(eigenvalue) - 1) > TOLERANCE:
        return None
    m = round(-cmath.phase(eigenvalue) * order / (2 * math.pi))
    return m + order if 2 * m <= -order else m


def _representatives(m: int, order: int) -> tuple[int, ...]:
    """Values that stand for m modulo n in a ΔM: itself, and −n/2 beside n/2."""
    return (m, -m) if 2 * abs(m) == order else (m,)
