"""The piece of a crystal that is drawn."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup

from lattice.show.block import ATOMS, block_of_crystal
from lattice.structure.load import load

Z = np.array([0.0, 0.0, 1.0])


def block_of(cell, positions, radii=None, axis=Z):
    return block_of_crystal(cell, positions, np.full(len(positions), 1.3) if radii is None else radii, axis)


def test_bi2se3_shows_whole_quintuple_layers():
    crystal = load("Bi2Se3")
    block = block_of(crystal.cell, crystal.positions, np.where(crystal.numbers == 83, 1.48, 1.2))
    order = np.argsort(block.basis[:, 2])
    assert crystal.numbers[order].tolist() == [34, 83, 34, 83, 34]
    assert np.ptp(block.basis[:, 2]) < 7.2
    heights = np.unique(block.translations[:, 2].round(3))
    assert heights.tolist() == [0.0, 9.547]
    n = len(crystal.numbers)
    layer = np.repeat(block.translations[:, 2] > 1.0, n)
    assert (layer[block.bonds[:, 0]] == layer[block.bonds[:, 1]]).all()  # no bond across the van der Waals gap


@pytest.mark.parametrize("number", [1, 14, 62, 141, 152, 166, 194, 216, 225])
def test_any_space_group(number):
    cell = cell_of_spacegroup(number)
    block = block_of(cell.cell, cell.positions)
    moved = block.basis_fractional - cell.positions
    assert np.abs(moved - np.rint(moved)).max() < 1e-9
    assert np.allclose(block.translations, block.shifts @ cell.cell)
    assert not block.shifts[0].any()
    assert len(np.unique(block.shifts, axis=0)) == len(block.shifts)
    assert len(block.shifts) * cell.n_atoms <= max(2 * ATOMS, cell.n_atoms)
    assert abs(np.linalg.det(block.edges)) == pytest.approx(abs(np.linalg.det(cell.cell)))
    assert np.allclose(np.linalg.norm(block.edges[:2], axis=1), np.sort(np.linalg.norm(block.edges[:2], axis=1)))
    places = (block.basis[None] + block.translations[:, None]).reshape(-1, 3)
    assert np.abs(places.mean(axis=0)).max() < 1e-9
    for i, j in block.bonds:
        assert np.linalg.norm(places[i] - places[j]) < 1.2 * 2.6


def test_a_skew_cell_and_a_tilted_axis_change_nothing_but_the_frame():
    cell = np.array([[4.0, 0, 0], [0, 4.0, 0], [0, 0, 6.0]])
    skew = np.array([[1, 0, 0], [3, 1, 0], [-2, 1, 1]]) @ cell
    plain, other = block_of(cell, [[0.0, 0, 0]]), block_of(skew, [[0.0, 0, 0]])
    assert sorted(np.linalg.norm(other.edges, axis=1).round(6)) == [4.0, 4.0, 6.0]
    rows = {tuple(t) for t in plain.translations.round(6).tolist()}
    assert {tuple(t) for t in (other.translations.round(6) + 0.0).tolist()} == {tuple(np.array(t) + 0.0) for t in rows}


def test_a_large_cell_is_shown_alone():
    rng = np.random.default_rng(0)
    block = block_of(np.eye(3) * 20.0, rng.random((150, 3)))
    assert block.shifts.tolist() == [[0, 0, 0]]
