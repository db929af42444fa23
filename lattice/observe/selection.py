"""Pseudo-angular momentum in the process driver + driver → receiver: ΔM, which alone decides on Umklapp."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.invariance import coordinate_representation
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
    pairs = [(x, y) for x, y in enumerate(potential.pair) if y > x and potential.multiplet[x] == multiplet]
    if potential.crystal is None or potential.eigenvectors is None or not pairs:
        return None
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    order, position = _generator(rotations, potential.axis)
    if position is None:
        return None
    plus = np.array([1.0, 1.0j]) / math.sqrt(2.0)
    eigenvalue = complex(plus.conj() @ matrices[position][np.ix_(pairs[0], pairs[0])] @ plus)
    if abs(abs(eigenvalue) - 1) > TOLERANCE:
        return None
    m = round(-cmath.phase(eigenvalue) * order / (2 * math.pi))
    return (m + order if 2 * m <= -order else m), order


def _generator(rotations: FloatArray, axis: FloatArray) -> tuple[int, int | None]:
    """Order and position of the rotation by the smallest positive angle about an axis; (1, None): there is none."""
    order, position = 1, None
    for i, r in enumerate(rotations):
        if np.linalg.det(r) < 0 or np.abs(r @ axis - axis).max() > TOLERANCE:
            continue
        sine = 0.5 * float(axis @ (r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]))
        angle = math.atan2(sine, 0.5 * (float(np.trace(r)) - 1.0))
        if angle > TOLERANCE and round(2 * math.pi / angle) > order:
            order, position = round(2 * math.pi / angle), i
    return order, position


def _representatives(m: int, order: int) -> tuple[int, ...]:
    """Values that stand for m modulo n in a ΔM: itself, and −n/2 beside n/2."""
    return (m, -m) if 2 * abs(m) == order else (m,)
