"""Third-order force constants from files: phono3py's ``fc3.hdf5``, full or compact, and ShengBTE's text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.errors import FormatError, InputError
from lattice.structure.bundled import bundled_file
from lattice.structure.cell import Cell
from lattice.structure.commensurate import supercell_of_waves
from lattice.structure.crystal import Crystal, IntArray
from lattice.structure.cubic import CubicForceConstants, cubic_from_rows
from lattice.structure.folder import ENDINGS, main_file
from lattice.structure.force_files import HDF5_MAGIC
from lattice.structure.phonopy_object import build_phonopy, unit_factors
from lattice.structure.phonopy_yaml import PhonopyFile, read_phonopy_yaml
from lattice.structure.shengbte import read_shengbte
from lattice.structure.supercell import determinant, locate_atoms, supercell_matrix_between

if TYPE_CHECKING:
    import h5py
    from phonopy import Phonopy

SETUP_NAMES = ("phono3py_params.yaml", "phono3py_disp.yaml", "phono3py.yaml")
MAX_ATOMS = 4096
MAX_ENTRIES = 2**28  #: of what is kept, 2 GiB: the rows of one primitive cell
SAME_PLACE = 1e-3  # Å, between files about one crystal


def read_cubic(
    path: str | os.PathLike[str],
    crystal: Crystal,
    *,
    setup: str | os.PathLike[str] | None = None,
    qpoints: Iterable[ArrayLike] = (),
) -> CubicForceConstants:
    """Read ``fc3.hdf5``, of which only the rows of one cell are held in memory, or ``FORCE_CONSTANTS_3RD``.

    A file that is no HDF5 is read by `lattice.structure.shengbte.read_shengbte`; it names no supercell and is folded
    into the smallest that holds `qpoints`. For ``fc3.hdf5`` the supercell is that of a ``phono3py_params.yaml``,
    ``phono3py_disp.yaml`` or ``phono3py.yaml`` (plain or compressed) beside the file, else that of ``setup``, else that
    of the crystal's own force constants, with atoms in phonopy's order.

    Parameters
    ----------
    path : path
    crystal : Crystal
        The crystal whose modes are meant, in the same orientation.
    setup : path, optional
        A YAML file of phonopy or phono3py that names cell and supercell.
    qpoints : iterable of array_like
        ``(3,)`` each: wave vectors that are meant besides Γ.

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
            _refuse_archive(file_path)
            matrix = supercell_of_waves(qpoints)
            _check_size(file_path, crystal.n_atoms, crystal.n_atoms * abs(determinant(matrix)))
            return read_shengbte(file_path, crystal, matrix)
    placed = place_atoms(file_path, crystal, None if setup is None else Path(setup))
    n_columns = len(placed.atoms)
    try:
        with h5py.File(file_path, "r") as file:
            data = constants_dataset(file, file_path, n_columns, "fc3")
            _check_size(file_path, crystal.n_atoms, n_columns)
            homes = home_rows(file, data, placed, crystal.n_atoms, file_path.name)
            rows = {home: np.asarray(data[row], dtype=np.float64) * placed.stiffness for home, row in homes.items()}
    except (OSError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{file_path.name} cannot be read as HDF5", found=str(error)[:160], fix="write it again with phono3py"
        ) from None
    source = f"{file_path.name}, supercell {placed.origin}"
    return cubic_from_rows(rows, placed.atoms, placed.copies, placed.matrix, source)


def _check_size(path: Path, n_atoms: int, n_columns: int) -> None:
    """The rows of one cell must fit into memory."""
    if n_atoms * n_columns**2 * 27 > MAX_ENTRIES:
        raise InputError(
            f"{path.name} is too large",
            found=f"{n_atoms} atoms in the cell, {n_columns} in the supercell",
            fix="use a smaller supercell",
        )


def _refuse_archive(path: Path) -> None:
    """Refuse hiPhive's own files: archives that hold pickled objects, which run code when they are loaded."""
    import tarfile

    with path.open("rb") as stream:
        head = stream.read(2)
    if head in (b"\x1f\x8b", b"BZ", b"PK") or tarfile.is_tarfile(path):
        raise FormatError(
            f"{path.name} is an archive",
            found="perhaps hiPhive's own format, which holds pickled objects and is not opened",
            fix="export with hiPhive: fcs.write_to_phono3py('fc3.hdf5'), or "
            "fcs.write_to_shengBTE('FORCE_CONSTANTS_3RD', primitive)",
        )


@dataclass(frozen=True, slots=True, eq=False)
class PlacedAtoms:
    """Atoms of the supercell of a file of force constants, in the order of the file.

    Attributes
    ----------
    atoms, copies : ndarray
        ``(n_supercell,)`` and ``(n_supercell, 3)`` int: which atom in which copy of the crystal's cell.
    matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.
    p2s : ndarray
        ``(n_primitive,)`` int, supercell atom of each row of compact force constants.
    length, stiffness : float
        Unit of length in *Å*, and of third-order constants in *eV/Å³*.
    origin : str
    """

    atoms: IntArray
    copies: IntArray
    matrix: IntArray
    p2s: IntArray
    length: float
    stiffness: float
    origin: str


def place_atoms(path: Path, crystal: Crystal, otherwise: Path | None) -> PlacedAtoms:
    """Find the supercell of a file of force constants, and the crystal's atoms in it.

    Parameters
    ----------
    path : Path
        Of the constants; a phono3py YAML file beside it names the supercell.
    crystal : Crystal
    otherwise : Path or None
        A YAML file that names it where there is none beside.

    Raises
    ------
    InputError
        If the atoms are not those of the crystal.
    FormatError
        If the YAML file names no supercell.
    """
    phonon, (length, stiffness), origin = _supercell(path, crystal, otherwise)
    tolerance = max(SAME_PLACE, 10 * crystal.spacegroup.symprec)
    matrix = supercell_matrix_between(crystal.cell, phonon.supercell.cell, tolerance)
    atoms, copies = locate_atoms(phonon.supercell.positions, crystal.cell, crystal.positions, tolerance)
    foreign = np.flatnonzero(crystal.numbers[atoms] != phonon.supercell.numbers)
    if len(foreign):
        raise InputError(
            "The supercell holds other species than the crystal", found=f"atom {foreign[0] + 1}", fix="check the files"
        )
    p2s: IntArray = np.asarray(phonon.primitive.p2s_map, dtype=np.int64)
    return PlacedAtoms(atoms, copies, matrix, p2s, length, stiffness, origin)


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
    """Return the unit of length in Å and that of the constants in eV/Å³; `read_phonopy_yaml` has converted the cell."""
    length, stiffness = unit_factors(data.calculator)
    return length, stiffness / length


def constants_dataset(file: h5py.File, path: Path, n_supercell: int, name: str) -> h5py.Dataset:
    """Return the dataset ``fc3`` or ``fc4`` after a look at its type and shape; nothing is read.

    Raises
    ------
    FormatError
        If there is no such dataset, or it has another shape.
    InputError
        If it has another number of atoms.
    """
    import h5py

    order = int(name[-1])
    link, item = file.get(name, getlink=True), file.get(name)
    sound = isinstance(link, h5py.HardLink) and isinstance(item, h5py.Dataset)
    if not sound or item.dtype.kind != "f" or item.is_virtual or item.external is not None:
        raise FormatError(
            f"{path.name} holds no {'third' if order == 3 else 'fourth'}-order force constants",
            found=f"names {sorted(file)[:8]}",
            fix=f"give the {name}.hdf5 that phono3py writes",
        )
    shape = item.shape
    regular = len(shape) == 2 * order and shape[order:] == (3,) * order and len(set(shape[1:order])) == 1
    if not regular or not 0 < shape[0] <= shape[1] <= MAX_ATOMS:
        raise FormatError(
            f"{name} in {path.name} has the wrong shape",
            found=shape,
            fix=f"give (n_primitive or n_supercell{', n_supercell' * (order - 1)}{', 3' * order})",
        )
    if shape[1] != n_supercell:
        raise InputError(
            f"{path.name} does not fit the supercell",
            found=f"{shape[1]} atoms in {name}, {n_supercell} in the supercell",
            fix="put the phono3py_disp.yaml (or phono3py.yaml) of this calculation beside the file",
        )
    return item


def home_rows(file: h5py.File, data: h5py.Dataset, placed: PlacedAtoms, n_atoms: int, name: str) -> dict[int, int]:
    """Return supercell atom → row of the file, one for each atom of the crystal's cell.

    Raises
    ------
    FormatError
        If compact force constants do not say which atoms their rows belong to.
    """
    if data.shape[0] == data.shape[1]:
        chosen = [int(np.flatnonzero(placed.atoms == k)[0]) for k in range(n_atoms)]
        return {home: home for home in chosen}
    p2s = placed.p2s
    if "p2s_map" in file and file["p2s_map"].shape == (data.shape[0],):
        p2s = np.asarray(file["p2s_map"][()], dtype=np.int64)
    if len(p2s) != data.shape[0] or p2s.min() < 0 or p2s.max() >= data.shape[1]:
        raise FormatError(
            f"The rows of {name} are not those of the primitive cell",
            found=f"{data.shape[0]} rows, p2s_map {p2s[:8].tolist()}",
            fix="write it full (--full-fc), or put its phono3py_disp.yaml beside it",
        )
    return {int(home): row for row, home in enumerate(p2s)}
