"""Paths: points, J and m along them, bands through crossings."""

import dataclasses

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.errors import InputError
from lattice.modes.connect import connect_bands
from lattice.structure.bandpath import special_path


@pytest.fixture(scope="module")
def chiral():
    return spring_crystal(cell_of_spacegroup(144, 1), 2 * np.eye(3, dtype=int), cutoff=8.5, name="P3_1")


@pytest.fixture(scope="module")
def axial(chiral):
    """Along the screw axis, through Γ."""
    return lattice.solve_path(chiral, [[0, 0, -0.5], [0, 0, 0], [0, 0, 0.5]], 42)


def test_points_of_the_path(chiral):
    bands = lattice.solve_path(chiral, npoints=63)
    assert bands.sizes["qpoint"] == 63
    assert {"Γ", "K", "M", "A"} <= set(bands["label"].values)
    corners = dict(piece for part in special_path(chiral) for piece in part)
    for label, q in zip(bands["label"].values, bands["qpoint"].values, strict=True):
        if label:
            assert q == pytest.approx(corners["G" if label == "Γ" else label])
    reciprocal = 2 * np.pi * np.linalg.inv(chiral.cell).T
    steps = np.linalg.norm(np.diff(bands["qpoint"].values @ reciprocal, axis=0), axis=1)
    inside = np.diff(bands["segment"].values) == 0
    assert np.diff(bands["distance"].values)[inside] == pytest.approx(steps[inside])
    assert (np.diff(bands["distance"].values)[~inside] == 0).all()


def test_modes_are_those_of_each_point(axial, chiral):
    for k in (0, 7, 21, 30):
        modes = lattice.solve_modes(chiral, axial["qpoint"].values[k])
        assert axial["frequency"].values[k] == pytest.approx(modes.frequency, abs=1e-9)
        assert axial["J"].values[k] == pytest.approx(modes.J, abs=1e-9)
        assert axial["m"].values[k] == pytest.approx(modes.m, abs=1e-9)


def test_opposite_q_has_opposite_J_and_m(axial):
    """m(−q) = −m(q): complex conjugation turns exp(−2πi m/n) round."""
    frequency, J, m = axial["frequency"].values, axial["J"].values[:, :, 2], axial["m"].values
    generic = slice(2, 19)
    assert frequency[generic] == pytest.approx(frequency[::-1][generic], abs=1e-9)
    assert J[generic] == pytest.approx(-J[::-1][generic], abs=1e-6)
    order = axial["rotation_order"].values[0]
    total = np.abs(m[generic] + m[::-1][generic])
    assert np.minimum(total, order - total).max() < 1e-6


def test_bands_keep_m_along_the_axis(axial):
    m, band, order = axial["m"].values, axial["band"].values, axial["rotation_order"].values
    assert (order == 3).all()
    half = slice(22, 42)
    by_band = np.take_along_axis(m[half], np.argsort(band[half], axis=1), axis=1)
    assert np.abs(by_band - by_band[0]).max() < 1e-6
    assert (np.sort(band, axis=1) == np.arange(m.shape[1])).all()
    assert (band[half] != band[half][0]).any()  # some of them do cross


def test_a_crossing_is_followed():
    """Two unlinked modes cross: sorted by frequency they exchange places, as bands they do not."""
    x = np.linspace(-1, 1, 9)
    frequency = np.sort(np.stack([2 + x, 2 - x], axis=1), axis=1)
    vectors = np.array([[[1, 0], [0, 1]] if t < 0 else [[0, 1], [1, 0]] for t in x], dtype=complex)
    none, ones = np.full((9, 2), np.nan), np.ones(9, dtype=int)
    band = connect_bands(vectors, frequency, none, ones, np.zeros(9))
    assert (band[:4] == [0, 1]).all()
    assert (band[5:] == [1, 0]).all()
    mixed = np.tile(np.array([[1, 1], [1, -1]]) / np.sqrt(2), (9, 1, 1)).astype(complex)
    mixed[5:] = np.eye(2)
    m = np.where(x[:, None] < 0, [[0.0, 1.0]], [[1.0, 0.0]])
    assert (connect_bands(mixed, frequency, m, 3 * ones, np.zeros(9))[5:] == [1, 0]).all()


def test_frequencies_decide_where_overlaps_are_equal_whatever_their_unit():
    equal = np.array([np.eye(2), [[1, 1], [1, -1]] / np.sqrt(2)], dtype=complex)
    none, ones = np.full((2, 2), np.nan), np.ones(2, dtype=int)
    for unit in (1e-3, 1.0, 1e3):
        for frequency, expected in ([[1, 2], [2, 1]], [1, 0]), ([[1, 2], [1, 2]], [0, 1]):
            assert (connect_bands(equal, unit * np.array(frequency), none, ones, 0 * ones)[1] == expected).all()
    # Overlaps that differ by less than the weight of a frequency across the whole span count as equal.
    angle = np.pi / 4 + 2.5e-4
    near = np.array([np.eye(2), [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]], dtype=complex)
    for unit in (1e-3, 1.0, 1e3):
        band = connect_bands(near, unit * np.array([[1.0, 2.0], [1.0, 2.0]]), none, ones, 0 * ones)
        assert (band[1] == [0, 1]).all()


def test_no_J_under_inversion_and_no_m_off_the_axis():
    crystal = lattice.load("Bi2Se3-noSOC")
    bands = lattice.solve_path(dataclasses.replace(crystal, born_charges=None, dielectric=None), "ZGL", 12)
    generic = bands["rotation_order"].values == 1
    assert generic.sum() >= 4
    assert np.isnan(bands["m"].values[generic]).all()
    assert not np.isnan(bands["m"].values[~generic]).any()
    group = bands["degenerate_group"].values
    same = group[:, :, None] == group[:, None, :]
    assert np.abs(np.einsum("qst,qtx->qsx", same, bands["J"].values)).max() < 1e-6


def test_polar_crystals_split_at_gamma_along_the_segment():
    crystal = lattice.load("Bi2Se3-noSOC")
    bands = lattice.solve_path(crystal, [[0, 0, 0], [0, 0, 0.2]], 4)
    along = lattice.solve_modes(crystal, nac_direction=np.linalg.inv(crystal.cell).T[2])
    assert bands["frequency"].values[0] == pytest.approx(along.frequency, abs=1e-9)
    assert np.abs(along.frequency - lattice.solve_modes(crystal).frequency).max() > 0.01
    assert bands.attrs["long_range"] == "gonze-lee"


@pytest.mark.parametrize(
    ("path", "npoints", "words"),
    [
        ("GQ9", 20, "does not have"),
        ("G", 20, "two points"),
        ("", 20, "two points"),
        ("GK,M", 20, "two points"),
        ([[0, 0, 0]], 20, "list of q-points"),
        ([[0, 0], [1, 1]], 20, "list of q-points"),
        ([[0, 0, 0], [0, 0, np.nan]], 20, "list of q-points"),
        ([[0, 0, 0], "M"], 20, "list of q-points"),
        ([[0, 0, 0], [0, 0, 0]], 20, "equal neighbours"),
        ("GKM", 3, "Too few points"),
        ("GK", 10.0, "Too few points"),
    ],
)
def test_what_is_no_path_is_refused(chiral, path, npoints, words):
    with pytest.raises(InputError, match=words):
        lattice.solve_path(chiral, path, npoints)


def test_force_constants_of_one_cell_hold_only_gamma():
    with pytest.raises(InputError, match="hold only q = 0"):
        lattice.solve_path(lattice.load("Bi2Se3"))
