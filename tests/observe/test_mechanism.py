"""Which path drives g: models in which one path at a time is switched on, and what the motion alone says."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential

import lattice
from lattice.anharmonic.paths import PATHS, keep_paths, path_of_terms
from lattice.anharmonic.raman import raman_from_constants, with_raman_drive
from lattice.errors import InputError
from lattice.observe.mechanism import late_drive, mechanism

PULSE = lattice.Pulse(0.1, 2.05, 0.8)
#: Terms of the same symmetry as Re[(u_x + iu_y)² (g_x + ig_y)]: the field in place of both u, or of one of them.
PHOTONIC = [([2], [0, 0], 4e-3, "R"), ([2], [1, 1], -4e-3, "R"), ([3], [0, 1], -8e-3, "R")]
MIXED = [
    ([0, 2], [0], 2e-3, "mixed"),
    ([1, 2], [1], -2e-3, "mixed"),
    ([0, 3], [1], -2e-3, "mixed"),
    ([1, 3], [0], -2e-3, "mixed"),
]


def all_paths():
    """E_u, E_g with all three paths; u rings for 4 ps (amplitude)."""
    base = d3d_potential(linewidth=(0.08, 0.10))
    terms = []
    for t, c in enumerate(base.coefficient):
        modes = [int(s) for s in base.mode_index[t] if s >= 0]
        fields = [int(a) for a in base.field_axis[t] if a >= 0]
        terms.append((modes, fields, float(c), str(base.channel[t])))
    return make_potential(
        base.frequency, base.linewidth, base.multiplet.tolist(), [*terms, *PHOTONIC, *MIXED], pair=base.pair
    )


@pytest.fixture(scope="module")
def runs():
    whole = all_paths()
    found = {name: lattice.simulate(keep_paths(whole, [name]), PULSE, 12.0) for name in PATHS[:3]}
    return found | {"all": lattice.simulate(whole, PULSE, 12.0)}


@pytest.mark.parametrize("path", PATHS[:3])
def test_the_only_path_has_all_of_the_share(runs, path):
    found = mechanism(runs[path]) if path == "phononic" else mechanism(runs[path], "Eg(2)")
    assert found["multiplet"] == "Eg(2)"
    assert list(found["paths"]) == [path]
    assert found["paths"][path]["share"] == pytest.approx(1.0, abs=1e-12)
    assert found["residual"] < 1e-6
    assert set(found["absent"]) == set(PATHS[:3]) - {path}


@pytest.mark.parametrize("path", PATHS[:3])
def test_every_path_reverses_the_sense_so_the_sense_tells_nothing(runs, path):
    found = mechanism(runs[path], "Eg(2)")["paths"][path]
    assert found["force_helicity"] < -0.99
    assert found["force_THz"] == pytest.approx(4.1, abs=0.03)


def test_only_the_phononic_path_drives_after_the_light(runs):
    late = {path: mechanism(runs[path], "Eg(2)")["late_drive"] for path in PATHS[:3]}
    assert abs(late["phononic"]) > 0.1
    assert abs(late["photonic"]) < 1e-3
    assert abs(late["mixed"]) < 0.02
    words = {path: mechanism(runs[path], "Eg(2)")["verdict"] for path in PATHS[:3]}
    assert words["phononic"].endswith("that is phononic")
    assert words["photonic"].endswith("no sign of a phononic path")
    assert words["mixed"].endswith("no sign of a phononic path")


def test_the_force_of_the_field_is_prompt_and_short_and_that_of_the_modes_late_and_long(runs):
    facts = {path: mechanism(runs[path], "Eg(2)")["paths"][path] for path in PATHS[:3]}
    assert facts["photonic"]["delay_ps"] == pytest.approx(0.0, abs=1e-3)
    # F² ∝ |E|⁴ of a circular pulse: a Gaussian with the FWHM of the intensity over √2
    assert facts["photonic"]["duration_ps"] == pytest.approx(0.8 / np.sqrt(2), rel=1e-3)
    assert 0.05 < facts["mixed"]["delay_ps"] < facts["phononic"]["delay_ps"]
    assert facts["photonic"]["duration_ps"] < facts["mixed"]["duration_ps"] < facts["phononic"]["duration_ps"]


def test_shares_of_all_paths_together_add_up_and_explain_the_motion(runs):
    found = mechanism(runs["all"])
    assert set(found["paths"]) == set(PATHS[:3])
    assert sum(path["share"] for path in found["paths"].values()) == pytest.approx(1.0, abs=1e-12)
    assert all(abs(path["share"]) > 0.01 for path in found["paths"].values())
    assert found["residual"] < 1e-6
    assert found["absent"] == []


def test_responses_of_single_paths_are_the_motion_when_only_they_act(runs):
    """Two roads: the response along the motion of all paths at once, and a run with one path (no back-action on E)."""
    alone = mechanism(runs["photonic"], "Eg(2)")["paths"]["photonic"]["peak_amplitude"]
    together = mechanism(runs["all"])["paths"]["photonic"]["peak_amplitude"]
    assert together == pytest.approx(alone, rel=1e-6)
    g = runs["photonic"]["Q"].values[:, 2:]
    assert alone == pytest.approx(np.hypot(*g.T).max(), rel=1e-6)


def test_late_drive_is_zero_for_free_decay_and_the_work_of_a_late_force():
    times = 0.01 * np.arange(2001)
    omega, gamma = 2 * np.pi * 2.0, 0.5
    rate = np.sqrt(omega**2 - gamma**2 / 4)
    Q = np.exp(-gamma * times / 2) * np.cos(rate * times)
    P = np.gradient(Q, times, edge_order=2)
    P = -np.exp(-gamma * times / 2) * (gamma / 2 * np.cos(rate * times) + rate * np.sin(rate * times))
    assert late_drive(times, Q[:, None], P[:, None], omega, gamma, 3.0) == pytest.approx(0.0, abs=1e-6)
    assert late_drive(times, Q[:, None], P[:, None], omega, gamma, None) is None
    assert late_drive(times, 0 * Q[:, None], 0 * P[:, None], omega, gamma, 3.0) is None
    # the same motion in a medium said to be without damping: the missing energy counts as taken out
    lost = late_drive(times, Q[:, None], P[:, None], omega, 0.0, 3.0)
    energy = 0.5 * (P**2 + omega**2 * Q**2)
    assert lost == pytest.approx((energy[-1] - energy[300]) / energy.max(), rel=1e-12)


def test_bi2se3_with_raman_tensors_has_a_photonic_share():
    potential = lattice.load_potential("Bi2Se3")
    tensors = raman_from_constants(potential, {"Eg(2)x.xx": 2.0})
    from dataclasses import replace

    driven = with_raman_drive(replace(potential, raman=tensors))
    found = mechanism(lattice.simulate(driven, lattice.default_pulse(potential), 12.0))
    assert found["absent"] == ["mixed"]
    assert 0 < abs(found["paths"]["photonic"]["share"]) < 0.1
    assert found["paths"]["phononic"]["share"] + found["paths"]["photonic"]["share"] == pytest.approx(1.0)


def test_a_mode_at_rest_and_a_run_that_ends_with_the_light(runs):
    still = mechanism(lattice.simulate(all_paths(), (), 1.0), "Eg(2)")
    assert still["late_drive"] is None
    assert still["residual"] is None
    assert still["verdict"] == "Eg(2) is driven by nothing"
    short = mechanism(lattice.simulate(all_paths(), PULSE, 2.5), "Eg(2)")
    assert short["late_drive"] is None
    assert "ends with the light" in short["verdict"]


def test_a_bath_is_told_by_what_is_left_unexplained():
    run = lattice.simulate(all_paths(), PULSE, 6.0, temperature=300.0, rtol=1e-3)
    found = mechanism(run, "Eg(2)")
    assert found["residual"] > 0.01
    assert "not explained" in found["verdict"]


def test_terms_are_sorted_by_their_factors():
    pad = [[0, -1], [0, -1], [0, 1], [0, 1]], [[0, -1], [0, 1], [0, -1], [-1, -1]]
    assert path_of_terms(*pad).tolist() == ["dipole", "photonic", "mixed", "phononic"]
    with pytest.raises(InputError, match="path"):
        keep_paths(d3d_potential(), ["ionic"])
    with pytest.raises(InputError, match="path"):
        keep_paths(d3d_potential(), "phononic")


def test_runs_without_their_beginning_are_refused(runs):
    run = runs["all"]
    with pytest.raises(InputError, match="beginning"):
        mechanism(run.drop_vars("E"))
    with pytest.raises(InputError, match="beginning"):
        mechanism(run.isel(time=slice(5, None)))
    with pytest.raises(InputError, match="multiplet"):
        mechanism(run, "T2g(7)")
    with pytest.raises(InputError, match="receiver"):
        mechanism(runs["photonic"])
