"""Magnetic moments of phonons: a moving charge by hand, and nulls."""

import dataclasses

import numpy as np
import pytest
from scipy import constants

import lattice
from lattice.errors import InputError


def test_moment_is_that_of_the_currents_averaged_over_a_period():
    """μ = ½ u × Z* u̇ of each atom over one period of one quantum, in SI, symmetrised as the docstring says."""
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    crystal = modes.crystal
    mode = modes.multiplet("Eu(1)").indices[0]
    omega = 2 * np.pi * modes.frequency[mode] * 1e12
    mass = crystal.masses * constants.atomic_mass
    # Q = Re[A √2 ε e^{−iωt}] with Σ m u² ω² /2 ·2 = ħω: |A|² = ħ/ω for a circular quantum
    amplitude = np.sqrt(2 * constants.hbar / omega) * modes.eigenvectors[mode] / np.sqrt(mass)[:, None]
    moment, spin = np.zeros(3), np.zeros(3)
    phases = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    for phase in phases:
        u = (amplitude * np.exp(-1j * phase)).real
        v = (-1j * omega * amplitude * np.exp(-1j * phase)).real
        current = np.einsum("kab,kb->ka", crystal.born_charges, v) * constants.e
        dipole = np.einsum("kab,kb->ka", crystal.born_charges, u) * constants.e
        moment += (np.cross(u, current) + np.cross(dipole, v)).sum(axis=0) / 4 / len(phases)
        spin += (mass[:, None] * np.cross(u, v)).sum(axis=0) / len(phases)
    np.testing.assert_allclose(spin / constants.hbar, modes.J[mode], atol=1e-9)
    nuclear_magneton = constants.physical_constants["nuclear magneton"][0]
    np.testing.assert_allclose(moment / nuclear_magneton, lattice.magnetic_moment(modes)[mode], rtol=1e-7, atol=1e-12)


def test_an_isotropic_charge_has_the_gyromagnetic_ratio_of_its_mass():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    unit = dataclasses.replace(modes.crystal, born_charges=np.tile(np.eye(3), (5, 1, 1)), masses=np.full(5, 2.0))
    moment = lattice.magnetic_moment(dataclasses.replace(modes, crystal=unit))
    np.testing.assert_allclose(moment, modes.J * constants.m_p / constants.atomic_mass / 2, atol=1e-12)


def test_partners_are_opposite_and_singlets_have_none():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    moment = lattice.magnetic_moment(modes)
    for i, partner in enumerate(modes.pair):
        np.testing.assert_allclose(moment[i], -moment[partner] if partner >= 0 else 0, atol=1e-12)
    plus = modes.multiplet("Eu(1)").indices[0]
    assert abs(moment[plus, 2]) > 0.01
    np.testing.assert_allclose(moment[plus, :2], 0, atol=1e-12)


def test_modes_of_a_centrosymmetric_crystal_away_from_gamma_have_none():
    crystal = lattice.load("Bi2Se3-noSOC")
    np.testing.assert_allclose(lattice.magnetic_moment(lattice.solve_modes(crystal, (0.1, 0.22, 0.31))), 0, atol=1e-9)


def test_without_charges_it_is_refused_and_patterns_are_unknown():
    crystal = lattice.load("Bi2Se3")
    with pytest.raises(InputError, match="Born charges"):
        lattice.magnetic_moment(lattice.solve_modes(dataclasses.replace(crystal, born_charges=None)))
    moment = lattice.magnetic_moment(lattice.solve_patterns(crystal))
    assert np.isnan(moment[3:]).all()
