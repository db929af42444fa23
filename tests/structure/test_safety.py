"""Nothing that stands in a file is executed, and no file leads to another one."""

import lzma
import pickle

import h5py
import numpy as np
import pytest
from ase import Atoms
from phonopy.interface.phonopy_yaml import PhonopyYaml

import lattice
from lattice.errors import FormatError, InputError
from lattice.structure.safe_yaml import MAX_DEPTH, parse_yaml

POSCAR = "CsCl\n1.0\n 4.1 0 0\n 0 4.1 0\n 0 0 4.1\nCs Cl\n1 1\nDirect\n 0 0 0\n 0.5 0.5 0.5\n"
CELL = (
    "unit_cell:\n  lattice: [[4.1, 0, 0], [0, 4.1, 0], [0, 0, 4.1]]\n  points:\n"
    "  - {symbol: Cs, coordinates: [0.0, 0.0, 0.0], mass: 132.9}\n"
    "  - {symbol: Cl, coordinates: [0.5, 0.5, 0.5], mass: 35.45}\n"
    "supercell_matrix: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\n"
)
CONSTANTS = "2 2\n" + 4 * "{} 1 0 0 0 1 0 0 0 1\n".replace("{}", "1 1")


def attack(mark):
    """YAML that makes a folder as soon as a loader that builds objects reads it."""
    return f'configuration: !!python/object/apply:os.mkdir ["{mark}"]\n'


def test_the_attack_works_in_phonopys_own_loader(tmp_path):
    (tmp_path / "phonopy.yaml").write_text(CELL + attack(tmp_path / "mark"))
    PhonopyYaml().read(tmp_path / "phonopy.yaml")
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("name", "target", "beside"),
    [
        ("phonopy_params.yaml", "phonopy_params.yaml", {}),
        ("phonopy_params.yaml", ".", {}),
        ("phonopy_params.yaml.xz", "phonopy_params.yaml.xz", {}),
        ("phonopy_params.yaml.xz", ".", {}),
        ("phonopy.yaml", ".", {}),
        ("anything.yml", "anything.yml", {}),
        ("phonopy_disp.yaml", "POSCAR", {"POSCAR": POSCAR, "FORCE_CONSTANTS": CONSTANTS}),
        ("phonopy_disp.yaml.xz", "POSCAR", {"POSCAR": POSCAR, "FORCE_CONSTANTS": CONSTANTS}),
        ("phonopy.yaml", "POSCAR", {"POSCAR": POSCAR, "FORCE_CONSTANTS": CONSTANTS}),
        ("phonopy_disp.yaml", ".", {"POSCAR": POSCAR, "FORCE_SETS": "2\n1\n\n1\n0.1 0 0\n1 0 0\n-1 0 0\n"}),
        ("BORN", "POSCAR", {"POSCAR": POSCAR}),
        ("FORCE_CONSTANTS", "POSCAR", {"POSCAR": POSCAR}),
        ("FORCE_SETS", "POSCAR", {"POSCAR": POSCAR}),
        ("force_constants.hdf5", "POSCAR", {"POSCAR": POSCAR}),
        ("phonopy.conf", "POSCAR", {"POSCAR": POSCAR, "FORCE_CONSTANTS": "1 2\n"}),
        ("POSCAR", "POSCAR", {}),
        ("crystal.cif", "crystal.cif", {}),
    ],
)
def test_python_tags_are_refused_by_every_reader(tmp_path, name, target, beside):
    mark = tmp_path / "mark"
    text = (CELL + attack(mark)).encode()
    (tmp_path / name).write_bytes(lzma.compress(text) if name.endswith(".xz") else text)
    for other, content in beside.items():
        (tmp_path / other).write_text(content)
    with pytest.raises(InputError):
        lattice.load(tmp_path / target)
    assert not mark.exists()


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/name:os.system",
        "!!python/tuple [1]",
        "!custom 1",
        "!!python/object:os.PathLike {}",
        "!!set {1}",
        "!!binary AAAA",
    ],
)
def test_tags_that_plain_data_do_not_need_are_refused(tag):
    with pytest.raises(FormatError, match="do not need"):
        parse_yaml(f"a: {tag}\n", "file.yaml")


def test_plain_data_pass():
    document = parse_yaml(
        "a: [1, 2.5, 'text', null, true]\nb: !!float 3\nc: {d: \"x * & y\"} # & * !!python\n", "file.yaml"
    )
    assert document == {"a": [1, 2.5, "text", None, True], "b": 3.0, "c": {"d": "x * & y"}}
    nested = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert parse_yaml(nested, "file.yaml")["a"] is not None


def test_an_alias_bomb_does_not_unfold():
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    with pytest.raises(FormatError, match="anchor"):
        parse_yaml("a0: &a0 [x]\n" + levels, "file.yaml")


def test_a_decompression_bomb_is_stopped(tmp_path, monkeypatch):
    from lattice.structure import safe_yaml

    monkeypatch.setattr(safe_yaml, "MAX_BYTES", 10_000)
    (tmp_path / "p.yaml.xz").write_bytes(lzma.compress(b"a" * 20_000))
    with pytest.raises(FormatError, match="too large"):
        lattice.load(tmp_path / "p.yaml.xz")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        import pathlib

        return pathlib.Path.touch, (pathlib.Path(self.mark),)


@pytest.mark.parametrize(
    "name", ["a.traj", "a.pckl", "a.gpw", "a.db", "a.json", "a.npy", "POSCAR", "a.yaml", "a.bundle"]
)
def test_pickles_are_not_loaded(tmp_path, name):
    mark = tmp_path / "mark"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(str(mark)), protocol=0))
    with pytest.raises(InputError):
        lattice.load(tmp_path / name)
    assert not mark.exists()
    array = np.array([Bomb(str(mark))], dtype=object)
    np.save(tmp_path / "fc.npy", array, allow_pickle=True)
    (tmp_path / "P").write_text(POSCAR)
    with pytest.raises(InputError):
        lattice.load(tmp_path / "P", fc=tmp_path / "fc.npy")
    assert not mark.exists()


@pytest.mark.parametrize("fmt", ["traj", "json", "db", "py"])
def test_formats_that_are_no_crystal_formats_are_refused(tmp_path, fmt):
    from ase.io import write

    atoms = Atoms("CsCl", cell=4.1 * np.eye(3), scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], pbc=True)
    path = tmp_path / f"a.{fmt}"
    if fmt == "py":
        path.write_text("from ase import Atoms\nimages = [Atoms('H', cell=[3, 3, 3], pbc=True)]\n")
    else:
        write(path, atoms)
    with pytest.raises(FormatError):
        lattice.load(path)


def test_a_python_file_is_not_run(tmp_path):
    mark = tmp_path / "mark"
    path = tmp_path / "atoms.py"
    path.write_text(f"from ase import Atoms\nopen({str(mark)!r}, 'w').close()\nimages = [Atoms('H')]\n")
    with pytest.raises(FormatError):
        lattice.load(path)
    assert not mark.exists()


def test_hdf5_links_into_other_files_are_not_followed(tmp_path):
    constants = np.zeros((2, 2, 3, 3))
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["force_constants"] = constants
    (tmp_path / "POSCAR").write_text(POSCAR)
    path = tmp_path / "force_constants.hdf5"
    with h5py.File(path, "w") as file:
        file["force_constants"] = h5py.ExternalLink(str(tmp_path / "secret.hdf5"), "/force_constants")
    with pytest.raises(FormatError, match="cannot be used"):
        lattice.load(tmp_path)
    layout = h5py.VirtualLayout(shape=constants.shape, dtype="f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.hdf5"), "force_constants", shape=constants.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("force_constants", layout)
    with pytest.raises(FormatError, match="cannot be used"):
        lattice.load(tmp_path)
    (tmp_path / "raw").write_bytes(constants.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "force_constants",
            shape=constants.shape,
            dtype="f8",
            external=[(str(tmp_path / "raw"), 0, constants.nbytes)],
        )
    with pytest.raises(FormatError, match="cannot be used"):
        lattice.load(tmp_path)


def test_a_potcar_in_the_working_folder_names_no_species(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "POTCAR").write_text(" PAW_PBE Na 01Jan\n TITEL  = PAW_PBE Na\n TITEL  = PAW_PBE I\n")
    (tmp_path / "POSCAR").write_text(POSCAR.replace("Cs Cl\n", ""))
    with pytest.raises(FormatError, match="species"):
        lattice.load("POSCAR")
