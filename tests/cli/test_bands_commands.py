"""`lattice bands` and `lattice mesh`: JSON, text, files and exit status."""

import json

import numpy as np
import pytest
import xarray
from click.testing import CliRunner

from lattice.cli.app import main
from lattice.observe.mesh import unfold_mesh


def lattice(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def bands(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bands")
    files = folder / "bands.nc", folder / "bands.png"
    done = lattice(
        "bands", "Bi2Se3-noSOC", "--path", "ZGL", "--npoints", 9, "-o", files[0], "--figure", files[1], "--json"
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), *files


def test_bands_as_json_and_as_a_file(bands):
    table, written, picture = bands
    assert table["axis"] == [0, 0, 1]
    assert [p["label"] for p in table["points"] if p["label"]] == ["Z", "Γ", "Γ", "L"]
    with xarray.open_dataset(written, engine="h5netcdf") as loaded:
        for k, point in enumerate(table["points"]):
            assert [mode["frequency_THz"] for mode in point["modes"]] == loaded["frequency"].values[k].tolist()
            assert [mode["band"] for mode in point["modes"]] == loaded["band"].values[k].tolist()
            known = [mode["m"] is not None for mode in point["modes"]]
            assert known == [point["rotation_order"] > 1] * 15
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_mesh_as_json_and_as_a_file(tmp_path):
    files = tmp_path / "mesh.nc", tmp_path / "mesh.svg"
    done = lattice("mesh", "Bi2Se3-noSOC", "--mesh", 2, 2, 2, "-o", files[0], "--figure", files[1], "--json")
    assert done.exit_code == 0, done.output
    table = json.loads(done.stdout)
    assert (table["points"], table["mesh"]) == (8, [2, 2, 2])
    assert table["irreducible_points"] < 8
    assert table["total_J"] is None
    assert "time reversal" in table["total_J_reason"]
    density = table["density"]
    assert np.shape(density["z"]) == (len(density["frequency_THz"]), len(density["J_hbar"]))
    with xarray.open_dataset(files[0], engine="h5netcdf") as loaded:
        frequency, _ = unfold_mesh(loaded)
        assert [frequency.min(), frequency.max()] == table["frequency_THz"]
    assert files[1].read_bytes().startswith(b"<?xml")


def test_reports_for_people():
    text = lattice("bands", "Bi2Se3-noSOC", "--path", "GZ", "--npoints", 2).stdout
    assert "R-3m" in text
    assert len([line for line in text.splitlines() if line.startswith(("Γ ", "Z "))]) == 2
    text = lattice("mesh", "Bi2Se3-noSOC", "--mesh", 2, 2, 1).stdout
    assert "total J: null (time reversal" in text
    assert lattice("mesh", "Bi2Se3-noSOC", "--mesh", 1, 1, 1, "-q").output == ""


def test_the_largest_J_at_gamma_of_a_polar_crystal_has_a_direction():
    """There J depends on the way to Γ, and the report says which one was taken; elsewhere there is none to say."""
    along = json.loads(lattice("bands", "AlN", "--path", "GA", "--npoints", 3, "--json").stdout)
    largest = along["largest_J"]
    assert largest["q"] == [0, 0, 0]
    assert largest["towards"] == [0, 0, 0.5]
    assert "(approached along the path to [0 0 0.5])" in lattice("bands", "AlN", "--path", "GA", "--npoints", 3).stdout
    apart = json.loads(lattice("bands", "AlN", "--path", "KH", "--npoints", 3, "--json").stdout)
    assert apart["largest_J"]["towards"] is None
    assert "approached" not in lattice("bands", "AlN", "--path", "KH", "--npoints", 3).stdout


def test_a_usage_error_shows_the_usage_of_its_command():
    for words in (("bands", "--mesh", 2, 2, 2), ("bands", "Bi2Se3-noSOC", "--mesh")):
        done = lattice(*words)
        assert done.exit_code == 2
        assert "usage: lattice bands [OPTIONS] SOURCE" in done.stderr.replace("main", "lattice")
        assert "lattice bands --help" in done.stderr.replace("main", "lattice")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bands", "Bi2Se3"), "hold only q = 0"),
        (("mesh", "Bi2Se3", "--mesh", 2, 2, 2), "hold only q = 0"),
        (("mesh", "Bi2Se3-noSOC"), "--mesh"),
        (("mesh", "Bi2Se3-noSOC", "--mesh", 2, 2, 0), "positive whole numbers"),
        (("mesh", "Bi2Se3-noSOC", "--mesh", 2, 2, "x"), "not a valid integer"),
        (("mesh", "Bi2Se3-noSOC", "--mesh", 2, 2, 2, "--threads", 0), "threads"),
        (("bands", "Bi2Se3-noSOC", "--path", "GQ7"), "does not have"),
        (("bands", "Bi2Se3-noSOC", "--npoints", 1), "Too few points"),
        (("bands", "Bi2Se3-noSOC", "--component", "w"), "x, y or z"),
        (("bands", "Bi2Se3-noSOC", "--axis", 0, 0, 0), "axis"),
        (("bands", "Bi2Se3-noSOC", "-o", "no/such/folder.nc"), "folder"),
        (("mesh", "Bi2Se3-noSOC", "--mesh", 1, 1, 1, "--figure", "mesh.gif"), "ending"),
    ],
)
def test_wrong_input_ends_with_status_2(words, message):
    done = lattice(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
