"""A small valid file for every reader, and the command that reads it: what the tests of bad input damage."""

import contextlib
import os
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from click.testing import CliRunner
from force_texts import extxyz

import lattice
from lattice.cli.app import main

POSCAR = """CsCl
1.0
 4.1 0.0 0.0
 0.0 4.1 0.0
 0.0 0.0 4.1
Cs Cl
1 1
Direct
 0.0 0.0 0.0
 0.5 0.5 0.5
"""
ZINC_BLENDE = "ZnS\n2.7\n 0 1 1\n 1 0 1\n 1 1 0\nZn S\n1 1\nDirect\n 0.0 0.0 0.0\n 0.25 0.25 0.25\n"
BLOCK = " 2.0 0.0 0.0\n 0.0 2.0 0.0\n 0.0 0.0 2.0\n"
CONSTANTS = "2 2\n" + "".join(
    f"{i} {j}\n" + (BLOCK if i == j else BLOCK.replace("2.0", "-2.0")) for i in (1, 2) for j in (1, 2)
)
BORN = "14.4\n 2 0 0 0 2 0 0 0 2\n 1 0 0 0 1 0 0 0 1\n -1 0 0 0 -1 0 0 0 -1\n"
SETS = "2\n1\n\n1\n0.01 0 0\n-0.02 0 0\n0.02 0 0\n"
CELL_YAML = """
unit_cell:
  lattice:
  - [ 4.1, 0.0, 0.0 ]
  - [ 0.0, 4.1, 0.0 ]
  - [ 0.0, 0.0, 4.1 ]
  points:
  - symbol: Cs
    coordinates: [ 0.0, 0.0, 0.0 ]
    mass: 132.9
  - symbol: Cl
    coordinates: [ 0.5, 0.5, 0.5 ]
    mass: 35.45
"""
SUPERCELL_YAML = "supercell_matrix:\n- [ 1, 0, 0 ]\n- [ 0, 1, 0 ]\n- [ 0, 0, 1 ]\n"
ROW = "- [ 2.0, 0.0, 0.0 ]"
CONSTANTS_YAML = "force_constants:\n  format: full\n  shape: [ 2, 2 ]\n  elements:\n" + 4 * (
    "  -\n    - [ 2.0, 0.0, 0.0 ]\n    - [ 0.0, 2.0, 0.0 ]\n    - [ 0.0, 0.0, 2.0 ]\n"
)
NAC_YAML = (
    "nac:\n  born_effective_charge:\n"
    + 2 * "  -\n    - [ 1.0, 0.0, 0.0 ]\n    - [ 0.0, 1.0, 0.0 ]\n    - [ 0.0, 0.0, 1.0 ]\n"
    + "  dielectric_constant:\n    - [ 2.0, 0.0, 0.0 ]\n    - [ 0.0, 2.0, 0.0 ]\n    - [ 0.0, 0.0, 2.0 ]\n"
)
YAML = CELL_YAML + SUPERCELL_YAML + CONSTANTS_YAML + NAC_YAML
CIF = """data_x
_cell_length_a 4.1
_cell_length_b 4.1
_cell_length_c 4.1
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cs1 Cs 0.0 0.0 0.0 1.0
Cl1 Cl 0.5 0.5 0.5 1.0
"""
XYZ = (
    '2\nLattice="4.1 0 0 0 4.1 0 0 0 4.1" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    "Cs 0.0 0.0 0.0\nCl 2.05 2.05 2.05\n"
)
POTENTIAL = """schema = 1
axis = [0.0, 0.0, 1.0]

[[mode]]
label = "E(1)x"
multiplet = "E(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]

[[mode]]
label = "E(1)y"
multiplet = "E(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]

[[mode]]
label = "A1(1)"
multiplet = "A1(1)"
frequency = 4.0
linewidth = 0.2

[[term]]
modes = [2, 0, 0]
field = []
coefficient = -1.2e-3
channel = "E(1)^2 A1(1)"

[[term]]
modes = [0]
field = [0]
coefficient = -0.01
channel = "light"

[[term]]
modes = [1]
field = [1]
coefficient = -0.01
channel = "light"
"""
RUN = """source = "potential.toml"
frequencies = "measured"
duration = 2.0
temperature = 0.0
seed = 0

[[pulse]]
amplitude = 0.1
frequency = 2.0
duration = 0.5
helicity = 1.0
angle = 0.0

[record]
every = 0.05
quantities = ["Q", "P", "L", "E"]

[numerics]
rtol = 1e-8
threads = 1

[overrides."A1(1)"]
linewidth = 0.3
"""
SAMPLES = "# ps MV/cm\n" + "".join(
    f"{0.02 * i:.2f} {0.1 * np.exp(-8 * (0.02 * i - 1) ** 2) * np.cos(12.6 * (0.02 * i - 1)):.8f}\n" for i in range(101)
)
SAMPLED = 'source = "potential.toml"\nduration = 2.0\n[[pulse]]\nfile = "{}"\n[record]\nevery = 0.05\n'


@dataclass(frozen=True)
class Example:
    """Files of a folder, the one that a reader reads, and a command that reads it, in that folder."""

    files: dict[str, bytes]
    target: str
    words: tuple[str, ...]

    def write(self, folder):
        for name, content in self.files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def command(*words):
    """Run a command line in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def _example(words, target, **files):
    files = {name.replace("__", "."): text for name, text in files.items()}
    return Example({k: v.encode() if isinstance(v, str) else v for k, v in files.items()}, target, tuple(words.split()))


def _hdf5(**datasets):
    with TemporaryDirectory() as folder:
        path = Path(folder, "file.hdf5")
        with h5py.File(path, "w") as file:
            for name, data in datasets.items():
                file[name] = data
        return path.read_bytes()


def _third_order(text):
    """Third-order constants of the two atoms that meet the sum rule: +c, −c by the parity of the atoms."""
    c = np.zeros((3, 3, 3))
    c[0, 1, 2] = c[1, 2, 0] = c[2, 0, 1] = c[0, 2, 1] = c[2, 1, 0] = c[1, 0, 2] = 0.5
    places = [(i, j, k) for i in range(2) for j in range(2) for k in range(2)]
    if not text:
        array = np.zeros((2, 2, 2, 3, 3, 3))
        for i, j, k in places:
            array[i, j, k] = c * (-1) ** (i + j + k)
        return _hdf5(fc3=array, version=np.bytes_("4"))
    lines = [str(len(places))]
    for n, (i, j, k) in enumerate(places, 1):
        lines += ["", str(n), "0.0 0.0 0.0", "0.0 0.0 0.0", f"{i + 1} {j + 1} {k + 1}"]
        for a, b, d in np.ndindex(3, 3, 3):
            lines.append(f"{a + 1} {b + 1} {d + 1} {c[a, b, d] * (-1) ** (i + j + k):.6f}")
    return "\n".join(lines) + "\n"


def _of_phonopy(folder):
    """Mesh files as phonopy writes them."""
    from lattice.structure.phonopy_object import phonopy_from_crystal

    phonon = phonopy_from_crystal(lattice.load("Bi2Se3-noSOC"), with_nac=True)
    phonon.run_mesh([1, 1, 1], with_eigenvectors=True, is_mesh_symmetry=False)
    phonon.mesh.write_yaml(folder / "mesh.yaml")
    phonon.mesh.write_hdf5(folder / "mesh.hdf5")
    return (folder / "mesh.yaml").read_bytes(), (folder / "mesh.hdf5").read_bytes()


def _of_lattice(folder):
    """Files that the commands write."""
    (folder / "potential.toml").write_text(POTENTIAL)
    (folder / "run.toml").write_text(RUN)
    words = (
        ("run", folder / "run.toml", "-q", "-o", folder / "run.nc"),
        ("modes", "Bi2Se3", "-q", "-o", folder / "modes.nc"),
    )
    for line in words:
        done = command(*line)
        assert done.exit_code == 0, done.stderr
    lattice.load_potential(folder / "potential.toml").save(folder / "potential.nc")
    return tuple((folder / name).read_bytes() for name in ("run.nc", "modes.nc", "potential.nc"))


def _sampled_netcdf(folder):
    import h5netcdf

    table = np.loadtxt(SAMPLES.splitlines())
    with h5netcdf.File(folder / "thz.nc", "w") as file:
        file.dimensions = {"time": len(table)}
        for name, values, unit in (("time", table[:, 0], "ps"), ("E", table[:, 1], "MV/cm")):
            file.create_variable(name, ("time",), data=values).attrs["units"] = unit
    return (folder / "thz.nc").read_bytes()


def _forces(folder):
    """Displaced structures of the two atoms and what a program would answer."""
    from ase.io import read

    crystal = lattice.load(folder / "POSCAR")
    lattice.write_displacements(crystal, folder / "runs", order=2)
    files = {}
    for place in sorted((folder / "runs").glob("disp-*")):
        atoms = read(place / "POSCAR", format="vasp")
        away = atoms.get_scaled_positions() - crystal.positions
        moved = ((away - np.rint(away)) @ crystal.cell)[::-1] - (away - np.rint(away)) @ crystal.cell
        extxyz(place, atoms, 2.0 * moved)
    for path in sorted((folder / "runs").rglob("*")):
        if path.is_file():
            files[str(path.relative_to(folder))] = path.read_bytes()
    return files


@cache
def examples():
    """Return every example by its name."""
    with TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        folder = Path(name)
        mesh_yaml, mesh_hdf5 = _of_phonopy(folder)
        run, modes, potential = _of_lattice(folder)
        samples = _sampled_netcdf(folder)
        (folder / "POSCAR").write_text(POSCAR)
        forces = _forces(folder)
    output = next(x for x in forces if x.endswith("result.extxyz"))
    crystal = {"POSCAR": POSCAR, "FORCE_CONSTANTS": CONSTANTS}
    polar = {"POSCAR": ZINC_BLENDE, "FORCE_CONSTANTS": CONSTANTS}
    sets = SETS.replace("2\n1\n", "2\n2\n", 1) + "\n2\n0.01 0 0\n0.02 0 0\n-0.02 0 0\n"
    constants = np.array(CONSTANTS.split()[2:], float).reshape(2, 2, 11)[:, :, 2:].reshape(2, 2, 3, 3)
    hdf5 = _hdf5(force_constants=constants)
    return {
        "POSCAR": _example("modes POSCAR", "POSCAR", **crystal),
        "CIF": _example("channels a.cif", "a.cif", a__cif=CIF),
        "XYZ": _example("channels a.xyz", "a.xyz", a__xyz=XYZ),
        "FORCE_CONSTANTS": _example("modes POSCAR", "FORCE_CONSTANTS", **crystal),
        "FORCE_SETS": _example("modes POSCAR", "FORCE_SETS", POSCAR=POSCAR, FORCE_SETS=sets),
        "BORN": _example("modes POSCAR", "BORN", BORN=BORN, **crystal),
        "force_constants.hdf5": _example(
            "modes POSCAR", "force_constants.hdf5", POSCAR=POSCAR, force_constants__hdf5=hdf5
        ),
        "phonopy.yaml": _example("modes phonopy.yaml", "phonopy.yaml", phonopy__yaml=YAML),
        "mesh.yaml": _example("modes Bi2Se3-noSOC --eigenvectors mesh.yaml", "mesh.yaml", mesh__yaml=mesh_yaml),
        "mesh.hdf5": _example("modes Bi2Se3-noSOC --eigenvectors mesh.hdf5", "mesh.hdf5", mesh__hdf5=mesh_hdf5),
        "fc3.hdf5": _example("couple . --fc3 fc3.hdf5", "fc3.hdf5", fc3__hdf5=_third_order(False), **polar),
        "FORCE_CONSTANTS_3RD": _example(
            "couple . --fc3 FORCE_CONSTANTS_3RD", "FORCE_CONSTANTS_3RD", FORCE_CONSTANTS_3RD=_third_order(True), **polar
        ),
        "forces": Example({"POSCAR": POSCAR.encode(), **forces}, output, ("couple", "POSCAR", "--read-forces", "runs")),
        "potential.toml": _example("run potential.toml --set duration=2", "potential.toml", potential__toml=POTENTIAL),
        "potential.nc": _example("run potential.nc --set duration=2", "potential.nc", potential__nc=potential),
        "run.toml": _example("run run.toml", "run.toml", run__toml=RUN, potential__toml=POTENTIAL),
        "thz.txt": _example(
            "run run.toml", "thz.txt", run__toml=SAMPLED.format("thz.txt"), potential__toml=POTENTIAL, thz__txt=SAMPLES
        ),
        "thz.nc": _example(
            "run run.toml", "thz.nc", run__toml=SAMPLED.format("thz.nc"), potential__toml=POTENTIAL, thz__nc=samples
        ),
        "run.nc": _example("ledger run.nc", "run.nc", run__nc=run),
        "modes.nc": _example("export modes.nc -o modes.csv", "modes.nc", modes__nc=modes),
    }


@contextlib.contextmanager
def working_folder(path):
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield Path(path)
    finally:
        os.chdir(before)
