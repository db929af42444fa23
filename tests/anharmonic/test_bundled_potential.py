"""The potential of Bi2Se3 that is installed with the package."""

import importlib.util
import json

import numpy as np
import pytest

import lattice
from lattice import units
from lattice.anharmonic.invariance import check_invariance, coordinate_representation
from lattice.anharmonic.polynomial import polynomial_from_table
from lattice.structure.bundled import bundled_file

MEASURED_THZ = {"Eg(1)": 1.10, "Eu(1)": 2.05, "A1g(1)": 2.25, "Eg(2)": 4.05}  # Melnikov, PRB 97, 214304 (2018)


def recipe():
    path = bundled_file("Bi2Se3").parent / "recipe" / "potential.py"
    spec = importlib.util.spec_from_file_location("bi2se3_potential_recipe", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


def test_the_file_follows_from_the_computed_couplings(potential):
    again = recipe().potential()
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    for name in ("coefficient", "eigenvectors", "frequency", "mode_charge"):
        np.testing.assert_allclose(getattr(again, name), getattr(computed, name), atol=1e-9)
    for name in ("mode_index", "field_axis", "channel", "labels", "pair", "mode_numbers"):
        np.testing.assert_array_equal(getattr(again, name), getattr(computed, name))


def test_frequencies_computed_or_measured(potential):
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    np.testing.assert_allclose(computed.frequency, computed.modes.frequency[computed.mode_numbers], atol=1e-9)
    for s, name in enumerate(potential.multiplet):
        expected = MEASURED_THZ.get(str(name), computed.frequency[s])
        assert potential.frequency[s] == expected
        assert potential.linewidth[s] == computed.linewidth[s] == (0.16 if name == "Eu(1)" else 0.10)
    assert set(potential.source["overrides"]) == set(MEASURED_THZ)
    with pytest.raises(lattice.InputError, match="measured"):
        lattice.load_potential("Bi2Se3", frequencies="guessed")


def test_the_headline_term_has_the_published_form(potential):
    """V3 = γ Re[(u_x + i u_y)² (g_x + i g_y)] with |γ| of couplings.json."""
    polynomial = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    place = {str(label): s for s, label in enumerate(potential.labels)}
    ux, uy, gx, gy = (place[k] for k in ("Eu(1)x", "Eu(1)y", "Eg(2)x", "Eg(2)y"))
    gamma = polynomial[(ux, ux, gx), ()]
    given = json.loads((bundled_file("Bi2Se3").parent / "couplings.json").read_text())["Eu1Eu1_Q0"]["Eg2"]
    np.testing.assert_allclose(abs(gamma), abs(given), rtol=1e-12)
    np.testing.assert_allclose(polynomial[(uy, uy, gx), ()], -gamma, rtol=1e-12)
    np.testing.assert_allclose(polynomial[(ux, uy, gy), ()], -2 * gamma, rtol=1e-12)
    assert (ux, ux, gy) not in [modes for modes, _ in polynomial]


def test_couplings_against_forces_in_cartesian_coordinates(potential):
    """Displace along Cartesian E_u1 x by hand: the force on Cartesian E_g y and A1g must be that of couplings.json."""
    folder = bundled_file("Bi2Se3").parent
    gamma = json.loads((folder / "gamma.json").read_text())
    given = json.loads((folder / "couplings.json").read_text())["Eu1Eu1_Q0"]
    polynomial = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    cubic = {k[0]: c for k, c in polynomial.items() if len(k[0]) == 3}

    def project(name, axis):
        vector = np.zeros((5, 3))
        vector[:, axis] = gamma["modes"][name]["pattern"]
        return np.einsum("ska,ka->s", potential.eigenvectors, vector)

    q = project("Eu1", 0)  # Q = 1 along x
    gradient = np.zeros(potential.n_modes)
    for modes, c in cubic.items():
        for k in range(3):
            others = [modes[j] for j in range(3) if j != k]
            gradient[modes[k]] += c * np.prod(q[others])
    for receiver, axis in (("Eg1", 1), ("Eg2", 1), ("A1g1", 2), ("A1g2", 2)):
        np.testing.assert_allclose(gradient @ project(receiver, axis), given[receiver], rtol=1e-9)
    np.testing.assert_allclose(gradient @ project("Eg2", 0), 0, atol=1e-15)


def test_the_ionic_permittivity_from_the_mode_charges(potential):
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    omega = 2 * np.pi * computed.frequency
    volume = abs(np.linalg.det(computed.crystal.cell))
    epsilon = (
        units.EPSILON_IONIC / volume * np.einsum("sa,sb,s->ab", computed.mode_charge, computed.mode_charge, omega**-2.0)
    )
    np.testing.assert_allclose(np.diag(epsilon), [95.05, 95.05, 7.22], atol=0.006)  # README of the computed data
    np.testing.assert_allclose(epsilon - np.diag(np.diag(epsilon)), 0, atol=1e-9)


def test_it_is_invariant_and_a_changed_term_is_named(potential):
    from dataclasses import replace

    assert check_invariance(potential)
    row = int(np.flatnonzero(potential.channel == "Eu(1)^2 Eg(2)")[1])
    coefficient = potential.coefficient.copy()
    coefficient[row] *= 1.001
    with pytest.raises(lattice.SymmetryError, match=r"Eu\(1\). Eu\(1\). Eg\(2\). \(modes = \[3, "):
        check_invariance(replace(potential, coefficient=coefficient))
    frequency = potential.frequency.copy()
    frequency[3] += 0.01
    with pytest.raises(lattice.SymmetryError, match="breaks the symmetry"):
        check_invariance(replace(potential, frequency=frequency))


def test_representation_is_a_homomorphism(potential):
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    assert len(matrices) == 12
    for a, ra in zip(matrices, rotations, strict=True):
        np.testing.assert_allclose(a @ a.T, np.eye(12), atol=1e-9)
        for b, rb in zip(matrices, rotations, strict=True):
            match = np.abs(rotations - ra @ rb).max(axis=(1, 2)).argmin()
            np.testing.assert_allclose(matrices[match], a @ b, atol=1e-9)


def test_angular_momentum_is_antisymmetric_and_plus_one_for_pairs(potential):
    matrix = potential.angular_momentum
    np.testing.assert_allclose(matrix, -matrix.transpose(0, 2, 1), atol=1e-14)
    for s, partner in enumerate(potential.pair):
        if partner > s:
            np.testing.assert_allclose(matrix[:, s, partner], potential.axis, atol=1e-12)


def test_no_potential_for_the_crystal_without_couplings():
    with pytest.raises(lattice.InputError, match="No potential is bundled"):
        lattice.load_potential("Bi2Se3-noSOC")
