"""The ledger: closure on every axis, rows against quadrature of the torques, 2 : 1 : −3."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential
from reference import Twin

import lattice
from lattice import InputError, Pulse, Record, simulate, simulate_ensemble
from lattice.dynamics.ledger import channel_summary, driven_multiplet

MAIN = Pulse(0.3, 2.05, 1.0)
CHANNEL = "Eu(1)^2 Eg(2)"


@pytest.fixture(scope="module")
def driven():
    return simulate(d3d_potential(), MAIN, 12.0)


@pytest.fixture(scope="module")
def linked():
    """Every multiplet linked to every other, all kinds of terms, elliptical fields, initial motion."""
    potential = random_potential()
    pulses = [Pulse(3.0, 2.5, 0.5, helicity=0.7, center=0.6), Pulse(2.0, 4.0, 0.3, helicity=-0.5, center=0.9)]
    rng = np.random.default_rng(5)
    initial = (0.2 * rng.standard_normal(12), 2.0 * rng.standard_normal(12))
    run = simulate(potential, pulses, 1.3, initial=initial, record=Record(0.02))
    return run, potential, pulses, initial


def test_rows_of_the_single_channel_are_two_to_one_to_minus_three(driven):
    source, received = driven.ledger.sel(channel=CHANNEL, axis="z").values
    crystal = float(driven.crystal.sel(channel=CHANNEL, axis="z"))
    assert source / received == pytest.approx(2.0, rel=1e-6)
    assert -crystal / received == pytest.approx(3.0, rel=1e-6)
    assert received < 0 < crystal


def test_closure_of_the_driven_model(driven):
    book = lattice.ledger(driven)
    assert book.closure_axial < 1e-12
    assert book.closure.sel(axis="z") < 1e-12
    # Nothing turns about x and y: 0/0 is null.
    assert book.closure.sel(axis=["x", "y"]).isnull().all()


def test_closure_along_all_axes_when_M_links_every_multiplet(linked):
    run, *_ = linked
    book = lattice.ledger(run)
    assert (book.gross > 1.0).all()
    assert (book.closure < 1e-9).all()
    missed = run.L_change - run.ledger.sum("channel")
    assert np.abs(missed).max() < 1e-9 * float(np.abs(run.ledger).sum())
    assert (
        np.abs(run.ledger.sel(channel=["harmonic", "damping", "light", "light2"])).max(("multiplet", "axis")) > 1e-3
    ).all()


def test_closure_does_not_need_a_fine_step(linked):
    _, potential, pulses, initial = linked
    run = simulate(potential, pulses, 1.3, initial=initial, record=Record(0.05), rtol=1e-2)
    assert (lattice.ledger(run).closure < 1e-12).all()


def test_every_row_against_quadrature_of_its_torque(linked):
    run, potential, pulses, initial = linked
    expected = Twin(potential, pulses).ledger(1.3, *initial)
    gross = float(np.abs(run.ledger).sum())
    assert set(expected) == set(run.channel.values.tolist()) - {"noise"}
    for name, row in expected.items():
        np.testing.assert_allclose(run.ledger.sel(channel=name), row, atol=1e-7 * gross / 100, err_msg=name)
    assert not run.ledger.sel(channel="noise").any()


def test_rows_against_quadrature_in_the_driven_model():
    run = simulate(d3d_potential(), MAIN, 6.0)
    for name, row in Twin(d3d_potential(), [MAIN]).ledger(6.0).items():
        np.testing.assert_allclose(run.ledger.sel(channel=name), row, atol=1e-8, err_msg=name)


def test_crystal_is_the_counter_entry_of_couplings_and_restoring_forces(linked):
    run, *_ = linked
    outside = ["light", "light2", "damping", "noise"]
    inside = [name for name in run.channel.values.tolist() if name not in outside]
    np.testing.assert_array_equal(run.crystal.sel(channel=inside), -run.ledger.sel(channel=inside).sum("multiplet"))
    assert not run.crystal.sel(channel=outside).any()


def test_field_terms_are_booked_by_their_factors_not_by_their_names():
    terms = [([0], [0], -0.01, "x"), ([1], [1], -0.01, "x"), ([0], [1, 1], 0.01, "x"), ([0, 1], [0], 0.01, "x")]
    run = simulate(make_potential([2.0] * 2, [0.1] * 2, ["E"] * 2, terms, pair=[1, 0]), MAIN, 4.0)
    assert run.channel.values.tolist() == ["light", "light2", "harmonic", "damping", "noise"]
    assert (np.abs(run.ledger.sel(axis="z", channel=["light", "light2"])) > 1e-6).all()


def test_along_the_axis_is_the_projection():
    axis = np.array([1.0, 2.0, 2.0]) / 3
    potential = make_potential([2.0] * 2, [0.1] * 2, ["E"] * 2, [([0], [0], -0.01, "d"), ([1], [2], -0.01, "d")],
                               pair=[1, 0], axis=axis)  # fmt: skip
    run = simulate(potential, Pulse(0.3, 2.0, 1.0), 4.0)
    book = lattice.ledger(run)
    np.testing.assert_allclose(book.ledger_axial, run.ledger.values @ axis, atol=1e-15)
    np.testing.assert_allclose(book.L_change_axial, run.L_change.values @ axis, atol=1e-15)
    assert book.closure_axial < 1e-12


def test_ledger_of_an_ensemble_keeps_the_trajectories():
    runs = simulate_ensemble(d3d_potential(), [MAIN, ()], 3.0)
    book = lattice.ledger(runs)
    assert book.closure_axial.dims == ("trajectory",)
    assert book.closure_axial[0] < 1e-12
    assert book.closure_axial[1].isnull()


def test_summary_of_the_channel(driven):
    summary = channel_summary(driven)
    assert (summary["driver"], summary["receiver"], summary["channel"]) == ("Eu(1)", "Eg(2)", CHANNEL)
    assert summary["ratio"] == pytest.approx(2.0, rel=1e-6)
    assert summary["crystal_per_quantum"] == pytest.approx(3.0, rel=1e-6)
    assert summary["source_hbar"] + summary["transferred_hbar"] + summary["crystal_hbar"] == pytest.approx(0, abs=1e-12)
    assert summary["closure"] < 1e-9


def test_summary_under_linear_light_has_nulls():
    summary = channel_summary(simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0, helicity=0.0), 4.0))
    assert summary["channel"] == CHANNEL
    assert summary["ratio"] is None
    assert summary["crystal_per_quantum"] is None
    assert summary["closure"] is None


def test_summary_without_a_receiver_at_twice_the_frequency():
    run = simulate(d3d_potential(frequency=(2.05, 9.0)), MAIN, 2.0)
    summary = channel_summary(run)
    assert summary["driver"] == "Eu(1)"
    assert summary["channel"] is None
    assert summary["source_hbar"] is None


def test_summary_takes_cubic_channels_without_a_field_alone():
    """Three factors of the driver and one of a receiver, or two of it, one of another and a field: no such channel."""
    light = [([0], [0], -0.01, "dipole"), ([1], [1], -0.01, "dipole")]
    others = [([0, 0, 0, 2], [], 1e-3, "quartic"), ([0, 0, 2], [0], 1e-4, "lit")]
    model = {"frequency": [2.0, 2.0, 4.0, 4.0], "linewidth": [0.1] * 4, "multiplet": ["E", "E", "G", "G"]}
    for terms, channel in ((others, None), ([*others, ([0, 0, 2], [], 1e-6, "cubic")], "cubic")):
        run = simulate(make_potential(**model, terms=light + terms, pair=[1, 0, 3, 2]), MAIN, 3.0)
        assert np.abs(run.ledger.sel(channel="quartic", axis="z")).max() > 1e-9
        assert channel_summary(run)["channel"] == channel


def test_summary_prefers_a_pair_and_takes_the_driver_that_is_named():
    run = simulate(d3d_potential(a1g=5e-4, frequency=(2.05, 3.7)), MAIN, 3.0)
    assert channel_summary(run)["receiver"] == "Eg(2)"
    assert channel_summary(run, driver="Eg(2)")["channel"] is None
    with pytest.raises(InputError, match="no such multiplet"):
        channel_summary(run, driver="Eu(9)")


@pytest.mark.parametrize(
    ("Q", "velocity", "expected"),
    [
        ((1.0, 0.6), (0.0, 0.0), "Eg(2)"),
        ((1.0, 0.4), (0.0, 0.0), "Eu(1)"),
        ((1.0, 0.0), (0.0, 0.9), "Eu(1)"),
        ((1.0, 0.0), (0.0, 1.1), "Eg(2)"),
    ],
)
def test_the_driven_multiplet_has_the_highest_harmonic_energy(Q, velocity, expected):
    """½ (P² + ω² Q²): twice the frequency weighs four times as much; P = ω Q is worth as much as Q."""
    run = simulate(d3d_potential(frequency=(2.0, 4.0)), MAIN, 1.0)
    second = run["mode_multiplet"].values == "Eg(2)"
    motion = {name: np.where(second, x[1], x[0]) * np.ones_like(run["Q"]) for name, x in (("Q", Q), ("P", velocity))}
    motion["P"] *= 2 * np.pi * 2.0
    arrays = {name: (run[name].dims, values) for name, values in motion.items()}
    charged = run.assign(**arrays, mode_charge=(run["mode_charge"].dims, np.ones_like(run["mode_charge"])))
    assert driven_multiplet(charged) == expected


def test_driver_needs_recorded_motion_or_a_name():
    run = simulate(d3d_potential(), MAIN, 3.0, record=Record(0.1, quantities=("L",)))
    with pytest.raises(InputError, match="not recorded"):
        driven_multiplet(run)
    assert channel_summary(run, driver="Eu(1)")["channel"] == CHANNEL


def test_ensembles_and_other_datasets_are_refused():
    with pytest.raises(InputError, match="one trajectory"):
        channel_summary(simulate_ensemble(d3d_potential(), [MAIN], 1.0))
    with pytest.raises(InputError, match="not a run"):
        lattice.ledger(simulate(d3d_potential(), MAIN, 1.0)[["Q"]])


@pytest.mark.parametrize("wrong", [3, None, "run", [], {"ledger": 1}])
def test_what_is_no_dataset_is_refused(wrong):
    for function in (lattice.ledger, channel_summary, driven_multiplet):
        with pytest.raises(InputError, match="dataset"):
            function(wrong)


def test_a_dataset_without_schema_is_no_run(driven):
    with pytest.raises(InputError, match="schema"):
        lattice.ledger(driven.drop_attrs())


@pytest.mark.parametrize("driver", [3, ["Eu(1)"], np.array(["Eu(1)", "Eg(2)"])])
def test_drivers_that_are_no_names(driven, driver):
    with pytest.raises(InputError, match="no such multiplet"):
        channel_summary(driven, driver)
