"""The circular gauge is the same whatever basis the eigensolver gave, and is what the conventions say it is."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal
from scipy.stats import unitary_group

from lattice.modes.axis import default_axis, reference_direction, reference_operation
from lattice.modes.gauge import canonical_basis, circular_partners
from lattice.modes.modes import angular_momentum_matrix, real_coordinates
from lattice.modes.solve import _dynamical_matrix, _frame, _separated, _symmetry_adapted, solve_modes

# point groups with degenerate irreps: 4, -4, 4/mmm, 3, 32, 3m, -3m, 6, -6, -6m2, 6/mmm, 23, 432, -43m, m-3m
DEGENERATE = (75, 81, 123, 143, 150, 156, 164, 168, 174, 187, 191, 195, 207, 215, 221)


def solved_sets(crystal, q):
    """The multiplets as the library's eigensolver gives them, with what the gauge refers to."""
    matrix, primitive, _ = _dynamical_matrix(crystal, q, None)
    sets = _symmetry_adapted(crystal, q, matrix, primitive, None)
    unitary = [operation for operation in sets.operations if not operation.is_antiunitary]
    return _separated(sets, matrix), unitary, _frame(crystal, q, default_axis(crystal), unitary)


@pytest.mark.parametrize("number", DEGENERATE)
def test_partners_do_not_depend_on_the_basis_that_was_given(number):
    crystal = spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0)
    sets, _, frame = solved_sets(crystal, np.zeros(3))
    rng = np.random.default_rng(number)
    seen = 0
    for columns in sets:
        partners = circular_partners(columns, frame)
        dimension = columns.shape[1]
        turn = unitary_group.rvs(dimension, random_state=rng) if dimension > 1 else np.exp([[1j * rng.uniform(0, 6)]])
        again = circular_partners(columns @ turn, frame)
        for a, b in zip(partners, again, strict=True):
            np.testing.assert_allclose(a.vector, b.vector, atol=1e-9)
            assert (a.m, a.sign) == (b.m, b.sign)
        seen += dimension > 1
    assert seen > 0


@pytest.mark.parametrize("number", DEGENERATE)
def test_gamma_gauge(number):
    crystal = spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0)
    modes = solve_modes(crystal)
    _, unitary, frame = solved_sets(crystal, np.zeros(3))
    flat = modes.eigenvectors.reshape(modes.n_modes, -1)
    np.testing.assert_allclose(flat.conj() @ flat.T, np.eye(modes.n_modes), atol=1e-12)
    assert modes.rotation_order == frame.order > 1
    # T(C_n) ε = exp(−2πi m/n) ε
    turned = frame.rotate(flat.T).T
    np.testing.assert_allclose(turned, np.exp(-2j * np.pi * modes.m / frame.order)[:, None] * flat, atol=1e-7)
    assert ((modes.m > -frame.order / 2) & (modes.m <= frame.order / 2)).all()
    reference = reference_operation(unitary, modes.axis, crystal.cell)
    spin = modes.J @ modes.axis
    for i, partner in enumerate(modes.pair):
        if partner < 0:
            np.testing.assert_allclose(flat[i].imag, 0, atol=1e-12)
            np.testing.assert_allclose(spin[i], 0, atol=1e-9)
        elif partner > i:
            np.testing.assert_array_equal(flat[partner], flat[i].conj())
            assert modes.m[i] > 0 if modes.m[i] != modes.m[partner] else spin[i] > 0
            np.testing.assert_allclose(spin[i], -spin[partner], atol=1e-12)
            if reference is not None:
                x, y = np.sqrt(2) * flat[i].real, np.sqrt(2) * flat[i].imag
                np.testing.assert_allclose(reference.transform_vectors(x[:, None].astype(complex))[:, 0], x, atol=1e-7)
                np.testing.assert_allclose(reference.transform_vectors(y[:, None].astype(complex))[:, 0], -y, atol=1e-7)
                assert x[np.flatnonzero(abs(x) > abs(x).max() - 1e-6)[0]] > 0


def test_real_coordinates_turn_counter_clockwise_for_plus():
    crystal = spring_crystal(cell_of_spacegroup(156), cutoff=5.0)
    modes = solve_modes(crystal)
    real = real_coordinates(modes)
    matrix = np.cross(real[:, None], real[None]).sum(axis=2)  # M_ss' as a vector
    for i, partner in enumerate(modes.pair):
        if partner > i:
            np.testing.assert_allclose(matrix[i, partner] @ modes.axis, modes.J[i] @ modes.axis, atol=1e-12)
    flat = real.reshape(len(real), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(real)), atol=1e-12)


def test_angular_momentum_of_a_circular_displacement_is_plus_one():
    for turn in range(3):  # x to y, y to z, z to x
        vector = np.roll([1, 1j, 0], turn)[None, None] / np.sqrt(2)
        expected = np.roll([0, 0, 1], turn)
        np.testing.assert_allclose(angular_momentum_matrix(vector)[:, 0, 0], expected, atol=1e-15)


def test_canonical_basis_depends_on_the_space_alone():
    rng = np.random.default_rng(5)
    space = np.linalg.qr(rng.normal(size=(12, 3)) + 1j * rng.normal(size=(12, 3)))[0]
    turned = space @ unitary_group.rvs(3, random_state=rng)
    np.testing.assert_allclose(canonical_basis(space), canonical_basis(turned), atol=1e-12)
    basis = canonical_basis(space)
    np.testing.assert_allclose(basis.conj().T @ basis, np.eye(3), atol=1e-12)
    real = np.linalg.qr(rng.normal(size=(12, 3)))[0] @ unitary_group.rvs(3, random_state=rng)
    np.testing.assert_allclose(canonical_basis(real).imag, 0, atol=1e-12)


def test_bi2se3_reference_is_the_mirror_across_a():
    import lattice

    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    np.testing.assert_array_equal(modes.axis, [0, 0, 1])
    real = real_coordinates(modes)
    for multiplet in modes.multiplets:
        if multiplet.irrep.startswith("E"):
            x, y = multiplet.indices
            np.testing.assert_allclose(real[x][:, [0, 2]], 0, atol=1e-12)
            np.testing.assert_allclose(real[y][:, [1, 2]], 0, atol=1e-12)
            np.testing.assert_allclose(modes.J[x], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("mirrors", [False, True])
@pytest.mark.parametrize("angle", [0, 30, 90, 210])
def test_of_a_class_the_operation_with_the_largest_axis_is_the_reference(angle, mirrors):
    """In D3 and C3v, a along `angle`: of the axes or normals 30°, 90° and 330° that is 30°; of 0° and ±60° it is 0°."""
    three, two = np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]]), np.array([[1, -1, 0], [0, -1, 0], [0, 0, -1]])
    around = [np.linalg.matrix_power(three, k) for k in range(3)]
    across = [turn @ (-two if mirrors else two) for turn in around]
    at = np.deg2rad(angle + np.array([0, 120]))
    cell = np.array([*(4.0 * np.stack([np.cos(at), np.sin(at), 0 * at], axis=1)), [0, 0, 10.0]])
    position, fixed = reference_direction(np.array([*around, *across]), np.array([0, 0, 1.0]), cell)
    own = np.deg2rad(30 if angle % 60 else 0)
    own = np.array([np.cos(own), np.sin(own), 0])
    expected = np.cross([0, 0, 1], own) if mirrors else own
    np.testing.assert_allclose(fixed, expected, atol=1e-9)
    cartesian = cell.T @ np.array([*around, *across])[position] @ np.linalg.inv(cell.T)
    np.testing.assert_allclose(cartesian @ own, -own if mirrors else own, atol=1e-9)
