"""Strain invariants: counted by characters, unchanged by every operation, and put in at a given strain."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.anharmonic.coordinates import gamma_coordinates
from lattice.anharmonic.invariants import find_invariants
from lattice.anharmonic.strain import VOIGT, at_strain, strain_representation

DEGREES = ((1, 0, 1), (2, 0, 1), (1, 0, 2), (1, 1, 1))


@pytest.fixture(scope="module")
def bi2se3():
    return gamma_coordinates(lattice.solve_modes(lattice.load("Bi2Se3")))


def symmetric(power, matrices):
    """Character of a representation, or of its symmetric square."""
    trace = np.trace(matrices, axis1=1, axis2=2)
    return trace if power == 1 else (trace**2 + np.trace(matrices @ matrices, axis1=1, axis2=2)) / 2


def count(coordinates, degree):
    """Mean over the group of the product of characters; that of the strain from the angles: χ(η) = (χ² + χ(R²))/2."""
    vector, square = coordinates.rotations, coordinates.rotations @ coordinates.rotations
    strain = (np.trace(vector, axis1=1, axis2=2) ** 2 + np.trace(square, axis1=1, axis2=2)) / 2
    fourth = np.array([np.linalg.matrix_power(r, 4) for r in vector])
    of_square = (np.trace(square, axis1=1, axis2=2) ** 2 + np.trace(fourth, axis1=1, axis2=2)) / 2
    total = symmetric(degree[0], coordinates.matrices)
    if degree[1]:
        total = total * symmetric(degree[1], vector)
    if degree[2]:
        total = total * (strain if degree[2] == 1 else (strain**2 + of_square) / 2)
    return round(float(total.mean()))


def value(invariant, Q, E, eta):
    components = np.array([eta[pair] for pair in VOIGT])
    factors = invariant.coefficient * Q[invariant.mode_index].prod(axis=1) * E[invariant.field_axis].prod(axis=1)
    return float((factors * components[invariant.strain_index].prod(axis=1)).sum())


def random_strain(rng):
    eta = rng.normal(size=(3, 3))
    return eta + eta.T


@pytest.mark.parametrize("number", [4, 33, 82, 152, 166, 182, 198, 227])
def test_as_many_as_the_characters_say_and_invariant(number):
    modes = lattice.solve_modes(spring_crystal(cell_of_spacegroup(number, species=1)))
    chosen = [m.label for m in modes.multiplets if not m.acoustic][-3:]
    coordinates = gamma_coordinates(modes, chosen)
    rng = np.random.default_rng(number)
    Q, E, eta = rng.normal(size=coordinates.n), rng.normal(size=3), random_strain(rng)
    for degree in DEGREES:
        invariants = find_invariants(coordinates, [degree])
        assert len(invariants) == count(coordinates, degree)
        for invariant in invariants:
            here = value(invariant, Q, E, eta)
            for matrix, rotation in zip(coordinates.matrices, coordinates.rotations, strict=True):
                there = value(invariant, matrix @ Q, rotation @ E, rotation @ eta @ rotation.T)
                assert there == pytest.approx(here, abs=1e-9)


def test_bi2se3_names(bi2se3):
    """Only Raman modes feel a strain: each A1g the two invariant strains, each Eg the two pairs."""
    names = [x.name for x in find_invariants(bi2se3, [(1, 0, 1)])]
    assert len(names) == 8
    assert set(names) == {f"{m} η #{k}" for m in ("A1g(1)", "A1g(2)", "Eg(1)", "Eg(2)") for k in (1, 2)}
    assert all(x.degree == (1, 0) and x.strain_index.shape[1] == 1 for x in find_invariants(bi2se3, [(1, 0, 1)]))


def test_representation_turns_components():
    rng = np.random.default_rng(2)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    eta = random_strain(rng)
    turned = rotation @ eta @ rotation.T
    components = np.array([eta[pair] for pair in VOIGT])
    found = strain_representation(rotation[None])[0] @ components
    np.testing.assert_allclose(found, [turned[pair] for pair in VOIGT], atol=1e-14)


def test_a_static_strain_makes_rows_of_the_table(bi2se3):
    """At a strain the rows have the values of the invariant; a biaxial strain leaves the pairs degenerate."""
    rng = np.random.default_rng(5)
    Q, E, eta = rng.normal(size=bi2se3.n), rng.normal(size=3), random_strain(rng)
    for degree in ((2, 0, 1), (1, 1, 1)):
        invariants = find_invariants(bi2se3, [degree])
        for before, after in zip(invariants, at_strain(invariants, eta), strict=True):
            assert after.strain_index.shape == (len(after.coefficient), 0)
            rows = zip(after.mode_index.tolist(), after.field_axis.tolist(), strict=True)
            assert len({(tuple(modes), tuple(fields)) for modes, fields in rows}) == len(after.coefficient)
            assert value(after, Q, E, eta) == pytest.approx(value(before, Q, E, eta), rel=1e-12)
    biaxial = at_strain(find_invariants(bi2se3, [(2, 0, 1)]), np.diag([0.01, 0.01, -0.02]))
    assert any(len(x.coefficient) == 0 for x in biaxial)
    for x in biaxial:
        hessian = np.zeros((bi2se3.n, bi2se3.n))
        for (s, t), c in zip(x.mode_index.tolist(), x.coefficient.tolist(), strict=True):
            hessian[s, t] += c
            hessian[t, s] += c
        for _, places in bi2se3.blocks:
            block = hessian[np.ix_(places, places)]
            np.testing.assert_allclose(block, block[0, 0] * np.eye(len(places)), atol=1e-12)
    for wrong in (np.ones((2, 2)), np.triu(np.ones((3, 3))), np.full((3, 3), np.nan), "large"):
        with pytest.raises(lattice.InputError, match="strain"):
            at_strain(biaxial, wrong)
