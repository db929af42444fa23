"""Pictures of modes: paths, arrows and words are those of the modes."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import lattice
from lattice.errors import InputError
from lattice.show.modes import LARGEST, draw_mode, draw_modes, modes_figure, view
from lattice.show.style import INK, STRONG


@pytest.fixture(scope="module")
def modes():
    return lattice.solve_modes(lattice.load("Bi2Se3"))


def paths(modes, label):
    ax = Figure().add_subplot()
    draw_mode(ax, modes, modes.multiplet(label))
    return ax, ax.lines


def test_one_panel_for_each_optical_multiplet_with_its_numbers(modes):
    axes = draw_modes(modes).axes
    optical = [multiplet for multiplet in modes.multiplets if not multiplet.acoustic]
    assert [ax.get_title().split()[0] for ax in axes] == [multiplet.label for multiplet in optical]
    assert axes[2].get_title() == "Eu(1)  2.19 THz\nm +1, J +1.00 ħ\nIR"
    assert axes[1].get_title() == "A1g(1)  1.98 THz\nm 0, J 0.00 ħ\nRaman"


def test_circular_modes_are_ellipses_that_turn_one_way_and_straight_ones_lines(modes):
    _, lines = paths(modes, "Eu(1)")
    assert len(lines) == 5
    assert {to_hex(line.get_color()) for line in lines} == {to_hex(STRONG[0])}  # counter-clockwise
    areas = []
    for line in lines:
        x, y = line.get_data()
        areas.append(0.5 * float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()))
        width, height = np.ptp(x), np.ptp(y)
        assert height == pytest.approx(width * np.sin(np.radians(25.0)), rel=2e-2)  # a circle ⟂ n̂ seen from 25° above
    assert (np.array(areas) > 0).all()  # seen from above: counter-clockwise on the paper too
    assert max(np.ptp(line.get_xdata()) for line in lines) == pytest.approx(2 * LARGEST, rel=1e-2)
    _, lines = paths(modes, "A1g(1)")
    assert len(lines) == 4  # the central atom is at rest
    assert {to_hex(line.get_color()) for line in lines} == {to_hex(INK)}
    assert all(np.ptp(line.get_xdata()) < 1e-9 for line in lines)


def test_the_atoms_are_where_they_are(modes):
    ax, _ = paths(modes, "Eg(1)")
    flat, towards = view(np.array([0.0, 0.0, 1.0]))
    heights = sorted(collection.get_offsets()[0][1] for collection in ax.collections)
    z = modes.crystal.positions @ modes.crystal.cell
    assert len(heights) == 5
    assert flat @ towards == pytest.approx([0.0, 0.0], abs=1e-15)
    assert np.cross(flat[0], flat[1]) == pytest.approx(towards)
    assert towards[2] > 0
    assert heights[-1] - heights[0] < np.ptp(z[:, 2])


def test_partners_of_opposite_sense_have_opposite_colours(modes):
    mirrored = modes.multiplet("Eg(2)")
    plus, minus = mirrored.indices
    from dataclasses import replace

    ax = Figure().add_subplot()
    draw_mode(ax, modes, replace(mirrored, indices=(minus, plus)))
    assert {to_hex(line.get_color()) for line in ax.lines} == {to_hex(STRONG[1])}


def test_files_choices_and_refusals(modes, tmp_path):
    for suffix in (".png", ".svg", ".pdf"):
        modes_figure(modes, tmp_path / f"modes{suffix}", ["Eu(1)", "Eg(2)"])
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(InputError, match="Eu"):
        draw_modes(modes, ["Eu(7)"])
    wave = lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0.25, 0.25, 0.25))
    assert "q = (0.25 0.25 0.25)" in draw_modes(wave).get_suptitle()
