"""Bands and densities: colours, scale, axes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.errors import InputError
from lattice.show.bands import bands_figure, draw_angular_momentum_dos, draw_bands, draw_dos, mesh_figure


@pytest.fixture(scope="module")
def crystal():
    return spring_crystal(cell_of_spacegroup(144, 1), 2 * np.eye(3, dtype=int), cutoff=8.5, name="P3_1")


@pytest.fixture(scope="module")
def bands(crystal):
    return lattice.solve_path(crystal, "GAL,MK", 30)


@pytest.fixture(scope="module")
def density(crystal):
    return lattice.angular_momentum_dos(lattice.solve_mesh(crystal, (3, 3, 3)))


def test_colour_is_J_with_white_at_zero(bands):
    ax = Figure().add_subplot()
    mappable = draw_bands(ax, bands)
    assert mappable.norm.vmin == -mappable.norm.vmax
    assert mappable.to_rgba(0.0)[:3] == pytest.approx((1, 1, 1), abs=0.05)
    red, _, blue, _ = mappable.to_rgba(mappable.norm.vmax)
    assert red > blue
    coloured = ax.collections[1]
    values = coloured.get_array()
    assert len(values) == (30 - 3) * bands.sizes["mode"]  # no line across a corner that is listed twice
    assert np.abs(values).max() <= np.abs(bands["J"].values[:, :, 2]).max() + 1e-12
    assert np.abs(values).max() > 0.1


def test_lines_are_the_bands(bands):
    ax = Figure().add_subplot()
    draw_bands(ax, bands)
    for line in ax.collections[0].get_segments():
        for distance, frequency in line:
            k = np.flatnonzero(np.isclose(bands["distance"].values, distance))
            assert np.abs(bands["frequency"].values[k] - frequency).min() < 1e-12


def test_corners_are_named(bands):
    ax = Figure().add_subplot()
    draw_bands(ax, bands)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Γ", "A", "L|M", "K"]
    assert ax.get_ylabel() == "frequency (THz)"


def test_degenerate_bands_have_the_colour_of_their_mean():
    ax = Figure().add_subplot()
    draw_bands(ax, lattice.solve_path(lattice.load("Bi2Se3-noSOC"), "GZ", 5))
    assert np.abs(ax.collections[1].get_array()).max() < 1e-6


def test_densities_are_drawn_to_scale(density):
    left, right = Figure().subplots(1, 2)
    draw_dos(left, density)
    image = draw_angular_momentum_dos(right, density, "x")
    assert left.lines[0].get_xdata() == pytest.approx(density["dos"].values)
    drawn = np.ma.asarray(image.get_array()).filled(0.0)
    assert drawn.max() == pytest.approx(density["density"].sel(axis="x").values.max())
    assert right.get_xlabel() == "$J_x$ (ħ)"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_are_written(bands, density, tmp_path, suffix):
    bands_figure(bands, tmp_path / f"bands{suffix}", "y")
    mesh_figure(density, tmp_path / f"mesh{suffix}")
    assert {path.name for path in tmp_path.iterdir()} == {f"bands{suffix}", f"mesh{suffix}"}


def test_unknown_component_and_ending_are_refused(bands, density, tmp_path):
    with pytest.raises(InputError, match="x, y or z"):
        bands_figure(bands, tmp_path / "bands.png", "r")
    with pytest.raises(InputError, match="ending"):
        mesh_figure(density, tmp_path / "mesh.bmp")
    assert list(tmp_path.iterdir()) == []
