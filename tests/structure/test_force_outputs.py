"""Forces read from the output of other programs, in eV/Å, with their structure where the output tells it."""

import numpy as np
import pytest
from force_texts import PROGRAMS, atoms_at, espresso, extxyz, vasprun

import lattice
from lattice.structure.force_outputs import read_force_output


@pytest.fixture(scope="module")
def displaced():
    crystal = lattice.load("Bi2Se3")
    rng = np.random.default_rng(2)
    forces = rng.normal(size=(5, 3))
    positions = crystal.positions @ crystal.cell + 0.01 * rng.normal(size=(5, 3))
    return atoms_at(crystal, positions), forces - forces.mean(axis=0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_forces_come_back_in_public_units(name, displaced, tmp_path):
    atoms, forces = displaced
    writer, program = PROGRAMS[name]
    writer(tmp_path, atoms, forces)
    output = read_force_output(tmp_path, 5, program=program)
    # the texts are written with ASE's Rydberg and bohr of CODATA 2014, phonopy reads with those of CODATA 2006
    np.testing.assert_allclose(output.forces, forces, rtol=2e-6, atol=2e-8)
    if program is None and name != "CP2K":
        np.testing.assert_allclose(output.positions, atoms.positions, atol=1e-6)


def test_the_output_with_most_digits_is_taken(displaced, tmp_path):
    atoms, forces = displaced
    espresso(tmp_path, atoms, 0 * forces)
    vasprun(tmp_path, atoms, forces)
    assert "VASP" in read_force_output(tmp_path, 5).file


def test_what_is_missing_or_damaged_is_named(displaced, tmp_path):
    atoms, forces = displaced
    with pytest.raises(lattice.InputError, match="no output with forces"):
        read_force_output(tmp_path, 5)
    extxyz(tmp_path, atoms, forces)
    with pytest.raises(lattice.InputError, match="usable forces"):
        read_force_output(tmp_path, 6)
    with pytest.raises(lattice.InputError, match="program"):
        read_force_output(tmp_path, 5, program="word")
    (tmp_path / "result.extxyz").unlink()
    espresso(tmp_path, atoms, forces)
    whole = (tmp_path / "pw.out").read_text()
    end = "JOB DONE.\n"
    (tmp_path / "pw.out").write_text(whole[: whole.index("Forces acting")] + end)
    with pytest.raises(lattice.InputError, match="no forces"):
        read_force_output(tmp_path, 5)
    (tmp_path / "pw.out").write_text(whole[: whole.index("force =") + 40] + end)
    with pytest.raises(lattice.FormatError, match=r"pw\.out"):
        read_force_output(tmp_path, 5)
