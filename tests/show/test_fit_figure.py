"""The figure of a fit shows the numbers of its report."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from lennard_jones import BondCalculator, crystal

import lattice
from lattice.anharmonic.fit_forces import rms_force
from lattice.cli.app import main
from lattice.show.fit import draw_fit, fit_figure, fit_report


@pytest.fixture(scope="module", params=["at rest", "over a range"])
def potential(request):
    options = {"amplitudes": (0.02, 0.04, 0.06)} if request.param == "at rest" else {"reach": 0.5}
    return lattice.fit_potential(crystal(), BondCalculator(), order=4, **options)


def test_scan_is_that_of_the_forces(potential):
    """The residual over all displacements is the mean of those at each amplitude; the anharmonic force grows as Q²."""
    report = fit_report(potential)
    scan = report["scan"]
    assert [row["amplitude"] for row in scan] == report["amplitudes"]
    residual = np.array([row["residual"] for row in scan])
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(report["residual"], rel=1e-9)
    ratio = scan[-1]["anharmonic"] / scan[0]["anharmonic"]
    assert ratio == pytest.approx((scan[-1]["amplitude"] / scan[0]["amplitude"]) ** 2, rel=0.2)


def test_rms_of_forces(potential):
    from lattice.anharmonic.coordinates import gamma_coordinates

    coordinates = gamma_coordinates(potential.modes)
    forces = np.random.default_rng(0).normal(size=(3, 12))
    root = np.sqrt(potential.crystal.masses)[:, None]
    plain = [sum(f * e * root for f, e in zip(row, coordinates.eigenvectors, strict=True)) for row in forces]
    assert rms_force(coordinates, forces) == pytest.approx(np.sqrt(np.mean(np.square(plain))))


def test_panels_show_the_report(potential):
    report = fit_report(potential)
    couplings, residual, steps = draw_fit(potential).axes
    shown = np.concatenate([line.get_ydata() for line in couplings.lines if line.get_marker() == "."])
    expected = sorted(abs(x["coefficient"]) for x in report["invariants"])
    np.testing.assert_allclose(sorted(shown), expected)
    assert len(couplings.lines[0].get_ydata()) == 40
    errors = np.concatenate([line.get_ydata() for line in couplings.lines if line.get_marker() == "_"])
    np.testing.assert_allclose(sorted(errors), sorted(x["error"] for x in report["invariants"]))
    forbidden = {line.get_ydata()[0] for line in couplings.lines if line.get_linestyle() == ":"}
    assert forbidden == {report["forbidden"][order] for order in ("3", "4")}
    force, left = (line.get_ydata() for line in residual.lines)
    np.testing.assert_allclose(force, [row["anharmonic"] for row in report["scan"]])
    np.testing.assert_allclose(left, [row["residual"] for row in report["scan"]])
    dots = [line for line in steps.lines if line.get_marker() == "."]
    changes = np.concatenate([line.get_ydata() for line in dots])
    floor = 1e-11 * max(expected)
    np.testing.assert_allclose(
        sorted(c for c in changes if c > floor),
        sorted(abs(x["step"]) for x in report["invariants"] if abs(x["step"]) > floor),
    )


def test_files_keep_what_is_drawn(potential, tmp_path):
    potential.save(tmp_path / "potential.nc")
    read = lattice.load_potential(tmp_path / "potential.nc")
    assert fit_report(read)["scan"] == fit_report(potential)["scan"]
    fit_figure(read, tmp_path / "fit.svg")
    assert (tmp_path / "fit.svg").stat().st_size > 10_000


def test_what_has_no_fit_is_refused(tmp_path):
    with pytest.raises(lattice.InputError, match="no report of a fit"):
        fit_figure(lattice.load_potential("Bi2Se3"), tmp_path / "fit.png")


def test_command(tmp_path):
    def couple(*words):
        return CliRunner().invoke(main, ["couple", "Bi2Se3", *(str(word) for word in words)])

    done = couple("--calculator", "lj", "--order", 3, "--reach", 0.2, "--figure", tmp_path / "fit.png", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["force_calls"] <= 40
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    for words in (
        ("--fc3", "fc3.hdf5", "--figure", tmp_path / "fit.png"),
        ("--calculator", "lj", "--figure", tmp_path / "fit.bmp"),
        ("--fc3", "fc3.hdf5", "--reach", 0.2),
        ("--calculator", "lj", "--fc4", "fc4.hdf5"),
        ("--calculator", "lj", "--reach", 0.2, "--amplitude", 0.1, "--amplitude", 0.2),
    ):
        failed = couple(*words)
        assert failed.exit_code == 2, words
        assert "fix:" in failed.stderr
