"""Irreps at Γ for the 32 point groups, against rules that do not use a table."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.modes.axis import rotation_order
from lattice.structure.crystal import Crystal
from lattice.structure.symmetry import find_spacegroup

ONE_OF_EACH_POINT_GROUP = (
    1, 2, 3, 6, 10, 16, 25, 47, 75, 81, 83, 89, 99, 111, 115, 123, 143, 147, 149, 150, 156, 157, 162, 164, 166, 168,
    174, 175, 177, 183, 187, 189, 191, 195, 200, 207, 215, 221,
)  # fmt: skip


@pytest.mark.parametrize("number", ONE_OF_EACH_POINT_GROUP)
def test_labels(number):
    species = 1 if number >= 195 or number in {123, 162, 164, 191} else 2  # small cells, but no symmetry by accident
    crystal = spring_crystal(cell_of_spacegroup(number, species=species), cutoff=4.0)
    assert crystal.spacegroup.number == number
    modes = lattice.solve_modes(crystal)
    group = crystal.spacegroup
    inversion = (group.rotations == -np.eye(3)).all(axis=(1, 2)).any()
    vector = {x.irrep for x in modes.multiplets if x.acoustic}
    for multiplet in modes.multiplets:
        irrep = multiplet.irrep
        assert irrep is not None, multiplet.irrep_reason
        assert {1: "AB", 2: "E", 3: "T"}[len(multiplet.indices)].count(irrep[0]) == 1
        assert inversion == (irrep.rstrip("'")[-1] in "gu")
        assert multiplet.ir_active == (irrep in vector and not multiplet.acoustic)
        if inversion:
            assert not (multiplet.ir_active and multiplet.raman_active)
            assert multiplet.raman_active <= irrep.endswith("g")
        if number < 195 and irrep[0] in "AB" and modes.rotation_order > 2:  # cubic A2 is odd under C4
            np.testing.assert_allclose(
                modes.m[multiplet.indices[0]], 0 if irrep[0] == "A" else modes.rotation_order / 2
            )


SEED = {216: 1}  # with seed 0 the random place happens to be a special one


@pytest.mark.parametrize("number", range(1, 231))
def test_every_space_group_has_labels(number):
    """General orbits alone, so no force constants are needed; the vector representation is that of the translations."""
    cell = cell_of_spacegroup(number, species=1 if number >= 195 else 2, seed=SEED.get(number, 0))
    spacegroup = find_spacegroup(cell)
    assert spacegroup.number == number
    modes = lattice.solve_patterns(Crystal(cell.cell, cell.positions, cell.numbers, cell.masses, spacegroup))
    vector = {x.irrep for x in modes.multiplets if x.acoustic}
    for multiplet in modes.multiplets:
        assert multiplet.irrep is not None, multiplet.irrep_reason
        assert multiplet.ir_active == (multiplet.irrep in vector and not multiplet.acoustic)
    assert sum(len(x.indices) for x in modes.multiplets if x.acoustic) == 3


def test_bi2se3_decomposition():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    optical = sorted(x.irrep for x in modes.multiplets if not x.acoustic)
    assert optical == ["A1g", "A1g", "A2u", "A2u", "Eg", "Eg", "Eu", "Eu"]
    for multiplet in modes.multiplets:
        assert multiplet.ir_active == (multiplet.irrep.endswith("u") and not multiplet.acoustic)
        assert multiplet.raman_active == multiplet.irrep.endswith("g")


def test_characters_of_the_group_are_complete():
    """In a general orbit every irrep appears as often as its dimension, for each of the three directions."""
    crystal = spring_crystal(cell_of_spacegroup(164, species=1), cutoff=4.0)
    modes = lattice.solve_modes(crystal)
    counts = {}
    for multiplet in modes.multiplets:
        counts[multiplet.irrep] = counts.get(multiplet.irrep, 0) + 1
    assert counts == {"A1g": 3, "A2g": 3, "A1u": 3, "A2u": 3, "Eg": 6, "Eu": 6}


def test_cell_that_is_not_primitive_has_no_labels_and_says_why():
    from lattice.structure.cell import Cell

    small = cell_of_spacegroup(2, species=1)
    positions = np.vstack([small.positions * [0.5, 1, 1], small.positions * [0.5, 1, 1] + [0.5, 0, 0]])
    doubled = Cell(small.cell * [[2], [1], [1]], positions, np.tile(small.numbers, 2), np.tile(small.masses, 2))
    modes = lattice.solve_modes(spring_crystal(doubled, cutoff=4.0))
    assert all(x.irrep is None and "primitive" in x.irrep_reason for x in modes.multiplets)


def test_rotation_orders():
    assert rotation_order(np.diag([1, 1, -1])) == 2
    assert rotation_order(np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]])) == 3
    assert rotation_order(np.array([[0, 1, 0], [-1, 1, 0], [0, 0, -1]])) == 3  # S6 = −C3
    assert rotation_order(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])) == 4
    assert rotation_order(np.array([[1, -1, 0], [1, 0, 0], [0, 0, 1]])) == 6
