"""Thermal Edelstein tensor: what symmetry forbids, what a mirror reverses, and the same number by another road."""

import numpy as np
import pytest
from model_crystals import MASSES, cell_of_spacegroup, spring_crystal
from scipy import constants

import lattice
from lattice.errors import InputError, StabilityError
from lattice.modes.flow import Flow
from lattice.modes.sampling import mesh_points
from lattice.observe.edelstein import slope_of_occupation
from lattice.structure.cell import Cell


def tellurium(number=152, mirror=False):
    """Three atoms on a three-fold screw, right- or left-handed."""
    from ase.spacegroup import crystal

    z = {152: 1 / 3, 154: 2 / 3}[number]
    atoms = crystal(["H"], [(0.27, 0, z)], spacegroup=number, cellpar=[4.4, 4.4, 5.9, 90, 90, 120])
    cell = atoms.cell.array * ([-1, 1, 1] if mirror else [1, 1, 1])
    return spring_crystal(
        Cell(cell, atoms.get_scaled_positions(), atoms.numbers, [MASSES[1]] * 3), np.diag([3, 3, 2]), 4.5
    )


def small(number, species=1):
    """A general orbit in a small cell, so that springs of 6 Å connect all atoms."""
    return spring_crystal(cell_of_spacegroup(number, species=species), np.diag([2, 2, 2]), 7.0)


@pytest.fixture(scope="module")
def chiral():
    return tellurium()


def test_flow_is_j_times_the_slope_of_the_frequency(chiral):
    """J of solve_modes times dω/dk from frequencies alone, where nothing is degenerate."""
    q = np.array([0.13, 0.07, 0.21])
    frequency, flow = Flow(chiral).at(q)
    modes = lattice.solve_modes(chiral, q)
    assert np.diff(frequency).min() > 0.01
    np.testing.assert_allclose(frequency, modes.frequency, atol=1e-9)
    step = 1e-4  # rad/Å

    def slope(direction, h):
        shift = h * chiral.cell[:, direction] / (2 * np.pi)
        plus, minus = (lattice.solve_modes(chiral, q + s * shift).frequency for s in (1, -1))
        return 2 * np.pi * (plus - minus) / (2 * h)  # Å/ps

    for b in range(3):
        velocity = (4 * slope(b, step) - slope(b, 2 * step)) / 3
        np.testing.assert_allclose(flow[:, :, b], modes.J * velocity[:, None], atol=2e-5)


def test_flow_of_a_degenerate_set_does_not_depend_on_its_basis(chiral):
    """Close to the axis of P3_121 the E-like branches split; the sum over the set is continuous."""
    on = Flow(chiral).at(np.array([0.0, 0.0, 0.5]))
    near = Flow(chiral).at(np.array([1e-6, 0.0, 0.5]))
    np.testing.assert_allclose(on[0], near[0], atol=1e-4)
    np.testing.assert_allclose(on[1].sum(axis=0), near[1].sum(axis=0), atol=1e-3)


def test_the_sum_is_that_of_the_definition(chiral):
    """All points of a small mesh one by one, ∂n/∂T by differences of n in SI."""
    mesh, temperature, lifetime = (3, 2, 2), 77.0, 2.5
    total = np.zeros((3, 3))
    for i in range(3):
        for j in range(2):
            for k in range(2):
                if (i, j, k) == (0, 0, 0):
                    continue
                frequency, flow = Flow(chiral).at(np.array([i / 3, j / 2, k / 2]))
                occupation = [
                    1 / np.expm1(constants.h * frequency * 1e12 / (constants.k * (temperature + s)))
                    for s in (1e-3, -1e-3)
                ]
                slope = (occupation[0] - occupation[1]) / 2e-3
                total += np.einsum("n,nab->ab", slope, flow)
    expected = -lifetime / (12 * chiral.volume) * total
    result = lattice.edelstein(chiral, mesh, temperature, lifetime=lifetime, symmetry=False)
    np.testing.assert_allclose(result["alpha"].values[0], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert result["alpha"].attrs["units"] == "hbar Angstrom^-2 K^-1"


def test_symmetry_saves_work_and_changes_nothing(chiral):
    full = lattice.edelstein(chiral, (5, 5, 4), (50.0, 300.0), symmetry=False)
    reduced = lattice.edelstein(chiral, (5, 5, 4), (50.0, 300.0))
    scale = np.abs(full["alpha"].values).max()
    np.testing.assert_allclose(reduced["alpha"].values, full["alpha"].values, atol=1e-7 * scale)
    assert reduced.attrs["qpoints"] * 5 < full.attrs["qpoints"] == 100


def test_enantiomers_are_opposite(chiral):
    right = lattice.edelstein(chiral, (4, 4, 4), symmetry=False)["alpha"].values[0]
    other = lattice.edelstein(tellurium(154), (4, 4, 4), symmetry=False)["alpha"].values[0]
    image = lattice.edelstein(tellurium(mirror=True), (4, 4, 4), symmetry=False)["alpha"].values[0]
    scale = np.abs(right).max()
    assert abs(right[2, 2]) > 1e-6
    np.testing.assert_allclose(other, -right, atol=1e-7 * scale)
    mirror = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(image, -mirror @ right @ mirror, atol=1e-7 * scale)


@pytest.mark.parametrize(
    ("number", "allowed"),
    [
        (152, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),  # 32: α_xx = α_yy, α_zz
        (156, [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),  # 3m, achiral and polar: α_xy = −α_yx
        (111, [[1, 0, 0], [0, 1, 0], [0, 0, 0]]),  # -42m, achiral: α_xx = −α_yy
        (164, np.zeros((3, 3))),  # -3m: inversion
        (16, np.eye(3)),  # 222
    ],
)
def test_forbidden_components_are_zero_without_help_of_the_symmetrisation(number, allowed):
    crystal = tellurium() if number == 152 else small(number, 2 if number == 156 else 1)
    assert crystal.spacegroup.number == number
    result = lattice.edelstein(crystal, (4, 4, 4), 200.0, symmetry=False)
    assert result.attrs["left_out"] == 0
    tensor = result["alpha"].values[0]
    allowed = np.array(allowed, dtype=bool)
    scale = max(np.abs(tensor).max(), 1e-6)
    np.testing.assert_allclose(tensor[~allowed], 0, atol=1e-7 * scale)
    if allowed.any():
        assert np.abs(tensor[allowed]).min() > 1e-4 * scale
    if number == 156:
        assert tensor[0, 1] == pytest.approx(-tensor[1, 0], rel=1e-6)
    if number == 111:
        assert tensor[0, 0] == pytest.approx(-tensor[1, 1], rel=1e-6)
    if number == 152:
        assert tensor[0, 0] == pytest.approx(tensor[1, 1], rel=1e-6)


def test_bi2se3_has_inversion_and_no_effect():
    tensor = lattice.edelstein(lattice.load("Bi2Se3-noSOC"), (3, 3, 3), symmetry=False)["alpha"].values
    np.testing.assert_allclose(tensor, 0, atol=1e-14)


def test_slope_of_the_occupation():
    nu, kelvin = np.array([0.01, 1.0, 30.0]), np.array([5.0, 300.0])
    x = constants.h * nu[None] * 1e12 / (constants.k * kelvin[:, None])
    expected = (
        constants.h * nu * 1e12 / (constants.k * kelvin[:, None] ** 2) / (4 * np.sinh(np.minimum(x, 700) / 2) ** 2)
    )
    np.testing.assert_allclose(slope_of_occupation(nu, kelvin), expected, rtol=1e-6)
    # classical limit k/hν
    assert slope_of_occupation(nu[:1], np.array([3000.0]))[0, 0] == pytest.approx(
        constants.k / (constants.h * 1e10), rel=1e-6
    )


def test_points_of_a_mesh():
    group = tellurium().spacegroup
    points, weights, operations = mesh_points(group, (4, 4, 3))
    assert weights.sum() == pytest.approx(1)
    assert len(operations) == len(group.rotations)
    # a mesh that the axes of the group do not fit is reduced by what fits it
    _, odd, fewer = mesh_points(group, (4, 2, 3))
    assert odd.sum() == pytest.approx(1)
    assert 0 < len(fewer) < len(operations)
    everything, _, identity = mesh_points(group, (4, 4, 3), symmetry=False)
    assert len(everything) == 48 > len(points)
    assert (group.rotations[identity] == np.eye(3)).all()
    assert everything.max() == 0.5
    assert everything.min() > -0.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mesh": (2, 2)}, "mesh"),
        ({"mesh": (2, 2, 0)}, "mesh"),
        ({"mesh": (2, 2, 1.5)}, "mesh"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": [300.0, np.nan]}, "temperature"),
        ({"lifetime": 0.0}, "lifetime"),
        ({"nac_method": "ewald"}, "method"),
    ],
)
def test_bad_arguments(chiral, arguments, said):
    with pytest.raises(InputError, match=said):
        lattice.edelstein(chiral, **{"mesh": (2, 2, 2), **arguments})


def test_force_constants_of_one_cell_and_soft_modes_are_refused(chiral):
    with pytest.raises(InputError, match="Bi2Se3-noSOC"):
        lattice.edelstein(lattice.load("Bi2Se3"), (2, 2, 2))
    constants_ = chiral.force_constants
    soft = type(constants_)(-np.array(constants_.array), constants_.translations, constants_.supercell_matrix)
    crystal = lattice.Crystal(chiral.cell, chiral.positions, chiral.numbers, chiral.masses, chiral.spacegroup, soft)
    with pytest.raises(StabilityError, match="imaginary"):
        lattice.edelstein(crystal, (2, 2, 2))
