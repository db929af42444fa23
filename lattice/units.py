"""The only module that converts units.

Public layer: Å, amu, ps, THz (ν), eV, e, MV/cm, K, ħ.
Kernel layer: coherent Å, amu, ps, rad; energy in amu Å²/ps², ω = 2πν.
Every factor is derived from CODATA constants (`scipy.constants`).
"""

from __future__ import annotations

import math

from scipy import constants

_AMU = constants.atomic_mass
_ANGSTROM = 1e-10
_PS = 1e-12
_KERNEL_ENERGY = _AMU * (_ANGSTROM / _PS) ** 2  # J per amu Å²/ps²

TWO_PI = 2.0 * math.pi
EV = constants.eV / _KERNEL_ENERGY  #: 1 eV in amu Å²/ps²
HBAR = constants.hbar / (_KERNEL_ENERGY * _PS)  #: ħ in amu Å²/ps
KB = constants.k / _KERNEL_ENERGY  #: Boltzmann constant in amu Å²/ps²/K
EV_PER_CHARGE_FIELD_LENGTH = 0.01  #: 1 e·(MV/cm)·Å in eV, exact: 1 MV/cm = 1e8 V/m = 0.01 V/Å
FIELD_FORCE = EV * EV_PER_CHARGE_FIELD_LENGTH  #: 1 e·MV/cm in amu Å/ps²
THZ_PER_ROOT_EV = math.sqrt(EV) / TWO_PI  #: ν in THz of a mode with curvature 1 eV/(Å² amu)
INVERSE_CM_PER_THZ = 1e12 / (constants.c * 100.0)  #: 1 THz in cm⁻¹
COULOMB = constants.e / (4.0 * math.pi * constants.epsilon_0 * _ANGSTROM)  #: e²/(4πε0) in eV Å (14.39964…)
EPSILON_IONIC = 4.0 * math.pi * COULOMB * EV  #: e²/ε0 in amu Å³/ps²: ε = EPSILON_IONIC/V · Z Z/ω²
#: ε0 · 1 Å³ (MV/cm)² in eV: the energy of a field in a cell
FIELD_ENERGY: float = constants.epsilon_0 * _ANGSTROM**3 * 1e16 / constants.eV
WAVENUMBER_PER_EV: float = constants.eV * _ANGSTROM / (constants.hbar * constants.c)  #: 1/Å, of light of 1 eV in vacuum
#: ε0 c · 1 (MV/cm)² ps in J/m²
FLUENCE: float = constants.epsilon_0 * constants.c * 1e16 * _PS


def frequency_from_curvature(curvature: float) -> float:
    """Return ν in THz from ω² in eV/(Å² amu); negative for an imaginary frequency."""
    return math.copysign(math.sqrt(abs(curvature)) * THZ_PER_ROOT_EV, curvature)
