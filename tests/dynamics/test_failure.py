"""What a failed run says: until when it was good, and what mends the cause. Any warning is an error here."""

import numpy as np
import pytest
from model_potentials import make_potential

from lattice import IntegrationError, Pulse, Record, simulate, simulate_ensemble

LINEAR = ([0], [0], -0.01, "light")
CUBIC = ([0, 0, 0], [], -0.05, "cubic")
PAIR_CUBIC = [([0, 0, 2], [], 0.05, "c"), ([1, 1, 2], [], -0.05, "c"), ([0, 1, 3], [], -0.1, "c")]


def well(frequency=2.0, *terms):
    return make_potential([frequency], [0.1], ["A1"], [LINEAR, CUBIC, *terms])


def fix_of(potential, pulses, **keys):
    with pytest.raises(IntegrationError, match="diverged") as caught:
        simulate(potential, pulses, 3.0, **keys)
    assert "finite" in caught.value.found
    assert "fs" in caught.value.found
    return caught.value.fix


def test_too_strong_a_field():
    assert fix_of(well(), Pulse(1e4, 2.0, 0.5)).startswith("lower the field, bound")


def test_too_hot_a_bath():
    assert fix_of(well(), [], temperature=1e300).startswith("lower the temperature, bound")
    assert fix_of(well(), Pulse(0.1, 2.0, 0.5), temperature=1e300).startswith("lower the temperature or the field")


def test_too_large_an_initial_state():
    assert fix_of(well(), [], initial=([20.0], [0.0])).startswith("lower the initial Q and P")


def test_imaginary_frequency_without_and_with_a_bound():
    falling = fix_of(well(-2.0), [], initial=([5.0], [0.0]))
    assert falling.startswith("the frequency of A1 is imaginary and no quartic term bounds")
    held = well(-2.0, ([0] * 4, [], 1e-9, "quartic"), ([0] * 3, [], -1e5, "cubic"))
    bounded = fix_of(held, [], initial=([2.0], [0.0]), record=Record(1e-4))
    assert bounded.startswith("the frequency of A1 is imaginary: give a real one")
    assert "strengthen the quartic terms" in bounded


@pytest.mark.parametrize("term", [([0] * 4, [], -1e-3, "q"), ([0] * 4, [0], 1e-3, "q"), ([0] * 5, [], 1e-3, "q")])
def test_terms_that_bound_nothing(term):
    assert "no quartic term bounds" in fix_of(well(-2.0, term), [], initial=([20.0], [0.0]))


def test_the_sentence_is_that_of_the_first_failed_trajectory():
    pulses = [(), Pulse(1e4, 2.0, 0.5)]
    with pytest.raises(IntegrationError, match="trajectory 1") as caught:
        simulate_ensemble(well(), pulses, 3.0)
    assert caught.value.fix.startswith("lower the field")


@pytest.mark.parametrize("amplitude", [1e6, 1e300])
@pytest.mark.parametrize("every", [0.01, 1.0])
def test_overflow_of_linked_pairs_warns_of_nothing(amplitude, every):
    light = [([0], [0], -0.01, "light"), ([1], [1], -0.01, "light")]
    potential = make_potential(
        [2.0, 2.0, 4.0, 4.0], [0.1] * 4, ["E", "E", "F", "F"], light + PAIR_CUBIC, pair=[1, 0, 3, 2]
    )
    run = simulate(potential, Pulse(amplitude, 2.0, 0.5), 3.0, record=Record(every), on_failure="keep")
    assert run.status == 1
    assert run.ledger.isnull().all()


@pytest.mark.parametrize("method", ["collocation", "splitting"])
def test_nothing_is_recorded_after_a_divergence_not_even_the_first_time(method):
    """The last finite state is not that of a recorded time that comes later."""
    record = Record(0.1, start=2.0)
    run = simulate(well(), [], 3.0, initial=([20.0], [0.0]), on_failure="keep", method=method, record=record)
    assert int(run["status"]) == 1
    for name in ("Q", "P", "L", "L_change", "energy_change"):
        assert np.isnan(run[name].values).all()


def test_runs_share_nothing_that_can_be_changed():
    """Names and numbers of the potential are prepared once for all its runs; what one run does to them is its own."""
    potential = well()
    one, two = (simulate(potential, [], 0.1) for _ in range(2))
    one["frequency"].attrs["units"] = "1/cm"
    one["mode"].attrs["note"] = "mine"
    one["frequency"] = one["frequency"] * 33.356
    one = one.assign_coords(mode=["another"])
    three = simulate(potential, [], 0.1)
    for run in (two, three):
        assert run["frequency"].attrs["units"] == "THz"
        assert run["frequency"].values.tolist() == [2.0]
        assert run["mode"].values.tolist() == potential.labels.tolist()
        assert run["mode"].attrs == {}
