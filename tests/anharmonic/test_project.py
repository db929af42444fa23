"""Cubic couplings from third-order force constants: two roads, one number; files of phono3py; defects."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from lennard_jones import calculator, coefficient, crystal, cubic_constants, shengbte_text

import lattice
from lattice.anharmonic.forces import compute_forces
from lattice.anharmonic.invariance import check_invariance
from lattice.structure.cell import Cell
from lattice.structure.cubic_files import read_cubic
from lattice.structure.phonopy_object import build_phonopy, write_displacement_yaml


@pytest.fixture(scope="module")
def fitted():
    return lattice.fit_potential(crystal(), calculator(), order=3, amplitudes=(0.01, 0.02))


@pytest.fixture(scope="module")
def supercell():
    """A 2×1×2 supercell in phonopy's order, and its analytic third-order force constants."""
    c = crystal()
    phonon = build_phonopy(Cell(c.cell, c.positions, c.numbers, c.masses), np.diag([2, 1, 2]))
    return phonon, cubic_constants((phonon.supercell.cell, phonon.supercell.positions))


def write_files(folder, supercell, *, compact=False, yaml=True):
    phonon, array = supercell
    with h5py.File(folder / "fc3.hdf5", "w") as file:
        if compact:
            homes = np.asarray(phonon.primitive.p2s_map)
            file.create_dataset("fc3", data=array[homes], compression="gzip")
            file.create_dataset("p2s_map", data=homes)
        else:
            file.create_dataset("fc3", data=array, compression="gzip")
    if yaml:
        phonon.save(folder / "plain.yaml", settings={"force_sets": False, "displacements": False})
        text = (folder / "plain.yaml").read_text().replace("phonopy:", "phono3py:", 1)
        (folder / "plain.yaml").unlink()
        (folder / "phono3py_disp.yaml").write_text(text)
    return folder / "fc3.hdf5"


def cubic_rows(potential):
    return {
        tuple(int(s) for s in potential.mode_index[t] if s >= 0): float(potential.coefficient[t])
        for t in np.flatnonzero((potential.field_axis < 0).all(axis=1))
    }


@pytest.mark.parametrize("compact", [False, True])
def test_projection_is_the_direct_fit_and_the_lattice_sum(compact, supercell, fitted, tmp_path):
    path = write_files(tmp_path, supercell, compact=compact)
    projected = lattice.project_potential(fitted.modes, path)
    ours, theirs = cubic_rows(projected), cubic_rows(fitted)
    assert ours.keys() == theirs.keys()
    largest = max(map(abs, theirs.values()))
    for modes, value in ours.items():
        assert value == pytest.approx(theirs[modes], rel=1e-6, abs=1e-8 * largest)
    some = list(ours)[::9]
    exact = [coefficient(projected.eigenvectors, modes) for modes in some]
    np.testing.assert_allclose([ours[m] for m in some], exact, rtol=1e-9, atol=1e-11 * largest)
    report = projected.source["projection"]
    for defect in (report["forbidden"]["3"], report["permutation_defect"], report["sum_rule_defect"]):
        assert defect < 1e-8 * largest
    assert "phono3py_disp.yaml" in report["supercell"]
    assert check_invariance(projected)
    np.testing.assert_array_equal(projected.mode_charge, fitted.mode_charge)


def test_finite_differences_by_the_same_calculator(fitted):
    """Two roads, one number: finite differences of the forces, projected, and the direct fit."""
    step = 1e-3  # Å; the error of the differences is (step · 4/Å)² / 2 or so
    c = crystal()
    units = np.eye(15).reshape(15, 5, 3) * step
    pairs = [(p, q) for p in range(15) for q in range(p, 15)]
    moves = [s * units[p] + t * units[q] for p, q in pairs for s in (1, -1) for t in (1, -1)]
    forces = compute_forces(c, calculator(), np.array(moves)).array.reshape(len(pairs), 2, 2, 15)
    mixed = -(forces[:, 0, 0] - forces[:, 0, 1] - forces[:, 1, 0] + forces[:, 1, 1]) / (4 * step**2)
    array = np.zeros((15, 15, 15))
    for (p, q), row in zip(pairs, mixed, strict=True):
        array[:, p, q] = array[:, q, p] = row
    shaped = array.reshape(5, 3, 5, 3, 5, 3).transpose(0, 2, 4, 1, 3, 5).reshape(5, 1, 5, 1, 5, 3, 3, 3)
    constants = lattice.CubicForceConstants(shaped, np.zeros((1, 3)), np.eye(3))
    projected = lattice.project_potential(fitted.modes, constants)
    ours, theirs = cubic_rows(projected), cubic_rows(fitted)
    largest = max(map(abs, theirs.values()))
    assert max(abs(ours[m] - theirs[m]) for m in theirs) < 2e-5 * largest
    report = projected.source["projection"]
    assert 0 < report["permutation_defect"] < 1e-4 * largest
    assert report["sum_rule_defect"] < 1e-4 * largest


def test_defects_are_reported_with_their_size(supercell, fitted, tmp_path):
    phonon, array = supercell
    largest = max(map(abs, cubic_rows(fitted).values()))
    broken = array.copy()
    broken[0, 1, 2, 0, 1, 2] += 0.1
    path = write_files(tmp_path, (phonon, broken))
    report = lattice.project_potential(fitted.modes, path).source["projection"]
    for name in ("permutation_defect", "sum_rule_defect"):
        assert 1e-6 * largest < report[name] < 0.3 * largest
    assert report["forbidden"]["3"] > 1e-6 * largest
    rng = np.random.default_rng(0)
    path = write_files(tmp_path, (phonon, rng.normal(size=array.shape)))
    with pytest.raises(lattice.SymmetryError, match="symmetry of the crystal"):
        lattice.project_potential(fitted.modes, path)


def test_without_its_own_cell_fc3_shares_the_supercell_of_the_source(supercell, fitted, tmp_path):
    phonon, _ = supercell
    path = write_files(tmp_path, supercell, yaml=False)
    with pytest.raises(lattice.InputError, match="does not fit the supercell"):
        lattice.project_potential(fitted.modes, path)
    phonon.force_constants = np.zeros((20, 20, 3, 3))
    from lattice.structure.phonopy_object import crystal_from_phonopy

    source = crystal_from_phonopy(phonon)
    constants = read_cubic(path, source)
    assert constants.supercell_matrix.tolist() == np.diag([2, 1, 2]).tolist()
    shared = lattice.project_potential(fitted.modes, constants)
    assert cubic_rows(shared) == pytest.approx(cubic_rows(fitted), rel=1e-6, abs=1e-10)


def test_unit_cells_that_are_not_primitive(fitted, tmp_path):
    """phono3py's unit cell is twice the crystal's, with its atoms shuffled; the YAML file of the source tells."""
    from lattice.structure.cubic_files import setup_of

    c = crystal()
    twice = np.concatenate([c.positions, c.positions + np.array([1, 0, 0])]) / [2, 1, 1]
    order = np.array([7, 0, 3, 9, 1, 2, 8, 4, 5, 6])
    unit = Cell(np.diag([2, 1, 1]) @ c.cell, twice[order], np.tile(c.numbers, 2)[order], np.tile(c.masses, 2)[order])
    phonon = build_phonopy(unit, np.diag([1, 1, 2]), np.diag([0.5, 1, 1]))
    assert len(phonon.primitive) == 5
    array = cubic_constants((phonon.supercell.cell, phonon.supercell.positions))
    (tmp_path / "forces").mkdir()
    for compact in (False, True):
        path = write_files(tmp_path / "forces", (phonon, array), compact=compact, yaml=False)
        phonon.save(tmp_path / "phonopy_disp.yaml", settings={"force_sets": False, "displacements": False})
        setup = setup_of(str(tmp_path))
        assert setup == tmp_path / "phonopy_disp.yaml"
        constants = read_cubic(path, c, setup=setup)
        projected = lattice.project_potential(fitted.modes, constants)
        assert cubic_rows(projected) == pytest.approx(cubic_rows(fitted), rel=1e-6, abs=1e-10)
    assert setup_of("Bi2Se3") is None
    assert setup_of("Bi2Se3-noSOC") is None
    with pytest.raises((lattice.InputError, lattice.SymmetryError)):
        lattice.project_potential(fitted.modes, path)


def test_shengbte_holds_the_same_constants(fitted, tmp_path):
    text = shengbte_text()
    path = tmp_path / "FORCE_CONSTANTS_3RD"
    path.write_text(text)
    projected = lattice.project_potential(fitted.modes, path)
    largest = max(map(abs, cubic_rows(fitted).values()))
    assert cubic_rows(projected) == pytest.approx(cubic_rows(fitted), rel=1e-6, abs=1e-8 * largest)
    assert projected.source["projection"]["sum_rule_defect"] < 1e-8 * largest
    lines = text.splitlines()
    for damage, error in (
        ("\n".join(lines[:-1]), lattice.FormatError),
        (text.replace("1 1 2 ", "1 1 3 ", 1), lattice.FormatError),
        (text.replace("\n", "\nword", 1), lattice.FormatError),
        ("", lattice.FormatError),
    ):
        path.write_text(damage)
        with pytest.raises(error):
            lattice.project_potential(fitted.modes, path)
    path.write_text(text)
    other = replace(crystal(), cell=1.1 * crystal().cell)
    with pytest.raises(lattice.InputError, match="translations"):
        read_cubic(path, other)


def test_chosen_multiplets_and_linewidth(supercell, fitted, tmp_path):
    path = write_files(tmp_path, supercell, compact=True)
    part = lattice.project_potential(fitted.modes, path, multiplets=["Eu(1)", "Eg(2)"], linewidth=0.1)
    assert part.multiplets == ("Eu(1)", "Eg(2)")
    assert (part.linewidth == 0.1).all()
    assert {str(x) for x in part.channel} - {"light"} == {"Eu(1)^2 Eg(2)", "Eg(2)^3"}


def test_72_atoms_take_little_memory(tmp_path):
    """A 3×3×2 supercell of four atoms; full force constants on disk, only the rows of one cell in memory."""
    import tracemalloc

    from model_crystals import cell_of_spacegroup, spring_crystal

    cell = cell_of_spacegroup(4, species=2)
    assert cell.n_atoms == 4
    source = spring_crystal(cell)
    modes = lattice.solve_modes(source)
    phonon = build_phonopy(cell, np.diag([3, 3, 2]))
    n = len(phonon.supercell)
    assert n == 72
    phonon.save(tmp_path / "phono3py.yaml", settings={"force_sets": False, "displacements": False})
    with h5py.File(tmp_path / "fc3.hdf5", "w") as file:
        data = file.create_dataset("fc3", shape=(n, n, n, 3, 3, 3), dtype="f8", chunks=(1, n, n, 3, 3, 3))
        for i in range(n):
            data[i] = 1e-3
    tracemalloc.start()
    constants = read_cubic(tmp_path / "fc3.hdf5", source)
    from lattice.anharmonic.coordinates import gamma_coordinates
    from lattice.anharmonic.project import project_tensor

    coordinates = gamma_coordinates(modes)
    tensor = project_tensor(coordinates, constants)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**30
    weighted = np.concatenate([coordinates.eigenvectors, np.zeros((3, 4, 3))]) / np.sqrt(cell.masses)[:, None]
    weighted[-3:] = np.eye(3)[:, None] / np.sqrt(cell.masses.sum())
    sums = weighted.sum(axis=(1, 2))
    expected = 1e-3 * 18**2 * sums[:, None, None] * sums[None, :, None] * sums[None, None, :]
    np.testing.assert_allclose(tensor, expected, atol=1e-9 * np.abs(expected).max())


def test_files_that_cannot_be_used(supercell, fitted, tmp_path):
    path = write_files(tmp_path, supercell)
    with pytest.raises(lattice.InputError, match="no such file"):
        lattice.project_potential(fitted.modes, tmp_path / "fc4.hdf5")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(lattice.FormatError, match="HDF5"):
        lattice.project_potential(fitted.modes, path)
    for name, data in (("fc2", np.zeros((5, 20, 3, 3))), ("fc3", np.zeros((5, 20, 3, 3))), ("fc3", np.array([b"x"]))):
        with h5py.File(path, "w") as file:
            file.create_dataset(name, data=data)
        with pytest.raises(lattice.FormatError):
            lattice.project_potential(fitted.modes, path)
    path = write_files(tmp_path, (supercell[0], supercell[1] * np.nan))
    with pytest.raises(lattice.InputError, match="not finite"):
        lattice.project_potential(fitted.modes, path)
    other = replace(crystal(), positions=crystal().positions + np.array([[0.05, 0, 0]] + [[0, 0, 0]] * 4))
    with pytest.raises(lattice.InputError, match="not a copy"):
        read_cubic(path, other)
    with pytest.raises(lattice.InputError, match="linewidth"):
        lattice.project_potential(fitted.modes, path, linewidth=np.nan)
    with pytest.raises(lattice.InputError, match="supercell"):
        lattice.CubicForceConstants(np.zeros((5, 2, 5, 1, 5, 3, 3, 3)), np.zeros((1, 3)), np.eye(3))
    write_displacement_yaml(crystal(), np.zeros((1, 5, 3)), tmp_path / "phono3py_params.yaml")
    with pytest.raises(lattice.InputError, match="does not fit"):
        lattice.project_potential(fitted.modes, path)
