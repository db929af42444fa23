"""Symmetry patterns of Bi2Se3 at Γ (D3d, atoms Bi, Bi', Se1, Se2, Se2' on the three-fold axis).

A pattern is a mass-weighted unit vector (5,) over the atoms, the same along x, y (E) or z (A). x ∥ a1 is a two-fold
axis, y lies in the mirror plane. Even patterns g are E_g (x, y) and A1g (z), odd patterns u are E_u (x, y) and A2u (z).
Q in Å√amu moves atom κ by Q e_κ / √m_κ.
"""

from __future__ import annotations

import math

import numpy as np

A, C = 4.139, 28.64  # Å, measured lattice constants of the hexagonal cell, kept fixed
LATTICE = np.array([[A, 0.0, 0.0], [-A / 2, A * math.sqrt(3) / 2, 0.0], [0.0, -A / math.sqrt(3), C / 3]])
SYMBOLS = ("Bi", "Bi", "Se", "Se", "Se")
MASSES = {"Bi": 208.9804, "Se": 78.971}  # amu
ATOM_MASSES = np.array([MASSES[symbol] for symbol in SYMBOLS])
CURVATURE = 1.602176634e-19 / (1e-20 * 1.66053906660e-27)  # rad²/s² of 1 eV/(Å² amu), CODATA 2018
INVERSE_CM_PER_THZ = 33.3564095198
AXES = "xyz"


def _unit(displacement: list[float]) -> np.ndarray:
    weighted = np.array(displacement) * np.sqrt(ATOM_MASSES)
    return np.asarray(weighted / np.linalg.norm(weighted))


_BI, _SE = MASSES["Bi"], MASSES["Se"]
PATTERNS = {
    "u1": _unit([-0.5 / _BI, -0.5 / _BI, 1 / (3 * _SE), 1 / (3 * _SE), 1 / (3 * _SE)]),  # Bi against Se
    "u2": _unit([0, 0, 1, -0.5, -0.5]),  # Se1 against Se2
    "g1": _unit([1, -1, 0, 1, -1]),  # half layers against each other
    "g2": _unit([-_SE, _SE, 0, _BI, -_BI]),  # Bi against Se2 within a half layer
}
# The twelve optical coordinates, and the 2×2 blocks that symmetry leaves in the harmonic energy: patterns and axis.
COORDINATES = tuple(f"{pattern}{axis}" for axis in AXES for pattern in PATTERNS)
BLOCKS = {"Eg": ("g1", "g2", "y"), "Eu": ("u1", "u2", "x"), "A1g": ("g1", "g2", "z"), "A2u": ("u1", "u2", "z")}


def positions(u: float, v: float) -> np.ndarray:
    """Return Cartesian positions (5, 3) in Å for the internal parameters u (Bi) and v (Se2) in units of c."""
    return np.array([[0, 0, u * C], [0, 0, -u * C], [0, 0, 0], [0, 0, v * C], [0, 0, -v * C]])


def vector(coordinate: str) -> np.ndarray:
    """Return the mass-weighted unit vector (5, 3) of a coordinate such as ``u1x``."""
    pattern, axis = coordinate[:-1], coordinate[-1]
    result = np.zeros((len(SYMBOLS), 3))
    result[:, AXES.index(axis)] = PATTERNS[pattern]
    return result


def displacement(amplitudes: dict[str, float]) -> np.ndarray:
    """Return the displacement (5, 3) in Å of amplitudes in Å√amu."""
    weighted = sum((value * vector(name) for name, value in amplitudes.items()), start=np.zeros((len(SYMBOLS), 3)))
    return np.asarray(weighted / np.sqrt(ATOM_MASSES)[:, None])


BASIS = np.array([vector(name) for name in COORDINATES])  # (12, 5, 3)


def amplitudes(shift: np.ndarray) -> np.ndarray:
    """Return the twelve pattern amplitudes (12,) in Å√amu of a displacement (5, 3) in Å."""
    return np.asarray(np.einsum("cka,ka->c", BASIS, shift * np.sqrt(ATOM_MASSES)[:, None]))


def generalised_forces(forces: np.ndarray) -> np.ndarray:
    """Return −∂V/∂Q (12,) in eV/(Å√amu) of forces (5, 3) in eV/Å."""
    return np.asarray(np.einsum("cka,ka->c", BASIS, forces / np.sqrt(ATOM_MASSES)[:, None]))


def frequency(curvature: float) -> float:
    """Return ν in THz of ω² in eV/(Å² amu); negative where imaginary."""
    return math.copysign(math.sqrt(abs(curvature) * CURVATURE), curvature) / (2e12 * math.pi)
