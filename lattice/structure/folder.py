"""What lies in a folder beside a structure: force files, BORN, and files that name the supercell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lattice.errors import InputError

ENDINGS = ("", ".xz", ".lzma", ".gz", ".bz2")
FORCE_CONSTANT_NAMES = ("FORCE_CONSTANTS", "force_constants.hdf5")
FORCE_SET_NAMES = ("FORCE_SETS",)
COMPLETE_NAME = "phonopy_params.yaml"
SETUP_NAMES = ("phonopy_disp.yaml", "phonopy.yaml")
STRUCTURE_NAMES = ("POSCAR", "POSCAR-unitcell", "CONTCAR", "geometry.in")
STRUCTURE_ENDINGS = (".cif", ".vasp", ".xsf", ".res", ".gen", ".XV", ".pwi")
RECOGNISED = (
    f"{COMPLETE_NAME}[.xz], {', '.join(SETUP_NAMES)}, {', '.join(STRUCTURE_NAMES)} or one structure file ending in "
    f"{', '.join(STRUCTURE_ENDINGS)}; beside it {', '.join(FORCE_SET_NAMES + FORCE_CONSTANT_NAMES)}, BORN, SPOSCAR, "
    "phonopy.conf"
)


@dataclass(frozen=True, slots=True)
class Beside:
    """The files of a folder that belong to a phonon calculation.

    Attributes
    ----------
    setup : tuple of Path
        phonopy YAML files that name cell and supercell.
    forces : tuple of Path
        Force constants and force sets.
    born, sposcar, conf : Path or None
        The BORN file, the structure of the supercell, phonopy's configuration.
    """

    setup: tuple[Path, ...]
    forces: tuple[Path, ...]
    born: Path | None
    sposcar: Path | None
    conf: Path | None


def look_beside(folder: Path) -> Beside:
    """List what lies in a folder, by name only."""
    return Beside(
        setup=tuple(path for name in SETUP_NAMES for path in _present(folder, name)[:1]),
        forces=tuple(folder / name for name in FORCE_SET_NAMES + FORCE_CONSTANT_NAMES if (folder / name).is_file()),
        born=next(iter(_present(folder, "BORN")[:1]), None),
        sposcar=next(iter(_present(folder, "SPOSCAR")[:1]), None),
        conf=next(iter(_present(folder, "phonopy.conf")[:1]), None),
    )


def _present(folder: Path, name: str) -> list[Path]:
    """Return the files of a name, plain or compressed."""
    return [folder / (name + ending) for ending in ENDINGS if (folder / (name + ending)).is_file()]


def main_file(folder: Path) -> Path:
    """Return the file of a folder that holds the structure.

    Of several kinds the most complete is taken: phonopy_params.yaml, then the YAML files of phonopy, then POSCAR and
    its like, then a single structure file.

    Raises
    ------
    InputError
        If there is none, or several of the same kind.
    """
    kinds = [
        _present(folder, COMPLETE_NAME),
        [path for name in SETUP_NAMES for path in _present(folder, name)],
        [path for name in STRUCTURE_NAMES for path in _present(folder, name)],
        sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in STRUCTURE_ENDINGS),
    ]
    for paths in kinds:
        # phonopy writes phonopy.yaml at every run; the displacements are planned in phonopy_disp.yaml.
        planned = [path for path in paths if path.name.startswith(SETUP_NAMES[0])]
        chosen = planned or paths
        if len(chosen) > 1:
            raise _ambiguous(folder, paths)
        if chosen:
            return chosen[0]
    present = sorted(path.name for path in folder.iterdir())[:12]
    raise InputError(
        f"The folder {folder.name} holds no structure",
        found=", ".join(present) if present else "an empty folder",
        fix=f"put one of these there: {RECOGNISED}",
    )


def only_force_file(beside: Beside) -> Path | None:
    """Return the force file of a folder, or None.

    Raises
    ------
    InputError
        If there are several.
    """
    if len(beside.forces) > 1:
        raise InputError(
            "Several files beside the structure hold forces",
            found=", ".join(path.name for path in beside.forces),
            fix="name one of them with fc=",
        )
    return beside.forces[0] if beside.forces else None


def _ambiguous(folder: Path, paths: list[Path]) -> InputError:
    """Return the error for several candidates."""
    return InputError(
        f"The folder {folder.name} holds several structures",
        found=", ".join(path.name for path in paths),
        fix="give one of these files instead of the folder",
    )
