"""Envelopes, chirp, turning polarisation, zero area, and runs under them against an independent integration."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_potentials import d3d_potential
from reference import Twin
from scipy.integrate import quad
from scipy.optimize import brentq

import lattice
from lattice import InputError, Pulse, Record, pulse_pairs, simulate, simulate_ensemble

ENVELOPES = ("gaussian", "sech2", "flat_top")


def intensity(pulse, t):
    return float((pulse.field([t]) ** 2).sum())


@pytest.mark.parametrize("shape", ENVELOPES)
@pytest.mark.parametrize("duration", [0.4, 1.7])
def test_duration_is_the_full_width_and_amplitude_the_peak(shape, duration):
    pulse = Pulse(0.3, 2.0, duration, shape=shape)  # circular: |E| is the envelope
    half = [
        brentq(lambda t: intensity(pulse, t) - 0.045, *side)
        for side in ((0, pulse.center), (pulse.center, pulse.center + 5))
    ]
    assert half[1] - half[0] == pytest.approx(duration, rel=1e-7)
    assert intensity(pulse, pulse.center) == pytest.approx(0.09, rel=1e-7)


@pytest.mark.parametrize("shape", [*ENVELOPES, "few_cycle"])
def test_pulses_begin_near_zero_and_are_over_outside_their_span(shape):
    pulse = Pulse(1.0, 2.0, 1.0, shape=shape)
    assert np.linalg.norm(pulse.field([0.0])) < 6e-4
    start, end = pulse.span()
    assert np.abs(pulse.field([start - 0.01, end + 0.01])).max() < 1.1e-4
    assert np.abs(pulse.field([start + 0.6, end - 0.6])).max() > 1e-4


def test_sech2_and_flat_top_formulae():
    t = np.linspace(0.0, 12.0, 301)
    pulse = Pulse(1.0, 2.0, 1.0, shape="sech2", center=6.0)
    expected = 1.0 / np.cosh(2 * np.arccosh(np.sqrt(2)) * (t - 6.0))
    np.testing.assert_allclose(np.linalg.norm(pulse.field(t), axis=1), expected, rtol=1e-13)
    flat = Pulse(1.0, 2.0, 4.0, shape="flat_top", edge=0.5, center=6.0)
    rise = [brentq(lambda s, level=level: intensity(flat, s) - level**2, 2.0, 6.0) for level in (0.1, 0.9)]
    assert rise[1] - rise[0] == pytest.approx(0.5, rel=1e-7)
    assert np.linalg.norm(flat.field(np.linspace(5.2, 6.8, 50)), axis=1) == pytest.approx(1.0, abs=1e-9)
    assert np.isfinite(Pulse(1.0, 2.0, 1e-3, shape="sech2").field(t)).all()


def test_the_instantaneous_frequency_of_a_chirp():
    pulse = Pulse(0.3, 2.0, 1.5, chirp=-0.4, phase=0.7)
    t, h = np.linspace(1.0, 6.0, 51), 1e-5
    E, later = (pulse.field(t + d) @ [1, 1j, 0] for d in (-h, h))
    np.testing.assert_allclose(np.angle(later / E) / (4 * np.pi * h), 2.0 - 0.4 * (t - pulse.center), rtol=1e-6)
    np.testing.assert_allclose(np.abs(E), np.abs(Pulse(0.3, 2.0, 1.5).field(t - h) @ [1, 1j, 0]), rtol=1e-13)


def test_a_turning_polarisation():
    t = np.linspace(0.0, 5.0, 201)
    still, turning = (Pulse(0.3, 2.0, 1.0, helicity=0.3, rotation=r) for r in (0.0, 50.0))
    turn = np.exp(1j * np.radians(50.0) * (t - still.center))
    np.testing.assert_allclose(turning.field(t) @ [1, 1j, 0], turn * (still.field(t) @ [1, 1j, 0]), atol=1e-15)
    # Turning a circular pulse only shifts its frequency.
    shifted = Pulse(0.3, 2.0 + 50.0 / 360.0, 1.0)
    np.testing.assert_allclose(Pulse(0.3, 2.0, 1.0, rotation=50.0).field(t), shifted.field(t), atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.05, 4.0), st.floats(-1, 1), st.floats(-7, 7), st.floats(-2, 2), st.floats(-300, 300), st.floats(0, 360)
)
def test_a_few_cycle_pulse_has_no_area(frequency, helicity, phase, chirp, rotation, angle):
    keys = {"helicity": helicity, "phase": phase, "chirp": chirp, "rotation": rotation, "angle": angle, "center": 0.0}
    t, h = np.linspace(-6.0, 6.0, 4001, retstep=True)
    E = Pulse(1.0, frequency, 1.0, shape="few_cycle", **keys).field(t)
    assert np.abs(E.sum(axis=0) * h).max() < 1e-12 * (np.abs(E).sum() * h + 1)


def test_limits_of_a_few_cycle_pulse():
    t = np.linspace(0.0, 5.0, 401)
    many, plain = (Pulse(1.0, 50.0, 1.0, shape=shape, helicity=0.4).field(t) for shape in ("few_cycle", "gaussian"))
    np.testing.assert_allclose(many, plain, atol=1.5e-2 * 0.6)
    s = t - 2.5
    half = Pulse(1.0, 1e-4, 1.0, shape="few_cycle", helicity=0.0).field(t)[:, 0]
    np.testing.assert_allclose(half, (1 - 4 * np.log(2) * s**2) * np.exp(-2 * np.log(2) * s**2), atol=1e-6)
    area = quad(lambda x: Pulse(1.0, 0.4, 1.0, helicity=0.0).field([x])[0, 0], 0.0, 5.0)[0]
    assert abs(area) > 0.1  # the Gaussian pushes a free charge, the few-cycle pulse does not


def test_carrier_envelope_phase_of_a_half_cycle_turns_the_field_round():
    t = np.linspace(0.0, 5.0, 101)
    one, other = (Pulse(1.0, 0.5, 1.0, shape="few_cycle", phase=p).field(t) for p in (0.3, 0.3 + np.pi))
    np.testing.assert_allclose(one, -other, atol=1e-14)


CASES = {
    "sech2": Pulse(0.2, 2.05, 0.8, shape="sech2"),
    "flat top": Pulse(0.1, 2.05, 2.0, shape="flat_top", edge=0.02),
    "few cycle": Pulse(0.8, 2.05, 0.2, shape="few_cycle", phase=0.5),
    "half cycle": Pulse(3.0, 0.5, 0.05, shape="few_cycle", helicity=0.0, center=0.5),
    "chirp": Pulse(0.3, 2.05, 1.0, chirp=1.5),
    "rotation": Pulse(0.3, 2.05, 1.0, rotation=400.0, helicity=0.2),
}


@pytest.mark.parametrize("name", CASES)
def test_runs_agree_with_an_independent_integration(name):
    """At the default accuracy every recorded Q is within 1e-7 of the exact solution (contract §2)."""
    potential, pulse = d3d_potential(), CASES[name]
    run = simulate(potential, pulse, 5.0, record=Record(0.25))  # coarse records: the first step is the pulse's own
    assert run.status == 0
    twin = Twin(potential, [pulse])
    twin.light = lambda t: pulse.field([t])[0]
    Q, _ = twin.solve(run.time.values, rtol=1e-11, max_step=0.02)
    scale = np.repeat(np.abs(Q).max(axis=0).reshape(2, 2).max(axis=1), 2)
    assert (np.abs(run.Q.values - Q).max(axis=0) / scale).max() < 1e-7


def test_scales_cover_the_shape():
    gauss = Pulse(0.3, 2.0, 1.0)
    assert gauss.scales() == (2 * np.pi * 2.0, 1.0)
    assert Pulse(0.3, 2.0, 1.0, chirp=1.0).scales()[0] > 2 * np.pi * 4.5
    assert Pulse(0.3, 2.0, 1.0, rotation=360.0).scales()[0] == pytest.approx(2 * np.pi * 3.0)
    assert Pulse(0.3, 2.0, 1.0, shape="flat_top", edge=0.01).scales()[1] < 0.01
    assert Pulse(0.3, 2.0, 1.0, shape="few_cycle").scales()[1] == 0.5


def test_pump_and_pump_at_many_delays():
    pulse = Pulse(0.1, 2.05, 0.5, center=3.0)
    pairs = pulse_pairs(pulse, pulse, [-1.5, 0.0, 1 / 2.05 / 2, 1 / 2.05])
    assert [later.center - first.center for first, later in pairs] == pytest.approx(
        [-1.5, 0.0, 0.2439, 0.4878], abs=1e-4
    )
    linear = d3d_potential(gamma=0.0)
    runs = simulate_ensemble(linear, pairs, 8.0, record=Record(0.05))
    alone = simulate(linear, pulse, 8.0, record=Record(0.05))
    np.testing.assert_allclose(runs.Q[1], 2 * alone.Q, atol=1e-8)
    peak = np.abs(runs.Q[:, :, 0]).max("time").values
    assert peak[2] < 0.5 * peak[3]  # half a period apart they cancel, a whole one they add up
    with pytest.raises(InputError, match="before time 0"):
        pulse_pairs(pulse, pulse, [-3.0])


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"chirp": float("nan")}, "chirp"),
        ({"rotation": "fast"}, "rotation"),
        ({"edge": 0.1}, "edge"),
        ({"edge": 0.3, "shape": "flat_top"}, "edge"),
        ({"edge": 0.0, "shape": "flat_top"}, "edge"),
        ({"edge": float("inf"), "shape": "flat_top"}, "edge"),
        ({"shape": "sampled"}, "read_samples"),
        ({"shape": "box"}, "few_cycle"),
        ({"samples": 3}, "Samples"),
    ],
)
def test_bad_input_is_named(keys, word):
    with pytest.raises(InputError) as caught:
        Pulse(0.3, 2.0, 1.0, **keys)
    assert word in str(caught.value)


def test_parameters_make_the_same_pulse():
    for pulse in CASES.values():
        assert Pulse(**pulse.parameters()) == pulse
    assert set(Pulse(1, 1, 1).parameters()) == set(inspect.signature(Pulse).parameters) - {"samples"}
    assert lattice.default_pulse(d3d_potential()).chirp == 0.0
