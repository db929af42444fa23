"""Space groups, their action on the atoms, and what force constants that break an identity report."""

import numpy as np
import pytest
from ase import Atoms
from model_crystals import cell_of_spacegroup, spring_constants

import lattice
from lattice.structure.cell import Cell
from lattice.structure.crystal import ForceConstants
from lattice.structure.defects import exchange_defect, sum_rule_defect, symmetry_defect
from lattice.structure.symmetry import cartesian_rotations, count_pure_translations, find_spacegroup, permutations

GROUPS = [1, 2, 4, 15, 33, 62, 76, 88, 145, 152, 161, 166, 178, 186, 194, 198, 205, 215, 220]


@pytest.mark.parametrize("number", GROUPS)
def test_the_group_of_a_cell_is_found_and_acts_on_it(number):
    cell = cell_of_spacegroup(number)
    group = find_spacegroup(cell)
    assert group.number == number
    assert count_pure_translations(group) == 1
    atoms, shifts = permutations(cell, group)
    assert (np.sort(atoms, axis=1) == np.arange(cell.n_atoms)).all()
    assert (cell.numbers[atoms] == cell.numbers).all()
    images = np.einsum("gab,kb->gka", group.rotations, cell.positions) + group.translations[:, None, :]
    np.testing.assert_allclose(images, cell.positions[atoms] + shifts, atol=1e-6)
    rotations = cartesian_rotations(cell, group)
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), [np.eye(3)] * len(rotations), atol=1e-9)


@pytest.mark.parametrize(("number", "supercell"), [(1, (2, 1, 1)), (33, (1, 2, 1)), (152, (2, 2, 1)), (166, (1, 1, 1))])
def test_springs_obey_every_identity(number, supercell):
    cell = cell_of_spacegroup(number)
    group = find_spacegroup(cell)
    constants = spring_constants(cell, np.diag(supercell), 5.0)
    scale = np.abs(constants.array).max()
    assert sum_rule_defect(constants) < 1e-12 * scale
    assert exchange_defect(constants) < 1e-12 * scale
    assert symmetry_defect(constants, cell, group) < 1e-5 * scale


def test_each_defect_answers_to_its_own_identity():
    cell = cell_of_spacegroup(152, species=1)
    group = find_spacegroup(cell)
    sound = spring_constants(cell, np.diag([2, 2, 1]), 5.0)
    array = sound.array.copy()
    array[0, 1, 2, 0, 1] += 0.3
    broken = ForceConstants(array, sound.translations, sound.supercell_matrix)
    assert sum_rule_defect(broken) == pytest.approx(0.3)
    assert exchange_defect(broken) == pytest.approx(0.3)
    assert symmetry_defect(broken, cell, group) > 0.1
    array = sound.array.copy()
    array[:, 0, :] += 0.2 * np.einsum("ij,ab->ijab", np.eye(cell.n_atoms), np.eye(3))
    pinned = ForceConstants(array, sound.translations, sound.supercell_matrix)
    assert sum_rule_defect(pinned) == pytest.approx(0.2)
    assert exchange_defect(pinned) < 1e-12
    assert symmetry_defect(pinned, cell, group) < 1e-5


def test_operations_that_turn_the_supercell_say_nothing():
    # The four-fold axis turns 2×1×1 into 1×2×1: constants that differ between x and y break no operation that is left.
    cell = Cell(np.diag([3.0, 3.0, 4.0]), [[0, 0, 0]], [84], [209.0])
    group = find_spacegroup(cell)
    array = spring_constants(cell, np.diag([2, 1, 1]), 5.0).array.copy()
    array[..., 0, 0] *= 1.5
    assert symmetry_defect(ForceConstants(array, [[0, 0, 0], [1, 0, 0]], np.diag([2, 1, 1])), cell, group) < 1e-12
    array = spring_constants(cell, np.eye(3, dtype=int), 5.0).array.copy()
    array[..., 0, 0] += 0.5
    assert symmetry_defect(ForceConstants(array, [[0, 0, 0]], np.eye(3)), cell, group) == pytest.approx(0.5)


def test_a_tolerance_decides_what_is_symmetric():
    atoms = Atoms("CsCl", cell=np.diag([4.1, 4.1, 4.1 + 1e-3]), scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True)
    assert lattice.load(atoms).spacegroup.number == 123
    assert lattice.load(atoms, symprec=1e-2).spacegroup.number == 221
