"""Potential files: nothing is lost on the way, and each mistake gets one clear error."""

from dataclasses import replace

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.anharmonic.assemble import Rows, potential_from_rows
from lattice.anharmonic.coordinates import gamma_coordinates
from lattice.anharmonic.overrides import override_multiplets
from lattice.anharmonic.pairs import derived_pairs

ARRAYS = (
    "axis", "frequency", "linewidth", "labels", "multiplet", "coefficient", "mode_index", "field_axis", "channel",
    "pair", "eigenvectors", "mode_numbers", "irreps", "amplitude_range", "angular_momentum", "mode_charge",
)  # fmt: skip

SMALL = """
schema = 1
axis = [0.0, 0.0, 1.0]

[[mode]]
label = "E(1)x"
multiplet = "E(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]

[[mode]]
label = "E(1)y"
multiplet = "E(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]

[[mode]]
label = "A1(1)"
multiplet = "A1(1)"
frequency = 4
linewidth = 0.2

[[term]]
modes = [2, 0, 0]
field = []
coefficient = -1.2e-3
channel = "E(1)^2 A1(1)"

[[term]]
modes = [1]
field = [1]
coefficient = -0.01
channel = "light"
"""


def written(tmp_path, text, name="potential.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["a.toml", "a.nc"])
def test_round_trip_is_exact(tmp_path, name):
    potential = lattice.load_potential("Bi2Se3")
    potential.save(tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == [name]
    again = lattice.load_potential(tmp_path / name)
    for attribute in ARRAYS:
        np.testing.assert_array_equal(getattr(again, attribute), getattr(potential, attribute))
    np.testing.assert_array_equal(again.crystal.positions, potential.crystal.positions)
    assert again.crystal.species == potential.crystal.species
    assert again.source["overrides"] == potential.source["overrides"]
    assert again.source["couplings"] == potential.source["couplings"]


def test_a_potential_without_eigenvectors(tmp_path):
    potential = lattice.load_potential(written(tmp_path, SMALL))
    np.testing.assert_array_equal(potential.angular_momentum[2], [[0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(potential.mode_charge, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(potential.mode_index, [[0, 0, 2], [1, -1, -1]])
    np.testing.assert_array_equal(potential.field_axis, [[-1], [1]])
    assert potential.source["symmetry"].startswith("not checked")
    assert potential.multiplets == ("E(1)", "A1(1)")
    potential.save(tmp_path / "again.toml")
    again = lattice.load_potential(tmp_path / "again.toml")
    np.testing.assert_array_equal(again.coefficient, potential.coefficient)


MISTAKES = [
    ("schema = 1", "schema = 2", "schema"),
    ("schema = 1", "", "lacks a key"),
    ("axis = [0.0, 0.0, 1.0]", "axis = [0.0, 0.0, 2.0]", "unit vector"),
    ("axis = [0.0, 0.0, 1.0]", 'axis = "z"', "list of numbers"),
    ("axis = [0.0, 0.0, 1.0]", "axis = [0.0, nan, 1.0]", "finite"),
    ("frequency = 4", "frequency = inf", "finite number"),
    ("frequency = 4", 'frequency = "4"', "finite number"),
    ("frequency = 4", "frequenzy = 4", "did you mean 'frequency'"),
    ("linewidth = 0.2", "linewidth = -0.2", "negative"),
    ("linewidth = 0.2", "linewidth = true", "finite number"),
    ('label = "A1(1)"', "label = 3", "text in quotes"),
    ("pair = [0, 1]", "pair = [0, 2]", "pair"),
    ("pair = [0, 1]", "pair = [0, 7]", "pair"),
    ("pair = [0, 1]", "", "neither eigenvector nor pair"),
    ("modes = [2, 0, 0]", "modes = [3, 0, 0]", r"modes of \[\[term\]\] 0 .* out of range"),
    ("modes = [2, 0, 0]", "modes = [-1, 0, 0]", r"modes of \[\[term\]\] 0 .* out of range"),
    ("modes = [2, 0, 0]", "modes = [2.0, 0, 0]", "whole number"),
    ("modes = [2, 0, 0]", "modes = []", "no mode factor"),
    ("modes = [2, 0, 0]", "modes = 2", "must be a list"),
    ("field = [1]", "field = [3]", r"field of \[\[term\]\] 1 .* out of range"),
    ("coefficient = -1.2e-3", "coefficient = nan", "finite number"),
    ("[[term]]", "[[therm]]", "unknown key"),
    ("[[term]]", "[[term]", "not valid TOML"),
    ('channel = "light"', 'channel = "light"\n[range]\n"X(1)" = 1.0', "unknown multiplet"),
    ('channel = "light"', 'channel = "light"\n[range]\n"E(1)" = -1.0', "positive"),
    ('channel = "light"', 'channel = "light"\n[crystal]\ncell = 1', "wrong keys"),
    (
        'channel = "light"',
        'channel = "light"\n[crystal]\ncell = [[1,0,0],[0,1,0],[0,0,1]]\npositions = [[0,0,0]]\n'
        'species = ["Xx"]\nmasses = [1]',
        "chemical element",
    ),
    ('channel = "light"', 'channel = "light"\n[measured."A1(1)"]\nbla = 2', "unknown key"),
    ('channel = "light"', 'channel = "light"\n[measured."A1(1)"]\nfrequency = "2"', "finite number"),
    ('channel = "light"', 'channel = "light"\n[measured]\n"A1(1)" = 2', "must be a table"),
    ("modes = [1]\nfield = [1]", "modes = [0, 2, 0]", "writes a term twice"),
    ('channel = "light"', 'channel = "light"\nx = ' + "[" * 50000, "not valid TOML"),
    (
        'channel = "light"',
        'channel = "light"\n[crystal]\ncell = [[1,0,0],[0,1,0],[0,0,1]]\npositions = [[0,0,0]]\n'
        "species = 5\nmasses = [1]",
        "no list",
    ),
    ("frequency = 4", "frequency = 4\neigenvector = [[0, 0, 1]]", "for all modes or for none"),
]


@pytest.mark.parametrize(("old", "new", "word"), MISTAKES)
def test_mistakes(tmp_path, old, new, word):
    assert old in SMALL
    with pytest.raises(lattice.LatticeError, match=word) as caught:
        lattice.load_potential(written(tmp_path, SMALL.replace(old, new)))
    assert caught.value.fix
    assert isinstance(caught.value, lattice.InputError)


def test_eigenvectors_that_are_displacements_are_refused(tmp_path):
    lattice.load_potential("Bi2Se3").save(tmp_path / "a.toml")
    text = (tmp_path / "a.toml").read_text()
    numbers = [line for line in text.splitlines() if line.startswith("    [")]
    with pytest.raises(lattice.FormatError, match="not orthonormal"):
        lattice.load_potential(written(tmp_path, text.replace(numbers[0], "    [0.0, 0.5, 0.5],")))


@pytest.mark.parametrize("with_crystal", [True, False])
def test_pairs_follow_from_eigenvectors(tmp_path, with_crystal):
    potential = lattice.load_potential("Bi2Se3")
    potential.save(tmp_path / "a.toml")
    lines = [line for line in (tmp_path / "a.toml").read_text().splitlines() if not line.startswith("pair = ")]
    text = "\n".join(lines)
    if not with_crystal:
        text = text[: text.index("[crystal]")]
    again = lattice.load_potential(written(tmp_path, text))
    np.testing.assert_array_equal(again.pair, potential.pair)
    assert lattice.default_pulse(again) == lattice.default_pulse(potential)


def test_partners_that_do_not_follow_each_other_are_named(tmp_path):
    potential = lattice.load_potential("Bi2Se3")
    order = np.array([0, 2, 1, *range(3, 12)])  # Eg(1)x, A1g(1), Eg(1)y
    arrays = (
        "frequency",
        "linewidth",
        "labels",
        "multiplet",
        "eigenvectors",
        "mode_numbers",
        "irreps",
        "amplitude_range",
    )
    changed = {name: getattr(potential, name)[order] for name in arrays}
    kept = potential.channel == "light"
    table = {name: getattr(potential, name)[kept] for name in ("coefficient", "mode_index", "field_axis", "channel")}
    other = replace(potential, modes=None, pair=np.full(12, -1), **changed, **table)
    other.save(tmp_path / "a.toml")
    with pytest.raises(lattice.FormatError, match="neighbouring pairs"):
        lattice.load_potential(tmp_path / "a.toml")


@pytest.mark.parametrize("name", ["a.toml", "a.nc"])
def test_a_saved_file_says_which_frequencies_it_has(tmp_path, name):
    measured, computed = (lattice.load_potential("Bi2Se3", frequencies=f) for f in ("measured", "computed"))
    measured.save(tmp_path / name)
    assert lattice.load_potential(tmp_path / name).source["frequencies"] == "measured where known"
    with pytest.raises(lattice.InputError, match="computed frequencies"):
        lattice.load_potential(tmp_path / name, frequencies="computed")
    computed.save(tmp_path / name)
    for choice in ("measured", "computed"):
        again = lattice.load_potential(tmp_path / name, frequencies=choice)
        np.testing.assert_array_equal(again.frequency, computed.frequency)
        assert again.source["frequencies"] == "computed"
    plain = lattice.load_potential(written(tmp_path, SMALL, "plain.toml"))
    assert plain.source["frequencies"] == "as in the file"


def test_a_term_that_breaks_the_symmetry_is_named(tmp_path):
    lattice.load_potential("Bi2Se3").save(tmp_path / "a.toml")
    text = (tmp_path / "a.toml").read_text()
    text = text.replace(
        "[crystal]", '[[term]]\nmodes = [3, 3, 6]\nfield = []\ncoefficient = 1e-5\nchannel = "x"\n\n[crystal]'
    )
    with pytest.raises(lattice.SymmetryError, match=r"modes = \[3, 3, 6\]|modes = \[3, 4, 5\]|modes = \[4, 4, 6\]"):
        lattice.load_potential(written(tmp_path, text))


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 50, b"\xff\xfe\x00text", b"schema = 1"])
@pytest.mark.parametrize("name", ["a.nc", "a.toml"])
def test_broken_files(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(lattice.FormatError):
        lattice.load_potential(path)


def test_another_netcdf_file_is_no_potential(tmp_path):
    import xarray as xr

    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(lattice.FormatError, match="not a potential"):
        lattice.load_potential(tmp_path / "a.nc")


@pytest.mark.parametrize("wrong", [None, 3, "a" * 5000 + ".toml", "nul\0.toml"])
def test_names_that_are_no_names(wrong):
    with pytest.raises(lattice.InputError):
        lattice.load_potential(wrong)
    if not isinstance(wrong, str):
        with pytest.raises(lattice.InputError):
            lattice.load_potential("Bi2Se3").save(wrong)


@pytest.mark.parametrize("name", ["nothing.toml", "Bi2Te3", "a.txt"])
def test_missing_names_list_what_there_is(tmp_path, name):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(lattice.InputError) as caught:
        lattice.load_potential(tmp_path / name if "." in name else name)
    assert "Bi2Se3" in caught.value.fix or ".toml" in caught.value.fix


def test_nothing_is_left_behind_when_saving_fails(tmp_path):
    potential = lattice.load_potential("Bi2Se3")
    with pytest.raises(lattice.InputError, match="folder"):
        potential.save(tmp_path / "none" / "a.toml")
    with pytest.raises(lattice.InputError, match="ending"):
        potential.save(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_overrides():
    potential = lattice.load_potential("Bi2Se3")
    changed = override_multiplets(potential, {"Eg(1)": {"frequency": 1.2, "linewidth": 0.0}})
    np.testing.assert_array_equal(changed.frequency[changed.multiplet == "Eg(1)"], 1.2)
    np.testing.assert_array_equal(changed.linewidth[changed.multiplet == "Eg(1)"], 0.0)
    assert changed.source["overrides"]["Eg(1)"] == {"frequency": 1.2, "linewidth": 0.0}
    assert changed.source["overrides"]["Eu(1)"] == {"frequency": 2.05, "linewidth": 0.16}
    for bad in ({"X(1)": {}}, {"Eg(1)": {"nu": 1.0}}, {"Eg(1)": {"frequency": np.nan}}, {"Eg(1)": {"linewidth": -1.0}}):
        with pytest.raises(lattice.InputError):
            override_multiplets(potential, bad)


@pytest.mark.parametrize("number", [81, 150, 156, 195])
def test_pairs_from_the_eigenvectors_are_those_of_the_modes(number):
    """About the axis alone: in cubic crystals the other rotations link the third partner too."""
    modes = lattice.solve_modes(spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0))
    rows = Rows((), (), np.zeros(0), np.zeros(0))
    potential = potential_from_rows(gamma_coordinates(modes), rows, linewidth=0.0, amplitude_range=None, source={})
    assert (potential.pair >= 0).any()
    np.testing.assert_array_equal(
        derived_pairs(replace(potential, pair=np.full(potential.n_modes, -1)), "x.toml"), potential.pair
    )
