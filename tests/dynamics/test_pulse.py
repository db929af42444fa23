"""The pulse: formula, sense of rotation, frame, input checks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_potentials import d3d_potential, make_potential

import lattice
from lattice import InputError, Pulse
from lattice.dynamics.light_table import frames

T = np.linspace(-1.0, 7.0, 401)


def test_formula_of_the_contract():
    pulse = Pulse(0.3, 2.05, 1.2, helicity=-0.6, phase=0.4, center=3.1)
    s = T - 3.1
    g = 0.3 * np.exp(-2 * np.log(2) * s**2 / 1.2**2)
    a = 2 * np.pi * 2.05 * s + 0.4
    expected = np.stack([g * np.cos(a), -0.6 * g * np.sin(a), 0 * s], axis=1)
    np.testing.assert_allclose(pulse.field(T), expected, atol=1e-15)


def test_duration_is_the_half_width_of_the_intensity_and_amplitude_its_peak():
    pulse = Pulse(0.3, 2.05, 1.0, center=2.0)
    intensity = (pulse.field([1.5, 2.0, 2.5]) ** 2).sum(axis=1)
    np.testing.assert_allclose(intensity, 0.09 * np.array([0.5, 1.0, 0.5]), rtol=1e-12)
    assert Pulse(0.3, 2.05, 1.2).center == pytest.approx(3.0)


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1), st.floats(-400, 400))
def test_frame_is_right_handed_and_turns_counter_clockwise(axis, angle):
    pulse = Pulse(0.3, 2.05, 1.0, axis=axis, angle=angle)
    n = np.array(axis) / np.linalg.norm(axis)
    x, y = pulse.polarisation_axes()
    np.testing.assert_allclose(np.cross(x, y), n, atol=1e-12)
    x0, y0 = Pulse(0.3, 2.05, 1.0, axis=axis).polarisation_axes()
    turned = np.cos(np.radians(angle)) * x0 + np.sin(np.radians(angle)) * y0
    np.testing.assert_allclose(x, turned, atol=1e-12)
    E = pulse.field(T)
    np.testing.assert_allclose(E @ n, 0.0, atol=1e-15)
    # Positive helicity: E × dE/dt points along n̂ wherever the field is not small.
    turning = np.cross(E[1:-1], E[2:] - E[:-2]) @ n
    strong = np.linalg.norm(E[1:-1], axis=1) > 1e-3
    assert np.all(turning[strong] > 0)


def test_x_of_the_frame_is_cartesian_x_or_y():
    np.testing.assert_allclose(Pulse(1, 1, 1).polarisation_axes()[0], [1, 0, 0])
    np.testing.assert_allclose(Pulse(1, 1, 1, axis=(-2, 0, 0)).polarisation_axes()[0], [0, 1, 0])
    np.testing.assert_array_equal(Pulse(1, 1, 1, angle=90.0).polarisation_axes()[0], [0.0, 1.0, 0.0])


def test_transmission_scales_the_field():
    inside = Pulse(1.0, 2.0, 1.0, transmission=0.3).field(T)
    np.testing.assert_allclose(inside, 0.3 * Pulse(1.0, 2.0, 1.0).field(T), atol=1e-16)


def test_about_fills_only_a_missing_axis():
    assert Pulse(1, 1, 1).about((0, 2, 0)).axis == (0.0, 1.0, 0.0)
    assert Pulse(1, 1, 1, axis=(0, 0, -3)).about((0, 2, 0)).axis == (0.0, 0.0, -1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"amplitude": -0.1},
        {"amplitude": float("nan")},
        {"amplitude": None},
        {"frequency": 0.0},
        {"frequency": -2.0},
        {"duration": 0.0},
        {"duration": float("inf")},
        {"helicity": 1.01},
        {"helicity": "left"},
        {"angle": float("nan")},
        {"center": float("inf")},
        {"axis": (0, 0, 0)},
        {"axis": (0, 1)},
        {"axis": (0, float("nan"), 1)},
        {"transmission": 0.0},
        {"shape": "sech"},
        {"amplitude": "0.3"},
        {"amplitude": True},
        {"amplitude": 1e300, "transmission": 1e10},
        {"frequency": 1e300},
        {"frequency": [2.0]},
        {"duration": 1e-300},
        {"duration": 1j},
        {"center": 1e308},
        {"center": "1"},
        {"axis": ("a", "b", "c")},
        {"axis": (1j, 0, 1)},
        {"axis": np.array([0, 0, 1j])},
        {"axis": "xyz"},
        {"axis": 3},
        {"shape": [1]},
        {"shape": None},
    ],
)
def test_bad_input_is_named(change):
    keys = {"amplitude": 0.3, "frequency": 2.0, "duration": 1.0} | change
    with pytest.raises(InputError) as caught:
        Pulse(**keys)
    assert next(iter(change)) in str(caught.value)


@pytest.mark.parametrize("t", ["a", None, [[0.0, 1.0]], [1j], [float("nan")], [True]])
def test_times_of_the_field_must_be_numbers(t):
    with pytest.raises(InputError, match="times of a field"):
        Pulse(0.3, 2.0, 1.0).field(t)


def test_the_field_far_from_the_pulse_is_zero():
    """Any warning is an error here."""
    assert not Pulse(0.3, 2.0, 1e-9).field([-1e200, 1e200]).any()
    assert Pulse(0.3, 2.0, 1.0).field(2.5).shape == (1, 3)


@pytest.mark.parametrize("potential", [3, "Bi2Se3", None])
def test_default_pulse_needs_a_potential(potential):
    with pytest.raises(InputError, match="load_potential"):
        lattice.default_pulse(potential)


def test_unknown_shape_names_the_known_ones():
    with pytest.raises(InputError, match="gaussian"):
        Pulse(0.3, 2.0, 1.0, shape="box")


def test_parameters_make_the_same_pulse():
    pulse = Pulse(0.3, 2.05, 1.0, helicity=-0.2, axis=(1, 1, 0), angle=12.0)
    assert Pulse(**pulse.parameters()) == pulse


def test_default_pulse_takes_the_most_polar_stable_pair():
    pulse = lattice.default_pulse(d3d_potential(), helicity=-1.0)
    assert (pulse.amplitude, pulse.frequency, pulse.duration, pulse.helicity) == (0.3, 2.05, 1.0, -1.0)
    assert pulse.axis == (0.0, 0.0, 1.0)
    terms = [([s], [a], -0.01 * z, "light") for s, a, z in ((0, 0, 1), (1, 1, 1), (2, 0, 2), (3, 1, 2), (4, 2, 9))]
    pair = [1, 0, 3, 2, -1]
    two = make_potential([2.0, 2.0, 3.5, 3.5, 5.0], [0.1] * 5, list("aabbc"), terms, pair=pair)
    assert lattice.default_pulse(two).frequency == 3.5
    soft = make_potential([2.0, 2.0, -3.5, -3.5, 5.0], [0.1] * 5, list("aabbc"), terms, pair=pair)
    assert lattice.default_pulse(soft).frequency == 2.0


def test_default_pulse_needs_a_polar_pair():
    along_axis = make_potential([2.0, 2.0], [0.1] * 2, ["E"] * 2, [([0], [2], -0.01, "light")], pair=[1, 0])
    with pytest.raises(InputError, match="no IR-active pair"):
        lattice.default_pulse(along_axis)


def test_frames_of_many_pulses_are_those_of_each():
    """Every quarter turn, about every kind of axis, x̂ itself included; right angles are exact."""
    rng = np.random.default_rng(11)
    angles = np.concatenate([np.arange(-720.0, 721.0, 45.0), rng.uniform(-1000.0, 1000.0, 40)])
    for axis in ((0, 0, 1), (1, 0, 0), (-1, 1e-7, 0), (0, -1, 0), *rng.standard_normal((4, 3))):
        pulses = [Pulse(1.0, 2.0, 1.0, angle=float(angle), axis=axis) for angle in angles]
        x, y = frames(np.array(pulses[0].axis), angles)
        expected = np.array([pulse.polarisation_axes() for pulse in pulses])
        np.testing.assert_allclose(x, expected[:, 0], atol=1e-14)
        np.testing.assert_allclose(y, expected[:, 1], atol=1e-14)
