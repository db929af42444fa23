"""`lattice probe`, `lattice plot` of every kind, exports and pages of the new sources, and wrong input."""

import json

import numpy as np
import pytest
import xarray
from click.testing import CliRunner
from model_sweep import model_sweep

import lattice
from lattice.cli.app import main
from lattice.dynamics.runfile import save_run

OPAQUE = ["--index", "5.0+1.5j", "--geometry", "reflection"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    potential = lattice.load_potential("Bi2Se3")
    save_run(lattice.simulate(potential, lattice.default_pulse(potential), 8.0), folder / "run.nc")
    lattice.save_modes(lattice.solve_modes(lattice.load("Bi2Se3")), folder / "modes.nc")
    model_sweep().to_netcdf(folder / "sweep.nc", engine="h5netcdf")
    for words in (
        ["bands", "Bi2Se3-noSOC", "--npoints", "18", "-q", "-o", str(folder / "bands.nc")],
        ["mesh", "Bi2Se3-noSOC", "--mesh", "2", "2", "2", "-q", "-o", str(folder / "mesh.nc")],
        ["probe", str(folder / "run.nc"), *OPAQUE, "-q", "-o", str(folder / "probe.nc")],
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.stderr
    return folder


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_probe_json(folder):
    done = call("probe", folder / "run.nc", *OPAQUE, "--raman", "Eg(2)x.xx=0.5+0.2j", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["raman_source"] == "constants given"
    assert report["multiplet"] == "Eg(2)"
    assert report["helicity"] == pytest.approx(-1.0, abs=1e-3)
    assert report["spectral_peak_THz"] == pytest.approx(4.06, abs=0.03)
    assert report["probe"]["epsilon"][0][0] == [22.75, 15.0]
    assert report["probe"]["frame"][0] == pytest.approx([0, 1, 0])
    assert report["mechanism"]["paths"]["phononic"]["share"] == pytest.approx(1.0)
    assert report["mechanism"]["absent"] == ["photonic", "mixed"]
    assert report["warnings"] == []


def test_probe_text_and_file(folder):
    done = call("probe", folder / "run.nc", *OPAQUE)
    assert done.exit_code == 0
    assert "x̂ = [0 1 0]" in done.stdout
    assert "that is phononic" in " ".join(done.stdout.split())
    assert "the scale is open" in done.stderr
    for words in ("peak at 45° and 0°", "all together, any angle", "late work", "they add up to 1", "own work"):
        assert words in " ".join(done.stdout.split())
    seen = xarray.load_dataset(folder / "probe.nc", engine="h5netcdf")
    assert seen.attrs["kind"] == "lattice probe"
    again = lattice.kerr(
        lattice.simulate((p := lattice.load_potential("Bi2Se3")), lattice.default_pulse(p), 8.0),
        lattice.Probe(epsilon=(5 + 1.5j) ** 2, geometry="reflection"),
    )
    assert seen["rotation"].values == pytest.approx(again["rotation"].values, abs=1e-12)


def test_a_background_on_the_command_line(folder):
    done = call(
        "probe", folder / "run.nc", *OPAQUE, "--background", "xx.xx=1e-3", "--background", "xx.yy=2e-4", "--json"
    )
    rows = {row["source"]: row for row in json.loads(done.stdout)["sources"]}
    # E_x² − E_y² of a circular pulse of 0.3 MV/cm: |δε_xx − δε_yy|/2 = 8e-4 · 0.09 / 2
    n = 5.0 + 1.5j
    expected = abs((1 / (n * (n**2 - 1))).imag) * 0.5 * (1e-3 - 2e-4) * 0.09
    damped = np.exp(-((np.pi * 4.1 * 0.05) ** 2) / (4 * np.log(2)))
    assert rows["electronic"]["peak_ellipticity_rad"] == pytest.approx(expected * damped, rel=0.03)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("modes", "modes.nc"),
        ("modes", "Bi2Se3"),
        ("bands", "bands.nc"),
        ("dos", "mesh.nc"),
        ("trajectory", "run.nc"),
        ("spectrum", "run.nc"),
        ("ledger", "run.nc"),
        ("probe", "run.nc"),
        ("probe", "probe.nc"),
        ("sweep", "sweep.nc"),
    ],
)
def test_every_kind_is_drawn(folder, tmp_path, kind, file):
    source = folder / file if "." in file else file
    done = call("plot", source, kind, "-o", tmp_path / "figure.svg", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"kind": kind, "figure": "figure.svg"}
    assert (tmp_path / "figure.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("command", "file", "takes", "instead"),
    [
        ("page", "probe.nc", "lattice run, lattice modes, lattice sweep", "lattice plot probe.nc probe -o fig.png"),
        ("page", "bands.nc", "lattice run, lattice modes, lattice sweep", "lattice plot bands.nc bands -o fig.png"),
        ("export", "sweep.nc", "lattice run, lattice modes, lattice probe", "lattice page sweep.nc -o sweep.html"),
        ("export", "mesh.nc", "lattice run, lattice modes, lattice probe", "lattice plot mesh.nc dos -o fig.png"),
    ],
)
def test_a_result_of_another_kind_is_named_with_the_command_that_fits(folder, tmp_path, command, file, takes, instead):
    ending = {"page": ".html", "export": ".csv"}[command]
    done = call(command, folder / file, "-o", tmp_path / f"x{ending}")
    assert done.exit_code == 2
    writer = "collect" if file == "sweep.nc" else file.removesuffix(".nc")
    assert f"found: a file of `lattice {writer} -o`" in done.stderr
    assert f"give a result of {takes} or a crystal; for this one: " in done.stderr
    assert instead in done.stderr
    assert list(tmp_path.iterdir()) == []
    words = instead.split()  # and that command does it
    done = call(*words[1:2], folder / file, *words[3:-1], tmp_path / words[-1])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(("file", "kind"), [("run.nc", "run"), ("modes.nc", "modes"), ("sweep.nc", "collect")])
def test_results_are_no_crystals(folder, file, kind):
    done = call("modes", folder / file)
    assert done.exit_code == 2
    assert f"{file} holds results, not a crystal" in done.stderr
    assert f"found: a file of `lattice {kind} -o`" in done.stderr
    assert "lattice page, plot and export" in done.stderr


def test_other_hdf5_is_no_crystal(tmp_path):
    import h5py

    with h5py.File(tmp_path / "force_constants.hdf5", "w") as file:
        file["force_constants"] = np.zeros((2, 2, 3, 3))
    done = call("modes", tmp_path / "force_constants.hdf5")
    assert done.exit_code == 2
    assert "force_constants.hdf5 is no crystal" in done.stderr
    assert "--fc" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plot", "run.nc", "bands"), "not of the kind lattice bands"),
        (("plot", "run.nc", "sweep"), "not of the kind lattice sweep"),
        (("plot", "run.nc", "modes"), "run.nc is not what `lattice plot FILE modes` takes"),
        (("plot", "modes.nc", "ledger"), "not a run"),
        (("plot", "missing.nc", "bands"), "no such file"),
        (("plot", "bands.nc", "bands", "--component", "w"), "x, y or z"),
        (("plot", "bands.nc", "bands", "--at", "a=1"), "no option --at"),
        (("plot", "run.nc", "ledger", "--value", "L_peak"), "no option --value"),
        (("plot", "sweep.nc", "sweep", "--at", "helicity"), "KEY=VALUE"),
        (("plot", "sweep.nc", "sweep", "--value", "speed"), "no such value"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_fix(folder, tmp_path, words, said):
    command, file, *rest = words
    done = call(command, folder / file, *rest, "-o", tmp_path / "x.png")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "fix:" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--index", "glass"), "index is no number"),
        (("--index", "3", "--epsilon", "9"), "twice"),
        (("--geometry", "reflection"), "needs the permittivity"),
        (("--geometry", "around"), "no such geometry"),
        (("--raman", "Eg(2)=1"), "no such Raman constant"),
        (("--raman", "Eg(2)x.xx"), "NAME=VALUE"),
        (("--background", "xx.z=1"), "forbids the Pockels effect"),
        (("--multiplet", "A1g(1)"), "singlet"),
        (("--duration", "-1"), "duration"),
        (("--window", "100"), "window"),
        (("--trajectory", "3"), "trajectory"),
    ],
)
def test_a_probe_that_cannot_be_is_refused_with_a_fix(folder, words, said):
    done = call("probe", folder / "run.nc", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "fix:" in done.stderr


def test_pages_and_exports(folder, tmp_path):
    for file, target in (
        ("sweep.nc", "sweep.html"),
        ("modes.nc", "modes.html"),
        ("modes.nc", "modes.yaml"),
        ("probe.nc", "probe.csv"),
    ):
        command = "page" if target.endswith("html") else "export"
        done = call(command, folder / file, "-o", tmp_path / target)
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / target).stat().st_size > 1000
    done = call("export", folder / "sweep.nc", "-o", tmp_path / "sweep.csv")
    assert done.exit_code == 2
    done = call("page", folder / "probe.nc", "-o", tmp_path / "probe.html")
    assert done.exit_code == 2
