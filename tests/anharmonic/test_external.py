"""Forces from another program: the same potential as from the calculator itself."""

import json

import numpy as np
import pytest
from force_texts import PROGRAMS, extxyz
from lennard_jones import calculator, coefficient, crystal

import lattice
from lattice.anharmonic.external import STRUCTURE_FORMATS, read_forces, write_displacements

AMPLITUDES = (0.15, 0.3)  # Å√amu: as for a program that prints eight digits


@pytest.fixture(scope="module")
def direct():
    return lattice.fit_potential(crystal(), calculator(), order=3, amplitudes=AMPLITUDES)


def computed(folder, file, fmt, writer):
    """Run the Lennard-Jones potential on what was written, as the other program would."""
    from ase.io import read

    for place in sorted(folder.glob("disp-*")):
        atoms = read(place / file, format=fmt)
        atoms.calc = calculator()
        writer(place, atoms, atoms.get_forces())


@pytest.mark.parametrize("name", ["extended XYZ", "VASP", "Quantum ESPRESSO", "CP2K"])
def test_the_round_trip_gives_the_same_potential(name, direct, tmp_path):
    writer, program = PROGRAMS[name]
    plan = write_displacements(crystal(), tmp_path / "runs", order=3, amplitudes=AMPLITUDES)
    assert len(list((tmp_path / "runs").glob("disp-*"))) == plan.rays.n_fit + plan.rays.n_check
    computed(tmp_path / "runs", "POSCAR", "vasp", writer)
    read = read_forces(crystal(), tmp_path / "runs", program=program)
    largest = np.abs(direct.coefficient).max()
    np.testing.assert_array_equal(read.mode_index, direct.mode_index)
    np.testing.assert_array_equal(read.linewidth, direct.linewidth)
    assert not read.linewidth.any()
    np.testing.assert_allclose(read.coefficient, direct.coefficient, atol=1e-5 * largest)
    assert read.source["fit"]["force_calls"] == direct.source["fit"]["force_calls"]


@pytest.mark.parametrize("fmt", STRUCTURE_FORMATS)
def test_every_format_keeps_the_displacements(fmt, tmp_path):
    import warnings

    from ase.io import read

    plan = write_displacements(crystal(), tmp_path / "runs", order=2, format=fmt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        atoms = read(tmp_path / "runs" / "disp-0002" / STRUCTURE_FORMATS[fmt][0], format=fmt)
    expected = plan.displacements[2] + crystal().positions @ crystal().cell
    fractional = (atoms.positions - expected) @ np.linalg.inv(crystal().cell)
    assert np.abs((fractional - np.rint(fractional)) @ crystal().cell).max() < 1e-7


def test_phonopy_reads_its_file(tmp_path):
    import phonopy

    plan = write_displacements(crystal(), tmp_path / "runs", order=2)
    phonon = phonopy.load(tmp_path / "runs" / "phonopy_disp.yaml", produce_fc=False)
    np.testing.assert_allclose(phonon.displacements, plan.displacements, atol=1e-12)


def test_modes_of_the_source_and_atoms_in_another_order(direct, tmp_path):
    """A source with force constants; the program sorts the atoms its own way."""
    source = direct.modes.crystal
    options = {"multiplets": ["Eu(1)", "Eg(2)"], "order": 3, "amplitudes": AMPLITUDES}
    write_displacements(source, tmp_path / "runs", **options)

    def shuffled(place, atoms, forces):
        order = [4, 0, 3, 1, 2]
        extxyz(place, atoms[order], forces[order])

    computed(tmp_path / "runs", "POSCAR", "vasp", shuffled)
    read = read_forces(source, tmp_path / "runs", linewidth=0.2)
    assert read.multiplets == ("Eu(1)", "Eg(2)")
    assert (read.linewidth == 0.2).all()
    for t in range(len(read.coefficient)):
        if (read.field_axis[t] >= 0).any():
            continue
        exact = coefficient(read.eigenvectors, [int(s) for s in read.mode_index[t] if s >= 0])
        np.testing.assert_allclose(read.coefficient[t], exact, rtol=1e-3)


def test_missing_and_failed_outputs_are_named(tmp_path):
    folder = tmp_path / "runs"
    write_displacements(crystal(), folder, order=2)
    with pytest.raises(lattice.FitError, match="disp-0000"):
        read_forces(crystal(), folder)
    computed(folder, "POSCAR", "vasp", extxyz)
    (folder / "disp-0003" / "result.extxyz").unlink()
    text = (folder / "disp-0005" / "result.extxyz").read_text()
    (folder / "disp-0005" / "result.extxyz").write_text(text[: len(text) // 2])
    other = (folder / "disp-0001" / "result.extxyz").read_text()
    (folder / "disp-0002" / "result.extxyz").write_text(other)
    with pytest.raises(lattice.FitError) as caught:
        read_forces(crystal(), folder)
    reasons = {"disp-0003": "no output", "disp-0005": "cannot be read", "disp-0002": "another structure"}
    for name, reason in reasons.items():
        assert f"{name}: " in str(caught.value)
        assert reason in str(caught.value)
    assert "disp-0004" not in str(caught.value)


def test_wrong_folders_and_manifests(tmp_path, direct):
    with pytest.raises(lattice.InputError, match="no displaced structures"):
        read_forces(crystal(), tmp_path)
    folder = tmp_path / "runs"
    write_displacements(crystal(), folder, order=2)
    with pytest.raises(lattice.InputError, match="cannot be used"):
        write_displacements(crystal(), folder, order=2)
    with pytest.raises(lattice.InputError, match="cannot be used"):
        write_displacements(crystal(), tmp_path / "no" / "such", order=2)
    with pytest.raises(lattice.InputError, match="format"):
        write_displacements(crystal(), tmp_path / "new", format="gif")
    with pytest.raises(lattice.InputError, match="another crystal"):
        read_forces(lattice.load("Bi2Se3"), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    changed = [json.dumps(manifest | part) for part in ({"plan": {}}, {"crystal": 3}, {"schema": 2})]
    for damage in ("{", "[]", *changed):
        (folder / "manifest.json").write_text(damage)
        with pytest.raises(lattice.FormatError):
            read_forces(crystal(), folder)
