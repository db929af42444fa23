"""Forces in the output of other programs: ASE's readers, and phonopy's where ASE has none.

Only formats whose readers parse text or XML are read; nothing is unpickled or executed.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.cell_files import COUNTED_FORMATS, check_counts
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.output_marks import MARKS, NAMED, check_output, has_forces, program_of
from lattice.structure.phonopy_object import phonopy_errors, unit_factors
from lattice.structure.safe_yaml import MAX_BYTES, read_text

#: ASE's formats with forces, the ones with most digits first.
ASE_OUTPUTS = {
    "extxyz": "extended XYZ with forces",
    "vasp-xml": "VASP vasprun.xml",
    "vasp-out": "VASP OUTCAR",
    "espresso-out": "Quantum ESPRESSO",
    "aims-output": "FHI-aims",
    "abinit-out": "ABINIT",
    "gpaw-out": "GPAW",
    "castep-castep": "CASTEP",
}
#: phonopy's programs and the names that their files with forces usually have, for programs that ASE does not read.
PHONOPY_OUTPUTS = {
    "cp2k": "*-forces-1_0.xyz",
    "siesta": "*.FA",
    "dftbp": "results.tag",
    "elk": "INFO.OUT",
    "crystal": "*.o",
    "lammps": "lammps_forces*",
    "abacus": "running_scf.log",
    "octopus": "static_info",
}
#: Programs that can be named; for those that ASE reads too, phonopy's reader is then used.
PROGRAMS = (
    *PHONOPY_OUTPUTS,
    "vasp",
    "qe",
    "abinit",
    "aims",
    "castep",
    "exciting",
    "fleur",
    "pwmat",
    "qlm",
    "turbomole",
)
_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, eq=False)
class ForceOutput:
    """What an output holds.

    Attributes
    ----------
    forces : ndarray
        ``(n_atoms, 3)`` *eV/Å*.
    positions : ndarray or None
        ``(n_atoms, 3)`` Cartesian *Å*, where the reader gives them.
    file : str
        Its name and format.
    numbers : ndarray or None
        ``(n_atoms,)`` atomic numbers in the order of the forces, where the reader gives them.
    """

    forces: FloatArray
    positions: FloatArray | None
    file: str
    numbers: IntArray | None = None


def read_force_output(folder: Path, n_atoms: int, *, skip: str = "", program: str | None = None) -> ForceOutput:
    """Read the forces of one finished calculation.

    Parameters
    ----------
    folder : Path
        Holds the output, under any name for the programs that ASE reads.
    n_atoms : int
    skip : str
        Name of the structure file, which is no output.
    program : str, optional
        One of `PROGRAMS`: read with phonopy's reader of this program; it subtracts the mean force.

    Returns
    -------
    ForceOutput

    Raises
    ------
    InputError
        If there is no output, its run was cut off or did not converge (`lattice.structure.output_marks`), it holds no
        forces, or not those of ``n_atoms`` atoms.
    FormatError
        If an output cannot be read.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != skip and 0 < p.stat().st_size <= MAX_BYTES)
    if program is not None:
        return _checked(_by_phonopy(_file_of(files, program, folder), program, n_atoms), n_atoms)
    known = [(path, name) for path in files for name, shape in PHONOPY_OUTPUTS.items() if fnmatch(path.name, shape)]
    taken = {path for path, _ in known}
    formats = {path: _format_of(path) for path in files if path not in taken}
    known += [(path, "cp2k") for path, f in formats.items() if f == "cp2k" and has_forces(path, "cp2k")]
    ranked = sorted(
        (list(ASE_OUTPUTS).index(f), not has_forces(path, f), path) for path, f in formats.items() if f in ASE_OUTPUTS
    )
    if ranked:
        output = _by_ase(ranked[0][2], list(ASE_OUTPUTS)[ranked[0][0]])
    else:
        if not known:
            raise InputError(
                "There is no output with forces",
                found=", ".join(p.name for p in files[:6]) or "nothing",
                fix=f"put the output of the calculation here: {', '.join(ASE_OUTPUTS.values())}, "
                f"or name the program: {', '.join(PROGRAMS)}",
            )
        output = _by_phonopy(*known[0], n_atoms)
    return _checked(output, n_atoms)


def _checked(output: ForceOutput, n_atoms: int) -> ForceOutput:
    """Return an output with a finite force on every atom."""
    if output.forces.shape != (n_atoms, 3) or not np.isfinite(output.forces).all():
        raise InputError(
            f"{output.file} holds no usable forces",
            found=f"shape {output.forces.shape} for {n_atoms} atoms",
            fix="run the structure of this folder",
        )
    return output


def _format_of(path: Path) -> str | None:
    """Return ASE's name of the format of a file, None where it is not known.

    The name of its program in a file goes before ASE's guess, which takes ABINIT's output for its input and every
    ``.out`` for Quantum ESPRESSO's.
    """
    from ase.io.formats import UnknownFileTypeError, filetype

    said = program_of(path)
    if said is not None:
        return said
    try:
        guess = str(filetype(str(path), guess=True))
    except (UnknownFileTypeError, OSError, UnicodeDecodeError):
        return None
    return None if guess in MARKS and MARKS[guess].program else guess


def _by_ase(path: Path, fmt: str) -> ForceOutput:
    """Read the last structure of an output with ASE."""
    from ase.io import read

    check_output(path, fmt)
    if fmt in COUNTED_FORMATS:
        check_counts(path, read_text(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms: Any = read(path, format=fmt, index=-1)
        forces = None if atoms.calc is None else atoms.calc.results.get("forces")
    except _ERRORS as error:
        raise FormatError(
            f"{path.name} cannot be read as {ASE_OUTPUTS[fmt]} output",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:160]}",
            fix="check whether the calculation ended well",
        ) from None
    if forces is None:
        raise InputError(
            f"{path.name} holds no forces",
            found=f"{ASE_OUTPUTS[fmt]} output without them",
            fix="switch on the forces, and check whether the calculation ended well",
        )
    name = f"{path.name} ({ASE_OUTPUTS[fmt]})"
    return ForceOutput(np.array(forces, dtype=np.float64), atoms.positions.copy(), name, atoms.numbers.copy())


def _file_of(files: list[Path], program: str, folder: Path) -> Path:
    """Return the output of a program that was named: by its usual name, else by its content, else the only file."""
    if program not in PROGRAMS:
        raise InputError("This program is not known", found=program, fix=f"use {', '.join(PROGRAMS)}")
    usual = [p for p in files if fnmatch(p.name, PHONOPY_OUTPUTS.get(program, ""))]
    if not usual and program in NAMED:
        own = [p for p in files if _format_of(p) == NAMED[program]]
        usual = [p for p in own if has_forces(p, NAMED[program])] or own
    usual = usual or files
    if program == "turbomole":
        return folder
    if len(usual) != 1:
        raise InputError(
            f"The {program} output cannot be told from other files",
            found=", ".join(p.name for p in usual[:6]) or "no file",
            fix="leave only the structure and the output in the folder",
        )
    return usual[0]


def _by_phonopy(path: Path, program: str, n_atoms: int) -> ForceOutput:
    """Read an output with phonopy, in eV/Å."""
    from phonopy.interface.calculator import get_calc_dataset

    check_output(path, program)
    length, stiffness = unit_factors(program)
    what = f"{path.name} cannot be read as {program} output"
    with phonopy_errors(what, "check whether the calculation ended well"), contextlib.redirect_stdout(io.StringIO()):
        sets = get_calc_dataset(program, n_atoms, [str(path)], verbose=False)["forces"]
    if len(sets) != 1:
        raise InputError(
            f"{path.name} holds no forces",
            found=f"{program} output without them",
            fix="check whether the run ended well",
        )
    return ForceOutput(np.array(sets[0]) * (length * stiffness), None, f"{path.name} ({program})")
