"""Channels among wave vectors against random cubic terms of a supercell that the supercell's own group averages."""

import itertools

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.anharmonic.invariance import coordinate_representation
from lattice.errors import InputError
from lattice.structure.cell import Cell

THIRD = 1 / 3


def honeycomb():
    """Two species of P-6m2, where K, K and K add up to a reciprocal lattice vector."""
    return spring_crystal(
        Cell(
            [[3.0, 0, 0], [-1.5, 1.5 * 3**0.5, 0], [0, 0, 8.0]],
            [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]],
            [1, 3],
            [20.0, 47.0],
        ),
        np.diag([3, 3, 1]),
        4.0,
    )


def model(number, repeat, species=1):
    return spring_crystal(cell_of_spacegroup(number, species=species), np.diag(repeat), 5.0)


def supercell(crystal, repeat):
    cells = np.array(list(itertools.product(*map(range, repeat))))
    positions = (crystal.positions[None] + cells[:, None]).reshape(-1, 3) / repeat
    n = len(cells)
    return Cell(
        crystal.cell * np.array(repeat)[:, None], positions, np.tile(crystal.numbers, n), np.tile(crystal.masses, n)
    ), cells


def pattern(factors, repeat, seed=0):
    """Products for which a random invariant cubic polynomial of the supercell has a derivative."""
    crystal = factors[0].crystal
    cell, cells = supercell(crystal, repeat)
    n = 3 * cell.n_atoms
    matrices, _ = coordinate_representation(np.eye(n).reshape(n, -1, 3), cell)
    tensor = np.random.default_rng(seed).standard_normal((n, n, n))
    tensor = sum(tensor.transpose(p) for p in itertools.permutations(range(3)))
    average = np.zeros_like(tensor)
    for matrix in matrices:
        turned = tensor
        for _ in range(3):
            turned = np.tensordot(turned, matrix, axes=(0, 0))
        average += turned / len(matrices)
    result = average.astype(complex)
    for k, modes in enumerate(factors):
        phase = np.exp(2j * np.pi * (crystal.positions[None] + cells[:, None]) @ modes.qpoint)  # (cells, atoms)
        waves = (phase[None, :, :, None] * modes.eigenvectors[:, None]).reshape(modes.n_modes, -1) / np.sqrt(len(cells))
        result = np.tensordot(result, waves.conj() if k == 2 else waves, axes=(0, 1))
    size = np.abs(result)
    assert size[size > 1e-8].min() > 1e-6
    acoustic = [[i for x in modes.multiplets if x.acoustic for i in x.indices] for modes in factors]
    same = np.array_equal(factors[0].qpoint, factors[1].qpoint)
    return {
        tuple(map(int, place))
        for place in np.argwhere(size > 1e-8)
        if not any(i in left for i, left in zip(place, acoustic, strict=True)) and (not same or place[0] <= place[1])
    }


CASES = {
    "screw line": (lambda: model(144, (1, 1, 3)), (1, 1, 3), (0, 0, THIRD), (0, 0, THIRD), (0, 0, 2 * THIRD)),
    "q and -q": (lambda: model(144, (1, 1, 3)), (1, 1, 3), (0, 0, THIRD), (0, 0, -THIRD), (0, 0, 0)),
    "q and -q, two-fold axis": (lambda: model(16, (1, 1, 3)), (1, 1, 3), (0, 0, THIRD), (0, 0, -THIRD), (0, 0, 0)),
    "zone border to centre": (lambda: model(19, (2, 1, 1)), (2, 1, 1), (0.5, 0, 0), (0.5, 0, 0), (0, 0, 0)),
    "zone border, 4_1": (lambda: model(76, (1, 1, 2), 2), (1, 1, 2), (0, 0, 0.5), (0, 0, 0.5), (0, 0, 0)),
    "one at the centre": (lambda: model(156, (1, 1, 3)), (1, 1, 3), (0, 0, 0), (0, 0, THIRD), (0, 0, THIRD)),
    "three at K": (honeycomb, (3, 3, 1), (THIRD, THIRD, 0), (THIRD, THIRD, 0), (-THIRD, -THIRD, 0)),
    "K and K'": (honeycomb, (3, 3, 1), (THIRD, THIRD, 0), (-THIRD, -THIRD, 0), (0, 0, 0)),
    "at the centre": (lambda: model(150, (1, 1, 1)), (1, 1, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_table_is_the_pattern_of_the_supercell(case):
    build, repeat, *points = CASES[case]
    crystal = build()
    factors = [lattice.solve_modes(crystal, q) for q in points]
    rows = lattice.line_channels(*factors)
    table = {tuple(row["modes"]) for row in rows}
    assert len(table) == len(rows)
    assert table == pattern(factors, repeat)


def test_at_the_centre_the_table_is_that_of_channels():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    assert lattice.line_channels(modes, modes, modes) == lattice.channels(modes)


def test_m_is_conserved_modulo_the_common_rotation():
    crystal = model(144, (1, 1, 3))
    factors = [lattice.solve_modes(crystal, q) for q in ((0, 0, 0.2), (0, 0, 0.1), (0, 0, 0.3))]
    rows = lattice.line_channels(*factors)
    n_all = np.prod([modes.n_modes for modes in factors])
    assert 0 < len(rows) < n_all
    for row in rows:
        assert row["rotation_order"] == 3
        assert row["delta_m"] % 3 == pytest.approx(0, abs=1e-6)
        assert row["umklapp"] == (abs(row["delta_m"]) > 1)
        assert not row["drivable"]
        assert not row["detectable"]
        a, b, c = (modes.frequency[i] for modes, i in zip(factors, row["modes"], strict=True))
        assert row["detuning_THz"] == pytest.approx(c - a - b, abs=1e-12)


def test_where_nothing_is_left_invariant_everything_is_allowed():
    crystal = model(144, (2, 2, 3))
    points = ((0.1, 0.2, 0.15), (0.07, -0.11, 0.2), (0.17, 0.09, 0.35))
    factors = [lattice.solve_modes(crystal, q) for q in points]
    rows = lattice.line_channels(*factors)
    assert len(rows) == np.prod([modes.n_modes for modes in factors])
    assert all(row["m"] is None for row in rows)


def test_bad_arguments():
    crystal = model(144, (1, 1, 3))
    a, b = (lattice.solve_modes(crystal, (0, 0, z)) for z in (0.2, 0.1))
    with pytest.raises(InputError, match="add up"):
        lattice.line_channels(a, a, b)
    other = lattice.solve_modes(model(150, (1, 1, 1)))
    with pytest.raises(InputError, match="different crystals"):
        lattice.line_channels(a, a, other)
    bismuth = lattice.load("Bi2Se3")
    gamma, along = lattice.solve_modes(bismuth), lattice.solve_modes(bismuth, nac_direction=(0, 0, 1))
    with pytest.raises(InputError, match="full symmetry"):
        lattice.line_channels(gamma, gamma, along)
    with pytest.raises(InputError, match="axes"):
        lattice.line_channels(gamma, gamma, lattice.solve_modes(bismuth, axis=(1, 0, 0)))
