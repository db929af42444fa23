"""Forces read from the output of other programs, in eV/Å, with their structure where the output tells it."""

import numpy as np
import pytest
from force_texts import PROGRAMS, atoms_at, espresso, extxyz, vasprun

import lattice
from lattice.structure.force_outputs import read_force_output
from lattice.structure.output_marks import check_output


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


def changed(tmp_path, atoms, forces, *changes):
    """Write VASP's XML with passages replaced, in the structure of real files."""
    vasprun(tmp_path, atoms, forces)
    text = (tmp_path / "vasprun.xml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "vasprun.xml").write_text(text)


def test_vasp_with_fixed_atoms_and_several_steps(displaced, tmp_path):
    """Selective dynamics leaves the forces as they are; of several ionic steps the last one counts."""
    atoms, forces = displaced
    fixed = (
        '<varray name="selective" >' + '<v type="logical"> F F F </v>' * 5 + "</varray>\n</structure>\n<calculation>"
    )
    changed(tmp_path, atoms, forces, ("</structure>\n<calculation>", fixed))
    np.testing.assert_allclose(read_force_output(tmp_path, 5).forces, forces, atol=1e-12)
    text = (tmp_path / "vasprun.xml").read_text()
    step = text[text.index("<calculation>") : text.index("</modeling>")]
    other = tmp_path / "other"
    other.mkdir()
    changed(other, atoms, 2 * forces, ("</modeling>", step + "</modeling>"))
    np.testing.assert_allclose(read_force_output(other, 5).forces, forces, atol=1e-12)


def test_vasp_that_was_stopped(displaced, tmp_path):
    atoms, forces = displaced
    limit = ("<parameters>", '<parameters><i type="int" name="NELM">     {}</i>')
    changed(tmp_path, atoms, forces, (limit[0], limit[1].format(2)))
    np.testing.assert_allclose(read_force_output(tmp_path, 5).forces, forces, atol=1e-12)
    changed(tmp_path, atoms, forces, (limit[0], limit[1].format(1)))
    for program in (None, "vasp"):
        with pytest.raises(lattice.InputError, match="did not converge"):
            read_force_output(tmp_path, 5, program=program)
    # the last step is missing: ASE would fall back to the one before
    vasprun(tmp_path, atoms, forces)
    text = (tmp_path / "vasprun.xml").read_text()
    step = text[text.index("<calculation>") : text.index("</modeling>")]
    (tmp_path / "vasprun.xml").write_text(text.replace("</modeling>", step[: len(step) // 2]))
    with pytest.raises(lattice.InputError, match="cut off"):
        read_force_output(tmp_path, 5)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("aborting loop because EDIFF is reached\n General timing and accounting informations for this job:", None),
        ("aborting loop EDIFF was not reached (unconverged)\n General timing and accounting", "did not converge"),
        ("\n General timing and accounting informations for this job:", "did not converge"),
        ("aborting loop because EDIFF is reached\n", "cut off"),
    ],
)
def test_ends_of_outcar(said, reason, tmp_path):
    path = tmp_path / "OUTCAR"
    path.write_text(
        f" Iteration      1(   1)\n aborting loop because EDIFF is reached\n Iteration      2(   1)\n {said}\n"
    )
    if reason is None:
        check_output(path, "vasp-out")
        return
    with pytest.raises(lattice.InputError, match=reason):
        check_output(path, "vasp-out")


def test_ends_of_aims(displaced, tmp_path):
    from force_texts import aims

    aims(tmp_path, *displaced)
    path = tmp_path / "aims.out"
    text = path.read_text()
    path.write_text(text.replace("Have a nice day.", "*** scf_solver: SCF cycle not converged."))
    with pytest.raises(lattice.InputError, match="did not converge"):
        read_force_output(tmp_path, 5, program="aims")
    path.write_text(text.replace("Have a nice day.", ""))
    with pytest.raises(lattice.InputError, match="cut off"):
        read_force_output(tmp_path, 5, program="aims")
