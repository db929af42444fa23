"""Born effective charges and the high-frequency dielectric tensor: phonopy's BORN file and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray
from lattice.structure.phonopy_object import phonopy_errors
from lattice.structure.safe_yaml import read_text

if TYPE_CHECKING:
    from phonopy.structure.atoms import PhonopyAtoms


def read_born(path: Path, cell: Cell, symprec: float = 1e-5) -> tuple[FloatArray, FloatArray]:
    """Read phonopy's BORN file and expand it to all atoms of the cell by symmetry.

    Parameters
    ----------
    path : Path
        First line: a unit conversion factor or a comment, not used here. Second line: nine numbers of ε∞. Then one line
        of nine numbers, *e*, for each symmetry-independent atom in the order of the cell.
    cell : Cell
        Cell that the charges belong to.
    symprec : float
        Tolerance in *Å*.

    Returns
    -------
    born_charges : ndarray
        ``(n_atoms, 3, 3)`` *e*, ``[k, a, b]`` = ∂P_a/∂u_b per atom.
    dielectric : ndarray
        ``(3, 3)``.

    Raises
    ------
    FormatError
        If the lines are not those of a BORN file for this cell.
    """
    from phonopy.file_IO import get_born_parameters
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.symmetry import Symmetry

    text = read_text(path)
    atoms = PhonopyAtoms(cell=cell.cell, scaled_positions=cell.positions, numbers=cell.numbers, masses=cell.masses)
    with phonopy_errors("phonopy finds no symmetry of the crystal", "check the cell, or change symprec"):
        symmetry = Symmetry(atoms, symprec=symprec)
        independent = [int(index) for index in symmetry.get_independent_atoms()]
    lines = _born_lines(text, path.name, atoms, independent)
    with phonopy_errors(f"{path.name} cannot be read as a BORN file", "write it again with phonopy-vasp-born"):
        import io

        nac = get_born_parameters(io.StringIO("\n".join(lines)), atoms, symmetry)
    return nac["born"], nac["dielectric"]


def _born_lines(text: str, name: str, atoms: PhonopyAtoms, independent: list[int]) -> list[str]:
    """Check the lines of a BORN file and return them without empty ones."""
    lines = [line for line in text.splitlines() if line.strip()]
    species = ", ".join(f"{atoms.symbols[index]} (atom {index + 1})" for index in independent)
    if len(lines) != 2 + len(independent):
        raise FormatError(
            f"{name} does not have one line for each symmetry-independent atom",
            found=f"{len(lines)} lines, expected {2 + len(independent)}",
            fix=f"give a first line, nine numbers of the dielectric tensor, and nine numbers for each of: {species}",
        )
    for number, line in enumerate(lines[1:], start=2):
        try:
            values = np.array([float(word) for word in line.split()])
        except ValueError:
            values = np.array([])
        if values.shape != (9,) or not np.isfinite(values).all():
            raise FormatError(
                f"Line {number} of {name} does not hold nine numbers",
                found=line.strip()[:80],
                fix="give the nine components of a tensor, row by row, in each line after the first",
            )
    return lines


def check_born_arrays(pair: object, n_atoms: int) -> tuple[FloatArray, FloatArray]:
    """Check charges and dielectric tensor that are given as arrays.

    Parameters
    ----------
    pair : tuple of array_like
        ``(n_atoms, 3, 3)`` *e* and ``(3, 3)``.
    n_atoms : int
        Number of atoms in the cell.

    Raises
    ------
    InputError
        If it is not such a pair of finite arrays.
    """
    fix = f"give born=(born_charges of shape ({n_atoms}, 3, 3) in e, dielectric of shape (3, 3)), or a path"
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError("born is neither a path nor a pair of arrays", found=type(pair).__name__, fix=fix)
    try:
        charges, dielectric = (np.array(values, dtype=np.float64) for values in pair)
    except (TypeError, ValueError):
        raise InputError(
            "born holds something else than numbers", found="arrays that are not numeric", fix=fix
        ) from None
    if charges.shape != (n_atoms, 3, 3) or dielectric.shape != (3, 3):
        raise InputError("born has the wrong shape", found=f"{charges.shape} and {dielectric.shape}", fix=fix)
    if not (np.isfinite(charges).all() and np.isfinite(dielectric).all()):
        raise InputError("born holds numbers that are not finite", found="NaN or infinity", fix=fix)
    return charges, dielectric
