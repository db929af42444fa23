"""Which supercell force constants or force sets belong to: from a file beside them, or from their own symmetry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray, ForceConstants, IntArray
from lattice.structure.defects import exchange_defect, symmetry_defect
from lattice.structure.force_files import ForceBlock, ForceSets
from lattice.structure.phonopy_forces import dataset_from_sets, set_force_constants, set_forces
from lattice.structure.phonopy_object import build_phonopy, constants_of_phonopy, full_array
from lattice.structure.safe_yaml import read_text
from lattice.structure.supercell import determinant, integer_matrix, locate_atoms
from lattice.structure.symmetry import find_spacegroup

if TYPE_CHECKING:
    from phonopy import Phonopy

# A wrong supercell pairs atoms at wrong distances: defects of the order of the largest force constant, against below
# 1 % for unsymmetrised results of the usual programs.
LARGEST_DEFECT = 0.03  # of the largest force constant
LARGEST_MISFIT = 0.1  # of the largest force; anharmonicity of a finite displacement stays below
CLEARLY_WORSE = 4.0  # times the defect of the best supercell
NOISE = 0.01  # of the accepted defect; what lies below is not told apart
SUPERCELL_ADVICE = "put the phonopy_disp.yaml (or SPOSCAR, or phonopy.conf) of this calculation beside the forces"


@dataclass(frozen=True, slots=True, eq=False)
class SupercellChoice:
    """A supercell, and where it is known from.

    Attributes
    ----------
    matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.
    label : str
        Where it was found, for the report.
    points : ndarray or None
        ``(n_supercell_atoms, 3)`` Cartesian *Å* in the order of the forces, where a file lists them.
    primitive : ndarray or None
        phonopy's primitive matrix, where a file names it.
    calculator : str or None
        phonopy's name of the program whose units the force files are in.
    """

    matrix: IntArray
    label: str
    points: FloatArray | None = None
    primitive: FloatArray | None = None
    calculator: str | None = None


def find_supercell(cell: Cell, forces: ForceBlock | ForceSets, symprec: float) -> SupercellChoice:
    """Deduce the supercell from the symmetry of the forces themselves.

    All diagonal supercells with the right number of atoms are tried in phonopy's order of atoms. In a wrong one atoms
    pair up wrongly, which breaks translation, exchange or space-group symmetry.

    Parameters
    ----------
    cell : Cell
        The unit cell.
    forces : ForceBlock or ForceSets
        What is to be placed.
    symprec : float
        Tolerance in *Å*.

    Raises
    ------
    InputError
        If not exactly one supercell is left.
    """
    n_supercell = forces.array.shape[1] if isinstance(forces, ForceBlock) else forces.n_atoms
    if n_supercell is None or n_supercell % cell.n_atoms:
        raise InputError(
            "The supercell of the forces cannot be told",
            found=f"{n_supercell or 'an unknown number of'} atoms in the supercell, {cell.n_atoms} in the cell",
            fix=SUPERCELL_ADVICE,
        )
    candidates = [np.diag(sides).astype(np.int64) for sides in _factorisations(n_supercell // cell.n_atoms)]
    if len(candidates) == 1:
        return SupercellChoice(candidates[0], "the only one with this number of atoms")
    defects = [_defect(cell, forces, matrix, symprec) for matrix in candidates]
    limit = min(1.0, max(CLEARLY_WORSE * min(defects), NOISE))
    left = [matrix for matrix, defect in zip(candidates, defects, strict=True) if defect < limit]
    if len(left) != 1:
        tried = ", ".join("×".join(str(side) for side in np.diagonal(matrix)) for matrix in (left or candidates))
        raise InputError(
            "The supercell of the forces cannot be told",
            found=f"{len(left)} of {len(candidates)} diagonal supercells fit the symmetry of the forces: {tried}",
            fix=SUPERCELL_ADVICE,
        )
    return SupercellChoice(left[0], f"the only one of {len(candidates)} that fits the symmetry of the forces")


def _factorisations(size: int) -> Iterator[tuple[int, int, int]]:
    """All ordered triples of positive integers with the product ``size``."""
    for first in range(1, size + 1):
        if size % first == 0:
            rest = size // first
            yield from ((first, second, rest // second) for second in range(1, rest + 1) if rest % second == 0)


def _defect(cell: Cell, forces: ForceBlock | ForceSets, matrix: IntArray, symprec: float) -> float:
    """Return how far forces break the symmetry in a supercell, in units of what is accepted; inf if they do not fit."""
    try:
        phonon = build_phonopy(cell, matrix, "P", symprec)
        misfit = 0.0
        if isinstance(forces, ForceSets):
            misfit = set_forces(phonon, dataset_from_sets(forces, len(phonon.supercell))) / LARGEST_MISFIT
        else:
            origin = phonon
            if len(forces.array) < cell.n_atoms:
                origin = build_phonopy(cell, matrix, "auto", symprec)
            set_force_constants(phonon, forces, origin)
    except InputError:
        return float("inf")
    constants = constants_of_phonopy(phonon, cell)
    broken = max(
        _translation_defect(phonon, cell, constants),
        exchange_defect(constants),
        symmetry_defect(constants, cell, find_spacegroup(cell, symprec)),
    )
    return max(misfit, broken / (LARGEST_DEFECT * max(float(np.abs(constants.array).max()), 1e-300)))


def _translation_defect(phonon: Phonopy, cell: Cell, constants: ForceConstants) -> float:
    """Return in *eV/Å²* how far full force constants are from those of the home cell moved to every other cell."""
    places = locate_atoms(phonon.supercell.positions, cell.cell, cell.positions, 10 * phonon.symmetry.tolerance)
    return float(np.abs(full_array(constants, *places) - np.asarray(phonon.force_constants)).max())


def read_phonopy_conf(path: Path) -> SupercellChoice | None:
    """Read the supercell from a phonopy configuration file, or None if it names none.

    Raises
    ------
    FormatError
        If DIM is neither three nor nine whole numbers.
    """
    for line in read_text(path).splitlines():
        key, _, value = line.split("#", 1)[0].partition("=")
        if key.strip().upper() != "DIM":
            continue
        words = value.split()
        try:
            numbers = [int(word) for word in words]
        except ValueError:
            numbers = []
        if len(numbers) not in {3, 9}:
            raise FormatError(
                f"DIM in {path.name} is neither three nor nine whole numbers", found=value.strip(), fix="DIM = 2 2 2"
            )
        matrix = np.diag(numbers) if len(numbers) == 3 else np.reshape(numbers, (3, 3)).T
        return SupercellChoice(integer_matrix(matrix, f"DIM in {path.name}"), path.name)
    return None


def describe_supercell(matrix: IntArray) -> str:
    """Return the supercell in words: ``2×2×2`` or the rows of its matrix."""
    if (matrix == np.diag(np.diagonal(matrix))).all():
        return "×".join(str(side) for side in np.diagonal(matrix))
    return f"{matrix.tolist()} ({abs(determinant(matrix))} cells)"
