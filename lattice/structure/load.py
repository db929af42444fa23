"""`load`: a crystal from whatever the user has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import InputError
from lattice.structure.born import check_born_arrays, describe_born, read_born
from lattice.structure.bundled import DISPERSION, bundled_folder, bundled_names
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.defects import describe_defects
from lattice.structure.phonopy_object import build_phonopy, crystal_from_phonopy, phonopy_errors
from lattice.structure.symmetry import count_pure_translations

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy


@dataclass(slots=True)
class _Material:
    """What has been read so far, in Å, eV and amu."""

    cell: Cell
    name: str
    found: list[str] = field(default_factory=list)
    supercell_matrix: IntArray | None = None
    primitive: object = "P"
    force_constants: FloatArray | None = None
    dataset: dict[str, object] | None = None
    born: tuple[FloatArray, FloatArray] | None = None
    born_path: Path | None = None


def load(
    source: str | os.PathLike[str] | Atoms | Phonopy,
    *,
    fc: str | os.PathLike[str] | FloatArray | None = None,
    born: str | os.PathLike[str] | tuple[FloatArray, FloatArray] | None = None,
    primitive: str | FloatArray | None = None,
    symprec: float = 1e-5,
) -> Crystal:
    """Load a crystal with what is known of its force constants and charges."""
    material = _from_path(Path(source), str(source))
    return _finish(material, symprec)


def _from_path(path: Path, name: str) -> _Material:
    folder = bundled_folder(name)
    if folder is not None:
        return _from_phonopy_yaml(next(iter(sorted(folder.glob("phonopy_params.yaml*")))), name)
    if not path.exists():
        raise InputError(
            f"There is no crystal {name!r}",
            found="neither a bundled name nor an existing path",
            fix=f"give a path, or one of the bundled crystals: {', '.join(bundled_names())}",
        )
    return _from_phonopy_yaml(path, name)


def _from_phonopy_yaml(path: Path, name: str) -> _Material:
    from lattice.structure.phonopy_yaml import read_phonopy_yaml

    data = read_phonopy_yaml(path)
    material = _Material(data.cell, name)
    material.supercell_matrix = data.supercell_matrix
    if data.primitive_matrix is not None:
        material.primitive = data.primitive_matrix
    material.force_constants = data.force_constants
    material.dataset = data.dataset
    if data.born_charges is not None and data.dielectric is not None:
        material.born = (data.born_charges, data.dielectric)
    material.found.append(f"cell: {path.name}")
    return material


def _finish(material: _Material, symprec: float) -> Crystal:
    matrix = material.supercell_matrix if material.supercell_matrix is not None else np.eye(3, dtype=np.int64)
    phonon = build_phonopy(material.cell, matrix, material.primitive, symprec)
    if material.force_constants is not None:
        with phonopy_errors("The force constants do not fit the supercell", "check"):
            phonon.force_constants = material.force_constants
    crystal = crystal_from_phonopy(
        phonon, name=material.name, symprec=symprec, dispersion_name=DISPERSION.get(material.name)
    )
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    if material.born_path is not None:
        material.born = read_born(material.born_path, cell, symprec)
    found = list(material.found)
    if crystal.force_constants is not None:
        found.append(describe_defects(crystal.force_constants, cell, crystal.spacegroup))
    if count_pure_translations(crystal.spacegroup) > 1:
        found.append("not primitive")
    charges = dielectric = None
    if material.born is not None:
        charges, dielectric = check_born_arrays(material.born, cell.n_atoms)
        found += describe_born(charges, dielectric, cell, crystal.spacegroup)
    return replace(crystal, born_charges=charges, dielectric=dielectric, found=tuple(found))
