"""Displacement patterns of a structure alone against the modes of the same structure with force constants."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.modes.representation import cell_of, representation


@pytest.mark.parametrize("number", [2, 19, 76, 81, 113, 144, 147, 150, 156, 176, 186])
def test_patterns_carry_the_irreps_m_and_activity_of_the_modes(number):
    crystal = spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0)
    modes, patterns = lattice.solve_modes(crystal), lattice.solve_patterns(crystal)

    def content(solved):
        return sorted(
            (x.irrep, x.acoustic, bool(x.ir_active), bool(x.raman_active), *solved.m[list(x.indices)])
            for x in solved.multiplets
        )

    np.testing.assert_equal(content(patterns), content(modes))
    flat = patterns.eigenvectors.reshape(patterns.n_modes, -1)
    np.testing.assert_allclose(flat.conj() @ flat.T, np.eye(patterns.n_modes), atol=1e-10)
    acoustic = np.array([x.acoustic for x in patterns.multiplets for _ in x.indices])
    np.testing.assert_array_equal(patterns.frequency[acoustic], 0)
    assert np.isnan(patterns.frequency[~acoustic]).all()
    for i, partner in enumerate(patterns.pair):
        if partner >= 0:
            np.testing.assert_allclose(flat[partner], flat[i].conj(), atol=1e-12)
            assert patterns.pair[partner] == i


@pytest.mark.parametrize("number", [113, 150, 156, 186])
def test_partners_of_one_row_transform_alike(number):
    patterns = lattice.solve_patterns(spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0))
    matrices, _ = representation(patterns.eigenvectors, cell_of(patterns.crystal), patterns.crystal.spacegroup)
    first = {}
    for multiplet in patterns.multiplets:
        if multiplet.acoustic:
            continue
        block = matrices[np.ix_(range(len(matrices)), multiplet.indices, multiplet.indices)]
        np.testing.assert_allclose(block, first.setdefault(multiplet.irrep, block), atol=1e-8)


@pytest.mark.parametrize(("number", "species"), [(156, 1), (186, 1), (81, 1), (144, 1), (147, 1), (164, 1)])
def test_known_j_is_that_of_the_modes_of_any_force_constants(number, species):
    cell = cell_of_spacegroup(number, species=species)
    patterns = lattice.solve_patterns(spring_crystal(cell, cutoff=4.0))
    fixed = {}
    for multiplet in patterns.multiplets:
        if not multiplet.acoustic and len(multiplet.indices) == 2:
            fixed.setdefault(multiplet.irrep, patterns.J[multiplet.indices[0]] @ patterns.axis)
    spread = {}
    for cutoff in (3.5, 4.0, 5.0):
        modes = lattice.solve_modes(spring_crystal(cell, cutoff=cutoff))
        for multiplet in modes.multiplets:
            if not multiplet.acoustic and len(multiplet.indices) == 2:
                spread.setdefault(multiplet.irrep, []).append(modes.J[multiplet.indices[0]] @ modes.axis)
    assert fixed
    for irrep, value in fixed.items():
        if np.isnan(value):
            assert np.ptp(spread[irrep]) > 1e-3
        else:
            np.testing.assert_allclose(spread[irrep], value, atol=1e-9)


def test_special_positions_fix_j():
    """Rock salt along [111], zinc blende and Bi2Se3: every site has the three-fold axis, so that J is fixed."""
    patterns = lattice.solve_patterns(lattice.load("Bi2Se3"))
    assert not np.isnan(patterns.J).any()
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    for irrep in ("Eu", "Eg"):
        for solved in (patterns, modes):
            plus, minus = solved.multiplet(f"{irrep}(1)").indices
            np.testing.assert_allclose(solved.J[[plus, minus]], [[0, 0, 1], [0, 0, -1]], atol=1e-9)


def test_an_axis_can_be_given():
    patterns = lattice.solve_patterns(lattice.load("Bi2Se3"), axis=(1, 0, 0))
    assert patterns.rotation_order == 2
    np.testing.assert_array_equal(patterns.axis, [1, 0, 0])
