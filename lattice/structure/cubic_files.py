"""Third-order force constants from files: phono3py's ``fc3.hdf5``, full or compact, and ShengBTE's text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.bundled import bundled_file
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.cubic import CubicForceConstants, cubic_from_rows
from lattice.structure.folder import ENDINGS, main_file
from lattice.structure.force_files import HDF5_MAGIC
from lattice.structure.phonopy_object import build_phonopy, unit_factors
from lattice.structure.phonopy_yaml import PhonopyFile, read_phonopy_yaml
from lattice.structure.shengbte import read_shengbte
from lattice.structure.supercell import locate_atoms, supercell_matrix_between

if TYPE_CHECKING:
    import h5py
    from phonopy import Phonopy

SETUP_NAMES = ("phono3py_params.yaml", "phono3py_disp.yaml", "phono3py.yaml")
MAX_ATOMS = 4096
MAX_ENTRIES = 2**28  #: of what is kept, 2 GiB: the rows of one primitive cell
SAME_PLACE = 1e-3  # Å, between files about one crystal


def read_cubic(
    path: str | os.PathLike[str], crystal: Crystal, *, setup: str | os.PathLike[str] | None = None
) -> CubicForceConstants:
    """Read ``fc3.hdf5``, of which only the rows of one cell are held in memory, or ``FORCE_CONSTANTS_3RD``.

    A file that is no HDF5 is read by `lattice.structure.shengbte.read_shengbte`. For ``fc3.hdf5`` the supercell is that
    of a ``phono3py_params.yaml``, ``phono3py_disp.yaml`` or ``phono3py.yaml`` (plain or compressed) beside the file,
    else that of ``setup``, else that of the crystal's own force constants, with atoms in phonopy's order.

    Parameters
    ----------
    path : path
    crystal : Crystal
        The crystal whose modes are meant, in the same orientation.
    setup : path, optional
        A YAML file of phonopy or phono3py that names cell and supercell.

    Raises
    ------
    InputError
        If there is no such file, or its atoms are not those of the crystal's supercell.
    FormatError
        If it is no file of third-order force constants.
    """
    import h5py

    file_path = Path(path)
    if not file_path.is_file():
        raise InputError("There is no such file", found=str(path), fix="give fc3.hdf5 or FORCE_CONSTANTS_3RD")
    with file_path.open("rb") as stream:
        if stream.read(len(HDF5_MAGIC)) != HDF5_MAGIC:
            return read_shengbte(file_path, crystal)
    phonon, factor, origin = _supercell(file_path, crystal, None if setup is None else Path(setup))
    length = factor[0]
    points, tolerance = phonon.supercell.positions * length, max(SAME_PLACE, 10 * crystal.spacegroup.symprec)
    matrix = supercell_matrix_between(crystal.cell, phonon.supercell.cell * length, tolerance)
    atoms, copies = locate_atoms(points, crystal.cell, crystal.positions, tolerance)
    foreign = np.flatnonzero(crystal.numbers[atoms] != phonon.supercell.numbers)
    if len(foreign):
        raise InputError(
            "The supercell holds other species than the crystal", found=f"atom {foreign[0] + 1}", fix="check the files"
        )
    try:
        with h5py.File(file_path, "r") as file:
            data = _dataset(file, file_path, len(points))
            homes = _homes(file, data, phonon, atoms, copies, crystal.n_atoms, file_path.name)
            rows = {int(home): np.asarray(data[row], dtype=np.float64) * factor[1] for home, row in homes.items()}
    except (OSError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{file_path.name} cannot be read as HDF5", found=str(error)[:160], fix="write it again with phono3py"
        ) from None
    return cubic_from_rows(rows, atoms, copies, matrix, f"{file_path.name}, supercell {origin}")


def setup_of(source: str) -> Path | None:
    """Return the YAML file that a source of `lattice.load` is or holds, where it names a supercell."""
    path = Path(source)
    if bundled_file(source) is not None:
        return None
    if path.is_dir():
        path = main_file(path)
    if not path.is_file() or not {".yaml", ".yml"} & {suffix.lower() for suffix in path.suffixes[-2:]}:
        return None
    return None if read_phonopy_yaml(path).supercell_matrix is None else path


def _supercell(path: Path, crystal: Crystal, otherwise: Path | None) -> tuple[Phonopy, tuple[float, float], str]:
    """Return the supercell in the order of the file's atoms, the units of length and of the constants, and its origin.

    The units are those in Å and eV/Å³.
    """
    beside = [path.parent / (name + ending) for name in SETUP_NAMES for ending in ENDINGS]
    setup = next((p for p in beside if p.is_file()), otherwise)
    if setup is not None:
        data = read_phonopy_yaml(setup)
        return _from_yaml(data, setup, crystal), _units(data), f"from {setup.name}"
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    constants = crystal.force_constants
    matrix = np.eye(3, dtype=np.int64) if constants is None else constants.supercell_matrix
    return build_phonopy(cell, matrix, "P", crystal.spacegroup.symprec), (1.0, 1.0), "of the crystal"


def _from_yaml(data: PhonopyFile, path: Path, crystal: Crystal) -> Phonopy:
    if data.supercell_matrix is None:
        raise FormatError(f"{path.name} names no supercell", found="no supercell_matrix", fix="write it with phono3py")
    primitive: Any = "P" if data.primitive_matrix is None else data.primitive_matrix
    return build_phonopy(data.cell, data.supercell_matrix, primitive, crystal.spacegroup.symprec)


def _units(data: PhonopyFile) -> tuple[float, float]:
    """Return 1 for the length, since `read_phonopy_yaml` converts cells, and the unit of the constants in eV/Å³."""
    length, stiffness = unit_factors(data.calculator)
    return 1.0, stiffness / length


def _dataset(file: h5py.File, path: Path, n_supercell: int) -> h5py.Dataset:
    """Return the dataset ``fc3`` after a look at its type and shape; nothing is read."""
    import h5py

    link, item = file.get("fc3", getlink=True), file.get("fc3")
    sound = isinstance(link, h5py.HardLink) and isinstance(item, h5py.Dataset)
    if not sound or item.dtype.kind != "f" or item.is_virtual or item.external is not None:
        raise FormatError(
            f"{path.name} holds no third-order force constants",
            found=f"names {sorted(file)[:8]}",
            fix="give the fc3.hdf5 that phono3py writes",
        )
    shape = item.shape
    if len(shape) != 6 or shape[3:] != (3, 3, 3) or shape[1] != shape[2] or not 0 < shape[0] <= shape[1] <= MAX_ATOMS:
        raise FormatError(
            f"fc3 in {path.name} has the wrong shape",
            found=shape,
            fix="give (n_primitive or n_supercell, n_supercell, n_supercell, 3, 3, 3)",
        )
    if shape[1] != n_supercell:
        raise InputError(
            f"{path.name} does not fit the supercell",
            found=f"{shape[1]} atoms in fc3, {n_supercell} in the supercell",
            fix="put the phono3py_disp.yaml (or phono3py.yaml) of this calculation beside the file",
        )
    return item


def _homes(
    file: h5py.File, data: h5py.Dataset, phonon: Phonopy, atoms: IntArray, copies: IntArray, n_atoms: int, name: str
) -> dict[int, int]:
    """Return supercell atom → row of the file, one for each atom of the crystal's cell."""
    if n_atoms * data.shape[1] ** 2 * 27 > MAX_ENTRIES:
        raise InputError(
            f"{name} is too large",
            found=f"{n_atoms} atoms in the cell, {data.shape[1]} in the supercell",
            fix="use a smaller supercell",
        )
    if data.shape[0] == data.shape[1]:
        chosen = [int(np.flatnonzero(atoms == k)[0]) for k in range(n_atoms)]
        return {home: home for home in chosen}
    p2s: IntArray | FloatArray = np.asarray(phonon.primitive.p2s_map)
    if "p2s_map" in file and file["p2s_map"].shape == (data.shape[0],):
        p2s = np.asarray(file["p2s_map"][()], dtype=np.int64)
    if len(p2s) != data.shape[0] or p2s.min() < 0 or p2s.max() >= data.shape[1]:
        raise FormatError(
            f"The rows of {name} are not those of the primitive cell",
            found=f"{data.shape[0]} rows, p2s_map {p2s[:8].tolist()}",
            fix="write fc3.hdf5 full (--full-fc), or put its phono3py_disp.yaml beside it",
        )
    return {int(home): row for row, home in enumerate(p2s)}
