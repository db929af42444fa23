"""Every malformed input ends in one clear error that says what was found and how to mend it."""

import lzma

import h5py
import numpy as np
import pytest
from ase import Atoms
from example_files import BLOCK, BORN, CIF, CONSTANTS, POSCAR, ROW, SETS, SUPERCELL_YAML, YAML

import lattice
from lattice.errors import FormatError, InputError, LatticeError, SymmetryError


def lines(text, drop=0):
    kept = text.splitlines(keepends=True)
    return "".join(kept[: len(kept) - drop])


# name of the case: (files of the folder, what is loaded, error, words of its message)
FOLDERS = {
    "empty folder": ({}, ".", InputError, "no structure"),
    "folder with other things": ({"notes.txt": "x", "INCAR": "x"}, ".", InputError, "no structure"),
    "folder with two structures": ({"a.cif": CIF, "b.cif": CIF}, ".", InputError, "several structures"),
    "folder with two POSCARs": ({"POSCAR": POSCAR, "CONTCAR": POSCAR}, ".", InputError, "several structures"),
    "folder with two phonopy files": (
        {"phonopy_params.yaml": YAML, "phonopy_params.yaml.xz": lzma.compress(YAML.encode())},
        ".",
        InputError,
        "several structures",
    ),
    "folder with two force files": (
        {"POSCAR": POSCAR, "FORCE_CONSTANTS": CONSTANTS, "FORCE_SETS": SETS},
        ".",
        InputError,
        "Several files",
    ),
    "folder whose POSCAR is another cell": (
        {"POSCAR": POSCAR.replace("4.1", "4.2"), "phonopy_params.yaml": YAML},
        ".",
        InputError,
        "different cells",
    ),
    "setup of another cell": (
        {"POSCAR": POSCAR.replace("4.1", "4.2"), "phonopy.yaml": YAML, "FORCE_CONSTANTS": CONSTANTS},
        "POSCAR",
        InputError,
        "another cell",
    ),
    "no such file": ({}, "nothing.yaml", InputError, "Bi2Se3-noSOC"),
    "no such name": ({}, "Bi2Te3", InputError, "Bi2Se3-noSOC"),
    "empty POSCAR": ({"POSCAR": ""}, "POSCAR", FormatError, "empty"),
    "POSCAR cut off": ({"POSCAR": lines(POSCAR, 1)}, "POSCAR", FormatError, "cannot be read"),
    "POSCAR without species": ({"POSCAR": POSCAR.replace("Cs Cl\n", "")}, "POSCAR", FormatError, "species"),
    "POSCAR with numbers for species": (
        {"POSCAR": POSCAR.replace("Cs Cl\n", "1.5 2.5\n")},
        "POSCAR",
        FormatError,
        "species",
    ),
    "POSCAR with an unknown species": ({"POSCAR": POSCAR.replace("Cs Cl", "Qq Cl")}, "POSCAR", FormatError, "Qq"),
    "POSCAR with stars": ({"POSCAR": POSCAR.replace("0.5 0.5 0.5", "0.5 *** 0.5")}, "POSCAR", FormatError, "cannot"),
    "POSCAR with NaN": ({"POSCAR": POSCAR.replace("0.5 0.5 0.5", "0.5 nan 0.5")}, "POSCAR", InputError, "finite"),
    "POSCAR with a flat cell": (
        {"POSCAR": POSCAR.replace(" 0.0 0.0 4.1\n", " 0.0 8.2 0.0\n")},
        "POSCAR",
        InputError,
        "cell",
    ),
    "POSCAR with atoms on top of each other": (
        {"POSCAR": POSCAR.replace("0.5 0.5 0.5", "0.01 0.0 1.0")},
        "POSCAR",
        InputError,
        "on top",
    ),
    "POSCAR with wrong counts": ({"POSCAR": POSCAR.replace("1 1", "1 2")}, "POSCAR", FormatError, "cannot be read"),
    "POSCAR in Latin-1": (
        {"POSCAR": POSCAR.replace("CsCl", "Cäsium").encode("latin-1")},
        "POSCAR",
        FormatError,
        "UTF-8",
    ),
    "binary garbage": ({"POSCAR": bytes(range(256)) * 20}, "POSCAR", FormatError, "not a text"),
    "zero bytes": ({"POSCAR": b"\0" * 500}, "POSCAR", FormatError, "not a text"),
    "a picture": ({"cell.png": b"\x89PNG\r\n\x1a\n" + b"\0\xff" * 90}, "cell.png", FormatError, "not a text"),
    "prose": ({"cell.cif2": "Once upon a time\n" * 9}, "cell.cif2", FormatError, "no crystal format"),
    "a program": ({"cell.py": "atoms = None\n"}, "cell.py", FormatError, "no crystal format"),
    "extended XYZ that announces a great many atoms": (
        {"m.xyz": '99999999999999999999\nLattice="4 0 0 0 4 0 0 0 4"\nH 0 0 0\n'},
        "m.xyz",
        FormatError,
        "more atoms",
    ),
    "POSCAR that announces a great many atoms": (
        {"POSCAR": POSCAR.replace("1 1", "1 99999999999999999999")},
        "POSCAR",
        FormatError,
        "more atoms",
    ),
    "molecule without a cell": ({"m.xyz": "2\n\nH 0 0 0\nH 0 0 0.74\n"}, "m.xyz", LatticeError, "cell"),
    "CIF without atoms": ({"a.cif": CIF.split("loop_", maxsplit=1)[0]}, "a.cif", LatticeError, ""),
    "CIF with a shared site": (
        {"a.cif": CIF.replace("Cl1 Cl 0.5 0.5 0.5 1.0", "Cl1 Cl 0.5 0.5 0.5 0.6")},
        "a.cif",
        InputError,
        "partly occupied",
    ),
    "CIF with a zero length": ({"a.cif": CIF.replace("length_a 4.1", "length_a 0")}, "a.cif", LatticeError, ""),
    "YAML cut off in xz": (
        {"p.yaml.xz": lzma.compress(YAML.encode())[:-20]},
        "p.yaml.xz",
        FormatError,
        "decompressed",
    ),
    "YAML that is no xz": ({"p.yaml.xz": YAML}, "p.yaml.xz", FormatError, "decompressed"),
    "YAML that is no gz": ({"p.yaml.gz": YAML}, "p.yaml.gz", FormatError, "decompressed"),
    "YAML that is no bz2": ({"p.yaml.bz2": YAML}, "p.yaml.bz2", FormatError, "decompressed"),
    "YAML syntax": ({"p.yaml": YAML + "a: [1, 2\n"}, "p.yaml", FormatError, "not valid YAML"),
    "YAML list": ({"p.yaml": "- 1\n- 2\n"}, "p.yaml", FormatError, "mapping"),
    "YAML without a cell": ({"p.yaml": SUPERCELL_YAML}, "p.yaml", FormatError, "no unit cell"),
    "YAML with a wrong phonopy section": ({"p.yaml": "phonopy: 3\n" + YAML}, "p.yaml", FormatError, "phonopy"),
    "YAML with an unknown calculator": (
        {"p.yaml": "phonopy:\n  calculator: abacus9\n" + YAML},
        "p.yaml",
        InputError,
        "",
    ),
    "YAML with an unknown species": ({"p.yaml": YAML.replace("Cs", "Qq")}, "p.yaml", InputError, "cannot be read"),
    "YAML with a mass of zero": ({"p.yaml": YAML.replace("35.45", "0.0")}, "p.yaml", InputError, "mass"),
    "YAML with shared sites": (
        {"p.yaml": YAML.replace("    mass: 35.45", "    mass: 35.45\n    weight: 0.5")},
        "p.yaml",
        InputError,
        "share",
    ),
    "YAML with a fractional supercell": (
        {"p.yaml": YAML.replace("- [ 1, 0, 0 ]", "- [ 1.5, 0, 0 ]")},
        "p.yaml",
        InputError,
        "",
    ),
    "YAML with a singular supercell": (
        {"p.yaml": YAML.replace("- [ 1, 0, 0 ]", "- [ 0, 0, 0 ]")},
        "p.yaml",
        InputError,
        "determinant",
    ),
    "YAML with constants of another supercell": (
        {"p.yaml": YAML.replace("- [ 1, 0, 0 ]", "- [ 2, 0, 0 ]")},
        "p.yaml",
        InputError,
        "do not fit",
    ),
    "YAML with a wrong shape of constants": (
        {"p.yaml": YAML.replace("shape: [ 2, 2 ]", "shape: [ 2, 3 ]")},
        "p.yaml",
        InputError,
        "cannot be read",
    ),
    "YAML with text for a constant": ({"p.yaml": YAML.replace(ROW, "- [ x, 0.0, 0.0 ]")}, "p.yaml", InputError, ""),
    "YAML with NaN for a constant": ({"p.yaml": YAML.replace(ROW, "- [ .nan, 0.0, 0.0 ]")}, "p.yaml", InputError, ""),
    "YAML with charges of too few atoms": (
        {
            "p.yaml": YAML.replace(
                "  -\n    - [ 1.0, 0.0, 0.0 ]\n    - [ 0.0, 1.0, 0.0 ]\n    - [ 0.0, 0.0, 1.0 ]\n", "", 1
            )
        },
        "p.yaml",
        InputError,
        "born",
    ),
    "YAML nested too deep": ({"p.yaml": "a: " + "[" * 100_000}, "p.yaml", FormatError, "nesting"),
    "YAML with an alias bomb": (
        {"p.yaml": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + YAML},
        "p.yaml",
        FormatError,
        "anchor",
    ),
}

# content of the force file: (error, words)
FORCE_FILES = {
    "empty": ("", FormatError, "empty"),
    "cut off": (lines(CONSTANTS, 1), FormatError, "announces"),
    "stars": (CONSTANTS.replace("2.0", "***", 1), FormatError, "not a number"),
    "NaN": (CONSTANTS.replace("2.0", "nan", 1), FormatError, "not finite"),
    "too large a number": (CONSTANTS.replace("2.0", "1e999", 1), FormatError, "not finite"),
    "counts that are huge": (CONSTANTS.replace("2 2", "99999999 99999999", 1), FormatError, "counts"),
    "counts that are negative": (CONSTANTS.replace("2 2", "-2 2", 1), FormatError, "counts"),
    "pairs out of order": (CONSTANTS.replace("1 2\n", "2 1\n", 1), FormatError, "order"),
    "atoms that do not exist": (CONSTANTS.replace("\n2 ", "\n7 "), FormatError, "does not have"),
    "another number of atoms": ("1 3\n" + "".join(f"1 {j}\n" + BLOCK for j in (1, 2, 3)), InputError, "cannot be told"),
    "words": ("force constants of CsCl\n", FormatError, "neither"),
    "sets cut off": (lines(SETS, 1), FormatError, "announce"),
    "sets with one count": ("2\n", FormatError, ""),
    "sets of an atom that does not exist": (SETS.replace("\n1\n0.01", "\n5\n0.01"), FormatError, "does not have"),
    "sets with a zero displacement": (SETS.replace("0.01 0 0", "0 0 0"), FormatError, "zero"),
    "sets with NaN": (SETS.replace("-0.02", "nan"), FormatError, "not finite"),
    "sets that do not determine the constants": (SETS, InputError, "cannot produce"),
    "sets of all atoms without a fit": ("0.1 0 0 -0.2 0 0\n0 0 0 0.2 0 0\n" * 3, InputError, ""),
    "sets of another supercell": ("3\n1\n\n1\n0.01 0 0\n0 0 0\n0 0 0\n0 0 0\n", InputError, "cannot be told"),
    "Latin-1": (CONSTANTS.encode() + "# ä".encode("latin-1"), FormatError, "UTF-8"),
    "HDF5 header alone": (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, FormatError, "HDF5"),
}

BORN_FILES = {
    "empty": ("", FormatError, "symmetry-independent"),
    "too few atoms": (lines(BORN, 1), FormatError, "symmetry-independent"),
    "too many atoms": (BORN + " 1 0 0 0 1 0 0 0 1\n", FormatError, "symmetry-independent"),
    "eight numbers": (BORN.replace(" 2 0 0 0 2", " 2 0 0 2"), FormatError, "nine numbers"),
    "stars": (BORN.replace(" 1 0", " *** 0"), FormatError, "nine numbers"),
    "NaN": (BORN.replace(" 1 0", " nan 0"), FormatError, "nine numbers"),
    "binary": (b"\xff\xfe\x00\x01", FormatError, "not a text"),
}


def check_error(error, words, call):
    with pytest.raises(LatticeError) as caught:
        call()
    assert isinstance(caught.value, error)
    assert words.lower() in str(caught.value).lower()
    assert caught.value.fix
    assert "Traceback" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("case", FOLDERS)
def test_folders_and_structure_files(tmp_path, case):
    files, target, error, words = FOLDERS[case]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    check_error(error, words, lambda: lattice.load(tmp_path / target))


@pytest.mark.parametrize("case", FORCE_FILES)
def test_force_files(tmp_path, case):
    content, error, words = FORCE_FILES[case]
    (tmp_path / "POSCAR").write_text(POSCAR)
    (tmp_path / "forces").write_bytes(content.encode() if isinstance(content, str) else content)
    check_error(error, words, lambda: lattice.load(tmp_path / "POSCAR", fc=tmp_path / "forces"))


@pytest.mark.parametrize("case", BORN_FILES)
def test_born_files(tmp_path, case):
    content, error, words = BORN_FILES[case]
    (tmp_path / "POSCAR").write_text(POSCAR)
    (tmp_path / "BORN").write_bytes(content.encode() if isinstance(content, str) else content)
    check_error(error, words, lambda: lattice.load(tmp_path))


@pytest.mark.parametrize(
    "data",
    {
        "wrong shape": np.zeros((2, 2, 3)),
        "wrong tensor": np.zeros((2, 2, 2, 2)),
        "integers": np.zeros((2, 2, 3, 3), dtype=int),
        "text": np.array(["a", "b"], dtype="S1"),
        "NaN": np.full((2, 2, 3, 3), np.nan),
        "empty": np.zeros((0, 0, 3, 3)),
        "more rows than columns": np.zeros((4, 2, 3, 3)),
    }.items(),
    ids=lambda item: item[0],
)
def test_hdf5_files(tmp_path, data):
    (tmp_path / "POSCAR").write_text(POSCAR)
    with h5py.File(tmp_path / "force_constants.hdf5", "w") as file:
        file["force_constants"] = data[1]
    check_error(InputError, "", lambda: lattice.load(tmp_path))


def test_hdf5_without_force_constants_or_with_a_group_or_an_unknown_unit(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    path = tmp_path / "force_constants.hdf5"
    with h5py.File(path, "w") as file:
        file["other"] = np.zeros(3)
    check_error(FormatError, "no force constants", lambda: lattice.load(tmp_path))
    with h5py.File(path, "w") as file:
        file.create_group("force_constants")
    check_error(FormatError, "cannot be used", lambda: lattice.load(tmp_path))
    with h5py.File(path, "w") as file:
        file["force_constants"] = np.zeros((2, 2, 3, 3))
        file["physical_unit"] = [b"furlong"]
    check_error(InputError, "furlong", lambda: lattice.load(tmp_path))
    path.write_bytes(path.read_bytes()[:1000])
    check_error(FormatError, "HDF5", lambda: lattice.load(tmp_path))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fc": np.zeros((2, 2, 3))}, InputError, "shape"),
        ({"fc": np.zeros((3, 3, 3, 3))}, InputError, "cannot be told"),
        ({"fc": np.full((2, 2, 3, 3), np.inf)}, InputError, "finite"),
        ({"fc": "no such file"}, InputError, "cannot be opened"),
        ({"fc": object()}, InputError, "neither a path"),
        ({"born": "no such file"}, InputError, "cannot be opened"),
        ({"born": 3}, InputError, "neither a path"),
        ({"born": (np.zeros((3, 3, 3)), np.eye(3))}, InputError, "shape"),
        ({"born": (np.zeros((2, 3, 3)), np.eye(2))}, InputError, "shape"),
        ({"born": (np.full((2, 3, 3), np.nan), np.eye(3))}, InputError, "finite"),
        ({"born": (np.array([["a"]]), np.eye(3))}, InputError, "numbers"),
        ({"primitive": "Q"}, InputError, ""),
        ({"primitive": np.zeros((3, 3))}, InputError, ""),
        ({"primitive": 0.7 * np.eye(3)}, InputError, ""),
        ({"primitive": np.eye(2)}, InputError, ""),
        ({"symprec": -1.0}, InputError, "symprec"),
        ({"symprec": float("nan")}, InputError, "symprec"),
        ({"symprec": "tight"}, InputError, "symprec"),
    ],
)
def test_arguments(options, error, words):
    atoms = Atoms("CsCl", cell=4.1 * np.eye(3), scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True)
    check_error(error, words, lambda: lattice.load(atoms, **options))


@pytest.mark.parametrize(
    "source",
    [
        Atoms(),
        Atoms("CsCl", positions=[[0, 0, 0], [2, 2, 2]]),
        Atoms("XCl", cell=4.1 * np.eye(3), scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True),
        Atoms("Cl", cell=[[4, 0, 0], [4, 1e-9, 0], [0, 0, 4]], pbc=True),
        Atoms("Cl", cell=np.full((3, 3), np.nan), pbc=True),
        None,
        3.0,
        ["Bi2Se3"],
        "",
        "\0",
        "a" * 5000,
    ],
)
def test_sources(source):
    check_error(InputError, "", lambda: lattice.load(source))


def test_a_tolerance_that_merges_atoms_finds_no_group():
    atoms = Atoms("H2", cell=5 * np.eye(3), scaled_positions=[[0, 0, 0], [0.15, 0, 0]], pbc=True)
    check_error(SymmetryError, "No space group", lambda: lattice.load(atoms, symprec=0.9))
