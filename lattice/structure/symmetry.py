"""Space group of a crystal, in the setting of the crystal's own cell."""

from __future__ import annotations

import warnings

import numpy as np

from lattice.errors import SymmetryError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray, IntArray, SpaceGroup


def find_spacegroup(cell: Cell, symprec: float = 1e-5) -> SpaceGroup:
    """Find the space group of a cell; the cell itself is not changed.

    Parameters
    ----------
    cell : Cell
        Cell whose symmetry is sought.
    symprec : float
        Tolerance in *Å*.

    Returns
    -------
    SpaceGroup
        All operations, pure translations of a non-primitive cell included.

    Raises
    ------
    SymmetryError
        If no symmetry, not even the identity, is found.
    """
    import spglib

    with warnings.catch_warnings():
        # spglib announces a change of its error handling; a failure is reported below in either version.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            structure = (cell.cell.tolist(), cell.positions.tolist(), cell.numbers.tolist())
            dataset = spglib.get_symmetry_dataset(structure, symprec=symprec)
        except spglib_error():
            dataset = None
    if dataset is None:
        raise SymmetryError(
            "No space group was found for the crystal",
            found=f"{cell.n_atoms} atoms, symprec {symprec:g} Å",
            fix="check the cell for atoms that are too close, or change symprec",
        )
    return SpaceGroup(
        number=int(dataset.number),
        symbol=str(dataset.international),
        point_group=str(dataset.pointgroup),
        rotations=dataset.rotations.astype(np.int64),
        translations=dataset.translations,
        transformation_matrix=dataset.transformation_matrix,
        symprec=float(symprec),
    )


def spglib_error() -> type[Exception]:
    """Return what spglib raises when it fails; older versions return None and have no exception of their own."""
    import spglib

    error: type[Exception] = getattr(spglib, "SpglibError", RuntimeError)
    return error


def count_pure_translations(spacegroup: SpaceGroup) -> int:
    """Return how many primitive cells the cell holds: 1 for a primitive cell."""
    identity = np.eye(3, dtype=np.int64)
    return int((spacegroup.rotations == identity).all(axis=(1, 2)).sum())


def permutations(cell: Cell, spacegroup: SpaceGroup) -> tuple[IntArray, IntArray]:
    """Return where every operation takes every atom.

    Parameters
    ----------
    cell : Cell
        Cell of the group.
    spacegroup : SpaceGroup
        Its operations.

    Returns
    -------
    atoms : ndarray
        ``(n_operations, n_atoms)`` int: operation g takes atom k of the home cell to a copy of atom ``atoms[g, k]``.
    shifts : ndarray
        ``(n_operations, n_atoms, 3)`` int: the cell of that copy, in units of the cell vectors.

    Raises
    ------
    SymmetryError
        If an operation takes an atom to a place where there is none of its species.
    """
    n_operations = len(spacegroup.rotations)
    atoms = np.empty((n_operations, cell.n_atoms), dtype=np.int64)
    shifts = np.empty((n_operations, cell.n_atoms, 3), dtype=np.int64)
    foreign = cell.numbers[:, None] != cell.numbers[None, :]
    for index, (rotation, translation) in enumerate(zip(spacegroup.rotations, spacegroup.translations, strict=True)):
        images = cell.positions @ rotation.T + translation
        difference = images[:, None, :] - cell.positions[None, :, :]
        whole = np.rint(difference)
        distance = np.linalg.norm((difference - whole) @ cell.cell, axis=-1)
        distance[foreign] = np.inf
        atoms[index] = np.argmin(distance, axis=1)
        missed = distance.min(axis=1).max()
        # The tolerance of the search bounds each of the positions that are compared.
        if missed > 10 * spacegroup.symprec:
            raise SymmetryError(
                "An operation of the space group does not map the crystal onto itself",
                found=f"an image {missed:.2g} Å away from the nearest atom of its species",
                fix="use a smaller symprec, or symmetrise the structure",
            )
        shifts[index] = whole[np.arange(cell.n_atoms), atoms[index]]
    return atoms, shifts


def cartesian_rotations(cell: Cell, spacegroup: SpaceGroup) -> FloatArray:
    """Return the rotations in the Cartesian frame, ``(n_operations, 3, 3)``, acting on column vectors."""
    rotations: FloatArray = np.einsum("ai,gij,jb->gab", cell.cell.T, spacegroup.rotations, np.linalg.inv(cell.cell.T))
    return rotations
