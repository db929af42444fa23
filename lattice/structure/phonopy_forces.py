"""Force constants and force sets given to a `Phonopy` object, whatever primitive cell they were written for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.force_files import ForceBlock, ForceSets
from lattice.structure.phonopy_object import cell_from_atoms, full_array, phonopy_errors, sort_rows
from lattice.structure.supercell import locate_atoms, supercell_matrix_between

if TYPE_CHECKING:
    from phonopy import Phonopy


def set_force_constants(phonon: Phonopy, block: ForceBlock, origin: Phonopy | None = None) -> None:
    """Give force constants to a `Phonopy` object.

    Parameters
    ----------
    phonon : Phonopy
        Its supercell is the one of the force constants; its primitive cell may be another one.
    block : ForceBlock
        Full, or the rows of one primitive cell.
    origin : Phonopy, optional
        Object with the primitive cell whose rows are in a compact block; default: ``phonon``.

    Raises
    ------
    InputError
        If the rows do not fit.
    """
    n_rows, n_columns = block.array.shape[:2]
    n_supercell = len(phonon.supercell)
    if n_columns != n_supercell:
        raise InputError(
            "The force constants do not fit the supercell",
            found=f"{n_columns} atoms in the force constants, {n_supercell} in the supercell",
            fix="put the phonopy_disp.yaml of this calculation beside the force constants",
        )
    if n_rows == n_columns:
        order = None if block.rows is None else np.argsort(block.rows)
        phonon.force_constants = block.array if order is None else block.array[order]
        return
    phonon.force_constants = _expand(phonon if origin is None else origin, block)


def _expand(origin: Phonopy, block: ForceBlock) -> FloatArray:
    """Return full force constants from the rows of one primitive cell, wherever in the supercell its atoms are."""
    homes = np.asarray(origin.primitive.p2s_map, dtype=np.int64) if block.rows is None else block.rows
    cell = cell_from_atoms(origin.primitive)
    if len(block.array) != cell.n_atoms or len(homes) != cell.n_atoms:
        raise InputError(
            "The rows of the force constants are not those of the primitive cell",
            found=f"{len(block.array)} rows, {cell.n_atoms} atoms in the primitive cell",
            fix="give full force constants, or primitive= as in the phonopy calculation",
        )
    tolerance = 10 * origin.symmetry.tolerance
    matrix = supercell_matrix_between(cell.cell, origin.supercell.cell, tolerance)
    atoms, copies = locate_atoms(origin.supercell.positions, cell.cell, cell.positions, tolerance)
    return full_array(sort_rows(block.array, homes, atoms, copies, matrix), atoms, copies)


def set_forces(phonon: Phonopy, dataset: dict[str, Any]) -> float:
    """Produce force constants from displacements and forces by phonopy, without further symmetrisation.

    Parameters
    ----------
    phonon : Phonopy
        Object with the supercell of the forces.
    dataset : dict
        phonopy's dataset, *Å* and *eV/Å*.

    Returns
    -------
    float
        Largest |F + Φ u| over the largest |F|: how far the given forces are from the force constants made of them.

    Raises
    ------
    InputError
        If the forces do not fit the supercell or do not determine the force constants.
    """
    displacements, forces = _dense(dataset, len(phonon.supercell))
    checked: Any = dataset  # phonopy types its datasets as TypedDicts
    options: dict[str, Any] = {}
    if "first_atoms" not in dataset:
        if find_spec("symfc") is None:
            raise InputError(
                "Force sets that displace all atoms at once need a fit",
                found=f"{len(displacements)} supercells with displacements of all atoms",
                fix="install symfc, or write the force constants with phonopy --symfc --writefc",
            )
        options["fc_calculator"] = "symfc"
    with phonopy_errors(
        "phonopy cannot produce force constants from the force sets",
        "check that the displacements and the supercell belong together",
    ):
        phonon.dataset = checked
        phonon.produce_force_constants(show_drift=False, **options)
    constants = phonon.force_constants
    if constants is None or not np.isfinite(constants).all():
        raise InputError(
            "phonopy cannot produce force constants from the force sets",
            found="numbers that are not finite",
            fix="check that the displacements and the supercell belong together",
        )
    predicted = -np.einsum("ijab,sjb->sia", constants, displacements)
    return float(np.abs(forces - predicted).max() / max(np.abs(forces).max(), 1e-300))


def _dense(dataset: dict[str, Any], n_supercell: int) -> tuple[FloatArray, FloatArray]:
    """Return displacements and forces of all atoms, ``(n_supercells, n_supercell_atoms, 3)``, of a sound dataset."""
    displacements, forces, displaced = _tables(dataset)
    if displaced is not None:
        if (displaced < 0).any() or (displaced >= n_supercell).any() or displacements.shape != (len(displaced), 3):
            raise InputError(
                "A force set displaces an atom that the supercell does not have, or by no vector",
                found=f"atoms {(displaced + 1).tolist()[:8]} of {n_supercell}, displacements {displacements.shape}",
                fix="give the force sets of this supercell",
            )
        singles = displacements
        displacements = np.zeros((len(displaced), n_supercell, 3))
        displacements[np.arange(len(displaced)), displaced] = singles
    if forces.shape != displacements.shape or forces.shape[1:] != (n_supercell, 3):
        raise InputError(
            "The force sets do not fit the supercell",
            found=f"forces {forces.shape}, displacements {displacements.shape}, {n_supercell} atoms in the supercell",
            fix="put the phonopy_disp.yaml of this calculation beside the force sets",
        )
    if not (np.isfinite(forces).all() and np.isfinite(displacements).all()):
        raise InputError("The force sets hold numbers that are not finite", found="NaN", fix="repeat that calculation")
    return displacements, forces


def _tables(dataset: dict[str, Any]) -> tuple[FloatArray, FloatArray, IntArray | None]:
    """Return displacements, forces and, where one atom at a time is displaced, which."""
    try:
        if "first_atoms" not in dataset:
            return np.asarray(dataset["displacements"], float), np.asarray(dataset["forces"], float), None
        entries = dataset["first_atoms"]
        displaced = np.array([entry["number"] for entry in entries], dtype=np.int64)
        displacements = np.array([entry["displacement"] for entry in entries], dtype=np.float64)
        return displacements, np.array([entry["forces"] for entry in entries], dtype=np.float64), displaced
    except (OverflowError, TypeError, ValueError):
        raise InputError(
            "The force sets are no tables of numbers",
            found="rows of different lengths, or text",
            fix="write the file again with phonopy; it may be cut off",
        ) from None


def dataset_from_sets(sets: ForceSets, n_supercell: int, order: IntArray | None = None) -> dict[str, Any]:
    """Return phonopy's dataset from force sets.

    Parameters
    ----------
    sets : ForceSets
        As read from the file.
    n_supercell : int
        Atoms in the supercell.
    order : ndarray, optional
        ``(n_supercell,)`` int: entry i is the file's index of phonopy's supercell atom i; default: the same order.

    Raises
    ------
    InputError
        If the counts do not fit.
    """
    n_file = n_supercell if sets.n_atoms is None else sets.n_atoms
    if n_file != n_supercell or len(sets.forces) % (1 if sets.n_atoms else n_supercell):
        raise InputError(
            "The force sets do not fit the supercell",
            found=f"{f'{sets.n_atoms} atoms' if sets.n_atoms else f'{len(sets.forces)} lines'}, {n_supercell} in it",
            fix="put the phonopy_disp.yaml of this calculation beside the force sets",
        )
    places = np.arange(n_supercell) if order is None else order
    if sets.n_atoms is None:
        displacements, forces = (
            values.reshape(-1, n_supercell, 3)[:, places] for values in (sets.displacements, sets.forces)
        )
        return {"displacements": np.array(displacements), "forces": np.array(forces)}
    index_of = np.argsort(places)
    first_atoms = [
        {"number": int(index_of[atom]), "displacement": np.array(displacement), "forces": np.array(forces[places])}
        for atom, displacement, forces in zip(sets.atoms, sets.displacements, sets.forces, strict=True)
    ]
    return {"natom": n_supercell, "first_atoms": first_atoms}


def reorder_block(block: ForceBlock, order: IntArray) -> ForceBlock:
    """Return force constants in phonopy's order of supercell atoms; ``order[i]`` is the file's index of atom i."""
    n_rows, n_columns = block.array.shape[:2]
    columns = block.array[:, order]
    if n_rows == n_columns:
        return ForceBlock(columns[order] if block.rows is None else columns, _renumber(block.rows, order))
    return ForceBlock(columns, _renumber(block.rows, order))


def _renumber(rows: IntArray | None, order: IntArray) -> IntArray | None:
    """Return row numbers of the file's order as numbers of phonopy's order."""
    return None if rows is None else np.argsort(order)[rows]
