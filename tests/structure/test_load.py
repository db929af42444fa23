"""One crystal through every door: each gives the same cell, masses, order of atoms, force constants and charges."""

import lzma
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write as ase_write
from model_crystals import spring_crystal
from phonopy import Phonopy
from phonopy.file_IO import (
    write_BORN,
    write_FORCE_CONSTANTS,
    write_force_constants_to_hdf5,
    write_FORCE_SETS,
)
from phonopy.interface.vasp import write_vasp
from phonopy.structure.atoms import PhonopyAtoms

import lattice
from lattice.errors import InputError
from lattice.structure.cell import Cell
from lattice.structure.phonopy_object import phonopy_from_crystal

# phonopy and ASE warn when the files of these tests are written; reading them must not.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Atoms of Zn:UserWarning"),
    pytest.mark.filterwarnings("ignore:Warning. Point group:UserWarning"),
    pytest.mark.filterwarnings("ignore:FHI-aims IO:FutureWarning"),
]

SUPERCELL = np.diag([2, 1, 3])
# Wurtzite-like, in an order that no program would sort: Zn O Zn O.
CELL = Cell(
    [[3.25, 0, 0], [-1.625, 1.625 * np.sqrt(3), 0], [0, 0, 5.2]],
    [[1 / 3, 2 / 3, 0.02], [1 / 3, 2 / 3, 0.40], [2 / 3, 1 / 3, 0.52], [2 / 3, 1 / 3, 0.90]],
    [30, 8, 30, 8],
    [65.38, 15.999, 65.38, 15.999],
)
CHARGES = np.array([np.diag([2.1, 2.1, 2.3]), np.diag([-2.1, -2.1, -2.3])] * 2)
DIELECTRIC = np.diag([3.9, 3.9, 4.1])


@pytest.fixture(scope="module")
def crystal():
    return spring_crystal(CELL, SUPERCELL, cutoff=4.5, born_charges=CHARGES, dielectric=DIELECTRIC)


@pytest.fixture
def phonon(crystal):
    return phonopy_from_crystal(crystal, with_nac=True)


@pytest.fixture
def folder(tmp_path, phonon):
    write_vasp(tmp_path / "POSCAR", phonon.unitcell)
    write_BORN(phonon.primitive, CHARGES, DIELECTRIC, tmp_path / "BORN")
    return tmp_path


def displaced(phonon):
    """Give a `Phonopy` object displacements and the harmonic forces that belong to them, and drop the rest."""
    constants = phonon.force_constants.copy()
    phonon.generate_displacements(distance=0.01)
    entries = phonon.dataset["first_atoms"]
    phonon.forces = np.array([-constants[:, entry["number"]] @ entry["displacement"] for entry in entries])
    phonon.force_constants = None
    return phonon


def check(loaded, crystal, *, charges=True, atol=1e-9):
    np.testing.assert_allclose(loaded.cell, crystal.cell, atol=1e-9)
    np.testing.assert_allclose(loaded.positions, crystal.positions, atol=1e-9)
    np.testing.assert_array_equal(loaded.numbers, crystal.numbers)
    np.testing.assert_allclose(loaded.masses, crystal.masses, rtol=1e-4)
    constants = loaded.force_constants
    np.testing.assert_array_equal(constants.supercell_matrix, crystal.force_constants.supercell_matrix)
    np.testing.assert_allclose(constants.array, crystal.force_constants.array, atol=atol, rtol=0)
    if charges:
        np.testing.assert_allclose(loaded.born_charges, CHARGES, atol=1e-7)
        np.testing.assert_allclose(loaded.dielectric, DIELECTRIC, atol=1e-7)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", ["FORCE_CONSTANTS", "force_constants.hdf5"])
def test_force_constants_beside_a_poscar(folder, phonon, crystal, name, compact):
    homes = phonon.primitive.p2s_map if compact else None
    constants = phonon.force_constants[homes] if compact else phonon.force_constants
    writer = write_FORCE_CONSTANTS if name == "FORCE_CONSTANTS" else write_force_constants_to_hdf5
    writer(constants, folder / name, p2s_map=homes)
    check(lattice.load(folder), crystal)
    loaded = lattice.load(folder / "POSCAR")
    check(loaded, crystal)
    assert any("supercell: 2×1×3, the only one of 9" in line for line in loaded.found)


def test_hdf5_names_its_unit(folder, phonon, crystal):
    from phonopy.physical_units import get_physical_units

    units = get_physical_units()
    scale = units.Bohr**2 / units.Rydberg
    write_force_constants_to_hdf5(
        phonon.force_constants * scale, folder / "force_constants.hdf5", physical_unit="Ry/au^2", compression="gzip"
    )
    check(lattice.load(folder), crystal)


def test_force_sets_with_phonopy_disp_yaml(folder, phonon, crystal):
    displaced(phonon)
    write_FORCE_SETS(phonon.dataset, folder / "FORCE_SETS")
    phonon.nac_params = None
    phonon.save(folder / "phonopy_disp.yaml", settings={"force_sets": False, "displacements": True})
    check(lattice.load(folder), crystal, atol=1e-6)
    check(lattice.load(folder / "POSCAR"), crystal, atol=1e-6)
    check(lattice.load(folder / "phonopy_disp.yaml"), crystal, atol=1e-6)


def test_force_sets_alone_tell_their_supercell(folder, phonon, crystal):
    write_FORCE_SETS(displaced(phonon).dataset, folder / "FORCE_SETS")
    loaded = lattice.load(folder)
    check(loaded, crystal, atol=1e-6)
    assert any("the only one of 9" in line for line in loaded.found)


def test_force_sets_go_by_their_content(folder, phonon, crystal):
    write_FORCE_SETS(displaced(phonon).dataset, folder / "forces.dat")
    check(lattice.load(folder / "POSCAR", fc=folder / "forces.dat"), crystal, atol=1e-6)


def test_a_supercell_in_another_order(folder, phonon, crystal):
    rng = np.random.default_rng(5)
    order = rng.permutation(len(phonon.supercell))
    shuffled = phonon.supercell
    scrambled = PhonopyAtoms(
        cell=shuffled.cell,
        scaled_positions=shuffled.scaled_positions[order],
        numbers=shuffled.numbers[order],
    )
    ase_write(
        folder / "SPOSCAR",
        Atoms(scrambled.symbols, cell=scrambled.cell, scaled_positions=scrambled.scaled_positions, pbc=True),
        format="vasp",
        direct=True,
    )
    write_FORCE_CONSTANTS(phonon.force_constants[np.ix_(order, order)], folder / "FORCE_CONSTANTS")
    loaded = lattice.load(folder)
    check(loaded, crystal)
    assert any("from SPOSCAR" in line for line in loaded.found)
    displaced(phonon)
    dataset = phonon.dataset
    place = np.argsort(order)
    for entry in dataset["first_atoms"]:
        entry["number"] = int(place[entry["number"]])
        entry["forces"] = entry["forces"][order]
    (folder / "FORCE_CONSTANTS").unlink()
    write_FORCE_SETS(dataset, folder / "FORCE_SETS")
    check(lattice.load(folder), crystal, atol=1e-6)


@pytest.mark.parametrize("dim", ["2 1 3", "2 0 0  0 1 0  0 0 3"])
def test_phonopy_conf_names_the_supercell(folder, phonon, crystal, dim):
    write_FORCE_CONSTANTS(phonon.force_constants, folder / "FORCE_CONSTANTS")
    (folder / "phonopy.conf").write_text(f"ATOM_NAME = Zn O # species\nDIM = {dim}\n")
    loaded = lattice.load(folder)
    check(loaded, crystal)
    assert any("2×1×3, phonopy.conf" in line or "2×1×3, from phonopy.conf" in line for line in loaded.found)


def test_an_oblique_supercell_of_phonopy_conf(tmp_path):
    matrix = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]])
    crystal = spring_crystal(CELL, matrix, cutoff=4.5)
    phonon = phonopy_from_crystal(crystal)
    write_vasp(tmp_path / "POSCAR", phonon.unitcell)
    write_FORCE_CONSTANTS(phonon.force_constants, tmp_path / "FORCE_CONSTANTS")
    # DIM lists phonopy's matrix, whose columns are the supercell vectors.
    (tmp_path / "phonopy.conf").write_text("DIM = " + " ".join(str(entry) for entry in matrix.T.ravel()) + "\n")
    check(lattice.load(tmp_path), crystal, charges=False)


@pytest.mark.parametrize("ending", ["", ".xz", ".gz"])
@pytest.mark.parametrize("content", ["force_constants", "force_sets"])
def test_phonopy_yaml_alone(tmp_path, phonon, crystal, content, ending):
    import gzip

    if content == "force_sets":
        displaced(phonon)
    plain = tmp_path / "phonopy_params.yaml"
    phonon.save(plain, settings={content: True})
    path = tmp_path / f"phonopy_params.yaml{ending}"
    data = plain.read_bytes()
    if ending:
        plain.unlink()
        path.write_bytes(lzma.compress(data) if ending == ".xz" else gzip.compress(data))
    atol = 1e-9 if content == "force_constants" else 1e-6
    check(lattice.load(path), crystal, atol=atol)
    check(lattice.load(tmp_path), crystal, atol=atol)


def test_phonopy_yaml_of_quantum_espresso_is_converted(tmp_path, crystal):
    from phonopy.physical_units import get_calculator_physical_units

    physical = get_calculator_physical_units("qe")
    source = phonopy_from_crystal(crystal)
    atoms = PhonopyAtoms(
        cell=crystal.cell / physical.distance_to_A,
        scaled_positions=crystal.positions,
        numbers=crystal.numbers,
        masses=crystal.masses,
    )
    phonon = Phonopy(atoms, SUPERCELL, primitive_matrix="P", calculator="qe")
    phonon.force_constants = source.force_constants * physical.distance_to_A / physical.force_to_eVperA
    phonon.save(tmp_path / "qe.yaml", settings={"force_constants": True})
    check(lattice.load(tmp_path / "qe.yaml"), crystal, charges=False, atol=1e-7)
    displaced(phonon)
    phonon.save(tmp_path / "sets.yaml", settings={"force_sets": True})
    check(lattice.load(tmp_path / "sets.yaml"), crystal, charges=False, atol=1e-5)
    write_FORCE_SETS(phonon.dataset, tmp_path / "FORCE_SETS")
    phonon.save(tmp_path / "phonopy_disp.yaml", settings={"force_sets": False, "displacements": True})
    check(lattice.load(tmp_path / "phonopy_disp.yaml"), crystal, charges=False, atol=1e-5)


def test_a_phonopy_object_with_forces_only(phonon, crystal):
    displaced(phonon)
    check(lattice.load(phonon), crystal, atol=1e-9)
    assert phonon.force_constants is None


@pytest.mark.parametrize("compact", [False, True])
def test_ase_atoms_with_arrays(phonon, crystal, compact):
    atoms = Atoms(
        numbers=crystal.numbers,
        cell=crystal.cell,
        scaled_positions=crystal.positions,
        pbc=True,
        masses=crystal.masses + 1.0,
    )
    constants = phonon.force_constants
    if compact:
        constants = constants[phonon.primitive.p2s_map]
    loaded = lattice.load(atoms, fc=constants, born=(CHARGES, DIELECTRIC))
    np.testing.assert_allclose(loaded.masses, crystal.masses + 1.0)
    assert any(line.startswith("masses") for line in loaded.found)
    assert not any(line.startswith("warning") for line in loaded.found)
    np.testing.assert_allclose(loaded.force_constants.array, crystal.force_constants.array, atol=1e-12)
    np.testing.assert_array_equal(loaded.born_charges, CHARGES)
    atoms.pbc = False
    assert any("warning" in line and "periodic" in line for line in lattice.load(atoms).found)


@pytest.mark.parametrize(
    ("name", "fmt"),
    [
        ("zno.cif", "cif"),
        ("zno.xyz", "extxyz"),
        ("pw.pwi", "espresso-in"),
        ("geometry.in", "aims"),
        ("a.xsf", "xsf"),
        ("a.gen", "gen"),
    ],
)
def test_formats_that_ase_reads(tmp_path, crystal, name, fmt):
    atoms = Atoms(numbers=crystal.numbers, cell=crystal.cell, scaled_positions=crystal.positions, pbc=True)
    extra = {"pseudopotentials": {"Zn": "Zn.upf", "O": "O.upf"}} if fmt == "espresso-in" else {}
    ase_write(tmp_path / name, atoms, format=fmt, **extra)
    loaded = lattice.load(tmp_path / name)
    np.testing.assert_array_equal(loaded.numbers, crystal.numbers)
    np.testing.assert_allclose(loaded.volume, crystal.volume, rtol=1e-5)
    assert loaded.spacegroup.number == 186
    assert "force constants: none" in loaded.found


def test_poscar_under_any_name_and_compressed(tmp_path, phonon, crystal):
    write_vasp(tmp_path / "zno.txt", phonon.unitcell)
    assert lattice.load(tmp_path / "zno.txt").spacegroup.number == 186
    (tmp_path / "POSCAR.xz").write_bytes(lzma.compress((tmp_path / "zno.txt").read_bytes()))
    np.testing.assert_allclose(lattice.load(tmp_path / "POSCAR.xz").positions, crystal.positions, atol=1e-9)


def test_the_cell_is_kept_unless_another_is_asked_for(tmp_path):
    rocksalt = Atoms(
        "Na4Cl4",
        scaled_positions=[
            [0, 0, 0],
            [0, 0.5, 0.5],
            [0.5, 0, 0.5],
            [0.5, 0.5, 0],
            [0.5, 0.5, 0.5],
            [0.5, 0, 0],
            [0, 0.5, 0],
            [0, 0, 0.5],
        ],
        cell=5.6 * np.eye(3),
        pbc=True,
    )
    kept = lattice.load(rocksalt)
    assert kept.n_atoms == 8
    assert len(kept.spacegroup.rotations) == 192
    assert any("not primitive" in line and "4 primitive" in line for line in kept.found)
    primitive = lattice.load(rocksalt, primitive="auto")
    assert primitive.n_atoms == 2
    assert primitive.volume == pytest.approx(kept.volume / 4)
    assert lattice.load(rocksalt, primitive="F").n_atoms == 2
    assert lattice.load(rocksalt, primitive=[[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]).n_atoms == 2
    assert not any("not primitive" in line for line in primitive.found)
    charges = np.array([1.1 * np.eye(3)] * 4 + [-1.1 * np.eye(3)] * 4)
    both = lattice.load(rocksalt, primitive="auto", born=(charges, 2.3 * np.eye(3)))
    np.testing.assert_allclose(np.trace(both.born_charges, axis1=1, axis2=2), [3.3, -3.3])


def test_a_primitive_matrix_of_the_file_is_used(tmp_path):
    cell = Cell(
        5.6 * np.eye(3),
        [
            [0, 0, 0],
            [0, 0.5, 0.5],
            [0.5, 0, 0.5],
            [0.5, 0.5, 0],
            [0.5, 0.5, 0.5],
            [0.5, 0, 0],
            [0, 0.5, 0],
            [0, 0, 0.5],
        ],
        [11] * 4 + [17] * 4,
        [22.99] * 4 + [35.45] * 4,
    )
    crystal = spring_crystal(cell, np.eye(3, dtype=int), cutoff=4.0)
    conventional = phonopy_from_crystal(crystal)
    phonon = Phonopy(conventional.unitcell, np.eye(3, dtype=int), primitive_matrix="F")
    phonon.force_constants = conventional.force_constants[phonon.primitive.p2s_map]
    phonon.nac_params = {
        "born": np.array([1.1 * np.eye(3), -1.1 * np.eye(3)]),
        "dielectric": 2.3 * np.eye(3),
        "factor": 14.4,
    }
    phonon.save(tmp_path / "phonopy.yaml", settings={"force_constants": True})
    primitive = lattice.load(tmp_path / "phonopy.yaml")
    assert primitive.n_atoms == 2
    assert len(primitive.force_constants.translations) == 4
    kept = lattice.load(tmp_path / "phonopy.yaml", primitive="P")
    assert kept.n_atoms == 8
    np.testing.assert_allclose(kept.force_constants.array, crystal.force_constants.array, atol=1e-12)
    np.testing.assert_allclose(kept.born_charges[:4], [1.1 * np.eye(3)] * 4)
    # The same rows beside the conventional cell: the file of the calculation names the primitive cell.
    write_vasp(tmp_path / "POSCAR", conventional.unitcell)
    write_FORCE_CONSTANTS(phonon.force_constants, tmp_path / "FC", p2s_map=phonon.primitive.p2s_map)
    again = lattice.load(tmp_path / "POSCAR", fc=tmp_path / "FC")
    np.testing.assert_allclose(again.force_constants.array, crystal.force_constants.array, atol=1e-12)


def test_defects_are_reported_and_not_repaired(folder, phonon):
    constants = phonon.force_constants.copy()
    constants[0, 0] += 0.01 * np.eye(3)
    write_FORCE_CONSTANTS(constants, folder / "FORCE_CONSTANTS")
    loaded = lattice.load(folder)
    np.testing.assert_allclose(loaded.force_constants.array[0].sum(axis=(0, 1)), 0.01 * np.eye(3), atol=1e-9)
    line = next(line for line in loaded.found if "left as they are" in line)
    assert "sum rule broken by 0.01" in line
    assert "space group by 0.01" in line


def test_charges_that_cannot_be_are_warned_of(crystal):
    atoms = Atoms(numbers=crystal.numbers, cell=crystal.cell, scaled_positions=crystal.positions, pbc=True)
    found = lattice.load(atoms, born=(10 * CHARGES, 100 * DIELECTRIC)).found
    assert sum(line.startswith("warning:") for line in found) == 2
    found = lattice.load(atoms, born=(CHARGES, np.diag([1.0, 2.0, -3.0]))).found
    assert any(line.startswith("warning:") and "not positive" in line for line in found)
    assert not any(line.startswith("warning:") for line in lattice.load(atoms, born=(CHARGES, DIELECTRIC)).found)


def test_born_in_the_file_goes_before_born_beside_it(tmp_path, phonon, crystal):
    phonon.save(tmp_path / "phonopy_params.yaml", settings={"force_constants": True})
    write_BORN(phonon.primitive, 0.5 * CHARGES, DIELECTRIC, tmp_path / "BORN")
    loaded = lattice.load(tmp_path)
    check(loaded, crystal)
    assert any(line.startswith("not read: BORN") for line in loaded.found)
    half = lattice.load(tmp_path, born=tmp_path / "BORN")
    np.testing.assert_allclose(half.born_charges, 0.5 * CHARGES, atol=1e-7)


def test_a_supercell_that_symmetry_cannot_tell_is_asked_for(tmp_path):
    cell = Cell([[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]], [[0, 0, 0]], [84], [209.0])
    crystal = spring_crystal(
        Cell(cell.cell * [[1], [1.3], [1.7]], [[0, 0, 0]], [84], [209.0]), np.diag([2, 1, 1]), cutoff=5
    )
    phonon = phonopy_from_crystal(crystal)
    write_vasp(tmp_path / "POSCAR", phonon.unitcell)
    write_FORCE_CONSTANTS(phonon.force_constants, tmp_path / "FORCE_CONSTANTS")
    with pytest.raises(InputError, match="cannot be told") as caught:
        lattice.load(tmp_path)
    assert "3 of 3" in caught.value.found
    assert "1×1×2" in caught.value.found
    assert "phonopy_disp.yaml" in caught.value.fix


def test_the_bundled_force_constants_as_text_find_their_supercell(tmp_path):
    crystal = lattice.load("Bi2Se3-noSOC")
    phonon = phonopy_from_crystal(crystal)
    write_vasp(tmp_path / "POSCAR", phonon.unitcell)
    write_FORCE_CONSTANTS(phonon.force_constants, tmp_path / "FC.txt")
    loaded = lattice.load(tmp_path / "POSCAR", fc=tmp_path / "FC.txt")
    assert (loaded.force_constants.supercell_matrix == 2 * np.eye(3)).all()
    np.testing.assert_allclose(loaded.force_constants.array, crystal.force_constants.array, atol=1e-12)


@pytest.mark.parametrize("kind", ["constants", "sets"])
def test_noise_of_a_calculation_does_not_hide_the_supercell(folder, phonon, crystal, kind):
    rng = np.random.default_rng(1)
    if kind == "constants":
        scale = 0.002 * np.abs(phonon.force_constants).max()
        noisy = phonon.force_constants + scale * rng.normal(size=phonon.force_constants.shape)
        write_FORCE_CONSTANTS(noisy, folder / "FORCE_CONSTANTS")
    else:
        displaced(phonon)
        for entry in phonon.dataset["first_atoms"]:
            entry["forces"] = entry["forces"] + 0.0003 * np.abs(entry["forces"]).max() * rng.normal(size=(24, 3))
        write_FORCE_SETS(phonon.dataset, folder / "FORCE_SETS")
    loaded = lattice.load(folder)
    np.testing.assert_array_equal(loaded.force_constants.supercell_matrix, SUPERCELL)


def test_forces_beside_a_format_in_other_units_are_warned_of(tmp_path, phonon, crystal):
    atoms = Atoms(numbers=crystal.numbers, cell=crystal.cell, scaled_positions=crystal.positions, pbc=True)
    ase_write(tmp_path / "pw.pwi", atoms, format="espresso-in", pseudopotentials={"Zn": "Zn.upf", "O": "O.upf"})
    write_FORCE_CONSTANTS(phonon.force_constants, tmp_path / "FORCE_CONSTANTS")
    warned = [line for line in lattice.load(tmp_path / "pw.pwi").found if line.startswith("warning:")]
    assert len(warned) == 1
    assert "for qe" in warned[0]


def test_magnetic_moments_are_warned_of(tmp_path, crystal):
    atoms = Atoms(numbers=crystal.numbers, cell=crystal.cell, scaled_positions=crystal.positions, pbc=True)
    atoms.set_initial_magnetic_moments([1, 0, -1, 0])
    assert any("magnetic" in line for line in lattice.load(atoms).found)
    magnetic = PhonopyAtoms(
        cell=crystal.cell,
        scaled_positions=crystal.positions,
        numbers=crystal.numbers,
        magnetic_moments=[1, 0, -1, 0],
    )
    phonon = Phonopy(magnetic, np.eye(3, dtype=int), primitive_matrix="P")
    assert any("magnetic" in line for line in lattice.load(phonon).found)
    phonon.save(tmp_path / "phonopy.yaml")
    assert any("magnetic" in line for line in lattice.load(tmp_path).found)
    assert not any("magnetic" in line for line in lattice.load("Bi2Se3").found)


def test_a_path_is_never_a_bundled_name(tmp_path, monkeypatch, phonon, crystal):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Bi2Se3").mkdir()
    write_vasp(tmp_path / "Bi2Se3" / "POSCAR", phonon.unitcell)
    for source in ("./Bi2Se3", Path("Bi2Se3"), tmp_path / "Bi2Se3"):
        loaded = lattice.load(source)
        assert loaded.spacegroup.number == 186
        assert loaded.dispersion_name is None
    assert lattice.load("Bi2Se3").spacegroup.number == 166


def test_displacements_of_all_atoms_at_once(folder, phonon, crystal):
    constants = phonon.force_constants.copy()
    displacements = 0.01 * np.random.default_rng(3).normal(size=(30, len(phonon.supercell), 3))
    phonon.dataset = {
        "displacements": displacements,
        "forces": -np.einsum("ijab,sjb->sia", constants, displacements),
    }
    phonon.force_constants = None
    phonon.nac_params = None
    phonon.save(folder / "all.yaml", settings={"force_sets": True})
    check(lattice.load(folder / "all.yaml"), crystal, atol=1e-3)
    write_FORCE_SETS(phonon.dataset, folder / "FORCE_SETS")
    (folder / "phonopy.conf").write_text("DIM = 2 1 3\n")
    check(lattice.load(folder), crystal, atol=1e-3)
    (folder / "phonopy.conf").unlink()
    with pytest.raises(InputError, match="cannot be told"):
        lattice.load(folder)


def test_what_is_given_replaces_what_the_source_holds(tmp_path, phonon, crystal):
    phonon.save(tmp_path / "phonopy_params.yaml", settings={"force_constants": True})
    write_FORCE_CONSTANTS(2 * phonon.force_constants, tmp_path / "FORCE_CONSTANTS")
    loaded = lattice.load(tmp_path)
    check(loaded, crystal)
    assert any(line.startswith("not read: FORCE_CONSTANTS") for line in loaded.found)
    doubled = lattice.load(tmp_path, fc=tmp_path / "FORCE_CONSTANTS", born=(CHARGES, DIELECTRIC))
    np.testing.assert_allclose(doubled.force_constants.array, 2 * crystal.force_constants.array, atol=1e-9)
    sources = [line for line in doubled.found if line.startswith(("force constants: ", "Born charges: "))]
    assert sources[0].startswith("force constants: FORCE_CONSTANTS")
    assert sources[1] == "Born charges: arrays"
    assert not any("phonopy_params" in line for line in sources)


def test_an_array_takes_its_supercell_from_the_folder(folder, phonon, crystal):
    (folder / "phonopy.conf").write_text("DIM = 2 1 3\n")
    loaded = lattice.load(folder / "POSCAR", fc=phonon.force_constants)
    check(loaded, crystal)
    assert any("phonopy.conf" in line for line in loaded.found)
