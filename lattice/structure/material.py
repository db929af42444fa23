"""What a source holds, gathered piece by piece, and the crystal that is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.structure.born import check_born_arrays, describe_born, read_born
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.defects import describe_defects
from lattice.structure.force_files import ForceBlock, ForceSets
from lattice.structure.phonopy_forces import dataset_from_sets, reorder_block, set_force_constants, set_forces
from lattice.structure.phonopy_object import build_phonopy, cell_from_atoms, crystal_from_phonopy
from lattice.structure.supercell import locate_atoms, wrap_translations
from lattice.structure.supercell_search import SupercellChoice, describe_supercell, find_supercell
from lattice.structure.symmetry import count_pure_translations, find_spacegroup

if TYPE_CHECKING:
    from phonopy import Phonopy


STANDARD_MASS_SPREAD = 1e-3  # relative; tables of standard masses differ by less, isotopes by more


@dataclass(slots=True)
class Material:
    """What has been read of a crystal, in Å, eV and amu, before its pieces are put together.

    Attributes
    ----------
    cell : Cell
        The unit cell of the source.
    name : str
        For reports.
    folder : Path or None
        Where further files may lie.
    primitive : object
        phonopy's primitive matrix that the source names; ``"P"``: the cell itself.
    choice : SupercellChoice or None
        The supercell of the forces, if known.
    forces : ForceBlock, ForceSets, dict or None
        Force constants, force sets of a file, or phonopy's dataset.
    born : tuple or Path or None
        Born charges of the source's primitive cell and ε∞, or the BORN file.
    dispersion_name : str or None
        As in `Crystal`.
    program : str or None
        The program whose format the structure is in, where phonopy keeps its forces in other units than eV and Å.
    forces_line, born_line : str
        Report lines on where the forces and the Born charges are from.
    found : list of str
        Other report lines.
    """

    cell: Cell
    name: str
    folder: Path | None = None
    primitive: Any = "P"
    choice: SupercellChoice | None = None
    forces: ForceBlock | ForceSets | dict[str, Any] | None = None
    born: tuple[Any, Any] | Path | None = None
    dispersion_name: str | None = None
    program: str | None = None
    forces_line: str = "force constants: none"
    born_line: str = "Born charges: none"
    found: list[str] = field(default_factory=list)


def make_crystal(material: Material, primitive: object, symprec: float) -> Crystal:
    """Put the pieces of a material together.

    Parameters
    ----------
    material : Material
        What was read.
    primitive : str, array_like or None
        phonopy's primitive matrix asked for by the user; None: the one of the source.
    symprec : float
        Tolerance in *Å*.

    Raises
    ------
    InputError
        If the pieces do not fit each other.
    SymmetryError
        If no space group is found.
    """
    wanted = material.primitive if primitive is None else primitive
    found = [*material.found, material.forces_line]
    find_spacegroup(material.cell, symprec)  # phonopy would fail without naming the cause
    phonon = _with_forces(material, wanted, symprec, found)
    crystal = crystal_from_phonopy(
        phonon, name=material.name, symprec=symprec, dispersion_name=material.dispersion_name
    )
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    group = crystal.spacegroup
    found += _describe_cell(crystal, material.cell)
    if crystal.force_constants is not None:
        found.append(describe_defects(crystal.force_constants, cell, group))
        if crystal.force_constants.gamma_only:
            found.append("force constants of the cell alone: valid at q = 0 only")
    found.append(material.born_line)
    charges = dielectric = None
    if isinstance(material.born, Path):
        charges, dielectric = read_born(material.born, cell, symprec)
    elif material.born is not None:
        charges, dielectric = _place_charges(material, cell, symprec, rebuilt=primitive is not None)
    if charges is not None and dielectric is not None:
        found += describe_born(charges, dielectric, cell, group)
    return replace(crystal, born_charges=charges, dielectric=dielectric, found=tuple(found))


def _with_forces(material: Material, wanted: object, symprec: float, found: list[str]) -> Phonopy:
    """Return a `Phonopy` object with the primitive cell wanted and the forces of the material."""
    forces, choice, cell = material.forces, material.choice, material.cell
    if forces is None:
        return build_phonopy(cell, np.eye(3, dtype=np.int64), wanted, symprec)
    if choice is None:
        if isinstance(forces, dict):
            raise InputError(
                "The forces have no supercell", found="a file without supercell_matrix", fix="write it with phonopy"
            )
        choice = find_supercell(cell, forces, symprec)
    found.append(f"supercell: {describe_supercell(choice.matrix)}, {choice.label}")
    phonon = build_phonopy(cell, choice.matrix, wanted, symprec)
    order = None if choice.points is None else _file_order(phonon, cell, choice, symprec)
    if isinstance(forces, ForceBlock):
        block = forces if order is None else reorder_block(forces, order)
        compact = len(block.array) < block.array.shape[1]
        set_force_constants(phonon, block, _origin(material, choice, block, symprec) if compact else None)
        return phonon
    dataset = forces if isinstance(forces, dict) else dataset_from_sets(forces, len(phonon.supercell), order)
    misfit = set_forces(phonon, dataset)
    found.append(
        f"force constants: made by phonopy from the force sets, which they miss by {misfit:.2g} of the largest"
    )
    return phonon


def _origin(material: Material, choice: SupercellChoice, block: ForceBlock, symprec: float) -> Phonopy:
    """Return an object with the primitive cell whose rows a compact block holds."""
    n_rows = len(block.array)
    if not isinstance(material.primitive, str):
        primitive = material.primitive
    elif choice.primitive is not None and n_rows != material.cell.n_atoms:
        primitive = choice.primitive
    else:
        primitive = "P" if n_rows >= material.cell.n_atoms else "auto"
    return build_phonopy(material.cell, choice.matrix, primitive, symprec)


def _file_order(phonon: Phonopy, cell: Cell, choice: SupercellChoice, symprec: float) -> IntArray:
    """Return for each supercell atom of phonopy its index in the file that lists the supercell."""
    assert choice.points is not None
    keys = []
    for points in (phonon.supercell.positions, choice.points):
        atoms, copies = locate_atoms(points, cell.cell, cell.positions, 100 * symprec)
        wrapped = wrap_translations(copies, choice.matrix)
        keys.append([(int(atom), *copy) for atom, copy in zip(atoms, wrapped.tolist(), strict=True)])
    index_of = {key: index for index, key in enumerate(keys[1])}
    if len(index_of) != len(keys[0]) or set(index_of) != set(keys[0]):
        raise InputError(
            "The supercell beside the forces does not hold every copy of every atom once",
            found=f"{len(index_of)} different atoms, expected {len(keys[0])}",
            fix="give the SPOSCAR or phonopy_disp.yaml of this calculation",
        )
    return np.array([index_of[key] for key in keys[0]])


def _place_charges(material: Material, cell: Cell, symprec: float, *, rebuilt: bool) -> tuple[FloatArray, FloatArray]:
    """Return the charges of the source for the atoms of the crystal, which may be in another primitive cell."""
    if not rebuilt:
        return check_born_arrays(material.born, cell.n_atoms)
    origin = build_phonopy(material.cell, np.eye(3, dtype=np.int64), material.primitive, symprec)
    source = cell_from_atoms(origin.primitive)
    if isinstance(material.born, tuple) and np.shape(material.born[0]) == (cell.n_atoms, 3, 3) != (
        source.n_atoms,
        3,
        3,
    ):
        return check_born_arrays(material.born, cell.n_atoms)
    charges, dielectric = check_born_arrays(material.born, source.n_atoms)
    atoms, _ = locate_atoms(cell.positions @ cell.cell, source.cell, source.positions, 100 * symprec)
    return charges[atoms], dielectric


def _describe_cell(crystal: Crystal, source: Cell) -> list[str]:
    """Return report lines on the space group, a changed or non-primitive cell, and masses."""
    from phonopy.structure.atomic_data import get_atomic_data

    group = crystal.spacegroup
    lines = [
        f"space group: {group.symbol} ({group.number}), point group {group.point_group}, symprec {group.symprec:g} Å"
    ]
    if crystal.n_atoms != source.n_atoms:
        lines.append(f"cell: primitive cell of {crystal.n_atoms} atoms, from {source.n_atoms}")
    copies = count_pure_translations(group)
    if copies > 1:
        lines.append(f'cell: not primitive, it holds {copies} primitive cells; load with primitive="auto" for one')
    data = get_atomic_data().atom_data
    changed = {
        f"{data[number][1]} {mass:g}"
        for number, mass in zip(crystal.numbers, crystal.masses, strict=True)
        if data[number][3] is None or abs(mass - data[number][3]) > STANDARD_MASS_SPREAD * mass
    }
    if changed:
        lines.append(f"masses: kept as set in the source, not the standard ones: {', '.join(sorted(changed))} amu")
    return lines
