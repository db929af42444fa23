"""Outputs of programs that were really run, and force constants that hiPhive really wrote."""

import lzma
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import lattice
from lattice.anharmonic.external import read_forces
from lattice.structure.cubic_files import read_cubic
from lattice.structure.force_outputs import read_force_output

DATA = Path(__file__).parent / "data"
SIC = DATA / "SiC"
BOHR, HARTREE = 0.529177210903, 27.211386245988  # Å, eV; CODATA 2018
NUMBER = r"\s+(-?\d+\.\d+)"
#: file, row of a force with the species before it, unit in eV/Å, atomic number of what stands for the species
PROGRAMS = {
    "qe": ("pw.out", rf"atom +\d+ type +(\d) +force ={NUMBER * 3}", HARTREE / 2 / BOHR, {"1": 6, "2": 14}),
    "abinit": ("run.abo", rf"^ +(\d){NUMBER * 3}$", 1.0, {"1": 14, "2": 6}),
    "gpaw": ("gpaw.txt", rf"^ +\d (\w+){NUMBER * 3}$", 1.0, {"Si": 14, "C": 6}),
    "cp2k": ("sic-forces-1_0.xyz", rf"^ +\d +\d +(\w+){NUMBER * 3}$", HARTREE / BOHR, {"Si": 14, "C": 6}),
}


def stated(program, folder):
    """Numbers and forces as the text says them, converted by hand; the last rows of the file are those in its unit."""
    name, row, unit, species = PROGRAMS[program]
    text = (folder / name).read_text()
    if program == "abinit":
        text = text[text.index("forces (eV/Angstrom)") :]
    rows = re.findall(row, text, re.MULTILINE)
    assert len(rows) == 2
    return [species[r[0]] for r in rows], unit * np.array([[float(x) for x in r[1:]] for r in rows])


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("program", PROGRAMS)
def test_forces_are_those_of_the_text(program, number):
    folder = SIC / program / f"disp-{number:04d}"
    numbers, forces = stated(program, folder)
    output = read_force_output(folder, 2)
    if program == "cp2k":  # phonopy takes the mean force off
        forces = forces - forces.mean(axis=0)
    np.testing.assert_allclose(output.forces, forces, rtol=2e-6, atol=2e-8)
    assert output.numbers is None or output.numbers.tolist() == numbers
    named = {"qe": "qe", "abinit": "abinit", "cp2k": "cp2k"}.get(program)
    if named is not None:
        again = read_force_output(folder, 2, program=named)
        np.testing.assert_allclose(again.forces, output.forces, rtol=2e-6, atol=1e-7)


def test_four_programs_give_one_crystal():
    """From what was written to the couplings; Quantum ESPRESSO was given carbon first."""
    crystal = lattice.load(SIC / "POSCAR")
    found = {}
    for program in PROGRAMS:
        folder = SIC / program
        potential = _with_manifest(crystal, folder)
        report = potential.source["fit"]
        (invariant,) = report["invariants"]
        assert invariant["name"] == "T2(1)^3"
        found[program] = invariant["coefficient"], potential.frequency[0]
        assert report["forbidden"]["3"] < 0.02 * abs(invariant["coefficient"])
    for coefficient, frequency in found.values():
        assert coefficient * found["abinit"][0] > 0
        assert 15 < frequency < 35
    # local-density approximation with norm-conserving or ultrasoft potentials, all nearly converged
    np.testing.assert_allclose(found["qe"], found["abinit"], rtol=0.1)


def _with_manifest(crystal, folder):
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        runs = Path(place) / "runs"
        shutil.copytree(folder, runs)
        shutil.copy(SIC / "manifest.json", runs)
        return read_forces(crystal, runs)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_density_that_did_not_converge_is_refused(program, tmp_path):
    with pytest.raises(lattice.InputError, match="did not converge"):
        read_force_output(SIC / "unconverged" / program, 2)
    runs = tmp_path / "runs"
    shutil.copytree(SIC / program, runs)
    shutil.copy(SIC / "manifest.json", runs)
    shutil.rmtree(runs / "disp-0001")
    shutil.copytree(SIC / "unconverged" / program, runs / "disp-0001")
    with pytest.raises(lattice.FitError, match=r"(?s)1 of 9 .*disp-0001: .*did not converge") as caught:
        read_forces(lattice.load(SIC / "POSCAR"), runs)
    assert "disp-0002" not in str(caught.value)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_output_that_was_cut_off_is_refused(program, tmp_path):
    """At any place: no half of a number becomes a force."""
    name = PROGRAMS[program][0]
    folder = SIC / program / "disp-0001"
    text = (folder / name).read_text()
    last = {"qe": "JOB DONE", "abinit": "Calculation completed", "gpaw": "Timing:", "cp2k": "SUM OF"}[program]
    end = text.index(last) - (1 if program == "gpaw" else 0)
    for length in [*np.linspace(10, end, 23).astype(int).tolist(), end - 3, end - 8]:
        (tmp_path / name).write_text(text[:length])
        with pytest.raises(lattice.InputError):
            read_force_output(tmp_path, 2)


def test_other_files_of_a_run_are_not_taken(tmp_path):
    """ABINIT's log names ABINIT too; a main output of CP2K or of a batch system ends with .out as pw.x's does."""
    abinit = SIC / "abinit" / "disp-0001" / "run.abo"
    shutil.copy(abinit, tmp_path)
    log = abinit.read_text()
    (tmp_path / "a.log").write_text(log[: log.index(" cartesian coordinates")] + "\n Calculation completed.\n")
    (tmp_path / "slurm-1.out").write_text("loaded modules\n")
    (tmp_path / "run.abi").write_text("natom 2\nznucl 14 6\n")
    for program in (None, "abinit"):
        assert "run.abo" in read_force_output(tmp_path, 2, program=program).file
    folder = SIC / "cp2k" / "disp-0001"
    forces = (folder / "sic-forces-1_0.xyz").read_text()
    one = tmp_path / "one"
    one.mkdir()
    (one / "run.out").write_text((folder / "run.out").read_text() + forces)
    np.testing.assert_array_equal(read_force_output(one, 2).forces, read_force_output(folder, 2).forces)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hiphive")
    for path in (DATA / "hiphive").glob("*.xz"):
        (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    shutil.copy(DATA / "hiphive" / "POSCAR", folder)
    return folder


def test_both_exports_of_hiphive_hold_the_same_constants(exported):
    """The text in a primitive cell with translations, the HDF5 file in a supercell in phonopy's order."""
    crystal = lattice.load(exported / "POSCAR")
    full = read_cubic(exported / "fc3.hdf5", crystal)
    edges = [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]
    text = read_cubic(exported / "FORCE_CONSTANTS_3RD", crystal, qpoints=edges)
    place = {tuple(t % 2): i for i, t in enumerate(text.translations)}
    order = [place[tuple(t % 2)] for t in full.translations]
    largest = np.abs(full.array).max()
    np.testing.assert_allclose(text.array[:, order][:, :, :, order], full.array, atol=1e-10 * largest)
    # as hiPhive imposes it: no force from a translation of the crystal
    assert np.abs(full.array.sum(axis=(3, 4))).max() < 1e-10 * largest


def test_hiphive_to_couplings(exported):
    """The triplet of SiC is that of its symmetry, whatever force constants it is found with."""
    modes = _with_manifest(lattice.load(SIC / "POSCAR"), SIC / "qe").modes
    names = ("fc3.hdf5", "FORCE_CONSTANTS_3RD")
    found, again = (lattice.project_potential(modes, exported / name).coefficient for name in names)
    assert np.abs(found).max() > 0.01
    np.testing.assert_allclose(again, found, rtol=1e-9)
