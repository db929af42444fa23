"""The matrices by which a space group acts on vectors at Γ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, SpaceGroup
from lattice.structure.symmetry import cartesian_rotations, permutations


def cell_of(crystal: Crystal) -> Cell:
    """Return the bare cell of a crystal."""
    return Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)


def representation(eigenvectors: NDArray[Any], cell: Cell, spacegroup: SpaceGroup) -> tuple[NDArray[Any], FloatArray]:
    """Return the matrices of a space group on eigenvectors at Γ.

    Parameters
    ----------
    eigenvectors : ndarray
        ``(n, n_atoms, 3)`` real or complex, orthonormal.
    cell : Cell
    spacegroup : SpaceGroup
        Group of the cell.

    Returns
    -------
    matrices : ndarray
        ``(n_operations, n, n)``: T(g) ε_t = Σ_s ε_s ``matrices[g, s, t]``, of the type of the eigenvectors.
    rotations : ndarray
        ``(n_operations, 3, 3)``: the same for Cartesian vectors.
    """
    atoms, _ = permutations(cell, spacegroup)
    rotations = cartesian_rotations(cell, spacegroup)
    n = len(eigenvectors)
    matrices = np.empty((len(rotations), n, n), dtype=eigenvectors.dtype)
    for g, (rotation, image) in enumerate(zip(rotations, atoms, strict=True)):
        moved = np.empty_like(eigenvectors)
        moved[:, image] = eigenvectors @ rotation.T
        matrices[g] = eigenvectors.reshape(n, -1).conj() @ moved.reshape(n, -1).T
    return matrices, rotations
