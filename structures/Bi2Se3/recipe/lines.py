"""Fits along a line: two modes of one irrep moved along one axis, V = ½ Q·K·Q + Σ_b c_b Q1^(4−b) Q2^b.

The sixth order is left out: for E_u1 it is below 1 % of the fourth at Q = 2 Å√amu.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import patterns
import records

STRUCTURES = {
    "Eu": ("u1x", "u2x", "u1x_u2x", "eu1x_1", "eu1x_2", "eu2x_1"),
    "Eg": ("g1y", "g2y", "g1y_g2y", "g1y_2", "g2y_2", "g1y_g2y_2", "eg2y"),
    "A1g": ("g1z", "g2z", "g1z_2", "g2z_2"),
    "A2u": ("u1z", "u2z", "u1z_2", "u2z_2"),
}


@dataclass(frozen=True)
class Line:
    """Curvature K (2, 2) in eV/(Å² amu) and fourth order (5,) in eV/(Å√amu)⁴, in the two patterns of a block.

    A term of fourth order that no structure sees is NaN (Q1² Q2² where only one pattern is moved at a time).
    """

    curvature: np.ndarray
    fourth: np.ndarray

    def fourth_along(self, vector: np.ndarray) -> float:
        """Return b of b Q⁴ for the mode with components `vector` (2,)."""
        return float(sum(c * vector[0] ** (4 - b) * vector[1] ** b for b, c in enumerate(self.fourth)))

    def force(self, amplitude: np.ndarray) -> np.ndarray:
        """Return −∂V/∂Q (2,) in eV/(Å√amu) at `amplitude` (2,)."""
        return np.asarray(_rows(amplitude) @ _coefficients(self))


def _coefficients(line: Line) -> np.ndarray:
    k = line.curvature
    return np.array([k[0, 0] / 2, k[0, 1], k[1, 1] / 2, *line.fourth])


def _rows(amplitude: np.ndarray) -> np.ndarray:
    """Return the forces (2, 8) of unit monomials Q1^a Q2^b of orders two and four."""
    first, second = amplitude
    powers = [(order - b, b) for order in (2, 4) for b in range(order + 1)]
    rows = np.zeros((2, len(powers)))
    for number, (a, b) in enumerate(powers):
        rows[0, number] = -a * first ** (a - 1) * second**b if a else 0.0
        rows[1, number] = -b * first**a * second ** (b - 1) if b else 0.0
    return rows


def coordinates(label: str) -> list[int]:
    """Return the two pattern coordinates of a block."""
    first, second, axis = patterns.BLOCKS[label]
    return [patterns.COORDINATES.index(f"{name}{axis}") for name in (first, second)]


def fit(results: Path, label: str) -> Line | None:
    """Return the fit to the odd forces of the structures of a block; None where one has not been computed.

    Raises
    ------
    ValueError
        The structures do not determine every coefficient.
    """
    if not records.has(results, *STRUCTURES[label]):
        return None
    rows = coordinates(label)
    structures = [records.structure(results, name) for name in STRUCTURES[label]]
    matrix = np.vstack([_rows(s.amplitude[rows]) for s in structures])
    force = np.concatenate([s.odd[rows] for s in structures])
    seen = np.linalg.norm(matrix, axis=0) > 1e-6  # recorded positions are rounded to 1e-10 Å
    c = np.full(len(seen), np.nan)
    c[seen], _, rank, _ = np.linalg.lstsq(matrix[:, seen], force, rcond=1e-10)
    if rank < seen.sum() or not seen[:3].all():
        raise ValueError(f"the structures determine {rank} of {len(c)} coefficients of {label}")
    return Line(np.array([[2 * c[0], c[1]], [c[1], 2 * c[2]]]), c[3:])
