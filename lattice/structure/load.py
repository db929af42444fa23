"""`load`: a crystal from whatever the user has."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.structure.array_file import refuse_result
from lattice.structure.bundled import DISPERSION, bundled_file, bundled_names
from lattice.structure.cell import MAGNETIC_WARNING, Cell
from lattice.structure.cell_files import cell_from_ase, formula_of, read_cell
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.folder import STRUCTURE_NAMES, look_beside, main_file, only_force_file
from lattice.structure.force_files import ForceBlock, ForceSets, read_forces
from lattice.structure.material import Material, make_crystal
from lattice.structure.number import checked_number
from lattice.structure.phonopy_object import cell_from_atoms, unit_factors
from lattice.structure.phonopy_yaml import PhonopyFile, dataset_in_public_units, read_phonopy_yaml
from lattice.structure.supercell import integer_matrix, supercell_matrix_between
from lattice.structure.supercell_search import SupercellChoice, read_phonopy_conf

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy

SAME_CELL = 1e-3  # Å, between two files about one crystal; POSCARs are often written with five digits


def load(
    source: str | os.PathLike[str] | Atoms | Phonopy,
    *,
    fc: str | os.PathLike[str] | FloatArray | None = None,
    born: str | os.PathLike[str] | tuple[FloatArray, FloatArray] | None = None,
    primitive: str | FloatArray | None = None,
    symprec: float = 1e-5,
) -> Crystal:
    """Load a crystal with what is known of its force constants and charges.

    The cell, the masses and the order of atoms of the source are kept. ``found`` of the result says what was read.
    Nothing in a file is executed, and force constants are not symmetrised.

    Parameters
    ----------
    source : str, path, ase.Atoms or phonopy.Phonopy
        A bundled name (``"Bi2Se3"``; a folder of that name is ``"./Bi2Se3"`` or a `Path`); a folder;
        a phonopy YAML file, plain or compressed; POSCAR, CIF or another
        crystal format that ASE reads. Force files and BORN lying beside a file are read too.
    fc : path or ndarray, optional
        FORCE_CONSTANTS, force_constants.hdf5 or FORCE_SETS, or force constants ``(n_atoms or n_supercell_atoms,
        n_supercell_atoms, 3, 3)`` in *eV/Å²* with atoms in phonopy's order. The supercell is that of a
        phonopy_disp.yaml, phonopy.yaml, SPOSCAR or phonopy.conf beside the file, else it is deduced.
    born : path or (born_charges, dielectric), optional
        phonopy's BORN file, or ``(n_atoms, 3, 3)`` *e* with ``[k, a, b]`` = ∂P_a/∂u_b, and ε∞ ``(3, 3)``.
    primitive : str or ndarray, optional
        ``"auto"``, a centring letter or phonopy's primitive matrix. Default: the cell of the source, or the primitive
        matrix that a phonopy YAML file names.
    symprec : float
        Tolerance of the symmetry search in *Å*.

    Returns
    -------
    Crystal

    Raises
    ------
    InputError
        If something is missing or does not fit.
    FormatError
        If a file is not what its format demands.
    SymmetryError
        If no space group is found.
    """
    fix = "give a length in Å between 0 and 1"
    symprec = checked_number(symprec, "symprec", fix)
    if not 0 < symprec < 1:
        raise InputError("symprec is no tolerance", found=symprec, fix=fix)
    material = _read_source(source)
    _add_forces(material, fc)
    _add_born(material, born)
    return make_crystal(material, primitive, float(symprec))


def _read_source(source: object) -> Material:
    """Read what the source itself holds."""
    if isinstance(source, str):
        bundled = bundled_file(source)
        return _from_path(Path(source), source) if bundled is None else _from_bundled(bundled, source)
    if isinstance(source, os.PathLike):
        return _from_path(Path(source), os.fspath(source))
    from ase import Atoms
    from phonopy import Phonopy

    if isinstance(source, Atoms):
        cell, notes = cell_from_ase(source)
        formula = formula_of(source)
        return Material(cell, formula, found=[f"cell: ase.Atoms ({cell.n_atoms} atoms, {formula})", *notes])
    if isinstance(source, Phonopy):
        return _from_phonopy(source)
    raise InputError(
        "The source of the crystal is of a type that is not read",
        found=type(source).__name__,
        fix="give a bundled name, a path, ase.Atoms or a phonopy.Phonopy object",
    )


def _from_bundled(path: Path, name: str) -> Material:
    """Read a bundled crystal, whose file is complete."""
    material = _from_yaml(path, name)
    material.found.insert(0, f"bundled crystal {name}")
    return replace(material, folder=None, dispersion_name=DISPERSION.get(name))


def _from_path(path: Path, source: str) -> Material:
    """Read a folder or a file."""
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "nothing"
    except (OSError, ValueError):
        kind = "nothing"
    if kind == "nothing":
        raise InputError(
            f"There is no crystal {source[:200]!r}",
            found="neither a bundled name nor an existing file or folder",
            fix=f"give a path, or one of the bundled crystals: {', '.join(bundled_names())}",
        )
    if kind == "file":
        refuse_result(path)
        return _from_file(path, path.name)
    chosen = main_file(path)
    material = _from_file(chosen, path.resolve().name)
    _check_neighbours(path, chosen, material.cell)
    return material


def _from_file(path: Path, name: str) -> Material:
    """Read a phonopy YAML file or a structure file."""
    endings = {suffix.lower() for suffix in path.suffixes[-2:]}
    if endings & {".yaml", ".yml"}:
        return _from_yaml(path, name)
    file = read_cell(path)
    return Material(file.cell, name, path.parent, found=file.notes, program=file.program)


def _from_yaml(path: Path, name: str) -> Material:
    """Read a phonopy YAML file."""
    data = read_phonopy_yaml(path)
    material = Material(data.cell, name, path.parent, choice=_choice_from_yaml(data, path))
    if data.primitive_matrix is not None:
        material.primitive = data.primitive_matrix
    units = "" if data.calculator is None else f", converted from the units of {data.calculator}"
    material.found.append(f"cell: {path.name} ({data.cell.n_atoms} atoms in the unit cell{units})")
    if data.magnetic:
        material.found.append(MAGNETIC_WARNING)
    if data.force_constants is not None:
        material.forces = ForceBlock(data.force_constants)
        material.forces_line = f"force constants: {path.name}"
    elif data.dataset is not None:
        material.forces = data.dataset
        material.forces_line = f"force sets: {path.name}"
    if data.born_charges is not None and data.dielectric is not None:
        material.born = (data.born_charges, data.dielectric)
        material.born_line = f"Born charges: {path.name}"
    return material


def _choice_from_yaml(data: PhonopyFile, path: Path) -> SupercellChoice | None:
    """Return the supercell that a phonopy YAML file names."""
    if data.supercell_matrix is None:
        return None
    return SupercellChoice(
        data.supercell_matrix,
        f"from {path.name}",
        primitive=data.primitive_matrix,
        calculator=data.calculator,
    )


def _from_phonopy(phonon: Phonopy) -> Material:
    """Take a `Phonopy` object apart; it is not changed."""
    length, stiffness = unit_factors(phonon.calculator)
    cell = cell_from_atoms(phonon.unitcell, length)
    material = Material(cell, phonon.primitive.formula, primitive=np.array(phonon.primitive_matrix))
    material.found.append(f"cell: Phonopy object ({cell.n_atoms} atoms in the unit cell)")
    if phonon.unitcell.magnetic_moments is not None:
        material.found.append(MAGNETIC_WARNING)
    material.choice = SupercellChoice(
        integer_matrix(phonon.supercell_matrix, "The supercell matrix").T,
        "of the Phonopy object",
        points=phonon.supercell.positions * length,
        primitive=np.array(phonon.primitive_matrix),
        calculator=phonon.calculator,
    )
    constants = phonon.force_constants
    if constants is not None:
        full = len(constants) == len(phonon.supercell)
        rows = None if full else np.asarray(phonon.primitive.p2s_map, dtype=np.int64)
        material.forces = ForceBlock(np.asarray(constants, dtype=np.float64) * stiffness, rows)
        material.forces_line = "force constants: of the Phonopy object"
    else:
        dataset = dataset_in_public_units(phonon.dataset, length, stiffness)
        if dataset is not None:
            material.forces = dataset
            material.forces_line = "force sets: of the Phonopy object"
    if phonon.nac_params is not None:
        material.born = (phonon.nac_params["born"], phonon.nac_params["dielectric"])
        material.born_line = "Born charges: of the Phonopy object"
    return material


def _check_neighbours(folder: Path, chosen: Path, cell: Cell) -> None:
    """Refuse a folder whose POSCAR is another crystal than its phonopy YAML file."""
    for name in STRUCTURE_NAMES[:1]:
        other = folder / name
        if other != chosen and other.is_file() and not same_cell(cell, read_cell(other).cell):
            raise InputError(
                f"{name} and {chosen.name} in the folder {folder.name} are different cells",
                found="cells, atoms or their order differ",
                fix="give the file that is meant instead of the folder",
            )


def same_cell(first: Cell, second: Cell) -> bool:
    """Whether two cells have the same vectors, species and positions in the same order, to `SAME_CELL` Å."""
    if first.n_atoms != second.n_atoms or (first.numbers != second.numbers).any():
        return False
    if np.abs(first.cell - second.cell).max() > SAME_CELL:
        return False
    difference = first.positions - second.positions
    return bool(np.abs((difference - np.rint(difference)) @ first.cell).max() < SAME_CELL)


def _add_forces(material: Material, fc: Any) -> None:
    """Read the forces that are given or lie beside the source, and look for their supercell."""
    beside = None if material.folder is None else look_beside(material.folder)
    if fc is None and material.forces is not None:
        if beside is not None and beside.forces:
            names = ", ".join(path.name for path in beside.forces)
            material.found.append(f"not read: {names} beside the source, which holds forces itself")
        return
    if fc is not None and not isinstance(fc, str | os.PathLike):
        material.forces = _block_from_array(fc)
        material.forces_line = f"force constants: array {material.forces.array.shape}, eV/Å²"
        _find_choice(material, [material.folder])
        return
    path = Path(fc) if fc is not None else None if beside is None else only_force_file(beside)
    if path is None:
        return
    forces = read_forces(path)
    _find_choice(material, [path.parent, material.folder])
    calculator = None if material.choice is None else material.choice.calculator
    material.forces = _convert(forces, calculator)
    kind = "force constants" if isinstance(forces, ForceBlock) else "force sets"
    named = isinstance(forces, ForceBlock) and forces.unit_known
    unit = "with their unit" if named else f"in the units of {calculator or 'VASP (eV, Å)'}"
    material.forces_line = f"{kind}: {path.name}, {unit}"
    if material.program is not None and calculator is None and not named:
        material.found.append(
            f"warning: {path.name} is taken in eV and Å; if phonopy wrote it for {material.program}, put its "
            "phonopy_disp.yaml beside it, which names the units"
        )


def _find_choice(material: Material, folders: list[Path | None]) -> None:
    """Look in folders, in this order, for the supercell of the forces, if it is not known yet."""
    for folder in folders:
        if material.choice is None and folder is not None:
            material.choice = _choice_beside(material, folder)


def _block_from_array(fc: Any) -> ForceBlock:
    """Return force constants given as an array."""
    try:
        array = np.array(fc, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            "fc is neither a path nor an array of numbers", found=type(fc).__name__, fix="give eV/Å² in a NumPy array"
        ) from None
    return ForceBlock(array)


def _convert(forces: ForceBlock | ForceSets, calculator: str | None) -> ForceBlock | ForceSets:
    """Convert what a force file holds from the units of a calculator to eV and Å."""
    length, stiffness = unit_factors(calculator)
    if isinstance(forces, ForceSets):
        return replace(forces, displacements=forces.displacements * length, forces=forces.forces * (length * stiffness))
    return forces if forces.unit_known else replace(forces, array=forces.array * stiffness)


def _choice_beside(material: Material, folder: Path) -> SupercellChoice | None:
    """Return the supercell that a file in a folder names, or None."""
    beside = look_beside(folder)
    for path in beside.setup:
        data = read_phonopy_yaml(path)
        if not same_cell(material.cell, data.cell):
            raise InputError(
                f"{path.name} beside the forces describes another cell",
                found="cells, atoms or their order differ",
                fix=f"load {path.name} itself, or remove it",
            )
        choice = _choice_from_yaml(data, path)
        if choice is not None:
            return choice
    if beside.sposcar is not None:
        supercell = read_cell(beside.sposcar).cell
        matrix = supercell_matrix_between(material.cell.cell, supercell.cell, SAME_CELL)
        return SupercellChoice(matrix, f"from {beside.sposcar.name}", points=supercell.positions @ supercell.cell)
    return None if beside.conf is None else read_phonopy_conf(beside.conf)


def _add_born(material: Material, born: Any) -> None:
    """Take the charges that are given, or the BORN file beside the source if it holds none itself."""
    if isinstance(born, str | os.PathLike):
        material.born = Path(born)
        material.born_line = f"Born charges: {material.born.name}"
    elif born is not None:
        material.born = born
        material.born_line = "Born charges: arrays"
    elif material.folder is not None:
        beside = look_beside(material.folder).born
        if beside is not None and material.born is None:
            material.born = beside
            material.born_line = f"Born charges: {beside.name}"
        elif beside is not None and material.born is not None:
            material.found.append(f"not read: {beside.name} beside the source, which holds Born charges itself")
