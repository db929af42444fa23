"""What the outputs of other programs say about themselves: whose they are, whether the run ended, whether it converged.

The readers of forces look for numbers alone. A run that was killed may have printed a part of them, and some programs
print forces of a density that is not self-consistent: both are told from the sentences that the programs write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lattice.errors import InputError
from lattice.structure.safe_yaml import MAX_BYTES

HEAD = 65536  #: bytes in which a program says its name; batch systems write before it


@dataclass(frozen=True, slots=True)
class Marks:
    """Sentences of one program, as regular expressions.

    Attributes
    ----------
    finished : str
        What a run that was not cut off has written, after or below its forces.
    unconverged : str
        What it writes if the density is not self-consistent; empty: said otherwise, see `check_output`.
    forces : str
        The line above the forces.
    program : str
        By which it is recognised; empty: by the name of the file, or by ASE.
    """

    finished: str
    unconverged: str
    forces: str
    program: str = ""


#: by ASE's names of the formats; ``cp2k``: the forces, in a file of their own or in the main output
MARKS = {
    "espresso-out": Marks(r"JOB DONE\.", r"convergence NOT achieved", r"Forces acting on atoms", r"Program PWSCF"),
    "abinit-out": Marks(
        r"Calculation completed",
        r"was not enough scf cycles to converge",
        r"cartesian forces \(eV/Angstrom\) at end",
        r"Version\s+\S+\s+of ABINIT",
    ),
    "aims-output": Marks(
        r"Have a nice day\.",
        r"scf cycle not converged|self-consistency cycle did not converge",
        r"Total atomic forces",
        r"Invoking FHI-aims",
    ),
    "gpaw-out": Marks(
        r"Forces in eV/Ang:[ \t]*\n(?:[ \t]*\S[^\n]*\n)+[ \t]*\n", r"Did not converge", r"Forces in eV/Ang:"
    ),
    "vasp-xml": Marks(r"</modeling>\s*\Z", "", r'name="forces"'),
    "vasp-out": Marks(r"General timing and accounting", r"aborting loop EDIFF was not reached", r"TOTAL-FORCE"),
    "cp2k": Marks(
        r"SUM OF ATOMIC FORCES[^\n]*\n|FORCES\|\s*Sum[^\n]*\n",
        r"SCF run NOT converged",
        r"ATOMIC FORCES in|FORCES\| *Atom",
        r"CP2K\|",
    ),
}
#: phonopy's names of programs whose outputs ASE names too
NAMED = {"vasp": "vasp-xml", "qe": "espresso-out", "abinit": "abinit-out", "aims": "aims-output", "cp2k": "cp2k"}


def program_of(path: Path) -> str | None:
    """Return the format of `MARKS` whose program a file names in its first lines, None if none does."""
    with path.open("rb") as stream:
        head = stream.read(HEAD).decode("utf-8", errors="replace")
    return next((fmt for fmt, marks in MARKS.items() if marks.program and re.search(marks.program, head)), None)


def has_forces(path: Path, fmt: str) -> bool:
    """Whether a file holds the line above the forces; of a program that writes two files, a log does not."""
    return fmt not in MARKS or re.search(MARKS[fmt].forces, _text(path)) is not None


def check_output(path: Path, fmt: str) -> None:
    """Refuse the output of a run that was cut off or did not converge; formats without `MARKS` are let through.

    VASP's XML does not say that it stopped at NELM steps: as many steps as that count as not converged. CP2K's file of
    forces says nothing of it either: the main output beside it does, if it is there.

    Parameters
    ----------
    path : Path
    fmt : str
        Name in `MARKS` or `NAMED`.

    Raises
    ------
    InputError
        If the run did not end, or the density is not self-consistent.
    """
    fmt = NAMED.get(fmt, fmt)
    if fmt not in MARKS:
        return
    text, marks = _text(path), MARKS[fmt]
    said = text + _main_outputs(path) if fmt == "cp2k" else text
    if (marks.unconverged and re.search(marks.unconverged, said, re.IGNORECASE)) or _stopped_early(text, fmt):
        raise InputError(
            f"{path.name}: the density did not converge",
            found="forces that are not those of the ground state, if any",
            fix="run it again with more steps of self-consistency, or other mixing",
        )
    if re.search(marks.finished, text) is None:
        raise InputError(
            f"{path.name} is cut off",
            found=f"an output of {len(text)} characters without its end",
            fix="run the structure of this folder again",
        )


def _stopped_early(text: str, fmt: str) -> bool:
    """Whether VASP used all the steps that it was allowed, or did not say that it reached its criterion."""
    if fmt == "vasp-xml":
        limit = re.findall(r'name="NELM"[^>]*>\s*(\d+)', text)
        last = text.rpartition("<calculation>")[2]
        return bool(limit) and 0 < int(limit[-1][:9]) <= last.count("<scstep>")
    if fmt == "vasp-out":
        last = re.split(r"Iteration\s+\d+\(\s*1\)", text)[-1]
        return "General timing" in text and "aborting loop because EDIFF is reached" not in last
    return False


def _main_outputs(path: Path) -> str:
    """Return the texts beside a file of forces in which CP2K names itself."""
    beside = sorted(p for p in path.parent.iterdir() if p != path and p.is_file() and 0 < p.stat().st_size <= MAX_BYTES)
    return "".join(_text(p) for p in beside if program_of(p) == "cp2k")


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")
