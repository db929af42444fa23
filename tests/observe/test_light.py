"""Fluence, spectrum and helicity of pulses against closed forms."""

import numpy as np
import pytest
from scipy import constants

from lattice import InputError, Pulse, pulse_fluence, pulse_helicity, pulse_spectrum


def test_fluence_of_known_envelopes_in_si():
    field, second = 0.3 * 1e8, 1e-12
    per_area = constants.epsilon_0 * constants.c * field**2 * 1.2 * second
    areas = {"gaussian": np.sqrt(np.pi / (4 * np.log(2))), "sech2": 1 / np.arccosh(np.sqrt(2))}
    for shape, area in areas.items():  # ∫ g² dt / duration
        pulse = Pulse(0.3, 2.05, 1.2, shape=shape, chirp=0.2, rotation=33.0)
        assert pulse_fluence(pulse) == pytest.approx(per_area * area, rel=1e-7)
        assert pulse_fluence(pulse, refractive_index=3.0) == pytest.approx(3 * per_area * area, rel=1e-7)
    linear = Pulse(0.3, 5.0, 1.2, helicity=0.0)
    assert pulse_fluence(linear) == pytest.approx(0.5 * per_area * areas["gaussian"], rel=1e-7)


def test_pulses_that_overlap_interfere():
    pulse = Pulse(0.3, 2.05, 1.0)
    assert pulse_fluence([pulse, pulse]) == pytest.approx(4 * pulse_fluence(pulse), rel=1e-10)
    apart = [pulse, Pulse(0.3, 2.05, 1.0, center=20.0)]
    assert pulse_fluence(apart) == pytest.approx(2 * pulse_fluence(pulse), rel=1e-7)


@pytest.mark.parametrize("h", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_helicity_of_an_ellipse(h):
    assert pulse_helicity(Pulse(0.3, 3.0, 1.5, helicity=h)) == pytest.approx(2 * h / (1 + h * h), abs=1e-9)
    assert pulse_helicity(Pulse(0.3, 3.0, 1.5, helicity=h), axis=(0, 0, -1)) == pytest.approx(
        -2 * h / (1 + h * h), abs=1e-9
    )


def test_spectrum_of_a_gaussian_in_closed_form():
    frequency, power = pulse_spectrum(Pulse(0.3, 2.05, 1.2))
    sigma = 1.2 / np.sqrt(4 * np.log(2))  # E = exp(−t²/2σ²)
    exact = 0.09 * 2 * np.pi * sigma**2 * np.exp(-((2 * np.pi * (frequency - 2.05) * sigma) ** 2))
    np.testing.assert_allclose(power, exact, atol=1e-7 * exact.max())
    total = power.sum() * (frequency[1] - frequency[0])
    assert total == pytest.approx(0.09 * sigma * np.sqrt(np.pi), rel=1e-7)


def test_a_chirp_widens_the_spectrum_and_keeps_the_energy():
    plain, chirped = (pulse_spectrum(Pulse(0.3, 4.0, 1.0, chirp=c)) for c in (0.0, 1.0))
    totals, widths = [], []
    for frequency, power in (plain, chirped):
        total = power.sum()
        mean = (frequency * power).sum() / total
        widths.append(np.sqrt(((frequency - mean) ** 2 * power).sum() / total))
        totals.append(total * (frequency[1] - frequency[0]))
    assert totals[0] == pytest.approx(totals[1], rel=1e-7)
    # Gaussian of intensity: the spectral width adds in squares to chirp × σ_t.
    sigma_t = 1.0 / np.sqrt(8 * np.log(2))
    assert widths[1] == pytest.approx(np.hypot(widths[0], sigma_t), rel=1e-5)


def test_a_few_cycle_pulse_has_nothing_at_zero_frequency():
    frequency, power = pulse_spectrum(Pulse(0.3, 0.4, 1.0, shape="few_cycle", helicity=0.0))
    assert power[np.argmin(np.abs(frequency))] < 1e-12 * power.max()
    frequency, power = pulse_spectrum(Pulse(0.3, 0.4, 1.0, helicity=0.0))
    assert power[np.argmin(np.abs(frequency))] > 0.1 * power.max()


def test_bad_input():
    with pytest.raises(InputError, match="refractive index"):
        pulse_fluence(Pulse(0.3, 2, 1), refractive_index=0.0)
    with pytest.raises(InputError, match="no pulse"):
        pulse_fluence([])
    assert pulse_helicity(Pulse(0.3, 2, 1), axis=(0, 0, 1)) is not None
    assert pulse_helicity(Pulse(0.0, 2, 1)) is None
