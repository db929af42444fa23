"""Eigenvectors that phonopy wrote: the same modes as from force constants, and what becomes of other conventions."""

import dataclasses
import shutil
import warnings

import h5py
import numpy as np
import pytest
import yaml

import lattice
from lattice.errors import FormatError, InputError, SymmetryError
from lattice.modes.read import read_modes
from lattice.structure.phonopy_object import phonopy_from_crystal

Q = (0.25, 0.25, 0.25)
LINE = (0.1, 0.2, 0.3)


@pytest.fixture(scope="module")
def crystal():
    return lattice.load("Bi2Se3-noSOC")


@pytest.fixture(scope="module")
def folder(crystal, tmp_path_factory):
    """Files as phonopy writes them."""
    path = tmp_path_factory.mktemp("phonopy")
    phonon = phonopy_from_crystal(crystal, with_nac=True)
    phonon.run_mesh([2, 2, 2], with_eigenvectors=True, is_mesh_symmetry=False)
    phonon.mesh.write_yaml(path / "mesh.yaml")
    phonon.mesh.write_hdf5(path / "mesh.hdf5")
    phonon.run_band_structure([[[0, 0, 0], LINE]], with_eigenvectors=True)
    phonon.band_structure.write_yaml(filename=path / "band.yaml")
    phonon.band_structure.write_hdf5(filename=path / "band.hdf5")
    phonon.run_qpoints([[0, 0, 0], LINE], with_eigenvectors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # phonopy leaves the file to the garbage collector
        phonon.qpoints.write_yaml(path / "qpoints.yaml")
    phonon.qpoints.write_hdf5(path / "qpoints.hdf5")
    return path


def assert_same_modes(read, solved):
    np.testing.assert_allclose(read.frequency, solved.frequency, atol=2e-6)  # digits of the constants in phonopy
    np.testing.assert_allclose(read.J, solved.J, atol=1e-6)
    np.testing.assert_array_equal(read.m, solved.m)
    assert [(x.label, x.indices) for x in read.multiplets] == [(x.label, x.indices) for x in solved.multiplets]
    np.testing.assert_allclose(
        np.abs(np.einsum("ski,ski->s", read.eigenvectors.conj(), solved.eigenvectors)), 1, atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("mesh.yaml", Q),
        ("mesh.hdf5", Q),
        ("mesh.yaml", (-0.25, 0.25, 0.25)),
        ("band.yaml", LINE),
        ("band.hdf5", LINE),
        ("qpoints.yaml", (0, 0, 0)),
        ("qpoints.hdf5", (0, 0, 0)),
        ("qpoints.yaml", LINE),
    ],
)
def test_modes_are_those_of_the_force_constants(name, q, folder, crystal):
    read = read_modes(folder / name, q, crystal=crystal)
    assert_same_modes(read, lattice.solve_modes(crystal, q))
    assert read.long_range == "as in the file"
    assert name in read.crystal.found[-1]


def test_the_cell_in_the_file_is_enough(folder, crystal):
    solved = lattice.solve_modes(crystal, Q)
    for name in ("mesh.yaml", "band.yaml", "band.hdf5"):
        q = Q if name.startswith("mesh") else LINE
        read = read_modes(folder / name, q)
        assert read.crystal.spacegroup.number == 166
        assert_same_modes(read, solved if q == Q else lattice.solve_modes(crystal, q))
        assert read.mode_charge is None
    for name in ("mesh.hdf5", "qpoints.yaml"):
        with pytest.raises(InputError, match="does not hold the crystal"):
            read_modes(folder / name, Q if name.startswith("mesh") else LINE)


def test_channels_of_modes_that_were_read(folder, crystal):
    read = read_modes(folder / "qpoints.yaml", crystal=crystal)
    rows = [tuple(row["modes"]) for row in lattice.channels(read)]
    assert sorted(rows) == sorted(tuple(row["modes"]) for row in lattice.channels(lattice.solve_modes(crystal)))


def test_gamma_of_a_band_path_has_a_direction(folder, crystal):
    """Phonopy approaches Γ along the path where there is a non-analytic term."""
    with pytest.raises(SymmetryError, match="along a direction"):
        read_modes(folder / "band.yaml", crystal=crystal)
    direction = np.linalg.inv(crystal.cell) @ LINE
    read = read_modes(folder / "band.yaml", crystal=crystal, nac_direction=direction)
    solved = lattice.solve_modes(crystal, nac_direction=direction)
    np.testing.assert_allclose(read.frequency, solved.frequency, atol=2e-6)
    assert lattice.polar_labels(read) == lattice.polar_labels(solved)


def rewritten(folder, tmp_path, change):
    """mesh.hdf5 with its eigenvectors ``(n_q, 3 n_atoms, n_bands)`` changed."""
    target = tmp_path / "mesh.hdf5"
    shutil.copy(folder / "mesh.hdf5", target)
    with h5py.File(target, "r+") as file:
        new = change(file["eigenvector"][()], file["qpoint"][()])
        del file["eigenvector"]
        file["eigenvector"] = new
    return target


def phase(crystal, points, sign):
    return np.repeat(np.exp(sign * 2j * np.pi * points @ crystal.positions.T), 3, axis=1)[:, :, None]


def test_other_phase_conventions_are_named(folder, crystal, tmp_path):
    for change, said in (
        (lambda e, q: e * phase(crystal, q, 1), "multiply them by exp(−2πi q·x)"),
        (lambda e, q: e * phase(crystal, q, -1), "multiply them by exp(+2πi q·x)"),
    ):
        with pytest.raises(SymmetryError) as caught:
            read_modes(rewritten(folder, tmp_path, change), Q, crystal=crystal)
        assert said in caught.value.found
    # J is the same in every phase convention, and phonopy's own passes
    read_modes(rewritten(folder, tmp_path, lambda e, q: e), Q, crystal=crystal)


def test_complex_conjugates_are_named_where_q_goes_to_another_cell(crystal, tmp_path):
    q = [0.5, 0.5, 0.5]
    phonon = phonopy_from_crystal(crystal, with_nac=True)
    phonon.run_qpoints([q], with_eigenvectors=True)
    phonon.qpoints.write_hdf5(tmp_path / "qpoints.hdf5")
    assert_same_modes(read_modes(tmp_path / "qpoints.hdf5", q, crystal=crystal), lattice.solve_modes(crystal, q))
    with h5py.File(tmp_path / "qpoints.hdf5", "r+") as file:
        file["eigenvector"][...] = file["eigenvector"][()].conj()
    with pytest.raises(SymmetryError) as caught:
        read_modes(tmp_path / "qpoints.hdf5", q, crystal=crystal)
    assert "complex conjugates" in caught.value.found


def test_other_mass_conventions_are_named(folder, crystal, tmp_path):
    root = np.sqrt(np.repeat(crystal.masses, 3))[:, None]

    def displacements(e, q):
        u = e / root
        return u / np.linalg.norm(u, axis=1, keepdims=True)

    for change, said in (
        (displacements, "displacements"),
        (lambda e, q: e * root, "twice"),
        (lambda e, q: 2 * e, "not normalised"),
        (lambda e, q: e + 0.1 * e[:, :, ::-1], "not those of one"),
    ):
        with pytest.raises(FormatError) as caught:
            read_modes(rewritten(folder, tmp_path, change), Q, crystal=crystal)
        assert said in caught.value.found


def test_bands_of_another_crystal_are_refused(folder, crystal):
    for changed in (
        {"masses": crystal.masses * 1.1},
        {"cell": crystal.cell * [[1], [1], [1.1]]},
        {"positions": crystal.positions[::-1]},
        {"numbers": crystal.numbers[::-1]},
    ):
        other = dataclasses.replace(crystal, force_constants=None, born_charges=None, dielectric=None, **changed)
        with pytest.raises(InputError, match="another cell"):
            read_modes(folder / "mesh.yaml", Q, crystal=other)


def test_a_point_that_is_not_in_the_file(folder, crystal):
    with pytest.raises(InputError, match=r"not in mesh\.yaml") as caught:
        read_modes(folder / "mesh.yaml", (0.2, 0.25, 0.25), crystal=crystal)
    assert "0.25" in caught.value.fix
    with pytest.raises(InputError, match="q-point"):
        read_modes(folder / "mesh.yaml", (0.2, 0.25), crystal=crystal)


def test_files_that_are_none(folder, crystal, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_modes(tmp_path / "none.yaml", crystal=crystal)
    (tmp_path / "a.yaml").write_text("phonon: [{q-position: [0, 0, 0]}]")
    with pytest.raises(FormatError, match="not a file of phonopy"):
        read_modes(tmp_path / "a.yaml", crystal=crystal)
    (tmp_path / "b.hdf5").write_text("text")
    with pytest.raises(FormatError, match="HDF5"):
        read_modes(tmp_path / "b.hdf5", crystal=crystal)
    document = yaml.safe_load((folder / "qpoints.yaml").read_text())
    for entry in document["phonon"]:
        for band in entry["band"]:
            del band["eigenvector"]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(FormatError, match="no eigenvectors"):
        read_modes(tmp_path / "c.yaml", crystal=crystal)
    document = yaml.safe_load((folder / "qpoints.yaml").read_text())
    document["phonon"][0]["band"] = document["phonon"][0]["band"][:9]
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(FormatError, match="all bands"):
        read_modes(tmp_path / "d.yaml", crystal=crystal)


def test_a_file_that_claims_any_size_is_refused(crystal, tmp_path):
    with h5py.File(tmp_path / "mesh.hdf5", "w") as file:
        file["qpoint"] = np.zeros((1, 3))
        file.create_dataset("frequency", (1, 15), dtype=float)
        file.create_dataset("eigenvector", (1, 60000, 60000), chunks=(1, 100, 100), dtype=complex)
    with pytest.raises(FormatError, match="claims more numbers than it can hold"):
        read_modes(tmp_path / "mesh.hdf5", crystal=crystal)


def test_nothing_in_a_file_is_run(crystal, tmp_path):
    mark = tmp_path / "ran"
    (tmp_path / "mesh.yaml").write_text(f"phonon: !!python/object/apply:os.mkdir ['{mark}']\n")
    with pytest.raises(FormatError, match="plain data"):
        read_modes(tmp_path / "mesh.yaml", crystal=crystal)
    assert not mark.exists()


def test_two_entries_that_differ_are_refused(folder, crystal, tmp_path):
    document = yaml.safe_load((folder / "qpoints.yaml").read_text())
    document["phonon"].append(yaml.safe_load(yaml.safe_dump(document["phonon"][1])))
    (tmp_path / "q.yaml").write_text(yaml.safe_dump(document))
    read_modes(tmp_path / "q.yaml", LINE, crystal=crystal)
    document["phonon"][-1]["band"][5]["frequency"] += 0.1
    (tmp_path / "q.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(InputError, match="several times"):
        read_modes(tmp_path / "q.yaml", LINE, crystal=crystal)
