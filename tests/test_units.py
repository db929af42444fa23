"""Every factor of the units module, by hand in SI from the exact constants and the CODATA atomic mass."""

import math

import numpy as np

from lattice import units

E, H, C, K, AMU, EPS0 = 1.602176634e-19, 6.62607015e-34, 299792458.0, 1.380649e-23, 1.66053906892e-27, 8.8541878188e-12
ENERGY = AMU * (1e-10 / 1e-12) ** 2  # amu Å²/ps² in J


def test_energies_and_action():
    np.testing.assert_allclose(units.EV, E / ENERGY, rtol=1e-8)
    np.testing.assert_allclose(units.EV, 9648.533, rtol=1e-6)
    np.testing.assert_allclose(units.HBAR, H / (2 * math.pi) / (ENERGY * 1e-12), rtol=1e-8)
    np.testing.assert_allclose(units.HBAR, 6.350780, rtol=1e-6)
    np.testing.assert_allclose(units.KB, K / ENERGY, rtol=1e-8)


def test_field():
    """A field of 1 MV/cm on one e and 1 amu accelerates by eE/m in Å/ps²."""
    acceleration = E * 1e8 / AMU  # m/s²
    np.testing.assert_allclose(units.FIELD_FORCE, acceleration * 1e10 * 1e-24, rtol=1e-8)
    np.testing.assert_allclose(units.FIELD_FORCE, 96.48533, rtol=1e-6)
    assert units.EV_PER_CHARGE_FIELD_LENGTH == 1e8 * 1e-10


def test_frequencies():
    curvature = E / 1e-20 / AMU  # 1 eV/(Å² amu) in s⁻²
    np.testing.assert_allclose(units.THZ_PER_ROOT_EV, math.sqrt(curvature) / (2 * math.pi) * 1e-12, rtol=1e-8)
    np.testing.assert_allclose(units.INVERSE_CM_PER_THZ, 1e12 / C / 100, rtol=1e-12)
    np.testing.assert_allclose(units.frequency_from_curvature(4.0), 2 * units.THZ_PER_ROOT_EV, rtol=1e-12)
    np.testing.assert_allclose(units.frequency_from_curvature(-1.0), -units.THZ_PER_ROOT_EV, rtol=1e-12)


def test_electrostatics():
    np.testing.assert_allclose(units.COULOMB, E / (4 * math.pi * EPS0) * 1e10, rtol=1e-8)
    # ε = e² Z²/(ε0 V ω²) for Z = 1 e/√amu, V = 1 Å³, ω = 1 rad/ps
    by_hand = E**2 / AMU / (EPS0 * 1e-30 * 1e24)
    np.testing.assert_allclose(units.EPSILON_IONIC, by_hand, rtol=1e-8)


def test_light():
    # ½ ε0 E² V of 1 MV/cm in 1 Å³, doubled; and k = 2π/λ with λ = hc/E, 12398.42 Å for 1 eV
    np.testing.assert_allclose(units.FIELD_ENERGY, EPS0 * (1e8) ** 2 * 1e-30 / E, rtol=1e-8)
    np.testing.assert_allclose(2 * math.pi / units.WAVENUMBER_PER_EV, H * C / E * 1e10, rtol=1e-12)
    np.testing.assert_allclose(2 * math.pi / units.WAVENUMBER_PER_EV, 12398.42, rtol=1e-6)
