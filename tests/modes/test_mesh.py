"""Meshes: identities of J, unfolding, and phonopy's frequencies."""

import dataclasses
import warnings

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.errors import InputError
from lattice.modes.batch import solve_matrices
from lattice.modes.degenerate import definite_angular_momentum, degenerate_groups
from lattice.modes.grid import make_grid
from lattice.modes.modes import angular_momentum_matrix
from lattice.observe.mesh import angular_momentum_dos, unfold_mesh
from lattice.structure.cell import Cell
from lattice.structure.phonopy_object import phonopy_from_crystal

RNG = np.random.default_rng(5)
#: space group → divisions of the mesh; unequal ones where the group allows it, and once where it does not (221)
MESHES = {
    1: (2, 3, 4),
    2: (3, 2, 2),
    4: (2, 4, 3),
    14: (2, 2, 3),
    19: (4, 2, 3),
    76: (4, 4, 3),
    144: (3, 3, 4),
    152: (4, 4, 2),
    178: (3, 3, 2),
    186: (4, 4, 3),
    198: (4, 4, 4),
    227: (4, 4, 4),
    221: (4, 4, 3),
}


def model(number):
    cell = cell_of_spacegroup(number, 1 if number > 60 else 3)
    if len(cell.numbers) > 12:
        cell = small_cell(number)
    return spring_crystal(cell, 2 * np.eye(3, dtype=int), cutoff=8.5)


def small_cell(number):
    """Special positions of the largest groups."""
    from ase.build import bulk

    atoms = {227: lambda: bulk("C", "diamond", 4.2), 221: lambda: bulk("CsCl", "cesiumchloride", 3.5)}.get(
        number, lambda: bulk("ZnS", "wurtzite", 3.8, 6.2)
    )()
    return Cell(atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers, atoms.get_masses())


@pytest.fixture(scope="module", params=MESHES)
def solved(request):
    crystal = model(request.param)
    mesh = MESHES[request.param]
    return crystal, lattice.solve_mesh(crystal, mesh), lattice.solve_mesh(crystal, mesh, symmetry=False)


def multiplet_sums(J, group):
    """Sum of J over each degenerate group, given to each of its modes."""
    same = group[:, :, None] == group[:, None, :]
    return np.einsum("qst,qtx->qsx", same, J)


def test_unfolding_equals_the_full_mesh(solved):
    crystal, folded, full = solved
    frequency, J = unfold_mesh(folded)
    assert folded["weight"].values.sum() == full.sizes["qpoint"] == np.prod(folded["mesh"].values)
    assert np.abs(frequency**2 - full["frequency"].values ** 2).max() < 1e-10
    group = full["degenerate_group"].values
    assert np.abs(multiplet_sums(J, group) - multiplet_sums(full["J"].values, group)).max() < 1e-8
    if crystal.spacegroup.number < 195:  # cubic groups turn n̂ itself
        assert np.abs(J - full["J"].values).max() < 1e-7


def test_symmetry_reduces_the_work(solved):
    crystal, folded, full = solved
    phonon = phonopy_from_crystal(crystal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonon.run_mesh(folded["mesh"].values, is_gamma_center=True)
    if crystal.spacegroup.number != 221:  # phonopy gives up where the mesh breaks the symmetry
        assert folded.sizes["qpoint"] == len(phonon.mesh.qpoints)
    assert folded.sizes["qpoint"] < full.sizes["qpoint"]


def test_opposite_q_has_opposite_J(solved):
    _, _, full = solved
    mesh = full["mesh"].values
    index = np.arange(full.sizes["qpoint"]).reshape(mesh)
    minus = index[np.ix_(*(-np.arange(n) % n for n in mesh))].ravel()
    J, group = full["J"].values, full["degenerate_group"].values
    assert np.abs(multiplet_sums(J[minus], group) + multiplet_sums(J, group)).max() < 1e-8


def test_inversion_and_time_reversal_forbid_J(solved):
    crystal, folded, _ = solved
    inversion = (crystal.spacegroup.rotations == -np.eye(3)).all(axis=(1, 2)).any()
    sums = multiplet_sums(folded["J"].values, folded["degenerate_group"].values)
    if inversion:
        assert np.abs(sums).max() < 1e-9
    else:
        assert np.abs(sums).max() > 1e-2


def test_total_angular_momentum_is_null_at_any_temperature(solved):
    _, folded, full = solved
    for frequency, J in (unfold_mesh(folded), (full["frequency"].values, full["J"].values)):
        occupation = 1 / np.expm1(np.clip(np.abs(frequency), 1e-3, None) / 6.25) + 0.5  # 300 K
        total = np.einsum("qs,qsx->x", occupation, J) / len(frequency)
        assert np.abs(total).max() < 1e-9 * occupation.max()
    assert "time reversal" in folded.attrs["total_J_is_null"]


@pytest.mark.parametrize("normal", [0, 2])
def test_the_mirror_image_has_the_mirrored_J(normal):
    """J is an axial vector: the component along the normal of the mirror stays, the others turn round."""
    crystal = model(144)
    mirror = np.eye(3)
    mirror[normal, normal] = -1.0
    turned = Cell(crystal.cell @ mirror, crystal.positions, crystal.numbers, crystal.masses)
    image = spring_crystal(turned, 2 * np.eye(3, dtype=int), cutoff=8.5)
    assert (crystal.spacegroup.number, image.spacegroup.number) == (144, 145)  # P3_1 and P3_2
    mesh = (3, 2, 4)
    one, other = (lattice.solve_mesh(c, mesh, symmetry=False) for c in (crystal, image))
    assert one["frequency"].values == pytest.approx(other["frequency"].values, abs=1e-7)
    group = one["degenerate_group"].values
    J, mirrored = (multiplet_sums(mesh["J"].values, group) for mesh in (one, other))
    assert np.abs(mirrored + J @ mirror).max() < 1e-8
    assert np.abs(J).max() > 0.1


def test_the_rules_of_each_point(solved):
    """The trace of J over all modes of a q-point is zero: 𝓜 has no trace."""
    _, _, full = solved
    assert np.abs(full["J"].values.sum(axis=1)).max() < 1e-12
    assert np.abs(full["J"].values).max() < 1 + 1e-12
    assert (full["frequency"].values[0] == 0).sum() >= 3
    assert (np.diff(full["frequency"].values, axis=1) >= 0).all()


def check_same_modes_as_phonopy(crystal, mesh):
    full = lattice.solve_mesh(crystal, mesh, symmetry=False)
    phonon = phonopy_from_crystal(crystal, with_nac=crystal.born_charges is not None)
    phonon.run_qpoints(full["qpoint"].values, with_eigenvectors=True)
    ours = full["frequency"].values / lattice.units.THZ_PER_ROOT_EV  # phonopy's constants are those of another year
    theirs = phonon.qpoints.frequencies / phonon.unit_conversion_factor
    assert np.abs(ours[1:] - theirs[1:]).max() < 1e-10
    assert np.abs(ours[0] ** 2 - np.sort(theirs[0] * np.abs(theirs[0]))).max() < 1e-10 * theirs.max() ** 2
    vectors = phonon.qpoints.eigenvectors.transpose(0, 2, 1)
    spin = np.array([np.einsum("xaa->ax", angular_momentum_matrix(v.reshape(len(v), -1, 3))).real for v in vectors[1:]])
    group = full["degenerate_group"].values[1:]
    assert np.abs(multiplet_sums(full["J"].values[1:], group) - multiplet_sums(spin, group)).max() < 1e-10


@pytest.mark.parametrize("number", [1, 76, 152, 186, 227])
def test_equals_phonopy(number):
    check_same_modes_as_phonopy(model(number), MESHES[number])


def test_equals_phonopy_with_born_charges():
    crystal = lattice.load("Bi2Se3-noSOC")
    check_same_modes_as_phonopy(dataclasses.replace(crystal, born_charges=None, dielectric=None), (3, 3, 2))
    neutral = crystal.born_charges - crystal.born_charges.mean(axis=0)
    check_same_modes_as_phonopy(dataclasses.replace(crystal, born_charges=neutral), (3, 3, 2))
    assert lattice.solve_mesh(crystal, (2, 2, 1)).attrs["long_range"] == "gonze-lee"


@pytest.mark.parametrize("number", [76, 144, 152, 186])
def test_degenerate_modes_are_those_of_solve_modes(number):
    """At Γ and at Z, where n̂ is an axis of the little group, J is that of the circular partners."""
    crystal = model(number)
    full = lattice.solve_mesh(crystal, (1, 1, 2), symmetry=False)
    for place, q in enumerate(full["qpoint"].values):
        modes = lattice.solve_modes(crystal, q)
        ours = np.sort(np.round(full["J"].values[place] @ modes.axis, 7))
        assert np.abs(ours - np.sort(np.round(modes.J @ modes.axis, 7))).max() < 1e-6
        assert full["frequency"].values[place] == pytest.approx(modes.frequency, abs=1e-6)


def test_degenerate_modes_do_not_depend_on_the_basis():
    matrices = np.repeat(np.diag([1.0, 1, 1, 2, 3, 3])[None], 3, axis=0)
    q, _ = np.linalg.qr(RNG.standard_normal((3, 6, 6)) + 1j * RNG.standard_normal((3, 6, 6)))
    solved = solve_matrices(q @ matrices @ q.conj().transpose(0, 2, 1))
    groups = degenerate_groups(solved.eigenvalue)
    assert (groups == [0, 0, 0, 1, 2, 2]).all()
    turned = solved.eigenvectors.copy()
    for first, size in ((0, 3), (4, 2)):
        u, _ = np.linalg.qr(RNG.standard_normal((size, size)) + 1j * RNG.standard_normal((size, size)))
        turned[:, first : first + size] = np.einsum("ab,qbi->qai", u, turned[:, first : first + size])
    spin = np.array([np.einsum("xaa->ax", angular_momentum_matrix(v.reshape(6, 2, 3))).real for v in turned])
    for axis in (None, np.array([0.0, 0.0, 1.0]), np.array([0.6, 0.0, 0.8])):
        one = definite_angular_momentum(solved.J, solved.eigenvectors, groups, axis)
        other = definite_angular_momentum(spin, turned, groups, axis)
        assert np.abs(one - other).max() < 1e-12
        assert (one[:, 3] == solved.J[:, 3]).all()


def test_threads_change_no_bit():
    crystal = model(144)
    one, two = lattice.solve_mesh(crystal, (4, 3, 2)), lattice.solve_mesh(crystal, (4, 3, 2), n_threads=2)
    assert (one["frequency"].values == two["frequency"].values).all()
    assert (one["J"].values == two["J"].values).all()


def test_density_counts_the_modes(solved):
    crystal, folded, _ = solved
    density = angular_momentum_dos(folded, n_frequency=150, n_J=21)
    step = np.diff(density["frequency"].values)[0]
    counted = density["density"].values.sum(axis=(1, 2)) * step * np.diff(density["J"].values)[0]
    assert counted == pytest.approx(3 * [3 * crystal.n_atoms], rel=1e-6)
    assert density["dos"].values.sum() * step == pytest.approx(3 * crystal.n_atoms, rel=1e-6)


def test_density_is_even_in_J():
    density = angular_momentum_dos(lattice.solve_mesh(model(152), (5, 5, 3)), n_J=41)["density"].values
    assert np.abs(density - density[:, :, ::-1]).max() < 0.02 * density.max()  # modes on the edge of a bin


@pytest.mark.parametrize("options", [{"width": -1.0}, {"width": np.nan}, {"n_frequency": 1}, {"n_J": 0}])
def test_density_refuses_senseless_bins(options):
    with pytest.raises(InputError, match="positive"):
        angular_momentum_dos(lattice.solve_mesh(model(1), (1, 1, 1)), **options)


@pytest.mark.parametrize("mesh", [(2, 2), (2, 2, 0), (2, 2, -1), (2.0, 2, 2), "222", (2, 2, None), (10**6, 10**6, 1)])
def test_what_is_no_mesh_is_refused(mesh):
    with pytest.raises(InputError, match="mesh"):
        lattice.solve_mesh(model(1), mesh)


def test_force_constants_of_one_cell_hold_only_gamma():
    crystal = lattice.load("Bi2Se3")
    with pytest.raises(InputError, match="hold only q = 0"):
        lattice.solve_mesh(crystal, (2, 2, 2))
    gamma = lattice.solve_mesh(crystal, (1, 1, 1))
    assert gamma["frequency"].values[0] == pytest.approx(lattice.solve_modes(crystal).frequency, abs=1e-5)
    with pytest.raises(InputError, match="force constants"):
        lattice.solve_mesh(dataclasses.replace(crystal, force_constants=None), (1, 1, 1))


def test_grid_without_symmetry_lists_every_point():
    grid = make_grid(model(1), (2, 1, 3), symmetry=False)
    assert grid.qpoints[:4] == pytest.approx(np.array([[0, 0, 0], [0, 0, 1 / 3], [0, 0, -1 / 3], [0.5, 0, 0]]))
    assert (grid.weight == 1).all()


def test_mesh_saves_and_loads(tmp_path):
    import xarray

    mesh = lattice.solve_mesh(model(76), (2, 2, 2))
    mesh.to_netcdf(tmp_path / "mesh.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "mesh.nc", engine="h5netcdf") as loaded:
        for one, other in zip(unfold_mesh(mesh), unfold_mesh(loaded), strict=True):
            assert (one == other).all()


@pytest.mark.parametrize("name", ["AlN", "Se"])
@pytest.mark.parametrize("q", [(1 / 3, 1 / 3, 0.0), (0.375, 0.25, 0.5), (1 / 3, 1 / 3, 0.5), (0.5, 0.0, 0.5)])
def test_degenerate_modes_of_polar_crystals_have_the_spin_of_their_gauge(name, q):
    # The Ewald sum of the non-analytic term splits pairs by 1e-8 of the largest eigenvalue.
    crystal = lattice.load(name)
    modes = lattice.solve_modes(crystal, q)
    path = lattice.solve_path(crystal, [q, (0.4, 0.1, 0.2)], npoints=2)
    np.testing.assert_allclose(path["frequency"].values[0], modes.frequency, atol=1e-6)
    np.testing.assert_allclose(np.abs(path["J"].values[0]), np.abs(modes.J), atol=1e-5)
