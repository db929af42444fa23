"""`lattice run --calculator`: the same files and reports as a run of the polynomial, and what it refuses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from lennard_jones import BondCalculator, crystal

import lattice
from lattice.cli.app import main
from lattice.dynamics.runfile import load_run


def command(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    potential = lattice.fit_potential(crystal(), BondCalculator(), order=3, amplitudes=(0.01, 0.02))
    potential.save(folder / "potential.nc")
    return folder


@pytest.fixture(scope="module")
def done(place):
    settings = ["--pulse", "amplitude=0.2,duration=0.3,center=0.6", "--set", "duration=1.6"]
    plain = command("run", place / "potential.nc", *settings, "-o", place / "plain.nc", "--json")
    full = command(
        "run", place / "potential.nc", "--calculator", "lennard_jones:BondCalculator", *settings,
        "-o", place / "full.nc", "--figure", place / "full.png", "--json",
    )  # fmt: skip
    return plain, full


def test_report_and_file_are_those_of_a_run(place, done):
    plain, full = (json.loads(result.stdout) for result in done)
    assert [result.exit_code for result in done] == [0, 0], [result.stderr for result in done]
    assert plain.keys() == full.keys()
    assert full["ledger"]["channel"] == plain["ledger"]["channel"]
    assert full["ledger"]["closure"] < 1e-12
    ours, theirs = load_run(place / "full.nc"), load_run(place / "plain.nc")
    assert set(ours["channel"].values) - set(theirs["channel"].values) == {"exchange"}
    gap = np.abs(ours["Q"].values - theirs["Q"].values).max() / np.abs(theirs["Q"].values).max()
    assert 1e-4 < gap < 0.05
    provenance = json.loads(ours.attrs["provenance"])
    assert provenance["full_potential"]["calculator"] == "lennard_jones.BondCalculator"
    assert "--calculator lennard_jones:BondCalculator" in provenance["command"]
    assert (place / "full.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "words",
    [
        ("ledger", "full.nc"),
        ("verify", "full.nc"),
        ("page", "full.nc", "-o", "full.html"),
        ("plot", "full.nc", "ledger", "-o", "ledger.svg"),
        ("plot", "full.nc", "spectrum", "-o", "spectrum.svg"),
        ("export", "full.nc", "-o", "full.csv"),
    ],
)
def test_every_command_reads_it(words, place, done):
    result = command(*(place / word if "." in word else word for word in words))
    assert result.exit_code == 0, result.stderr
    if words[0] == "ledger":
        assert "exchange" in result.stdout


def test_text_tells_whose_forces(place, done):
    result = command(
        "run", place / "potential.nc", "--calculator", "lennard_jones:BondCalculator",
        "--set", "duration=0.2", "--pulse", "amplitude=0.1,duration=0.05,center=0.1",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "forces by lennard_jones.BondCalculator" in result.stdout
    assert "not in the potential" in result.stdout
    assert len(result.stdout.splitlines()) <= 25


def test_a_file_runs_no_code(place):
    """A run file names short names only; the module of a specification is imported from the command line alone."""
    for value in ("os:getcwd", "vasp"):
        (place / "run.toml").write_text(f'source = "potential.nc"\ncalculator = "{value}"\n')
        result = command("run", place / "run.toml")
        assert result.exit_code == 2
        assert "command line" in result.stderr
        assert command("run", place / "potential.nc", "--set", f"calculator={value}").exit_code == 2
    (place / "run.toml").write_text(
        'source = "potential.nc"\ncalculator = "emt"\nduration = 0.1\n[[pulse]]\nduration = 0.02\n'
    )
    result = command("run", place / "run.toml")
    assert result.exit_code == 1  # ASE's EMT knows neither Bi nor Se
    assert "calculator failed" in result.stderr.lower()


def test_run_file_with_the_fitted_lennard_jones(tmp_path):
    """`lj` is the potential of the fit, also after relaxation."""
    from lattice.anharmonic.calculators import make_calculator, potential_calculator

    source = lattice.load("Bi2Se3")
    engine = make_calculator("lj", source)
    fitted = lattice.fit_potential(source, engine, order=2, relax=True, amplitudes=(0.02, 0.05))
    again = potential_calculator("lj", fitted)
    assert again.parameters["sigma"] == pytest.approx(engine.parameters["sigma"], rel=1e-12)
    assert make_calculator("lj", fitted.crystal.to_cell()).parameters["sigma"] != pytest.approx(
        engine.parameters["sigma"], rel=1e-3
    )
    fitted.save(tmp_path / "lj.nc")
    (tmp_path / "run.toml").write_text(
        'source = "lj.nc"\ncalculator = "lj"\nsupercell = [1, 1, 2]\nduration = 0.04\n'
        "[[pulse]]\namplitude = 0.1\nfrequency = 3.0\nduration = 0.02\ncenter = 0.02\n[record]\nevery = 0.02\n"
    )
    result = command("run", tmp_path / "run.toml", "-o", tmp_path / "run.nc")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(load_run(tmp_path / "run.nc").attrs["provenance"])["full_potential"]
    assert facts["supercell"] == [1, 1, 2]
    first = {name: float(fitted.frequency[fitted.multiplet == name][0]) for name in fitted.multiplets}
    assert facts["frequency_THz"] == pytest.approx(first, rel=1e-2)


def test_wrong_settings(place):
    for words in (
        ("--calculator", "no_such_module:thing"),
        ("--calculator", "lj", "--set", "temperature=10"),
        ("--calculator", "lj", "--supercell", 0, 1, 1),
        ("--supercell", 2, 1, 1),
        ("--set", "supercell=[1,1]"),
        ("--set", "supercell=[1,1,1.5]"),
    ):
        result = command("run", place / "potential.nc", *words)
        assert result.exit_code == 2, words
        assert "fix:" in result.stderr
