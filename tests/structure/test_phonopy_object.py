"""Crystals to phonopy and back: the same numbers, whatever the supercell, the primitive cell and the order of atoms."""

import numpy as np
import pytest
from model_crystals import spring_constants, spring_crystal
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

import lattice
from lattice import units
from lattice.errors import InputError
from lattice.structure.cell import Cell
from lattice.structure.phonopy_object import build_phonopy, crystal_from_phonopy, phonopy_from_crystal

ROCKSALT = Cell(
    5.6 * np.eye(3),
    [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
    [11] * 4 + [17] * 4,
    [22.99] * 4 + [35.45] * 4,
)
TRICLINIC = Cell(
    [[4.1, 0.2, 0.1], [-0.7, 5.0, 0.3], [0.4, -0.6, 4.6]],
    [[0.02, -0.1, 0.3], [1.45, 0.4, 0.75], [0.6, 0.8, -0.05]],
    [14, 8, 14],
    [28.0, 16.5, 30.0],
)
SUPERCELLS = {
    "cell itself": np.eye(3, dtype=int),
    "diagonal": np.diag([2, 1, 3]),
    "oblique": np.array([[1, 1, 0], [-1, 1, 0], [0, 1, 2]]),
    "left-handed": np.array([[0, 2, 0], [1, 0, 0], [0, 0, 1]]),
}


def same_constants(first, second):
    np.testing.assert_array_equal(first.supercell_matrix, second.supercell_matrix)
    np.testing.assert_array_equal(first.translations, second.translations)
    np.testing.assert_allclose(first.array, second.array, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", SUPERCELLS)
def test_the_round_trip_keeps_every_number(name):
    crystal = spring_crystal(TRICLINIC, SUPERCELLS[name], cutoff=5.0)
    again = crystal_from_phonopy(phonopy_from_crystal(crystal))
    np.testing.assert_allclose(again.cell, crystal.cell, atol=1e-12, rtol=0)
    np.testing.assert_allclose(again.positions, crystal.positions, atol=1e-12, rtol=0)
    np.testing.assert_array_equal(again.numbers, crystal.numbers)
    np.testing.assert_array_equal(again.masses, crystal.masses)
    if np.linalg.det(SUPERCELLS[name]) > 0:
        same_constants(again.force_constants, crystal.force_constants)
    else:
        mirrored = again.force_constants
        np.testing.assert_array_equal(mirrored.supercell_matrix, -crystal.force_constants.supercell_matrix)
        np.testing.assert_allclose(mirrored.array.sum(axis=1), crystal.force_constants.array.sum(axis=1), atol=1e-12)


@pytest.mark.parametrize("name", SUPERCELLS)
def test_phonopy_finds_the_frequencies_of_the_sum_over_cells(name):
    crystal = spring_crystal(TRICLINIC, SUPERCELLS[name], cutoff=5.0)
    phonon = phonopy_from_crystal(crystal)
    constants = crystal.force_constants
    root = np.sqrt(np.repeat(crystal.masses, 3))
    # Only at the q that the supercell holds is the Fourier sum free of how vectors to the images are weighted.
    for coordinates in ([0, 0, 0], [1, 0, 0], [0, 1, 0], [1, -2, 1]):
        qpoint = np.linalg.inv(constants.supercell_matrix) @ coordinates
        phase = np.exp(2j * np.pi * (constants.translations @ qpoint))
        size = 3 * crystal.n_atoms
        matrix = np.einsum("l,iljab->iajb", phase, constants.array).reshape(size, size) / np.outer(root, root)
        values = np.linalg.eigvalsh(matrix)
        expected = np.sign(values) * np.sqrt(np.abs(values)) * phonon.unit_conversion_factor
        computed = np.sort(phonon.run_qpoints([qpoint]).frequencies[0])
        np.testing.assert_allclose(np.sign(computed) * computed**2, np.sign(expected) * expected**2, atol=1e-8)


@pytest.fixture(scope="module")
def conventional():
    return spring_crystal(ROCKSALT, np.diag([2, 2, 2]), cutoff=4.0)


@pytest.mark.parametrize(("compact", "snf"), [(False, False), (True, False), (True, True)])
def test_a_conventional_cell_gives_the_primitive_crystal(conventional, compact, snf):
    atoms = PhonopyAtoms(
        cell=ROCKSALT.cell, scaled_positions=ROCKSALT.positions, numbers=ROCKSALT.numbers, masses=ROCKSALT.masses
    )
    phonon = Phonopy(atoms, np.diag([2, 2, 2]), primitive_matrix="F", use_SNF_supercell=snf)
    full = phonopy_from_crystal(conventional)
    distance = phonon.supercell.scaled_positions[:, None] - full.supercell.scaled_positions[None]
    order = np.argmin(np.abs(distance - np.rint(distance)).sum(axis=2), axis=1)
    constants = full.force_constants[np.ix_(order, order)]
    phonon.force_constants = constants[phonon.primitive.p2s_map] if compact else constants

    primitive = crystal_from_phonopy(phonon)
    assert primitive.n_atoms == 2
    cell = Cell(primitive.cell, primitive.positions, primitive.numbers, primitive.masses)
    matrix = primitive.force_constants.supercell_matrix
    assert abs(np.linalg.det(matrix)) == pytest.approx(32)
    np.testing.assert_allclose(
        primitive.force_constants.array, spring_constants(cell, matrix, 4.0).array, atol=1e-12, rtol=0
    )
    again = crystal_from_phonopy(phonopy_from_crystal(primitive))
    same_constants(again.force_constants, primitive.force_constants)
    same_constants(lattice.load(phonon).force_constants, primitive.force_constants)
    kept = lattice.load(phonon, primitive="P")
    np.testing.assert_allclose(kept.force_constants.array, conventional.force_constants.array, atol=1e-12, rtol=0)


def test_the_bundled_dispersion_survives():
    crystal = lattice.load("Bi2Se3-noSOC")
    again = crystal_from_phonopy(phonopy_from_crystal(crystal))
    same_constants(again.force_constants, crystal.force_constants)
    np.testing.assert_array_equal(again.positions, crystal.positions)


def test_charges_go_along_only_when_asked_for():
    crystal = lattice.load("Bi2Se3")
    assert phonopy_from_crystal(crystal).nac_params is None
    phonon = phonopy_from_crystal(crystal, with_nac=True)
    assert phonon.nac_params["factor"] == units.COULOMB
    again = crystal_from_phonopy(phonon)
    np.testing.assert_allclose(again.born_charges, crystal.born_charges, atol=1e-12)
    np.testing.assert_allclose(again.dielectric, crystal.dielectric, atol=1e-12)
    bare = spring_crystal(TRICLINIC)
    with pytest.raises(InputError, match="Born charges"):
        phonopy_from_crystal(bare, with_nac=True)


@pytest.mark.parametrize("calculator", ["qe", "abinit", "wien2k", "siesta", "cp2k", "elk"])
def test_the_units_of_the_calculator_are_converted(calculator):
    crystal = spring_crystal(TRICLINIC, np.diag([2, 1, 1]), cutoff=5.0)
    from phonopy.physical_units import get_calculator_physical_units

    physical = get_calculator_physical_units(calculator)
    length = physical.distance_to_A
    force = physical.force_to_eVperA
    atoms = PhonopyAtoms(
        cell=crystal.cell / length, scaled_positions=crystal.positions, numbers=crystal.numbers, masses=crystal.masses
    )
    phonon = Phonopy(atoms, np.diag([2, 1, 1]), primitive_matrix="P", calculator=calculator)
    # A force constant is a force over a length, in the units of the program.
    phonon.force_constants = phonopy_from_crystal(crystal).force_constants * length / force
    again = crystal_from_phonopy(phonon)
    np.testing.assert_allclose(again.cell, crystal.cell, rtol=1e-12)
    np.testing.assert_allclose(again.force_constants.array, crystal.force_constants.array, atol=1e-9)
    own, converted = (p.run_qpoints([[0, 0, 0]]).frequencies[0] for p in (phonon, phonopy_from_crystal(again)))
    np.testing.assert_allclose(np.sign(own) * own**2, np.sign(converted) * converted**2, atol=1e-4)


def test_a_phonopy_object_is_not_changed():
    phonon = phonopy_from_crystal(spring_crystal(TRICLINIC, np.diag([2, 1, 1]), cutoff=5.0))
    before = phonon.force_constants.copy()
    lattice.load(phonon, primitive="auto")
    np.testing.assert_array_equal(phonon.force_constants, before)
    assert phonon.dataset is None


def test_an_object_without_forces_gives_the_bare_crystal():
    phonon = build_phonopy(ROCKSALT, np.eye(3, dtype=int), "auto")
    crystal = lattice.load(phonon)
    assert crystal.force_constants is None
    assert crystal.n_atoms == 2
    assert crystal.born_charges is None
