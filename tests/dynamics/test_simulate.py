"""Trajectories: agreement with the SciPy twin, analytic regimes, step control, recording, failures."""

import json

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential
from reference import HBAR, Twin

import lattice
from lattice import InputError, IntegrationError, Pulse, Record, simulate, simulate_ensemble
from lattice.dynamics.integrate import SCALE_FLOOR, relative_to_multiplets
from lattice.dynamics.scheme import damped_flow
from lattice.dynamics.simulate import checked_numerics
from lattice.dynamics.table import build_table
from lattice.modes.batch import instruction_set

MAIN = Pulse(0.3, 2.05, 1.0)


def error_against_twin(run, potential, pulses, initial=(None, None), stride=10):
    """Largest error of the recorded Q relative to the contract's scale of each multiplet."""
    times = run.time.values[::stride]
    if times[0] > 0:
        times = np.concatenate([[0.0], times])
    Q, P = Twin(potential, pulses).solve(times, *initial, rtol=1e-12)
    Q, P = Q[-len(run.time[::stride]) :], P[-len(run.time[::stride]) :]
    largest = np.abs(run.Q.values).max(axis=0)[None]
    multiplet_of = build_table(potential).multiplet_of
    error = relative_to_multiplets(np.abs(run.Q.values[::stride] - Q).max(axis=0)[None], largest, multiplet_of)
    np.testing.assert_allclose(run.P.values[::stride], P, atol=1e-6 * np.abs(P).max())
    return error[0]


def test_d3d_model_agrees_with_the_twin():
    potential = d3d_potential(a1g=5e-4)
    run = simulate(potential, MAIN, 8.0)
    assert error_against_twin(run, potential, [MAIN]) < 1e-8
    assert run.status == 0
    assert run.step_error <= 1e-8


@pytest.mark.parametrize("every", [0.01, 0.1, 0.33])
def test_general_table_agrees_with_the_twin(every):
    potential = random_potential()
    pulses = [
        Pulse(3.0, 2.5, 0.5, helicity=0.7, angle=20.0, phase=0.4, center=0.9),
        Pulse(2.0, 4.0, 0.3, helicity=-0.5, center=1.3),
    ]
    rng = np.random.default_rng(5)
    initial = (0.2 * rng.standard_normal(12), 2.0 * rng.standard_normal(12))
    run = simulate(potential, pulses, 2.0, record=Record(every), initial=initial)
    assert error_against_twin(run, potential, pulses, initial, stride=10 if every == 0.01 else 1) < 1e-8


@pytest.mark.parametrize(("method", "longest"), [("splitting", 0.05 / 4), ("collocation", 0.05 / 2)])
@pytest.mark.parametrize("seed", range(3))
def test_strong_anharmonicity_refines_the_step_until_it_is_accurate(seed, method, longest):
    rng = np.random.default_rng(seed)
    terms = [((0,) * 4, [], 0.5, "double well"), ((1,) * 4, [], 0.3, "b"), ((0, 0, 1), [], 0.2, "c")]
    potential = make_potential([-5.0, 3.0], [0.1, 0.2], ["A", "B"], terms)
    initial = (0.3 * rng.standard_normal(2), 10.0 * rng.standard_normal(2))
    run = simulate(potential, [], 1.5, record=Record(0.05), initial=initial, method=method)
    assert run.step < longest
    assert error_against_twin(run, potential, [], initial, stride=1) < 1e-8


REGIMES = {
    "over-damped": (1.0, 8.0),
    "imaginary": (-0.7, 0.2),
    "zero": (0.0, 0.0),
    "zero damped": (0.0, 0.5),
    "soft": (1e-6, 0.0),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_linear_motion_is_exact(regime):
    frequency, linewidth = REGIMES[regime]
    run = simulate(make_potential([frequency], [linewidth], ["A"], []), [], 3.0, initial=([0.5], [-1.5]))
    omega = 2 * np.pi * frequency
    flow = damped_flow(np.array([omega * abs(omega)]), np.array([2 * np.pi * linewidth]), run.time.values)[:, 0]
    exact = flow[:, 0] * 0.5 - flow[:, 1] * 1.5
    np.testing.assert_allclose(run.Q.values[:, 0], exact, rtol=1e-11, atol=1e-13 * np.abs(exact).max())
    assert run.step_error < 1e-12


def test_resonant_drive_reaches_the_analytic_amplitude():
    """Steady state of a driven damped oscillator under a pulse much longer than its decay time."""
    potential = make_potential([2.0], [0.5], ["A"], [([0], [0], -0.01 * 1.3, "light")])
    drive = Pulse(0.1, 2.3, 200.0, helicity=0.0, center=20.0)
    run = simulate(potential, drive, 20.0)
    omega, w0, gamma = 2 * np.pi * 2.3, 2 * np.pi * 2.0, 2 * np.pi * 0.5
    force = 1.3 * 0.1 * lattice.units.FIELD_FORCE
    amplitude = force / np.hypot(w0**2 - omega**2, gamma * omega)
    assert np.abs(run.Q.values[-44:]).max() == pytest.approx(amplitude, rel=1e-3)


def test_mirror_image():
    right, left = (simulate(d3d_potential(), lattice.default_pulse(d3d_potential(), h), 6.0) for h in (1.0, -1.0))
    mirror = np.array([1, -1, 1, -1])  # y → −y
    scale = np.abs(right.Q).max("time").values
    assert np.all(np.abs(left.Q.values * mirror - right.Q.values).max(axis=0) <= 1e-10 * scale)
    np.testing.assert_allclose(left.ledger.sel(axis="z"), -right.ledger.sel(axis="z"), atol=1e-10)


@pytest.mark.parametrize("angle", [0.0, 60.0, 90.0, 120.0, -30.0])
def test_linear_drive_carries_no_angular_momentum(angle):
    run = simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0, helicity=0.0, angle=angle), 6.0)
    assert np.abs(run.L).max() < 1e-10
    assert np.abs(run.Q.sel(mode=["Eg(2).2", "Eg(2).3"])).max() > 0.05


def test_turning_linear_light_turns_the_receiver_three_fold():
    """u along φ drives g along −2φ: +120° for the light is +120° for g."""
    first, turned = (
        simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0, helicity=0.0, angle=a), 6.0).Q.values[:, 2:]
        for a in (0.0, 120.0)
    )
    c, s = np.cos(np.radians(120)), np.sin(np.radians(120))
    np.testing.assert_allclose(turned, first @ np.array([[c, s], [-s, c]]), atol=1e-10 * np.abs(first).max())


def test_one_plus_one_is_minus_one():
    run = simulate(d3d_potential(), MAIN, 10.0)
    L = run.L.sel(axis="z")
    assert L.sel(multiplet="Eu(1)").max() > 1.0
    assert abs(L.sel(multiplet="Eu(1)")).max() > 100 * abs(L.sel(multiplet="Eu(1)").min())
    assert L.sel(multiplet="Eg(2)").min() < -0.1
    assert abs(L.sel(multiplet="Eg(2)").min()) > 100 * L.sel(multiplet="Eg(2)").max()


def test_receiver_amplitude_goes_with_the_square_of_the_field():
    peaks = [
        float(np.abs(simulate(d3d_potential(), Pulse(E, 2.05, 1.0), 6.0).Q.values[:, 2:]).max()) for E in (0.01, 0.03)
    ]
    assert peaks[1] / peaks[0] == pytest.approx(9.0, rel=2e-2)


def test_fully_symmetric_mode_feels_no_second_harmonic_of_circular_light():
    potential = d3d_potential(gamma=0.0, a1g=5e-4, frequency=(2.05, 4.05))
    peaks = []
    for helicity in (1.0, 0.0):
        Q = simulate(potential, Pulse(0.05, 2.05, 4.0, helicity=helicity), 25.0).Q.values[:, 4]
        # δ|u|² follows u: its 2ω part, demodulated over the pulse, is what drives the mode.
        t = np.arange(len(Q)) * 0.01
        window = np.exp(-(((t - 10.0) / 3.0) ** 2))
        peaks.append(abs(np.sum(window * Q * np.exp(2j * np.pi * 4.1 * t))))
    assert peaks[0] < 1e-4 * peaks[1]


def test_L_is_the_bilinear_form_of_the_modes():
    potential = random_potential(2)
    run = simulate(potential, Pulse(1.0, 2.5, 0.5, center=0.5), 1.0, record=Record(0.1))
    Q, P, M = run.Q.values, run.P.values, potential.angular_momentum
    total = np.stack([((Q @ m) * P).sum(axis=1) for m in M], axis=1)
    np.testing.assert_allclose(run.L.sum("multiplet"), total / HBAR, atol=1e-12)
    np.testing.assert_allclose(run.L_change, run.L.isel(time=-1) - run.L.isel(time=0), atol=1e-12)


def test_recording_does_not_change_the_motion():
    potential, pulses = random_potential(2), Pulse(1.0, 2.5, 0.5, center=0.5)
    fine = simulate(potential, pulses, 1.25, record=Record(0.01))
    coarse = simulate(potential, pulses, 1.25, record=Record(0.1, start=0.35, quantities=("Q", "L")))
    assert set(coarse.data_vars) & {"Q", "P", "L", "E"} == {"Q", "L"}
    np.testing.assert_allclose(coarse.time, 0.35 + 0.1 * np.arange(10), atol=1e-15)
    np.testing.assert_allclose(coarse.Q, fine.Q.values[35:126:10], atol=1e-8)
    # The run goes on to 1.25 ps although the last recorded time is 1.25 only on the fine grid.
    np.testing.assert_allclose(coarse.L_change, fine.L_change, atol=1e-6)
    np.testing.assert_allclose(coarse.ledger, fine.ledger, atol=1e-6)


def test_a_run_that_records_only_its_start_is_controlled_at_its_end():
    potential = random_potential(2)
    run = simulate(potential, Pulse(1.0, 2.5, 0.5, center=0.5), 1.0, record=Record(5.0))
    other = simulate(potential, Pulse(1.0, 2.5, 0.5, center=0.5), 1.0)
    assert run.sizes["time"] == 1
    np.testing.assert_allclose(run.L_change, other.L_change, atol=1e-6)


def test_pulses_add_up_and_the_axis_defaults_to_that_of_the_potential():
    half = Pulse(0.15, 2.05, 1.0)
    one, two = simulate(d3d_potential(), MAIN, 4.0), simulate(d3d_potential(), [half, half], 4.0)
    np.testing.assert_allclose(one.Q, two.Q, rtol=0, atol=1e-14)
    down = make_potential([2.0], [0.1], ["A"], [([0], [0], -0.01, "light")], axis=(0.0, 0.0, -1.0))
    run = simulate(down, MAIN, 1.0)
    assert json.loads(run.attrs["pulses"])[0][0]["axis"] == [0.0, 0.0, -1.0]
    np.testing.assert_allclose(run.E, Pulse(0.3, 2.05, 1.0, axis=(0, 0, -1)).field(run.time))


def test_ensemble_is_made_of_the_single_runs():
    potential = d3d_potential()
    pulses = [MAIN, (), (Pulse(0.1, 2.0, 0.5), Pulse(0.2, 4.0, 0.05, center=2.0)), Pulse(0.3, 2.05, 1.0, helicity=-1.0)]
    runs = simulate_ensemble(potential, pulses, 3.0, n_threads=2)
    assert runs.Q.dims == ("trajectory", "time", "mode")
    assert runs.ledger.dims == ("trajectory", "channel", "multiplet", "axis")
    for i, group in enumerate(pulses):
        alone = simulate(potential, group, 3.0, method="splitting")
        for name in ("Q", "P", "L", "E", "ledger", "crystal", "L_change", "step", "step_error", "status"):
            assert np.array_equal(runs[name][i], alone[name]), (i, name)
    assert not runs.Q[1].any()


def test_units_and_labels():
    run = simulate(random_potential(), Pulse(0.1, 2.0, 0.3), 0.2)
    assert all("units" in run[name].attrs for name in run.data_vars)
    assert run.channel.values[:2].tolist() == ["light", "light2"]
    assert run.channel.values[-3:].tolist() == ["harmonic", "damping", "noise"]
    assert run.Q.dims == ("time", "mode")
    assert run.L.dims == ("time", "multiplet", "axis")
    provenance = json.loads(run.attrs["provenance"])
    assert provenance["parameters"]["rtol"] == 1e-8
    assert provenance["step_error"] == float(run.step_error)
    isa = instruction_set()
    assert provenance["kernel"] == lattice.dynamics.dataset.kernel.build_info() | {"isa": isa}
    assert provenance["parameters"]["method"] == "collocation"
    assert "collocation" in provenance["integrator"]


def cubic_well():
    """Unbounded below: |Q| grows without limit beyond the barrier."""
    return make_potential([2.0], [0.1], ["A"], [([0, 0, 0], [], -0.05, "cubic")])


def test_divergence_is_an_error_with_a_sentence():
    with pytest.raises(IntegrationError, match="diverged"):
        simulate(cubic_well(), [], 3.0, initial=([20.0], [0.0]))


def test_divergence_can_be_kept_beside_good_trajectories():
    runs = simulate_ensemble(cubic_well(), [(), ()], 3.0, initial=([[0.01], [20.0]], [[0.0], [0.0]]), on_failure="keep")
    assert runs.status.values.tolist() == [0, 1]
    assert "diverged" in str(runs.message.values[1])
    assert np.isfinite(runs.Q[0]).all()
    assert np.isnan(runs.Q[1, -1]).all()
    assert runs.Q[1, 0, 0] == 20.0
    assert np.isnan(runs.ledger[1]).all()
    assert np.isnan(runs.step_error[1])
    assert not np.isnan(runs.ledger[0]).any()


def test_accuracy_that_cannot_be_met_is_an_error():
    """A chaotic trajectory loses more digits than double precision has."""
    terms = [((0,) * 4, [], 1.0, "a"), ((1,) * 4, [], 1.0, "a"), ((0, 0, 1, 1), [], 30.0, "b")]
    potential = make_potential([0.5, 0.5], [0.0, 0.0], ["A", "B"], terms)
    initial = ([0.9, 0.31], [10.0, -17.0])
    with pytest.raises(IntegrationError, match="above rtol"):
        simulate(potential, [], 3.0, record=Record(0.1), initial=initial, rtol=1e-12)
    kept = simulate(potential, [], 3.0, record=Record(0.1), initial=initial, rtol=1e-12, on_failure="keep")
    assert kept.status == 2
    assert kept.step_error > 1e-12
    assert np.isfinite(kept.Q).all()


def test_scale_of_the_step_error():
    change, largest = np.array([[1e-3, 0.0, 1e-9]]), np.array([[1.0, 2.0, 1e-12]])
    assert relative_to_multiplets(change, largest, np.array([0, 0, 1], np.int32))[0] == pytest.approx(5e-4)
    change = np.array([[0.0, 0.0, 1e-9]])
    assert relative_to_multiplets(change, largest, np.array([0, 0, 1], np.int32))[0] == pytest.approx(
        1e-9 / (2.0 * SCALE_FLOOR)
    )


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"duration": 0.0}, "duration"),
        ({"duration": float("nan")}, "duration"),
        ({"rtol": 0.0}, "rtol"),
        ({"rtol": 1e-15}, "rtol"),
        ({"n_threads": 0}, "n_threads"),
        ({"n_threads": 1.5}, "n_threads"),
        ({"seed": -1}, "seed"),
        ({"on_failure": "ignore"}, "on_failure"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"initial": ([0.0], [0.0, 1.0, 2.0])}, "initial state"),
        ({"initial": ([np.nan] * 4, [0.0] * 4)}, "initial state"),
        ({"pulse_or_pulses": [0.3]}, "not a pulse"),
        ({"duration": 1e9, "record": Record(1e-3)}, "too many"),
        ({"record": Record(0.1, start=9.0)}, "after the end"),
        ({"duration": "10"}, "duration"),
        ({"duration": None}, "duration"),
        ({"duration": [1.0]}, "duration"),
        ({"rtol": "a"}, "rtol"),
        ({"rtol": True}, "rtol"),
        ({"n_threads": float("nan")}, "n_threads"),
        ({"n_threads": None}, "n_threads"),
        ({"n_threads": 2**40}, "1024"),
        ({"n_threads": 1025}, "1024"),
        ({"n_threads": 10**400}, "n_threads"),
        ({"seed": float("nan")}, "seed"),
        ({"seed": float("inf")}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"temperature": "hot"}, "temperature"),
        ({"on_failure": []}, "on_failure"),
        ({"method": "euler"}, "method"),
        ({"method": None}, "method"),
        ({"method": "collocation", "temperature": 10.0}, "no thermal bath"),
        ({"on_failure": None}, "on_failure"),
        ({"record": "x"}, "Record"),
        ({"record": None}, "Record"),
        ({"pulse_or_pulses": None}, "not a pulse"),
        ({"pulse_or_pulses": "abc"}, "not a pulse"),
        ({"pulse_or_pulses": 3}, "not a pulse"),
        ({"potential": "Bi2Se3"}, "load_potential"),
        ({"potential": None}, "load_potential"),
        ({"initial": 3}, "initial state"),
        ({"initial": ([0.0] * 4,)}, "initial state"),
        ({"initial": "QP"}, "initial state"),
        ({"initial": (["a"] * 4, [0.0] * 4)}, "initial state"),
        ({"initial": ([1j] * 4, [0.0] * 4)}, "initial state"),
        ({"initial": (None, [0.0] * 4)}, "initial state"),
    ],
)
def test_bad_input(keys, word):
    with pytest.raises(InputError, match=word):
        simulate(**({"potential": d3d_potential(), "pulse_or_pulses": MAIN, "duration": 1.0} | keys))


def test_empty_ensemble_is_an_error():
    with pytest.raises(InputError, match="no trajectory"):
        simulate_ensemble(d3d_potential(), [], 1.0)


@pytest.mark.parametrize(("pulses", "word"), [(MAIN, "lattice.simulate"), ([3], "not a pulse"), (None, "sequence")])
def test_an_ensemble_needs_a_sequence_of_pulses(pulses, word):
    with pytest.raises(InputError, match=word):
        simulate_ensemble(d3d_potential(), pulses, 1.0)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("seed", (0, 2**63 - 1), (-1, 2**63)),
        ("rtol", (1e-12, 1e-2), (0.99e-12, 1.01e-2)),
        ("n_threads", (1, 1024), (0, 1025)),
        ("temperature", (0.0, 1e4), (-1e-9, np.inf)),
        ("duration", (1e-9, 1e4), (0.99e-9, np.inf)),
    ],
)
def test_the_ends_of_the_ranges_of_numbers(name, allowed, refused):
    given = {"duration": 1.0, "temperature": 0.0, "seed": 0, "rtol": 1e-8, "n_threads": 1}
    for value in allowed:
        assert value in checked_numerics(**given | {name: value}).values()
    for value in refused:
        with pytest.raises(InputError, match=name):
            checked_numerics(**given | {name: value})


def test_numbers_of_numpy_do_as_well():
    one = simulate(
        d3d_potential(), MAIN, np.float64(1.0), seed=np.int64(3), rtol=np.float32(1e-6), n_threads=np.int8(1)
    )
    two = simulate(d3d_potential(), [MAIN], 1, seed=3.0, rtol=float(np.float32(1e-6)), n_threads=2)
    np.testing.assert_array_equal(one.Q, two.Q)
    assert json.loads(one.attrs["provenance"])["parameters"]["seed"] == 3


def test_as_many_threads_as_are_allowed():
    run = simulate(d3d_potential(), MAIN, 0.1, n_threads=1024)
    np.testing.assert_array_equal(run.Q, simulate(d3d_potential(), MAIN, 0.1).Q)


def test_initial_states_may_be_one_array():
    rng = np.random.default_rng(1)
    initial = 0.1 * rng.standard_normal((2, 4))
    run = simulate(d3d_potential(), [], 0.1, initial=initial)
    np.testing.assert_array_equal(run.Q[0], initial[0])


def test_reserved_channel_name_is_an_error():
    potential = make_potential([2.0], [0.1], ["A"], [([0, 0, 0], [], 1e-3, "damping")])
    with pytest.raises(InputError, match="ledger"):
        simulate(potential, [], 1.0)


def test_blow_up_close_to_a_recorded_time_warns_of_nothing():
    """Any warning is an error here: numbers up to the largest double pass through L and the step error."""
    run = simulate(cubic_well(), [], 3.0, initial=([20.0], [0.0]), record=Record(1e-4), on_failure="keep")
    assert run.status == 1
    assert np.abs(run.Q).max() > 1e3
