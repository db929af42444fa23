"""The door to phonopy: `Phonopy` objects become crystals, and crystals become `Phonopy` objects."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice.errors import InputError
from lattice.structure.cell import Cell
from lattice.structure.complete_file import complete_file
from lattice.structure.crystal import Crystal, FloatArray, ForceConstants, IntArray
from lattice.structure.supercell import (
    cell_translations,
    determinant,
    locate_atoms,
    supercell_matrix_between,
    translation_index,
)
from lattice.structure.symmetry import find_spacegroup, spglib_error

if TYPE_CHECKING:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms


@contextlib.contextmanager
def phonopy_errors(what: str, fix: str) -> Iterator[None]:
    """Turn phonopy's built-in exceptions about bad data into an `InputError`.

    Its warnings are silenced: they are about defaults that are not used here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
        np.linalg.LinAlgError,
        spglib_error(),
    ) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(what, found=f"{type(error).__name__}: {text}", fix=fix) from None


def build_phonopy(cell: Cell, supercell_matrix: IntArray, primitive: Any = "P", symprec: float = 1e-5) -> Phonopy:
    """Build a `Phonopy` object in Å, eV and amu without forces.

    Parameters
    ----------
    cell : Cell
        The unit cell.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors (the transpose of phonopy's).
    primitive : str or array_like
        phonopy's ``primitive_matrix``; ``"P"`` keeps the cell.
    symprec : float
        Tolerance in *Å*.

    Raises
    ------
    InputError
        If phonopy cannot build the cells.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    with phonopy_errors(
        "phonopy cannot build the supercell or primitive cell", "check the supercell and the primitive matrix"
    ):
        atoms = PhonopyAtoms(cell=cell.cell, scaled_positions=cell.positions, numbers=cell.numbers, masses=cell.masses)
        return Phonopy(atoms, supercell_matrix=supercell_matrix.T, primitive_matrix=primitive, symprec=symprec)


def cell_from_atoms(atoms: PhonopyAtoms, length: float = 1.0) -> Cell:
    """Return the cell of a `PhonopyAtoms`; ``length`` is its unit of length in Å.

    Raises
    ------
    InputError
        If sites are shared by several species, or the cell cannot be used.
    """
    # Older phonopy knows no mixtures.
    if getattr(atoms, "has_weighted_species", False) or getattr(atoms, "has_mixtures", False):
        raise InputError(
            "The crystal has sites that several species share",
            found="site mixtures",
            fix="give an ordered crystal, one species for each site",
        )
    return Cell(atoms.cell * length, atoms.scaled_positions, atoms.numbers, atoms.masses)


def unit_factors(calculator: str | None) -> tuple[float, float]:
    """Return the units of length in Å and of force constants in eV/Å² that phonopy uses with a calculator."""
    from phonopy.physical_units import get_calculator_physical_units

    with phonopy_errors("phonopy does not know the calculator", "use one of phonopy's calculator names"):
        physical = get_calculator_physical_units(calculator)
        return float(physical.distance_to_A), force_constant_factor(physical.force_constants_unit)


def force_constant_factor(unit: str) -> float:
    """Return a unit of force constants, in phonopy's spelling, in eV/Å².

    Raises
    ------
    InputError
        If phonopy does not know the unit.
    """
    from phonopy.interface.calculator import get_force_constant_conversion_factor

    with phonopy_errors(f"The unit of force constants {unit!r} is not known", "use eV/angstrom^2 or a unit of phonopy"):
        return float(get_force_constant_conversion_factor(unit, None))


def crystal_from_phonopy(
    phonon: Phonopy,
    *,
    name: str = "",
    found: tuple[str, ...] = (),
    symprec: float | None = None,
    dispersion_name: str | None = None,
) -> Crystal:
    """Return the crystal of a `Phonopy` object: its primitive cell, with force constants and charges if it has them.

    Units follow the object's calculator and are converted to Å and eV/Å².

    Parameters
    ----------
    phonon : Phonopy
        Force constants may be full or compact.
    name, found, dispersion_name
        As in `Crystal`.
    symprec : float, optional
        Tolerance in *Å*; default: the one of the object.

    Returns
    -------
    Crystal
        Atoms in the order of ``phonon.primitive``; positions of the input where the primitive cell is the unit cell.

    Raises
    ------
    InputError
        If the cells of the object do not fit each other.
    SymmetryError
        If no space group is found.
    """
    length, stiffness = unit_factors(phonon.calculator)
    tolerance = phonon.symmetry.tolerance if symprec is None else symprec
    cell = cell_from_atoms(_kept_cell(phonon), length)
    constants = None
    if phonon.force_constants is not None:
        constants = constants_of_phonopy(phonon, cell, length, stiffness)
    nac = phonon.nac_params
    return Crystal(
        cell=cell.cell,
        positions=cell.positions,
        numbers=cell.numbers,
        masses=cell.masses,
        spacegroup=find_spacegroup(cell, tolerance),
        force_constants=constants,
        born_charges=None if nac is None else nac["born"],
        dielectric=None if nac is None else nac["dielectric"],
        name=name or phonon.primitive.formula,
        found=found,
        dispersion_name=dispersion_name,
    )


def _kept_cell(phonon: Phonopy) -> PhonopyAtoms:
    """Return the unit cell where it is the primitive cell, since phonopy wraps the positions of the latter."""
    if len(phonon.primitive) == len(phonon.unitcell) and np.allclose(phonon.primitive_matrix, np.eye(3), atol=1e-12):
        difference = phonon.primitive.scaled_positions - phonon.unitcell.scaled_positions
        same_place = np.abs(difference - np.rint(difference)).max() < 1e-6
        if same_place and (phonon.primitive.numbers == phonon.unitcell.numbers).all():
            return phonon.unitcell
    return phonon.primitive


def constants_of_phonopy(phonon: Phonopy, cell: Cell, length: float = 1.0, stiffness: float = 1.0) -> ForceConstants:
    """Sort phonopy's force constants by atom and cell translation.

    Parameters
    ----------
    phonon : Phonopy
        Object with force constants, full or compact.
    cell : Cell
        Its primitive cell in *Å*.
    length, stiffness : float
        The object's units in Å and eV/Å².

    Raises
    ------
    InputError
        If the force constants do not fit the supercell, or the supercell does not fit the cell.
    """
    supercell = phonon.supercell
    tolerance = 10 * phonon.symmetry.tolerance * length
    matrix = supercell_matrix_between(cell.cell, supercell.cell * length, tolerance)
    atoms, copies = locate_atoms(supercell.positions * length, cell.cell, cell.positions, tolerance)
    homes = np.array(phonon.primitive.p2s_map, dtype=np.int64)
    block = np.asarray(phonon.force_constants, dtype=np.float64)
    expected = (cell.n_atoms, len(supercell), 3, 3)
    if block.shape != expected and block.shape != (len(supercell), *expected[1:]):
        raise InputError(
            "The force constants do not fit the supercell",
            found=f"shape {block.shape}, expected {expected} or {(len(supercell), *expected[1:])}",
            fix="give force constants between all atoms of this supercell",
        )
    rows = block[homes] if len(block) == len(supercell) else block
    return sort_rows(rows * stiffness, homes, atoms, copies, matrix)


def sort_rows(
    rows: FloatArray, homes: IntArray, atoms: IntArray, copies: IntArray, supercell_matrix: IntArray
) -> ForceConstants:
    """Sort force constants of a supercell by atom and cell translation.

    Parameters
    ----------
    rows : ndarray
        ``(n_atoms, n_supercell_atoms, 3, 3)`` *eV/Å²*: row i belongs to the supercell atom ``homes[i]``.
    homes : ndarray
        ``(n_atoms,)`` int, one supercell atom for each atom of the cell.
    atoms, copies : ndarray
        ``(n_supercell_atoms,)`` and ``(n_supercell_atoms, 3)`` int, from `locate_atoms`.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.

    Returns
    -------
    ForceConstants

    Raises
    ------
    InputError
        If the rows are not those of the atoms of one cell, in any order.
    """
    n_atoms = len(homes)
    translations = cell_translations(supercell_matrix)
    array = np.full((n_atoms, len(translations), n_atoms, 3, 3), np.nan)
    for row, home in zip(rows, homes, strict=True):
        cells = translation_index(copies - copies[home], translations, supercell_matrix)
        array[atoms[home], cells, atoms] = row
    if not np.isfinite(array).all():
        raise InputError(
            "The force constants do not cover every pair of atoms",
            found=f"{int(np.isnan(array).any(axis=(3, 4)).sum())} of {array.size // 9} pairs are missing or not finite",
            fix="give the rows of all atoms of one primitive cell, or of all atoms of the supercell",
        )
    return ForceConstants(array, translations, supercell_matrix)


def phonopy_from_crystal(crystal: Crystal, *, with_nac: bool = False, nac_method: str = "gonze-lee") -> Phonopy:
    """Return a `Phonopy` object whose primitive cell is exactly the crystal's cell, with force constants set.

    Parameters
    ----------
    crystal : Crystal
        Crystal with or without force constants.
    with_nac : bool
        Whether to set Born charges and ε∞ for the non-analytical term.
    nac_method : {"gonze-lee", "wang"}
        How that term enters away from Γ.

    Returns
    -------
    Phonopy
        In Å, eV, amu; atoms in the crystal's order; force constants full.

    Raises
    ------
    InputError
        If charges are asked for and the crystal has none.
    """
    constants = crystal.force_constants
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    matrix = np.eye(3, dtype=np.int64) if constants is None else constants.supercell_matrix
    turned = determinant(matrix) < 0
    # phonopy builds no left-handed supercell; the inverted vectors span the same one.
    phonon = build_phonopy(cell, -matrix if turned else matrix, "P", crystal.spacegroup.symprec)
    if constants is not None:
        tolerance = 10 * crystal.spacegroup.symprec
        places = locate_atoms(phonon.supercell.positions, cell.cell, cell.positions, tolerance)
        phonon.force_constants = full_array(constants, *places)
    if with_nac:
        if crystal.born_charges is None or crystal.dielectric is None:
            raise InputError(
                "The non-analytical term needs Born charges and a dielectric tensor",
                found="a crystal without them",
                fix="load the crystal with born=",
            )
        phonon.nac_params = {
            "born": np.array(crystal.born_charges),
            "dielectric": np.array(crystal.dielectric),
            "factor": units.COULOMB,
            "method": "wang" if nac_method == "wang" else "gonze",
        }
    return phonon


def write_displacement_yaml(crystal: Crystal, displacements: FloatArray, path: Path) -> None:
    """Write ``phonopy_disp.yaml`` with displacements of the single cell.

    Parameters
    ----------
    crystal : Crystal
    displacements : ndarray
        ``(n_structures, n_atoms, 3)`` *Å*.
    path : Path
    """
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    phonon = build_phonopy(cell, np.eye(3, dtype=np.int64), "P", crystal.spacegroup.symprec)
    phonon.dataset = {"displacements": np.array(displacements)}
    with complete_file(path) as temporary:
        phonon.save(temporary, settings={"force_sets": False, "displacements": True})


def full_array(constants: ForceConstants, atoms: IntArray, copies: IntArray) -> FloatArray:
    """Return force constants between all atoms of a supercell.

    Parameters
    ----------
    constants : ForceConstants
        Force constants of the cell.
    atoms, copies : ndarray
        ``(n_supercell_atoms,)`` and ``(n_supercell_atoms, 3)`` int, which atom in which copy of the cell, from
        `locate_atoms`.

    Returns
    -------
    ndarray
        ``(n_supercell_atoms, n_supercell_atoms, 3, 3)`` *eV/Å²*.
    """
    difference = copies[None, :, :] - copies[:, None, :]
    cells = translation_index(difference, constants.translations, constants.supercell_matrix)
    full: FloatArray = constants.array[atoms[:, None], cells, atoms[None, :]]
    return full
