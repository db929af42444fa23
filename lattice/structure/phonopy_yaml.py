"""phonopy's YAML files: cells, matrices, force constants or force sets, Born charges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lattice.errors import FormatError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.phonopy_object import cell_from_atoms, phonopy_errors, unit_factors
from lattice.structure.safe_yaml import read_yaml
from lattice.structure.supercell import integer_matrix


@dataclass(frozen=True, slots=True, eq=False)
class PhonopyFile:
    """What a phonopy YAML file holds, in Å, eV and amu.

    Attributes
    ----------
    cell : Cell
        The unit cell.
    supercell_matrix : ndarray or None
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors (the transpose of phonopy's).
    primitive_matrix : ndarray or None
        ``(3, 3)``, phonopy's matrix: its *columns* are the primitive vectors in units of the cell vectors.
    force_constants : ndarray or None
        ``(n_atoms or n_supercell_atoms, n_supercell_atoms, 3, 3)`` *eV/Å²*.
    dataset : dict or None
        phonopy's displacements *Å* and forces *eV/Å*.
    born_charges, dielectric : ndarray or None
        ``(n_primitive_atoms, 3, 3)`` *e* and ``(3, 3)``.
    calculator : str or None
        Whose units the file was in.
    magnetic : bool
        Whether the atoms carry magnetic moments.
    """

    cell: Cell
    supercell_matrix: IntArray | None
    primitive_matrix: FloatArray | None
    force_constants: FloatArray | None
    dataset: dict[str, Any] | None
    born_charges: FloatArray | None
    dielectric: FloatArray | None
    calculator: str | None
    magnetic: bool


def read_phonopy_yaml(path: Path) -> PhonopyFile:
    """Read a phonopy YAML file, plain or compressed, without running anything in it.

    Raises
    ------
    InputError
        If the file cannot be opened or its numbers cannot be used.
    FormatError
        If it is not a phonopy YAML file.
    """
    from phonopy.interface.phonopy_yaml import PhonopyYamlLoader

    document = read_yaml(path)
    fix = "write the file with phonopy (phonopy --include-all, or Phonopy.save)"
    if not isinstance(document.get("phonopy", {}), dict):
        raise FormatError(f"{path.name} has an unusable 'phonopy' section", found=document["phonopy"], fix=fix)
    with phonopy_errors(f"{path.name} cannot be read as a phonopy YAML file", fix):
        data = PhonopyYamlLoader(document).parse().data
        if data.unitcell is None:
            raise FormatError(f"{path.name} holds no unit cell", found=f"keys {sorted(document)[:12]}", fix=fix)
        length, stiffness = unit_factors(data.calculator)
        nac = data.nac_params
        return PhonopyFile(
            cell=cell_from_atoms(data.unitcell, length),
            supercell_matrix=_supercell_matrix(document),
            primitive_matrix=data.primitive_matrix,
            force_constants=None if data.force_constants is None else data.force_constants * stiffness,
            dataset=dataset_in_public_units(data.dataset, length, stiffness),
            born_charges=None if nac is None else nac["born"],
            dielectric=None if nac is None else nac["dielectric"],
            calculator=data.calculator,
            magnetic=data.unitcell.magnetic_moments is not None,
        )


def _supercell_matrix(document: dict[str, object]) -> IntArray | None:
    """Return the supercell matrix by rows; read here since phonopy rounds entries that are no whole numbers."""
    if "supercell_matrix" not in document:
        return None
    return integer_matrix(document["supercell_matrix"], "The supercell matrix").T


def dataset_in_public_units(dataset: Any, length: float, stiffness: float) -> dict[str, Any] | None:
    """Return phonopy's displacements in Å and forces in eV/Å; None without forces."""
    from phonopy.structure.dataset import forces_in_dataset

    if dataset is None or not forces_in_dataset(dataset):
        return None
    force = length * stiffness
    if "first_atoms" not in dataset:
        return {
            "displacements": np.asarray(dataset["displacements"]) * length,
            "forces": np.asarray(dataset["forces"]) * force,
        }
    atoms = [
        {
            "number": entry["number"],
            "displacement": np.asarray(entry["displacement"]) * length,
            "forces": np.asarray(entry["forces"]) * force,
        }
        for entry in dataset["first_atoms"]
    ]
    return {"natom": dataset["natom"], "first_atoms": atoms}
