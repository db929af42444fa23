"""Quartic couplings from fourth-order force constants: analytic lattice sums, the direct fit, files, defects."""

import tracemalloc
from dataclasses import replace

import h5py
import numpy as np
import pytest
from lennard_jones import (
    BondCalculator,
    coefficient,
    crystal,
    cubic_constants,
    fourth_derivative,
    quartic_constants,
    third_derivative,
)

import lattice
from lattice.anharmonic.invariance import check_invariance
from lattice.anharmonic.quartic_tensor import contract_quartic
from lattice.structure.cell import Cell
from lattice.structure.cubic_files import read_cubic
from lattice.structure.phonopy_object import build_phonopy
from lattice.structure.quartic import QuarticForceConstants
from lattice.structure.quartic_files import read_quartic


@pytest.fixture(scope="module")
def fitted():
    return lattice.fit_potential(crystal(), BondCalculator(), order=4, amplitudes=(0.02, 0.04, 0.06))


@pytest.fixture(scope="module")
def supercell():
    """A 2×1×1 supercell in phonopy's order, with its analytic constants of third and fourth order."""
    c = crystal()
    phonon = build_phonopy(Cell(c.cell, c.positions, c.numbers, c.masses), np.diag([2, 1, 1]))
    points = (phonon.supercell.cell, phonon.supercell.positions)
    return phonon, cubic_constants(points), quartic_constants(points)


def write(folder, supercell, *, compact=False):
    phonon, cubic, quartic = supercell
    homes = np.asarray(phonon.primitive.p2s_map)
    for name, array in (("fc3", cubic), ("fc4", quartic)):
        with h5py.File(folder / f"{name}.hdf5", "w") as file:
            file.create_dataset(name, data=array[homes] if compact else array)
            if compact:
                file.create_dataset("p2s_map", data=homes)
    phonon.save(folder / "plain.yaml", settings={"force_sets": False, "displacements": False})
    text = (folder / "plain.yaml").read_text().replace("phonopy:", "phono3py:", 1)
    (folder / "plain.yaml").unlink()
    (folder / "phono3py_disp.yaml").write_text(text)
    return folder / "fc3.hdf5", folder / "fc4.hdf5"


def rows(potential, order):
    dark = (potential.field_axis < 0).all(axis=1)
    found = np.flatnonzero(((potential.mode_index >= 0).sum(axis=1) == order) & dark)
    return {tuple(int(s) for s in potential.mode_index[t] if s >= 0): float(potential.coefficient[t]) for t in found}


def test_fourth_derivative_of_a_bond():
    """Against differences of the third."""
    r, step = np.array([1.1, -2.0, 1.7]), 1e-4
    for d in range(3):
        e = step * np.eye(3)[d]
        slope = (third_derivative(r + e) - third_derivative(r - e)) / (2 * step)
        np.testing.assert_allclose(fourth_derivative(r)[..., d], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compact", [False, True])
def test_projection_is_the_lattice_sum_and_the_fit(compact, supercell, fitted, tmp_path):
    fc3, fc4 = write(tmp_path, supercell, compact=compact)
    projected = lattice.project_potential(fitted.modes, fc3, fc4=fc4)
    ours, theirs = rows(projected, 4), rows(fitted, 4)
    largest = max(map(abs, theirs.values()))
    assert ours.keys() == theirs.keys()
    for modes, value in ours.items():
        assert value == pytest.approx(theirs[modes], rel=1e-4, abs=1e-6 * largest)
    some = list(ours)[::23]
    exact = [coefficient(projected.eigenvectors, modes) for modes in some]
    np.testing.assert_allclose([ours[m] for m in some], exact, rtol=1e-8, atol=1e-10 * largest)
    assert rows(projected, 3) == pytest.approx(rows(fitted, 3), rel=1e-5, abs=1e-7)
    report = projected.source["projection"]
    assert report["forbidden"]["4"] < 1e-8 * largest
    assert report["permutation_defect_4"] < 1e-8 * largest
    assert report["sum_rule_defect_4"] < 1e-8 * largest
    assert len(projected.source["projection"]["invariants"]) == 40 + 142
    assert check_invariance(projected)


def test_columns_are_counted_from_the_cell_of_each_row(supercell, tmp_path):
    """An atom named in another cell of the same crystal: its columns, and those of its own row, change cells."""
    c = crystal()
    _, fc4 = write(tmp_path, supercell)
    moved = replace(c, positions=c.positions + np.array([[1, 0, 0]] + 4 * [[0, 0, 0]]))
    before, after = read_quartic(fc4, c).array, read_quartic(fc4, moved).array
    assert len(read_quartic(fc4, c).translations) == 2
    for home in range(5):
        shift = np.array([(atom == 0) != (home == 0) for _ in range(2) for atom in range(5)])
        columns = np.where(shift, (np.arange(10) + 5) % 10, np.arange(10))
        np.testing.assert_allclose(after[home], before[home][np.ix_(columns, columns, columns)], atol=1e-9)
    assert np.abs(after - before).max() > 0.1


def test_contraction_is_the_plain_sum():
    rng = np.random.default_rng(3)
    array = rng.normal(size=(2, 4, 4, 4, 3, 3, 3, 3))
    patterns = rng.normal(size=(5, 2, 3))
    constants = QuarticForceConstants(array, np.array([[0, 0, 0], [1, 0, 0]]))
    wide = np.tile(patterns, (1, 2, 1))
    plain = np.einsum("ijklwxyz,aiw,bjx,cky,dlz->abcd", array, patterns, wide, wide, wide, optimize=True)
    np.testing.assert_allclose(contract_quartic(patterns, constants), plain, atol=1e-11)


def test_defects_are_reported_with_their_size(supercell, fitted, tmp_path):
    phonon, cubic, quartic = supercell
    broken = quartic.copy()
    broken[0, 1, 2, 3, 0, 1, 2, 0] += 1.0
    fc3, fc4 = write(tmp_path, (phonon, cubic, broken))
    report = lattice.project_potential(fitted.modes, fc3, fc4=fc4).source["projection"]
    largest = max(map(abs, rows(fitted, 4).values()))
    for name in ("permutation_defect_4", "sum_rule_defect_4"):
        assert 1e-6 * largest < report[name] < 0.3 * largest
    assert report["forbidden"]["4"] > 1e-7 * largest
    assert report["forbidden"]["3"] < 1e-8
    noise = np.random.default_rng(0).normal(size=quartic.shape)
    fc3, fc4 = write(tmp_path, (phonon, cubic, noise))
    with pytest.raises(lattice.SymmetryError, match="fourth-order"):
        lattice.project_potential(fitted.modes, fc3, fc4=fc4)


def test_files_that_are_none(supercell, fitted, tmp_path):
    c = crystal()
    fc3, fc4 = write(tmp_path, supercell)
    with pytest.raises(lattice.InputError, match="no such file"):
        read_quartic(tmp_path / "absent.hdf5", c)
    with pytest.raises(lattice.FormatError, match="fourth-order"):
        read_quartic(fc3, c)
    with pytest.raises(lattice.FormatError, match="third-order"):
        read_cubic(fc4, c)
    (tmp_path / "text.hdf5").write_text("fc4")
    with pytest.raises(lattice.FormatError, match="no HDF5"):
        read_quartic(tmp_path / "text.hdf5", c)
    with h5py.File(tmp_path / "shape.hdf5", "w") as file:
        file.create_dataset("fc4", data=np.zeros((10, 10, 10, 9, 3, 3, 3, 3)))
    with pytest.raises(lattice.FormatError, match="shape"):
        read_quartic(tmp_path / "shape.hdf5", c)
    with pytest.raises(lattice.InputError, match="do not fit"):
        QuarticForceConstants(np.zeros((2, 2, 2, 2, 3, 3, 3, 3)), np.zeros((2, 3)))
    with pytest.raises(lattice.InputError, match="finite"):
        QuarticForceConstants(np.full((1, 1, 1, 1, 3, 3, 3, 3), np.nan), np.zeros((1, 3)))


def test_archives_are_not_opened(fitted, tmp_path):
    """hiPhive's own files are archives of pickled objects; the message says how to export."""
    import io
    import tarfile

    path = tmp_path / "model.fcs"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("fc_dict")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"\x80\x04N."))
    with pytest.raises(lattice.FormatError, match="archive") as caught:
        lattice.project_potential(fitted.modes, path)
    assert "write_to_phono3py" in caught.value.fix


def test_fifty_four_atoms_take_little_memory():
    """Three atoms in 3×3×2 cells, 15 patterns; 0.3 GB of constants."""
    rng = np.random.default_rng(1)
    array = np.broadcast_to(rng.normal(size=(1, 1, 54, 54, 3, 3, 3, 3)), (3, 54, 54, 54, 3, 3, 3, 3))
    translations = np.stack(np.meshgrid(range(3), range(3), range(2), indexing="ij"), axis=-1).reshape(-1, 3)
    constants = QuarticForceConstants(array, translations)
    tracemalloc.start()
    tensor = contract_quartic(rng.normal(size=(12, 3, 3)), constants)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(tensor).all()
    assert peak < 100e6
