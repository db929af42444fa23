"""Structure files that ASE reads, and `ase.Atoms`."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.cell import MAGNETIC_WARNING, Cell
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
# phonopy's name of the program where phonopy keeps the forces of that program in other units than eV and Å.
FOREIGN_UNITS = {
    "abinit-in": "abinit",
    "dftb": "dftbp",
    "elk": "elk",
    "espresso-in": "qe",
    "espresso-out": "qe",
    "gen": "dftbp",
    "siesta-xv": "siesta",
    "struct": "wien2k",
    "struct_out": "siesta",
}

# Formats whose readers count lines by a number in the file's head.
COUNTED_FORMATS = {
    "cfg",
    "crystal",
    "cube",
    "dlp4",
    "extxyz",
    "gen",
    "lammps-data",
    "siesta-xv",
    "struct_out",
    "vasp",
    "xsf",
}
HEAD_LINES = 20

# What the readers of ASE raise when the content does not fit the format.
READER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)


class CellFile(NamedTuple):
    """What a structure file holds: its cell, report lines, and the program of its format if in `FOREIGN_UNITS`."""

    cell: Cell
    notes: list[str]
    program: str | None


def read_cell(path: Path) -> CellFile:
    """Read the cell in a structure file, with ASE's masses.

    Parameters
    ----------
    path : Path
        A file in one of `CRYSTAL_FORMATS`; of several structures in it the last is taken.

    Returns
    -------
    CellFile
        The cell in the file's frame, origin and order of atoms.

    Raises
    ------
    InputError
        If the file cannot be opened or holds no crystal.
    FormatError
        If its format is not known, not allowed, or the content does not fit the format.
    """
    from ase.io import ParseError, read
    from ase.io.aims import AimsParseError
    from ase.spacegroup.spacegroup import SpacegroupError

    text = read_text(path)
    name, fmt = _detect_format(path, text)
    if fmt == "vasp":
        _check_poscar(path, text)
    if fmt == "cif":
        _check_cif(path, text)
    if fmt in COUNTED_FORMATS:
        check_counts(path, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Any = read(path, format=fmt, do_not_split_by_at_sign=True)
    except (*READER_ERRORS, ParseError, AimsParseError, SpacegroupError) as error:
        raise FormatError(
            f"{path.name} cannot be read as {name}",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:160]}",
            fix="check the file: counts, symbols and numbers must fit its format",
        ) from None
    cell, notes = cell_from_ase(atoms)
    line = f"cell: {path.name} ({name}, {cell.n_atoms} atoms, {formula_of(atoms)})"
    return CellFile(cell, [line, *notes], FOREIGN_UNITS.get(fmt))


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
    if not words or not all(word[0].isalpha() for word in words if not word.startswith(("!", "#"))):
        raise FormatError(
            f"{path.name} has no line of species",
            found=lines[5][:60] if len(lines) > 5 else f"{len(lines)} lines",
            fix="write the chemical symbols in line 6, before the counts (VASP 5 format)",
        )
    symbols, counts = (line.split("!")[0].split("#")[0].split() for line in (lines[5], "".join(lines[6:7])))
    if len(symbols) != len(counts):
        raise FormatError(
            f"{path.name} does not count every species",
            found=f"{len(symbols)} species, {len(counts)} counts",
            fix="write one count below each chemical symbol (VASP 5 format)",
        )


def _check_cif(path: Path, text: str) -> None:
    """Refuse lengths and angles of a CIF that no cell has: ASE would turn them into another cell."""
    for kind, word in re.findall(r"^\s*_cell_(length|angle)_\w+\s+'?([-+.\deE]+)", text, re.MULTILINE):
        try:
            value = float(word)
        except ValueError:
            continue  # ASE says what it cannot read
        if not 0 < value < (180 if kind == "angle" else math.inf):
            raise FormatError(
                f"{path.name} has a cell {kind} that no crystal has",
                found=word,
                fix="give lengths above 0 Å and angles between 0 and 180°",
            )


def check_counts(path: Path, text: str) -> None:
    """Refuse a head that announces more lines or columns than the file can hold: ASE's readers would count up to it.

    Parameters
    ----------
    path : Path
        To be named.
    text : str
        The content of the file, in one of `COUNTED_FORMATS`.

    Raises
    ------
    FormatError
        If a count is larger than the text is long.
    """
    words = [word for line in text.splitlines()[:HEAD_LINES] for word in line.split()]
    words += [word for columns in re.findall(r"\bProperties=\S+", text) for word in re.split(r"\W", columns)]
    for word in words:
        if word.isdecimal() and int(word[:30]) > len(text):
            raise FormatError(
                f"{path.name} announces more atoms or columns than it holds",
                found=f"the number {word[:30]} in a file of {len(text)} characters",
                fix="write the file again; its counts are damaged",
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
    partial = next((site for site in (atoms.info.get("occupancy") or {}).values() if not _is_full(site)), None)
    if partial is not None:
        raise InputError(
            "The crystal has partly occupied sites",
            found=str(partial)[:80],
            fix="give an ordered crystal, one species for each site",
        )
    notes = []
    if not atoms.pbc.all():
        notes.append("warning: the structure is not marked as periodic along every vector; it is taken as a crystal")
    if np.any(_moments(atoms)):
        notes.append(MAGNETIC_WARNING)
    vectors = atoms.cell.array
    positions = np.zeros((len(atoms), 3))
    # What cannot be inverted or is not finite is refused by `Cell`, which says what is wrong.
    if np.isfinite(vectors).all() and abs(np.linalg.det(vectors)) > 1e-12:
        with np.errstate(all="ignore"):
            positions = atoms.positions @ np.linalg.inv(vectors)
    return Cell(vectors, positions, atoms.numbers, _masses(atoms)), notes


def _moments(atoms: Any) -> FloatArray:
    """Return the initial magnetic moments of `ase.Atoms` in Bohr magnetons."""
    moments: FloatArray = atoms.get_initial_magnetic_moments()
    return moments


def _masses(atoms: Any) -> FloatArray:
    """Return the masses of `ase.Atoms` in amu."""
    masses: FloatArray = atoms.get_masses()
    return masses


def _is_full(site: Any) -> bool:
    """Whether a site of ASE's occupancy table holds one species with the weight 1."""
    try:
        weights = [float(weight) for weight in site.values()]
    except (AttributeError, TypeError, ValueError):
        return False
    return len(weights) == 1 and abs(weights[0] - 1) < 1e-3


def formula_of(atoms: Any) -> str:
    """Return the chemical formula of `ase.Atoms`, metals first."""
    return str(atoms.get_chemical_formula("metal"))
