"""Modes at a q-point: values that no gauge, numbering, origin or frame can change, and roads that do not share code."""

import dataclasses

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_constants, spring_crystal
from scipy.spatial.transform import Rotation

import lattice
from lattice import units
from lattice.errors import InputError
from lattice.modes.axis import generating_rotation, generator_about
from lattice.modes.batch import short_range
from lattice.modes.grid import make_grid
from lattice.modes.mesh import mesh_modes
from lattice.modes.path import path_modes
from lattice.structure.cell import Cell
from lattice.structure.phonopy_object import phonopy_from_crystal

SCREWS = {4: 2, 144: 3, 145: 3, 76: 4, 77: 4, 78: 4, 169: 6, 170: 6, 171: 6, 172: 6, 173: 6}


def changed(
    crystal, *, order=None, shift=(0, 0, 0), rotation=None, supercell=((1, 0, 0), (0, 1, 0), (0, 0, 1)), cutoff=5.0
):
    """The same crystal with its atoms renumbered, its origin moved or its frame turned."""
    order = np.arange(crystal.n_atoms) if order is None else order
    rotation = np.eye(3) if rotation is None else rotation
    cell = Cell(
        crystal.cell @ rotation.T, (crystal.positions + shift)[order], crystal.numbers[order], crystal.masses[order]
    )
    return spring_crystal(cell, supercell, cutoff)


def random_rotation(seed):
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(np.random.default_rng(seed).standard_normal(4)).as_matrix()


@pytest.mark.parametrize("number", [75, 150, 156, 164, 173, 191, 215])
def test_gauge_free_numbers_do_not_depend_on_numbering_origin_or_frame(number):
    crystal = spring_crystal(cell_of_spacegroup(number), cutoff=5.0)
    modes = lattice.solve_modes(crystal)
    rng = np.random.default_rng(number)
    order = rng.permutation(crystal.n_atoms)
    rotation = random_rotation(number)
    for other, n_axis in (
        (changed(crystal, order=order), None),
        (changed(crystal, shift=(0.13, 0.27, 0.41)), None),
        (changed(crystal, rotation=rotation), rotation @ modes.axis),
    ):
        again = lattice.solve_modes(other, axis=n_axis)
        np.testing.assert_allclose(again.frequency, modes.frequency, atol=1e-9)
        assert [x.label for x in again.multiplets] == [x.label for x in modes.multiplets]
        np.testing.assert_array_equal(again.m, modes.m)
        np.testing.assert_allclose(again.J @ again.axis, modes.J @ modes.axis, atol=1e-9)


@pytest.mark.parametrize("number", SCREWS)
@pytest.mark.parametrize("z", [0.21, 0.5])
def test_m_is_the_eigenvalue_of_the_rotated_displacement_field(number, z):
    """Rotate the Bloch field u(r) = ε exp(2πi q·r) about the screw, site by site, without the library's operators."""
    crystal = spring_crystal(cell_of_spacegroup(number), ((1, 0, 0), (0, 2, 0), (0, 0, 2)), cutoff=5.0)
    q = np.array([0, z, 0]) if number == 4 else np.array([0, 0, z])
    modes = lattice.solve_modes(crystal, q)
    n = SCREWS[number]
    assert modes.rotation_order == n
    group = crystal.spacegroup
    to_cartesian = crystal.cell.T
    for rotation, translation in zip(group.rotations, group.translations, strict=True):  # noqa: B007
        turn = to_cartesian @ rotation @ np.linalg.inv(to_cartesian)
        sine = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) @ modes.axis / 2
        about_axis = np.allclose(turn @ modes.axis, modes.axis) and np.isclose(
            np.trace(turn), 1 + 2 * np.cos(2 * np.pi / n)
        )
        if np.linalg.det(turn) > 0 and about_axis and np.isclose(sine, np.sin(2 * np.pi / n), atol=1e-9):
            break
    else:
        raise AssertionError("no generating screw")
    expected_phase = np.exp(-2j * np.pi * (q @ np.linalg.inv(rotation)) @ translation)
    assert modes.translation_phase == pytest.approx(expected_phase, abs=1e-9)
    for vector, m in zip(modes.eigenvectors, modes.m, strict=True):
        expected = np.exp(-2j * np.pi * m / n) * modes.translation_phase
        for atom in range(crystal.n_atoms):
            image = rotation @ crystal.positions[atom] + translation
            difference = image - crystal.positions
            target = int(np.argmin(np.abs(difference - np.rint(difference)).sum(axis=1)))
            rotated = turn @ vector[atom] * np.exp(2j * np.pi * q @ crystal.positions[atom])
            at_image = vector[target] * np.exp(2j * np.pi * q @ image)
            np.testing.assert_allclose(rotated, expected * at_image, atol=1e-6)


def test_dynamical_matrix_at_gamma_by_hand():
    """Sum the force constants over cells and diagonalise: the frequencies of the optical modes."""
    crystal = spring_crystal(cell_of_spacegroup(164), ((2, 0, 0), (0, 2, 0), (0, 0, 1)), cutoff=5.0)
    mass = np.repeat(crystal.masses, 3) ** -0.5
    matrix = crystal.force_constants.array.sum(axis=1).transpose(0, 2, 1, 3).reshape(len(mass), len(mass))
    curvature = np.linalg.eigvalsh(mass[:, None] * matrix * mass)
    expected = np.sqrt(np.abs(curvature)) * np.sign(curvature) * units.THZ_PER_ROOT_EV
    modes = lattice.solve_modes(crystal)
    np.testing.assert_allclose(modes.frequency[3:], expected[3:], rtol=1e-9)
    np.testing.assert_array_equal(modes.frequency[:3], 0.0)
    assert [x.acoustic for x in modes.multiplets].count(True) == 2


def test_the_spin_matrix_of_a_multiplet_is_hermitian_and_holds_j():
    modes = lattice.solve_modes(spring_crystal(cell_of_spacegroup(156), cutoff=5.0))
    for multiplet in modes.multiplets:
        matrix = modes.spin_matrix(multiplet.label)
        np.testing.assert_allclose(matrix, matrix.conj().swapaxes(1, 2), atol=1e-12)
        np.testing.assert_allclose(np.einsum("xaa->ax", matrix).real, modes.J[list(multiplet.indices)], atol=1e-12)


def test_soft_mode_is_listed_first_and_negative():
    crystal = spring_crystal(cell_of_spacegroup(1), cutoff=5.0)
    constants = crystal.force_constants
    soft = type(constants)(-np.array(constants.array), constants.translations, constants.supercell_matrix)
    modes = lattice.solve_modes(
        lattice.Crystal(crystal.cell, crystal.positions, crystal.numbers, crystal.masses, crystal.spacegroup, soft)
    )
    assert (modes.frequency[:-3] < 0).all()
    np.testing.assert_array_equal(modes.frequency[-3:], 0)
    assert all(x.acoustic for x in modes.multiplets[-3:])
    assert [x.label for x in modes.multiplets[-3:]] == ["A(ac1)", "A(ac2)", "A(ac3)"]


def test_j_vanishes_under_inversion_and_time_reversal_and_is_odd_in_q():
    centred = spring_crystal(cell_of_spacegroup(2), ((2, 0, 0), (0, 1, 0), (0, 0, 1)), cutoff=5.0)
    np.testing.assert_allclose(lattice.solve_modes(centred, (0.13, 0.2, 0.31)).J, 0, atol=1e-9)
    chiral = spring_crystal(cell_of_spacegroup(144), ((1, 0, 0), (0, 1, 0), (0, 0, 2)), cutoff=5.0)
    plus, minus = (lattice.solve_modes(chiral, (0, 0, z)) for z in (0.2, -0.2))
    assert np.abs(plus.J).max() > 0.05
    np.testing.assert_allclose(plus.J, -minus.J, atol=1e-9)


def test_a_mirror_image_has_the_opposite_j():
    right = cell_of_spacegroup(144)
    left = Cell(right.cell * [-1, 1, 1], right.positions, right.numbers, right.masses)
    supercell = ((1, 0, 0), (0, 1, 0), (0, 0, 2))
    a, b = (lattice.solve_modes(spring_crystal(c, supercell, 5.0), (0, 0, 0.2)) for c in (right, left))
    np.testing.assert_allclose(a.frequency, b.frequency, atol=1e-9)
    np.testing.assert_allclose(a.J[:, 2], -b.J[:, 2], atol=1e-9)
    assert np.abs(a.J[:, 2]).max() > 0.05


def test_no_array_of_a_result_can_be_written_to():
    bare, charged = spring_crystal(cell_of_spacegroup(1, species=1), cutoff=4.0), lattice.load("AlN")
    modes = [lattice.solve_modes(bare), lattice.solve_modes(charged), lattice.solve_modes(charged, q=(0, 0, 0.5))]
    assert [x.axis is None for x in modes] == [True, False, False]
    assert [x.mode_charge is None for x in modes] == [True, False, True]
    others = [path_modes(charged, [[0, 0, 0], [0, 0, 0.5]], 2), mesh_modes(charged, (1, 1, 2))]
    others += [make_grid(charged, (2, 1, 1), symmetry=symmetry) for symmetry in (True, False)]
    for result in (*modes, *others, short_range(phonopy_from_crystal(charged))):
        values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        assert arrays
        assert not [name for name, array in arrays.items() if array.flags.writeable]


def test_no_axis_gives_null_m_and_an_axis_can_be_given():
    crystal = spring_crystal(cell_of_spacegroup(2), cutoff=5.0)
    modes = lattice.solve_modes(crystal)
    assert modes.axis is None
    assert modes.rotation_order == 1
    assert np.isnan(modes.m).all()
    given = lattice.solve_modes(crystal, axis=(0, 0, 2))
    np.testing.assert_array_equal(given.axis, [0, 0, 1])
    assert given.rotation_order == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, None),
        (10, (0, 1, 0)),
        (16, (0, 0, 1)),
        (123, (0, 0, 1)),
        (164, (0, 0, 1)),
        (195, (1, 1, 1)),
        (221, (0, 0, 1)),
    ],
)
def test_default_axis(number, expected):
    axis = lattice.solve_modes(spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0)).axis
    if expected is None:
        assert axis is None
    else:
        np.testing.assert_allclose(axis, np.array(expected) / np.linalg.norm(expected), atol=1e-9)


def test_a_two_fold_rotation_is_found_whatever_the_sign_of_its_round_off():
    turn = np.diag([-1.0, -1.0, 1.0])
    for error in (0.0, 1e-16, -1e-16):
        noisy = turn + error * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 0]])
        assert generator_about(np.array([np.eye(3), noisy]), np.array([0.0, 0.0, 1.0])) == (2, 1)


@pytest.mark.parametrize("order", [2, 3, 4, 6])
def test_the_generator_about_any_axis_is_the_smallest_positive_turn(order):
    rng = np.random.default_rng(order)
    for vector in rng.standard_normal((5, 3)):
        axis = vector / np.linalg.norm(vector)
        powers = [Rotation.from_rotvec(2 * np.pi * k / order * axis).as_matrix() for k in rng.permutation(order)]
        found, position = generator_about(np.array([-np.eye(3), *powers]), axis)
        assert found == order
        np.testing.assert_allclose(powers[position - 1], Rotation.from_rotvec(2 * np.pi / order * axis).as_matrix())


def test_generating_rotation_takes_the_largest_order():
    crystal = spring_crystal(cell_of_spacegroup(168), cutoff=4.0)
    from phonopy.phonon.symmetry_adapted_modes import get_little_group_operations

    from lattice.modes.solve import _Operations

    group = crystal.spacegroup
    symmetry = _Operations({"rotations": group.rotations, "translations": group.translations}, group.symprec)
    operations = get_little_group_operations([0, 0, 0], phonopy_from_crystal(crystal).primitive, symmetry)
    order, position = generating_rotation(operations, np.array([0.0, 0.0, 1.0]))
    assert order == 6
    np.testing.assert_allclose(
        operations[position].rotation_cartesian[:2, :2], [[0.5, -np.sqrt(0.75)], [np.sqrt(0.75), 0.5]], atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"q": (0, 0)}, "q-point"),
        ({"q": (0, 0, np.nan)}, "q-point"),
        ({"q": (1e300, 0, 0)}, "q-point"),
        ({"q": (0, 0, 0.5)}, "single cell"),
        ({"axis": (0, 0, 0)}, "axis"),
        ({"axis": "z"}, "axis"),
        ({"axis": (0, 0, np.inf)}, "axis"),
        ({"nac_direction": (0, 0, 1)}, "Born charges"),
    ],
)
def test_bad_arguments(arguments, word):
    crystal = spring_crystal(cell_of_spacegroup(2), cutoff=4.0)
    with pytest.raises(InputError, match=word):
        lattice.solve_modes(crystal, **arguments)


def test_bi2se3_at_another_q_names_the_crystal_with_a_dispersion():
    with pytest.raises(InputError, match="Bi2Se3-noSOC"):
        lattice.solve_modes(lattice.load("Bi2Se3"), (0, 0, 0.5))
    assert lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0, 0, 0.5)).n_modes == 15


@pytest.mark.parametrize("length", [1e300, 1e-300, 1.0])
def test_the_length_of_an_axis_does_not_matter(length):
    crystal = spring_crystal(cell_of_spacegroup(143), cutoff=4.0)
    modes = lattice.solve_modes(crystal, axis=(0, 0, length))
    np.testing.assert_array_equal(modes.axis, [0, 0, 1])
    assert modes.rotation_order == 3


def test_lo_to_splitting_by_hand():
    """Add the non-analytic term 4πe²/(V) (d·Z)(d·Z)/(d·ε·d) to D(Γ) in NumPy; compare with the direction given."""
    crystal = lattice.load("Bi2Se3")
    direction = np.array([1.0, 0.0, 0.0])
    mass = np.repeat(crystal.masses, 3) ** -0.5
    matrix = crystal.force_constants.array.sum(axis=1).transpose(0, 2, 1, 3).reshape(15, 15)
    charge = np.einsum("a,kab->kb", direction, crystal.born_charges).ravel()
    screening = direction @ crystal.dielectric @ direction
    matrix = matrix + 4 * np.pi * units.COULOMB / crystal.volume * np.outer(charge, charge) / screening
    expected = np.sqrt(np.abs(np.linalg.eigvalsh(mass[:, None] * matrix * mass))) * units.THZ_PER_ROOT_EV
    modes = lattice.solve_modes(crystal, nac_direction=2 * direction)
    np.testing.assert_allclose(np.sort(modes.frequency)[3:], np.sort(expected)[3:], atol=1e-6)
    assert modes.long_range == "gonze-lee, direction 1 0 0"
    assert modes.rotation_order == 1


def test_spring_model_is_translation_invariant():
    cell = cell_of_spacegroup(164)
    constants = spring_constants(cell, ((2, 0, 0), (0, 1, 0), (0, 0, 1)), 5.0)
    np.testing.assert_allclose(constants.array.sum(axis=(1, 2)), 0, atol=1e-12)
