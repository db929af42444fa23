"""Invariant polynomials: as many as Molien's series says, independent, and unchanged by every operation."""

import dataclasses

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal
from scipy.stats import ortho_group

import lattice
from lattice.anharmonic.coordinates import gamma_coordinates
from lattice.anharmonic.harmonic import hessian_of
from lattice.anharmonic.invariance import coordinate_representation
from lattice.anharmonic.invariants import find_invariants
from lattice.anharmonic.polynomial import polynomial_from_table, substitute
from lattice.anharmonic.rays import gradient_table
from lattice.structure.cell import Cell

GROUPS = (2, 4, 10, 19, 33, 61, 76, 82, 92, 113, 144, 148, 152, 161, 166, 173, 182, 187, 194, 198, 215, 221, 227)


def molien(matrices, highest):
    """Coefficients of (1/|G|) Σ_g 1/det(1 − t D(g)), from the eigenvalues of D(g)."""
    series = np.zeros(highest + 1)
    for matrix in matrices:
        one = np.zeros(highest + 1, dtype=complex)
        one[0] = 1.0
        for value in np.linalg.eigvals(matrix):
            for k in range(1, highest + 1):
                one[k] += value * one[k - 1]  # times 1/(1 − value t)
        series += one.real
    return series / len(matrices)


def few_multiplets(number, highest_dimension=7):
    """Coordinates of the highest multiplets of a model crystal, of at least two of them."""
    modes = lattice.solve_modes(spring_crystal(cell_of_spacegroup(number, species=1)))
    chosen, size = [], 0
    for multiplet in sorted((x for x in modes.multiplets if not x.acoustic), key=lambda x: -len(x.indices)):
        if size + len(multiplet.indices) <= highest_dimension:
            chosen.append(multiplet.label)
            size += len(multiplet.indices)
    return gamma_coordinates(modes, chosen)


def turn_inside(coordinates, rng):
    """A random rotation inside each multiplet."""
    turn = np.zeros((coordinates.n, coordinates.n))
    for _, places in coordinates.blocks:
        turn[np.ix_(places, places)] = ortho_group.rvs(len(places), random_state=rng) if len(places) > 1 else 1.0
    return turn


def as_polynomial(invariant):
    return polynomial_from_table(invariant.coefficient, invariant.mode_index, invariant.field_axis)


@pytest.fixture(scope="module")
def bi2se3():
    return gamma_coordinates(lattice.solve_modes(lattice.load("Bi2Se3")))


@pytest.mark.parametrize("number", GROUPS)
def test_as_many_as_molien_says_independent_and_invariant(number):
    coordinates = few_multiplets(number)
    expected = np.rint(molien(coordinates.matrices, 4)).astype(int)
    rng = np.random.default_rng(number)
    some = rng.choice(len(coordinates.matrices), min(4, len(coordinates.matrices)), replace=False)
    for order in range(1, 5):
        invariants = find_invariants(coordinates, [order])
        assert len(invariants) == expected[order]
        if not invariants:
            continue
        rows = [as_polynomial(x) for x in invariants]
        monomials = sorted({m for row in rows for m in row})
        table = np.array([[row.get(m, 0.0) for m in monomials] for row in rows])
        assert np.linalg.matrix_rank(table) == len(rows)
        for row in rows:
            for g in some:
                turned = substitute(row, coordinates.matrices[g], coordinates.rotations[g])
                assert max(abs(turned.get(m, 0.0) - row.get(m, 0.0)) for m in turned | row) < 1e-12


@pytest.mark.parametrize(("degree", "count"), [(1, 2), (2, 12), (3, 40), (4, 142), ((1, 1), 4), ((1, 2), 8)])
def test_bi2se3_by_an_independent_count(bi2se3, degree, count):
    """The count for D3d: Molien in Q; with fields, by characters of symmetric tensors."""
    found = find_invariants(bi2se3, [degree])
    n_modes, n_fields = (degree, 0) if isinstance(degree, int) else degree
    assert len(found) == count
    if n_fields == 0:
        assert round(molien(bi2se3.matrices, 4)[n_modes]) == count
        return
    vector = np.trace(bi2se3.rotations, axis1=1, axis2=2)
    square = np.trace(bi2se3.rotations @ bi2se3.rotations, axis1=1, axis2=2)
    tensor = vector if n_fields == 1 else (vector**2 + square) / 2
    assert round(float(np.mean(np.trace(bi2se3.matrices, axis1=1, axis2=2) * tensor))) == count


def test_fourth_to_sixth_order_are_complete(bi2se3):
    assert len(find_invariants(bi2se3, [4])) == 142
    pair = gamma_coordinates(bi2se3.modes, ["Eu(1)", "Eg(2)", "A2u(1)"])
    assert len(find_invariants(pair, [5, 6])) == round(molien(pair.matrices, 6)[5:].sum())


def test_d3d_has_the_cubic_kinds_of_an_infrared_and_a_raman_pair(bi2se3):
    """u²g, g³, δ|u|²A and |g|²A: with one E_u, one E_g and one A_1g exactly these, and A³."""
    three = gamma_coordinates(bi2se3.modes, ["Eu(1)", "Eg(2)", "A1g(1)"])
    found = {x.name: x for x in find_invariants(three, [3])}
    assert set(found) == {"Eu(1)^2 Eg(2)", "Eg(2)^3", "Eu(1)^2 A1g(1)", "Eg(2)^2 A1g(1)", "A1g(1)^3"}
    place = {str(label): i for i, label in enumerate(three.labels)}
    ux, uy, gx, gy, a = (place[k] for k in ("Eu(1)x", "Eu(1)y", "Eg(2)x", "Eg(2)y", "A1g(1)"))

    def row(name, expected):
        polynomial = {tuple(sorted(k)): v for k, v in expected.items()}
        got = {m: c for (m, _), c in as_polynomial(found[name]).items()}
        assert got.keys() == polynomial.keys()
        scale = got[next(iter(polynomial))] / next(iter(polynomial.values()))
        np.testing.assert_allclose([got[m] for m in polynomial], scale * np.array([*polynomial.values()]), rtol=1e-12)

    row("Eu(1)^2 Eg(2)", {(ux, ux, gx): 1, (uy, uy, gx): -1, (ux, uy, gy): -2})  # Re[u² g]
    row("Eg(2)^3", {(gx, gx, gx): 1, (gx, gy, gy): -3})  # Re[g³]
    row("Eu(1)^2 A1g(1)", {(ux, ux, a): 1, (uy, uy, a): 1})
    row("Eg(2)^2 A1g(1)", {(gx, gx, a): 1, (gy, gy, a): 1})


def test_field_rows_are_named_and_padded_like_the_table(bi2se3):
    eu = gamma_coordinates(bi2se3.modes, ["Eu(1)", "Eg(1)"])
    charge, *raman = find_invariants(eu, [(1, 1), (1, 2)])
    assert charge.name == "Eu(1) E"
    assert charge.degree == (1, 1)
    assert [x.name for x in raman] == ["Eg(1) E^2 #1", "Eg(1) E^2 #2"]
    assert all(x.field_axis.shape == (len(x.coefficient), 2) for x in raman)


def test_a_turned_basis_spans_the_same_polynomials(bi2se3):
    """Rotations inside the multiplets change the rows, not the space of polynomials."""
    rng = np.random.default_rng(3)
    turn = turn_inside(bi2se3, rng)
    turned = dataclasses.replace(
        bi2se3, eigenvectors=turn @ bi2se3.eigenvectors.reshape(bi2se3.n, -1), matrices=turn @ bi2se3.matrices @ turn.T
    )
    points = rng.normal(size=(80, bi2se3.n))

    def values(invariants, at):
        return np.array([[np.prod(q[x.mode_index], axis=1) @ x.coefficient for x in invariants] for q in at])

    one = values(find_invariants(bi2se3, [3]), points)
    other = values(find_invariants(turned, [3]), points @ turn.T)
    projected = one @ np.linalg.lstsq(one, other, rcond=None)[0]
    np.testing.assert_allclose(projected, other, atol=1e-10 * np.abs(other).max())


def test_a_hessian_is_the_slope_of_the_gradient_in_any_basis():
    """Partners of equal irreps in bases of their own: invariants of order 2 whose coefficients are not 1."""
    own = few_multiplets(187)
    rng = np.random.default_rng(8)
    turn = turn_inside(own, rng)
    matrices = turn @ own.matrices @ turn.T
    turned = dataclasses.replace(own, eigenvectors=np.tensordot(turn, own.eigenvectors, axes=1), matrices=matrices)
    invariants = find_invariants(turned, [2])
    assert max(np.abs(np.log(np.abs(x.coefficient))).max() for x in invariants) > 0.1
    factors, points = rng.normal(size=len(invariants)), rng.normal(size=(20, own.n))
    hessian = hessian_of(invariants, factors, own.n)
    np.testing.assert_allclose(points @ hessian, gradient_table(invariants, points) @ factors, atol=1e-12)
    np.testing.assert_allclose(
        matrices @ hessian @ matrices.transpose(0, 2, 1), hessian[None] + 0 * matrices, atol=1e-9
    )


def test_a_structure_that_is_nearly_symmetric_has_its_own_group():
    crystal = lattice.load("Bi2Se3")
    every = np.eye(15).reshape(15, 5, 3)
    for shift, order in ((0.0, 12), (0.05, 1)):
        moved = crystal.positions + shift * np.eye(5)[:, :1] * [1.0, 0.7, 0.4] @ np.linalg.inv(crystal.cell)
        cell = Cell(crystal.cell, moved, crystal.numbers, crystal.masses)
        assert len(coordinate_representation(every, cell)[0]) == order


def test_wrong_choices_are_named(bi2se3):
    for degree in (0, 7, (0, 2), (5, 2), (1, -1), 2.5, True, (1, 0, -1), (2, 2, 3), (0, 0, 2), (1, 0, 1, 0), ()):
        with pytest.raises(lattice.InputError, match="degree"):
            find_invariants(bi2se3, [degree])
    with pytest.raises(lattice.InputError, match="acoustic"):
        gamma_coordinates(bi2se3.modes, ["Eu(ac)"])
    with pytest.raises(lattice.InputError, match="twice"):
        gamma_coordinates(bi2se3.modes, ["Eu(1)", "Eu(1)"])
    with pytest.raises(lattice.InputError, match="no such multiplet"):
        gamma_coordinates(bi2se3.modes, ["Eu(9)"])


def test_a_structure_known_to_six_digits_has_exact_invariants():
    """A rounded structure: the group's matrices are refined, so that the rows are still invariant to round-off."""
    cell = cell_of_spacegroup(194, species=1)
    rough = Cell(np.round(cell.cell, 6), np.round(cell.positions, 6), cell.numbers, cell.masses)
    modes = lattice.solve_modes(spring_crystal(rough))
    labels = [x.label for x in modes.multiplets if not x.acoustic and len(x.indices) == 2][:3]
    coordinates = gamma_coordinates(modes, labels)
    defect = np.abs(np.einsum("gij,gkj->gik", coordinates.matrices, coordinates.matrices) - np.eye(coordinates.n)).max()
    assert defect < 1e-14
    for invariant in find_invariants(coordinates, [3]):
        row = as_polynomial(invariant)
        for matrix, rotation in zip(coordinates.matrices, coordinates.rotations, strict=True):
            turned = substitute(row, matrix, rotation)
            assert max(abs(turned.get(m, 0.0) - row.get(m, 0.0)) for m in turned | row) < 1e-12
