"""`lattice couple`: JSON, text, files, and what it says of wrong input."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from lennard_jones import calculator, coefficient, crystal

import lattice
from lattice.cli.app import main
from lattice.structure.cell_files import formula_of

KEYS = {
    "terms",
    "force_calls",
    "residual",
    "forbidden_max",
    "check_calls",
    "naive_calls",
    "condition",
    "forbidden",
    "multiplets",
    "axis",
    "warnings",
}


def couple(*words):
    return CliRunner().invoke(main, ["couple", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def poscar(tmp_path_factory):
    """The relaxed Lennard-Jones crystal as a structure file alone."""
    from ase import Atoms
    from ase.io import write

    path = tmp_path_factory.mktemp("structure") / "POSCAR"
    c = crystal()
    atoms = Atoms(numbers=c.numbers, scaled_positions=c.positions, cell=c.cell, pbc=True)
    assert formula_of(atoms) == "Bi2Se3"
    write(path, atoms, format="vasp", direct=True)
    return path


@pytest.fixture(scope="module")
def done(poscar, tmp_path_factory):
    target = tmp_path_factory.mktemp("couple") / "potential.toml"
    result = couple(
        poscar, "--calculator", "lennard_jones:calculator", "--order", 3, "--amplitude", 0.01, "--amplitude", 0.02,
        "-o", target, "--json",
    )  # fmt: skip
    return result, target


def test_json_is_that_of_the_contract(done):
    result, _ = done
    assert result.exit_code == 0, result.stderr
    table = json.loads(result.stdout)
    assert set(table) == KEYS
    assert all(set(t) == {"modes", "labels", "coefficient_eV", "channel", "error"} for t in table["terms"])
    assert table["force_calls"] == 17
    assert table["forbidden_max"] < 1e-9 * max(abs(t["coefficient_eV"]) for t in table["terms"])
    assert table["residual"] < 1e-6
    assert any("Born" in line for line in table["warnings"])
    assert not any("relaxed" in line for line in table["warnings"])


def test_the_terms_are_the_lattice_sums_and_the_file_holds_them(done):
    result, target = done
    table = json.loads(result.stdout)
    potential = lattice.load_potential(target)
    real = dict(zip(potential.mode_numbers.tolist(), potential.eigenvectors, strict=True))
    eigenvectors = np.array([real.get(i, np.zeros_like(next(iter(real.values())))) for i in range(15)])
    some = table["terms"][::7]
    exact = np.array([coefficient(eigenvectors, t["modes"]) for t in some])
    found = np.array([t["coefficient_eV"] for t in some])
    # the file keeps 16 digits of the positions, a force of 1e-9 eV/Å of the relaxation is left
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-8 * np.abs(found).max())
    np.testing.assert_array_equal(potential.coefficient, [t["coefficient_eV"] for t in table["terms"]])


def test_the_report_for_people(poscar):
    chosen = ("--order", 3, "--multiplet", "Eu(1)", "--multiplet", "Eg(2)")
    result = couple(poscar, "--calculator", "lj", "--relax", *chosen)
    assert result.exit_code == 0, result.stderr
    assert "force calls" in result.stdout
    assert "Eu(1)^2 Eg(2)" in result.stdout
    assert "condition number" in result.stdout
    assert "light cannot be coupled" in result.stderr
    assert len(result.stdout.splitlines()) <= 25
    verbose = couple("Bi2Se3", "--calculator", "lj", *chosen, "-v")
    assert "Eu(1)x Eu(1)y Eg(2)y" in verbose.stdout
    assert "not relaxed" in verbose.stderr
    assert "other force constants" in verbose.stderr


def test_out_to_another_program_and_back(poscar, done, tmp_path):
    from ase.io import read
    from force_texts import vasprun

    chosen = ("--order", 3, "--amplitude", 0.1, "--amplitude", 0.2)
    folder = tmp_path / "runs"
    written = couple(poscar, "--write-displacements", folder, *chosen, "--json")
    assert written.exit_code == 0, written.stderr
    plan = json.loads(written.stdout)
    assert plan["structures"] == plan["force_calls"] + plan["check_calls"] == len(list(folder.glob("disp-*")))
    failed = couple(poscar, "--read-forces", folder)
    assert failed.exit_code == 1
    assert "disp-0000" in failed.stderr
    for place in folder.glob("disp-*"):
        atoms = read(place / "POSCAR")
        atoms.calc = calculator()
        vasprun(place, atoms, atoms.get_forces())
    result = couple(poscar, "--read-forces", folder, "--json")
    assert result.exit_code == 0, result.stderr
    found, exact = (json.loads(x.stdout)["terms"] for x in (result, done[0]))
    largest = max(abs(t["coefficient_eV"]) for t in exact)
    assert [t["modes"] for t in found] == [t["modes"] for t in exact]
    assert (
        max(abs(a["coefficient_eV"] - b["coefficient_eV"]) for a, b in zip(found, exact, strict=True)) < 1e-5 * largest
    )
    text = couple(poscar, "--write-displacements", tmp_path / "again", *chosen)
    assert "--read-forces" in text.stdout


def test_third_order_force_constants(poscar, done, tmp_path):
    """fc3 of the single cell, projected on the modes of the file that the fit wrote, agrees with the fit."""
    import h5py
    from lennard_jones import cubic_constants

    potential = lattice.load_potential(done[1])
    fitted = lattice.fit_potential(crystal(), calculator(), order=2, amplitudes=(0.01, 0.02)).modes.crystal
    np.savetxt(tmp_path / "numbers", fitted.force_constants.array.reshape(-1, 3))
    rows = (tmp_path / "numbers").read_text().splitlines()
    blocks = [
        f"{i + 1} {j + 1}\n" + "\n".join(rows[15 * i + 3 * j : 15 * i + 3 * j + 3]) for i in range(5) for j in range(5)
    ]
    (tmp_path / "FORCE_CONSTANTS").write_text("5 5\n" + "\n".join(blocks) + "\n")
    with h5py.File(tmp_path / "fc3.hdf5", "w") as file:
        file["fc3"] = cubic_constants((crystal().cell, crystal().positions @ crystal().cell))
    result = couple(poscar, "--fc", tmp_path / "FORCE_CONSTANTS", "--fc3", tmp_path / "fc3.hdf5", "--json")
    assert result.exit_code == 0, result.stderr
    table = json.loads(result.stdout)
    assert set(table) == KEYS | {"permutation_defect", "sum_rule_defect"}
    assert (table["force_calls"], table["residual"]) == (0, None)
    largest = np.abs(potential.coefficient).max()
    found = [t["coefficient_eV"] for t in table["terms"]]
    np.testing.assert_allclose(found, potential.coefficient, rtol=1e-6, atol=1e-8 * largest)
    text = couple(poscar, "--fc", tmp_path / "FORCE_CONSTANTS", "--fc3", tmp_path / "fc3.hdf5")
    assert "sum rule" in text.stdout


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ((), 2, "--calculator"),
        (("--calculator", "lj", "--read-forces", "x"), 2, "one place"),
        (("--fc3", "no/such/fc3.hdf5"), 2, "no such file"),
        (("--fc3", "fc3.hdf5", "--relax"), 2, "leave it out"),
        (("--read-forces", "no/such/folder"), 2, "no displaced structures"),
        (("--write-displacements", "no/such/folder"), 2, "cannot be used"),
        (("--write-displacements", "new", "--format", "gif"), 2, "format"),
        (("--write-displacements", "new", "--relax"), 2, "relax"),
        (("--calculator", "vasp"), 2, "no calculator of this name"),
        (("--calculator", "no_such_module:make"), 2, "no module 'no_such_module'"),
        (("--calculator", "lennard_jones:no_such"), 2, "cannot be imported"),
        (("--calculator", "lennard_jones:SIGMA"), 2, "cannot be called"),
        (("--calculator", "lennard_jones:nearest_shell_to_cutoff"), 2, "no ASE calculator"),
        (("--calculator", "emt", "--order", "3"), 1, "The calculator failed"),
        (("--calculator", "lj", "--order", "5"), 2, "5"),
        (("--calculator", "lj", "--amplitude", "0.1"), 2, "amplitudes"),
        (("--calculator", "lj", "-o", "no/such/folder/p.nc"), 2, "folder"),
        (("--calculator", "lj", "-o", "p.txt"), 2, "ending"),
        (("--calculator", "lj", "--multiplet", "Xy(1)"), 2, "no such multiplet"),
    ],
)
def test_wrong_input(words, status, message):
    result = couple("Bi2Se3", *words)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert "fix:" in result.stderr or "Usage" in result.stderr


def test_chgnet_that_is_not_installed_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "chgnet.model.dynamics", None)
    result = couple("Bi2Se3", "--calculator", "chgnet")
    assert result.exit_code == 2
    assert "pip install 'phonon-lattice[chgnet]'" in result.stderr
