"""Harmonic constants of Γ from forces alone: coordinates that have the symmetry but no frequencies yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.invariants import Invariant
from lattice.modes.solve import solve_modes
from lattice.structure.crystal import Crystal, FloatArray, ForceConstants


def coordinates_without_forces(crystal: Crystal, axis: Sequence[float] | None = None) -> Coordinates:
    """Return optical coordinates that are adapted to the symmetry, from a fixed random dynamical matrix.

    The matrix is averaged over the group when it is solved; multiplets of one irrep are mixed at random, which the
    harmonic constants found in these coordinates undo.
    """
    size = 3 * crystal.n_atoms
    noise = np.random.default_rng(0).standard_normal((size, size))
    weight = np.sqrt(np.repeat(crystal.masses, 3))
    random = (noise @ noise.T / size + np.eye(size)) * weight[:, None] * weight
    return gamma_coordinates(solve_modes(_with_constants(crystal, random), axis=axis))


def crystal_with_hessian(coordinates: Coordinates, hessian: FloatArray) -> Crystal:
    """Return the crystal with Γ force constants from ∂²V/∂Q∂Q of all optical coordinates.

    Parameters
    ----------
    coordinates : Coordinates
        All optical ones.
    hessian : ndarray
        ``(n, n)`` *eV/(Å² amu)*.
    """
    crystal = coordinates.crystal
    flat = coordinates.eigenvectors.reshape(coordinates.n, -1)
    weight = np.sqrt(np.repeat(crystal.masses, 3))
    return _with_constants(crystal, (flat.T @ hessian @ flat) * weight[:, None] * weight)


def hessian_of(invariants: Sequence[Invariant], coefficient: FloatArray, n: int) -> FloatArray:
    """Return ∂²V/∂Q∂Q ``(n, n)`` of a combination of invariants of second order."""
    hessian = np.zeros((n, n))
    for invariant, c in zip(invariants, coefficient.tolist(), strict=True):
        for (s, t), x in zip(invariant.mode_index.tolist(), invariant.coefficient.tolist(), strict=True):
            hessian[s, t] += c * x
            hessian[t, s] += c * x
    return hessian


def _with_constants(crystal: Crystal, matrix: FloatArray) -> Crystal:
    """Return a crystal with force constants ``(3 n_atoms, 3 n_atoms)`` *eV/Å²* of the single cell."""
    n = crystal.n_atoms
    blocks = matrix.reshape(n, 3, n, 3).transpose(0, 2, 1, 3)
    symmetric = (blocks + blocks.transpose(1, 0, 3, 2)) / 2
    constants = ForceConstants(symmetric[:, None], np.zeros((1, 3), dtype=np.int64), np.eye(3, dtype=np.int64))
    return replace(crystal, force_constants=constants)
