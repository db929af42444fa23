"""Couplings over a range of motion: a small range gives the expansion at rest, a large one what a run needs."""

from dataclasses import replace

import numpy as np
import pytest
from lennard_jones import BondCalculator, coefficient, crystal

import lattice
from lattice.anharmonic.coordinates import gamma_coordinates
from lattice.anharmonic.forces import compute_forces
from lattice.anharmonic.invariance import check_invariance
from lattice.anharmonic.reach import MAIN_AMPLITUDE, driven_directions, pulse_reach
from lattice.observe.coupling_table import coupling_table


class KinkedCalculator(BondCalculator):
    """Lennard-Jones bonds, and in the shortest of them a feature narrower than the motions of a driven crystal.

    As the cutoffs of machine-learned potentials have it: φ = −depth · x⁴/(1 + x²)², x = (r − r0)/width.
    """

    depth, width = 0.01, 0.1  # eV, Å

    def get_forces(self, atoms):
        forces = super().get_forces(atoms)
        length = np.linalg.norm(self.vectors, axis=1)
        short = length < 3.2
        moved = atoms.positions - self.home
        i, j = self.ends[:, short]
        r = self.vectors[short] + moved[j] - moved[i]
        now = np.linalg.norm(r, axis=1)
        x = (now - length[short]) / self.width
        slope = -4 * self.depth / self.width * x**3 / (1 + x**2) ** 3
        np.add.at(forces, i, (slope / now)[:, None] * r)
        return forces


@pytest.fixture(scope="module")
def smooth():
    return lattice.fit_potential(crystal(), BondCalculator(), order=3)


def cubic_rows(potential):
    dark = (potential.field_axis < 0).all(axis=1)
    rows = np.flatnonzero(((potential.mode_index >= 0).sum(axis=1) == 3) & dark)
    return {tuple(int(s) for s in potential.mode_index[t] if s >= 0): t for t in rows}


def test_born_charges_choose_the_range(smooth):
    """What the main job's pulse reaches, as its linear response says; few calls, condition stated."""
    report = smooth.source["fit"]
    assert report["method"] == "over a range"
    assert report["force_calls"] <= 40 < report["naive_calls"] == 289
    assert len(report["invariants"]) == 40
    assert report["condition"]["3"] < 50
    linear = replace(smooth, coefficient=np.where(smooth.channel == "light", smooth.coefficient, 0.0))
    moved = lattice.simulate(linear, lattice.default_pulse(linear), 8.0)["Q"].values
    driven = max(smooth.multiplets, key=lambda name: np.abs(moved[:, smooth.multiplet == name]).max())
    own = smooth.multiplet == driven
    farthest = np.linalg.norm(moved[:, own], axis=1).max()
    assert farthest == pytest.approx(pulse_reach(gamma_coordinates(smooth.modes))[driven], rel=0.02)
    assert farthest < smooth.amplitude_range[own].min()
    assert report["reach"] >= farthest


def test_reach_is_linear_response(smooth):
    coordinates = gamma_coordinates(smooth.modes)
    reach = pulse_reach(coordinates)
    assert set(reach) == {"Eu(1)", "Eu(2)", "A2u(1)", "A2u(2)"}
    for name, expected in reach.items():
        own = np.flatnonzero(smooth.multiplet == name)
        charge = smooth.mode_charge[own[0]]
        axis = np.cross(charge, [0.3, 0.5, 0.7])
        pulse = lattice.Pulse(
            MAIN_AMPLITUDE,
            float(smooth.frequency[own[0]]),
            1.0,
            helicity=0.0,
            axis=tuple(axis / np.linalg.norm(axis)),
        )
        x, y = pulse.polarisation_axes()
        pulse = replace(pulse, angle=float(np.degrees(np.arctan2(y @ charge, x @ charge))))
        linear = replace(smooth, coefficient=np.where(smooth.channel == "light", smooth.coefficient, 0.0))
        moved = lattice.simulate(linear, pulse, 8.0, record=lattice.Record(every=0.005))["Q"].values[:, own[0]]
        assert np.abs(moved).max() == pytest.approx(expected, rel=0.03)
    directions = driven_directions(coordinates)
    lengths = np.linalg.norm(directions, axis=1)
    assert lengths.max() == pytest.approx(1.0)
    assert all(np.count_nonzero([d[p].any() for _, p in coordinates.blocks]) == 1 for d in directions)
    assert driven_directions(gamma_coordinates(lattice.solve_modes(replace(
        smooth.modes.crystal, born_charges=None, dielectric=None
    )))).shape == (0, 12)  # fmt: skip


def test_a_small_range_gives_the_expansion(smooth):
    """Towards the lattice sums with the square of the range, inside the stated errors; harmonic constants at rest."""
    error = []
    for reach in (0.2, 0.1):
        fitted = lattice.fit_potential(crystal(), BondCalculator(), order=4, reach=reach)
        rows = cubic_rows(fitted)
        some = list(rows)[::4]
        exact = np.array([coefficient(fitted.eigenvectors, modes) for modes in some])
        gap = np.abs(fitted.coefficient[[rows[m] for m in some]] - exact)
        error.append(gap.max() / np.abs(exact).max())
        stated = np.array(fitted.source["error"])[[rows[m] for m in some]]
        assert (gap < 3 * stated + 1e-9).mean() > 0.95
    assert error[0] / error[1] == pytest.approx(4, rel=0.15)
    dark = (fitted.field_axis < 0).all(axis=1)
    fourth = np.flatnonzero(((fitted.mode_index >= 0).sum(axis=1) == 4) & dark)[::9]
    exact = np.array([coefficient(fitted.eigenvectors, fitted.mode_index[t].tolist()) for t in fourth])
    np.testing.assert_allclose(fitted.coefficient[fourth], exact, atol=0.01 * np.abs(exact).max())
    assert error[1] < 1e-3
    at_rest = lattice.fit_potential(crystal(), BondCalculator(), order=2, amplitudes=(0.01, 0.02))
    np.testing.assert_allclose(smooth.frequency, at_rest.frequency, rtol=1e-3)
    assert check_invariance(smooth)


def test_force_constants_of_the_source_change_nothing(smooth):
    """The same couplings where the source has force constants; chosen multiplets keep theirs."""
    again = lattice.fit_potential(smooth.modes.crystal, BondCalculator(), order=3, reach=smooth.source["fit"]["reach"])
    largest = np.abs(smooth.coefficient).max()
    np.testing.assert_allclose(again.coefficient, smooth.coefficient, atol=1e-5 * largest)
    part = lattice.fit_potential(crystal(), BondCalculator(), order=3, reach=0.1, multiplets=["Eu(2)", "Eg(1)"])
    assert part.multiplets == ("Eg(1)", "Eu(2)")
    whole = lattice.fit_potential(crystal(), BondCalculator(), order=3, reach=0.1)
    names = {tuple(whole.labels[list(m)]): whole.coefficient[t] for m, t in cubic_rows(whole).items()}
    for modes, t in cubic_rows(part).items():
        assert part.coefficient[t] == pytest.approx(names[tuple(part.labels[list(modes)])], rel=0.02, abs=1e-5)


def test_a_kinked_potential_runs_over_its_range_and_not_by_its_expansion():
    """The expansion diverges and says why and what mends it; the range fit follows the calculator."""
    expansion = lattice.fit_potential(crystal(), KinkedCalculator(), order=4, amplitudes=(0.085, 0.17, 0.256))
    pulse = lattice.default_pulse(expansion)
    with pytest.raises(lattice.IntegrationError) as caught:
        lattice.simulate(expansion, pulse, 6.0)
    assert "left the range of the couplings" in caught.value.found
    assert "--reach" in caught.value.fix
    ranged = lattice.fit_potential(crystal(), KinkedCalculator(), order=4)
    moved = lattice.simulate(ranged, lattice.default_pulse(ranged), 6.0)["Q"].values
    assert 0.5 < np.abs(moved).max() < 1.05 * ranged.source["fit"]["reach"]
    rng = np.random.default_rng(8)
    directions = rng.normal(size=(40, 12))
    lengths = ranged.source["fit"]["reach"] * rng.uniform(0.3, 1.0, size=(40, 1))
    points = directions / np.linalg.norm(directions, axis=1)[:, None] * lengths
    assert force_error(ranged, points) < 0.4 * force_error(expansion, points)
    assert force_error(ranged, points) < 0.5  # of the anharmonic force, at points that were not fitted


def force_error(potential, points):
    """Share of the calculator's anharmonic force that the terms of a potential miss at points (k, n)."""
    c, e = crystal(), potential.eigenvectors
    root = np.sqrt(c.masses)[:, None]
    forces = compute_forces(c, KinkedCalculator(), np.tensordot(points, e, axes=1) / root).array
    exact = np.einsum("pka,ska->ps", forces / root, e)
    exact += points * (lattice.units.TWO_PI * potential.frequency) ** 2 / lattice.units.EV
    ours = np.zeros_like(exact)
    for t in np.flatnonzero((potential.field_axis < 0).all(axis=1)):
        modes = potential.mode_index[t][potential.mode_index[t] >= 0].tolist()
        for place, s in enumerate(modes):
            ours[:, s] -= potential.coefficient[t] * np.prod(points[:, modes[:place] + modes[place + 1 :]], axis=1)
    return np.linalg.norm(ours - exact) / np.linalg.norm(exact)


def test_what_the_couplings_do_not_describe_is_told():
    narrow = KinkedCalculator()
    narrow.depth, narrow.width = 0.003, 0.03
    expansion = lattice.fit_potential(crystal(), narrow, order=4, amplitudes=(0.085, 0.17, 0.256))
    assert any("mostly error" in words for words in coupling_table(expansion)["warnings"])
    ranged = lattice.fit_potential(crystal(), KinkedCalculator(), order=3, reach=1.0)
    assert any("% of the anharmonic force" in words for words in coupling_table(ranged)["warnings"])
    good = lattice.fit_potential(crystal(), BondCalculator(), order=4, reach=0.3)
    assert coupling_table(good)["warnings"] == []
    assert good.source["fit"]["residual"] < 0.1 * good.source["fit"]["anharmonic"]


def test_without_polar_modes_or_charges():
    from ase.build import bulk

    silicon = lattice.load(bulk("Si", "diamond", a=5.43))
    fitted = lattice.fit_potential(silicon, "lj", order=3, reach=0.1)
    assert fitted.source["fit"]["reach"] == 0.1
    at_rest = lattice.fit_potential(silicon, "lj", order=3)
    assert "reach" not in at_rest.source["fit"]


def test_an_interrupted_range_fit_goes_on(tmp_path):
    class Counting(BondCalculator):
        calls = 0

        def get_forces(self, atoms):
            if Counting.calls == 20:
                raise RuntimeError("the machine went down")
            Counting.calls += 1
            return super().get_forces(atoms)

    options = {"order": 3, "cache": tmp_path / "calls"}
    with pytest.raises(lattice.FitError, match="went down"):
        lattice.fit_potential(crystal(), Counting(), **options)
    Counting.calls = 100
    fitted = lattice.fit_potential(crystal(), Counting(), **options)
    report = fitted.source["fit"]
    assert fitted.source["calls_found_on_disk"] >= 20
    structures = report["force_calls"] + report["check_calls"]
    assert Counting.calls - 100 + fitted.source["calls_found_on_disk"] == structures


def test_wrong_ranges():
    with pytest.raises(lattice.InputError, match="at rest or"):
        lattice.fit_potential(crystal(), BondCalculator(), reach=1.0, amplitudes=(0.1, 0.2, 0.3))
    for reach in (0.0, -1.0, np.nan, np.inf, True, "far"):
        with pytest.raises(lattice.InputError, match="range of motion"):
            lattice.fit_potential(crystal(), BondCalculator(), reach=reach)
    with pytest.raises(lattice.InputError, match="order"):
        lattice.fit_potential(crystal(), BondCalculator(), order=7)
