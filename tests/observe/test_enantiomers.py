"""Se and Se-left are mirror images: what has a handedness is opposite, what has none is the same."""

import numpy as np
import pytest

import lattice

MIRROR = np.diag([1.0, 1.0, -1.0])


@pytest.fixture(scope="module")
def pair():
    return lattice.load("Se"), lattice.load("Se-left")


def test_the_cell_is_reflected_and_not_the_same(pair):
    right, left = pair
    np.testing.assert_array_equal(left.cell, right.cell)
    difference = left.positions - right.positions * [1, 1, -1]
    np.testing.assert_allclose(difference, np.rint(difference), atol=1e-12)
    assert (right.spacegroup.symbol, left.spacegroup.symbol) == ("P3_121", "P3_221")
    np.testing.assert_allclose(left.dielectric, MIRROR @ right.dielectric @ MIRROR, atol=1e-12)
    np.testing.assert_allclose(left.born_charges, MIRROR @ right.born_charges @ MIRROR, atol=1e-12)


@pytest.mark.parametrize("q", [0.1, 0.25, 0.4])
def test_along_the_axis_j_and_m_are_opposite(pair, q):
    right, left = (lattice.solve_modes(crystal, (0, 0, q)) for crystal in pair)
    np.testing.assert_allclose(left.frequency, right.frequency, atol=1e-6)
    np.testing.assert_allclose(left.J[:, 2], -right.J[:, 2], atol=1e-6)
    assert np.abs(right.J[:, 2]).max() > 0.1  # a chiral crystal: the modes of one q do turn
    np.testing.assert_allclose(left.m, -right.m, atol=1e-12)
    assert set(np.rint(right.m).astype(int)) == {-1, 0, 1}


def test_off_the_axis_j_is_reflected_as_an_axial_vector(pair):
    q = np.array([0.13, 0.29, 0.21])
    right, left = lattice.solve_modes(pair[0], q), lattice.solve_modes(pair[1], q * [1, 1, -1])
    np.testing.assert_allclose(left.frequency, right.frequency, atol=1e-6)
    np.testing.assert_allclose(left.J, right.J @ -MIRROR, atol=1e-5)


def test_the_edelstein_tensors_are_opposite(pair):
    right, left = (lattice.edelstein(crystal, (6, 6, 6))["alpha"].values[0] for crystal in pair)
    size = np.abs(right).max()
    assert size > 0
    np.testing.assert_allclose(left, -right, atol=1e-5 * size)
    # D3: diagonal, and the same along both directions of the plane
    np.testing.assert_allclose(right, np.diag(np.diag(right)), atol=1e-6 * size)
    assert right[0, 0] == pytest.approx(right[1, 1], rel=1e-6)


def test_couplings_have_the_same_size(pair):
    """The gauge may change signs of coordinates; sums of squares over the terms of a channel do not."""
    right, left = lattice.load_potential("Se"), lattice.load_potential("Se-left")

    def sizes(potential):
        dipole = potential.channel == "light"
        names = sorted(set(potential.channel[~dipole].tolist()))
        return {n: float(np.linalg.norm(potential.coefficient[potential.channel == n])) for n in names}

    ours, theirs = sizes(right), sizes(left)
    assert ours.keys() == theirs.keys()
    largest = max(ours.values())
    for name, value in ours.items():
        assert theirs[name] == pytest.approx(value, abs=1e-6 * largest), name


def test_light_along_the_axis_turns_both_alike():
    """L along z and the turning of a field in the plane are the same behind the mirror z = 0."""
    runs = []
    for name in ("Se", "Se-left"):
        potential = lattice.load_potential(name)
        runs.append(lattice.simulate(potential, lattice.default_pulse(potential), 3.0)["L"].values[..., 2])
    assert np.abs(runs[0]).max() > 0
    np.testing.assert_allclose(runs[1], runs[0], atol=1e-5 * np.abs(runs[0]).max())
