"""Structure files that ASE reads, and `ase.Atoms`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray
from lattice.structure.safe_yaml import read_text

if TYPE_CHECKING:
    from ase import Atoms

# Text formats of periodic crystals whose readers only parse. Formats that unpickle, open databases, look for programs,
# or hold no cell are left out on purpose.
CRYSTAL_FORMATS = {
    "abinit-in": "Abinit input",
    "aims": "FHI-aims geometry.in",
    "cfg": "AtomEye",
    "cif": "CIF",
    "crystal": "CRYSTAL fort.34",
    "cube": "Gaussian cube",
    "dftb": "DFTB+ input",
    "dlp4": "DL_POLY CONFIG",
    "elk": "Elk GEOMETRY.OUT",
    "espresso-in": "Quantum ESPRESSO input",
    "espresso-out": "Quantum ESPRESSO output",
    "extxyz": "extended XYZ with a cell",
    "gen": "DFTB+ gen",
    "lammps-data": "LAMMPS data",
    "magres": "magres",
    "res": "SHELX",
    "rmc6f": "RMCProfile",
    "siesta-xv": "SIESTA XV",
    "struct": "WIEN2k struct",
    "struct_out": "SIESTA STRUCT_OUT",
    "v-sim": "V_Sim ascii",
    "vasp": "VASP POSCAR or CONTCAR",
    "vasp-out": "VASP OUTCAR",
    "vasp-xml": "VASP vasprun.xml",
    "xsf": "XCrySDen",
}
# What the readers of ASE raise when the content does not fit the format.
READER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)


def read_cell(path: Path) -> tuple[Cell, list[str]]:
    """Read the cell in a structure file, with ASE's masses.

    Parameters
    ----------
    path : Path
        A file in one of `CRYSTAL_FORMATS`; of several structures in it the last is taken.

    Returns
    -------
    cell : Cell
        In the file's frame, origin and order of atoms.
    notes : list of str
        Report lines.

    Raises
    ------
    InputError
        If the file cannot be opened or holds no crystal.
    FormatError
        If its format is not known, not allowed, or the content does not fit the format.
    """
    from ase.io import read

    text = read_text(path)
    name, fmt = _detect_format(path, text)
    if fmt == "vasp":
        _check_poscar(path, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Any = read(path, format=fmt, do_not_split_by_at_sign=True)
    except READER_ERRORS as error:
        raise FormatError(
            f"{path.name} cannot be read as {name}",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:160]}",
            fix="check the file: counts, symbols and numbers must fit its format",
        ) from None
    cell, notes = cell_from_ase(atoms)
    return cell, [f"cell: {path.name} ({name}, {cell.n_atoms} atoms, {formula_of(atoms)})", *notes]


def _detect_format(path: Path, text: str) -> tuple[str, str]:
    """Return the name and ASE's key of the format of a file, refusing what is not a crystal format."""
    from ase.io.formats import UnknownFileTypeError, filetype

    recognised = ", ".join(sorted(CRYSTAL_FORMATS.values()))
    fix = f"give one of: {recognised}"
    if not text.strip():
        raise FormatError(f"{path.name} is empty", found="no text", fix=fix)
    try:
        fmt = filetype(str(path), guess=True)
    except (UnknownFileTypeError, OSError):
        fmt = "unknown"
    if fmt not in CRYSTAL_FORMATS and _looks_like_poscar(text):
        fmt = "vasp"
    if fmt not in CRYSTAL_FORMATS:
        raise FormatError(f"{path.name} is in no crystal format that is read", found=f"format {fmt!r}", fix=fix)
    return CRYSTAL_FORMATS[fmt], fmt


def _looks_like_poscar(text: str) -> bool:
    """Whether lines 2 to 5 are a scale and three vectors, whatever the file is called."""
    lines = text.splitlines()
    if len(lines) < 8:
        return False
    try:
        counts = [len([float(word) for word in line.split()[:3]]) for line in lines[1:5]]
    except ValueError:
        return False
    return counts[1:] == [3, 3, 3] and counts[0] in {1, 3}


def _check_poscar(path: Path, text: str) -> None:
    """Refuse a POSCAR without a line of species: ASE would take them from a POTCAR that lies in the working folder."""
    lines = text.splitlines()
    words = lines[5].split() if len(lines) > 5 else []
    if not words or words[0].isdigit():
        raise FormatError(
            f"{path.name} has no line of species",
            found=lines[5][:60] if len(lines) > 5 else f"{len(lines)} lines",
            fix="write the chemical symbols in line 6, before the counts (VASP 5 format)",
        )


def cell_from_ase(atoms: Atoms) -> tuple[Cell, list[str]]:
    """Return the cell of `ase.Atoms` with its masses, and report lines.

    Raises
    ------
    InputError
        If there are no atoms, no cell, partly occupied sites, or unknown species.
    """
    if len(atoms) == 0:
        raise InputError("The structure has no atoms", found="0 atoms", fix="give a crystal with at least one atom")
    if atoms.cell.rank < 3:
        raise InputError(
            "The structure has no cell", found=f"{atoms.cell.rank} cell vectors", fix="give the cell of the crystal"
        )
    occupancy = atoms.info.get("occupancy") or {}
    if any(len(site) > 1 or abs(sum(site.values()) - 1) > 1e-3 for site in occupancy.values()):
        raise InputError(
            "The crystal has partly occupied sites",
            found=str(next(site for site in occupancy.values() if len(site) > 1 or abs(sum(site.values()) - 1) > 1e-3)),
            fix="give an ordered crystal, one species for each site",
        )
    notes = []
    if not atoms.pbc.all():
        notes.append("warning: the structure is not marked as periodic along every vector; it is taken as a crystal")
    vectors = atoms.cell.array
    positions = np.zeros((len(atoms), 3))
    # Of vectors that cannot be inverted `Cell` says what is wrong.
    if np.isfinite(vectors).all() and abs(np.linalg.det(vectors)) > 1e-12:
        positions = atoms.positions @ np.linalg.inv(vectors)
    return Cell(vectors, positions, atoms.numbers, _masses(atoms)), notes


def _masses(atoms: Any) -> FloatArray:
    """Return the masses of `ase.Atoms` in amu."""
    masses: FloatArray = atoms.get_masses()
    return masses


def formula_of(atoms: Any) -> str:
    """Return the chemical formula of `ase.Atoms`, metals first."""
    return str(atoms.get_chemical_formula("metal"))
