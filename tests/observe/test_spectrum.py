"""Spectra of motions that are known exactly."""

import numpy as np
import pytest

from lattice.errors import InputError
from lattice.observe.spectrum import helicity, signed_spectrum, spectral_peak

TIME = np.arange(0, 20.001, 0.01)


@pytest.mark.parametrize("nu", [0.7313, 2.05, 4.1037])
@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_a_circular_motion_has_helicity_one_and_its_own_frequency(nu, sense):
    phase = 2 * np.pi * nu * TIME + 0.3
    frequency, power = signed_spectrum(TIME, np.cos(phase), sense * np.sin(phase))
    assert helicity(frequency, power) == pytest.approx(sense, abs=1e-4)
    assert spectral_peak(frequency, power) == pytest.approx(nu, abs=2e-5)


def test_counter_clockwise_is_positive():
    phase = 2 * np.pi * TIME
    frequency, power = signed_spectrum(TIME, np.cos(phase), np.sin(phase))
    assert frequency[np.argmax(power)] > 0


@pytest.mark.parametrize("ratio", [-0.8, -0.25, 0.0, 0.5])
def test_an_ellipse_has_the_helicity_of_its_axis_ratio(ratio):
    # (a + ib) decomposes into circles of amplitude (1 ± r)/2: helicity 2r/(1 + r²).
    envelope = np.exp(-(((TIME - 10) / 2) ** 2))
    phase = 2 * np.pi * 2.05 * TIME
    frequency, power = signed_spectrum(TIME, envelope * np.cos(phase), ratio * envelope * np.sin(phase))
    assert helicity(frequency, power) == pytest.approx(2 * ratio / (1 + ratio**2), abs=1e-9)


def test_helicity_and_peak_do_not_depend_on_the_basis_of_the_pair():
    rng = np.random.default_rng(3)
    x, y = np.cumsum(rng.standard_normal((2, len(TIME))), axis=1) * np.exp(-TIME)
    angle = 0.731
    turned = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    one, two = signed_spectrum(TIME, x, y), signed_spectrum(TIME, *turned)
    assert helicity(*one) == pytest.approx(helicity(*two), abs=1e-12)
    assert spectral_peak(*one) == pytest.approx(spectral_peak(*two), abs=1e-9)


def test_exchanging_the_partners_reverses_the_helicity():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, len(TIME)))
    assert helicity(*signed_spectrum(TIME, x, y)) == pytest.approx(-helicity(*signed_spectrum(TIME, y, x)), abs=1e-12)


def test_parseval():
    envelope = np.exp(-(((TIME - 10) / 1.5) ** 2))
    x, y = envelope * np.cos(12 * TIME), envelope * np.sin(7 * TIME)
    frequency, power = signed_spectrum(TIME, x, y)
    total = power.sum() * (frequency[1] - frequency[0])
    # The window is 1 where the motion is, so the integral is that of |Q|² itself.
    assert total == pytest.approx(np.sum(x**2 + y**2) * 0.01, rel=1e-9)


def test_a_damped_line_peaks_at_its_frequency_whatever_the_resolution():
    for duration in (10.0, 20.0, 40.0):
        time = np.arange(0, duration, 0.01)
        x = np.exp(-0.5 * 2 * np.pi * 0.16 * time) * np.sin(2 * np.pi * 2.05 * time)
        assert spectral_peak(*signed_spectrum(time, x)) == pytest.approx(2.05, abs=0.02)


def test_nothing_moving_has_neither_helicity_nor_peak():
    frequency, power = signed_spectrum(TIME, 0 * TIME, 0 * TIME)
    assert helicity(frequency, power) is None
    assert spectral_peak(frequency, power) is None


def test_a_static_displacement_has_no_helicity_of_its_own():
    phase = 2 * np.pi * 2.05 * TIME
    frequency, power = signed_spectrum(TIME, 5.0 + np.cos(phase), np.sin(phase))
    assert spectral_peak(frequency, power) == pytest.approx(0.0, abs=1e-3)
    still = signed_spectrum(TIME, np.full_like(TIME, 5.0), np.full_like(TIME, -2.0))
    assert helicity(*still) == pytest.approx(0.0, abs=1e-12)


def test_too_few_and_uneven_samples_are_refused():
    with pytest.raises(InputError, match="eight samples"):
        signed_spectrum(TIME[:7], TIME[:7])
    uneven = TIME.copy()
    uneven[100] += 0.004
    with pytest.raises(InputError, match="evenly spaced"):
        signed_spectrum(uneven, uneven)
