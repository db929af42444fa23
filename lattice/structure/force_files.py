"""phonopy's force files: FORCE_CONSTANTS, force_constants.hdf5 and FORCE_SETS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.phonopy_object import force_constant_factor
from lattice.structure.safe_yaml import check_regular, read_text

if TYPE_CHECKING:
    import h5py

LARGEST = 1e6  #: eV/Å²; the stiffest bonds have a few hundred
LARGEST_RATIO = 1100  # of the bytes of a dataset to those of its file; no compression of HDF5 reaches more
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True, eq=False)
class ForceBlock:
    """Force constants as a file lists them, before their supercell is known.

    Attributes
    ----------
    array : ndarray
        ``(n_rows, n_supercell_atoms, 3, 3)`` *eV/Å²*; all atoms of the supercell, or those of one primitive cell.
    rows : ndarray or None
        ``(n_rows,)`` int, the supercell atom of each row, where the file says it.
    unit_known : bool
        Whether the file itself names its unit.
    """

    array: FloatArray
    rows: IntArray | None = None
    unit_known: bool = False

    def __post_init__(self) -> None:
        shape = self.array.shape
        if len(shape) != 4 or shape[2:] != (3, 3) or 0 in shape or shape[0] > shape[1]:
            raise InputError(
                "The force constants have the wrong shape",
                found=shape,
                fix="give (n_atoms or n_supercell_atoms, n_supercell_atoms, 3, 3)",
            )
        if not np.isfinite(self.array).all():
            raise InputError(
                "The force constants hold numbers that are not finite",
                found="NaN or infinity",
                fix="check the file for ***, NaN or Inf",
            )
        largest = float(np.abs(self.array).max())
        if largest > LARGEST:
            raise InputError(
                "The force constants hold a number that no bond has",
                found=f"{largest:.3g} eV/Å²",
                fix="check the file for a damaged number, and its unit",
            )


@dataclass(frozen=True, slots=True, eq=False)
class ForceSets:
    """Displacements and forces as a FORCE_SETS file lists them.

    Attributes
    ----------
    n_atoms : int or None
        Atoms of the supercell; None where the file does not say (one line for each atom of each supercell).
    atoms : ndarray
        ``(n_displacements,)`` int, the displaced supercell atoms; empty if all atoms are displaced at once.
    displacements : ndarray
        ``(n_displacements, 3)`` or ``(n_lines, 3)`` *Å*.
    forces : ndarray
        ``(n_displacements, n_atoms, 3)`` or ``(n_lines, 3)`` *eV/Å*.
    """

    n_atoms: int | None
    atoms: IntArray
    displacements: FloatArray
    forces: FloatArray


def read_forces(path: Path) -> ForceBlock | ForceSets:
    """Read FORCE_CONSTANTS, an HDF5 file of force constants, or FORCE_SETS; the content tells which.

    Raises
    ------
    InputError
        If the file cannot be opened.
    FormatError
        If the content does not fit the format.
    """
    check_regular(path)
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(HDF5_MAGIC))
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be opened", found=error.strerror, fix="check the path and the permissions of the file"
        ) from None
    if magic == HDF5_MAGIC or path.suffix in {".hdf5", ".h5"}:
        return _read_hdf5(path)
    head, words = _words(path)
    if len(head) == 2 or (len(head) == 1 and "SETS" not in path.name and not _announces_sets(words)):
        return _read_text_constants(path, head, words)
    return _read_force_sets(path, head, words)


def _announces_sets(words: list[str]) -> bool:
    """Whether the first two counts and the number of words are those of FORCE_SETS."""
    if len(words) < 2 or not (_is_count(words[0]) and _is_count(words[1])):
        return False
    return len(words) - 2 == int(words[1]) * (4 + 3 * int(words[0]))


def _numbers(words: list[str], path: Path) -> FloatArray:
    """Turn words into finite numbers."""
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise FormatError(
            f"{path.name} holds something that is not a number", found=error, fix="check the file for *** or text"
        ) from None
    if not np.isfinite(values).all():
        raise FormatError(
            f"{path.name} holds numbers that are not finite", found="NaN or infinity", fix="repeat that calculation"
        )
    return values


def _words(path: Path) -> tuple[list[str], list[str]]:
    """Return the words of the first line that has any, and all words, without comments."""
    lines = [line.split("#", 1)[0].split() for line in read_text(path).splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise FormatError(f"{path.name} is empty", found="no numbers", fix="write the file again with phonopy")
    return lines[0], [word for line in lines for word in line]


def _is_count(word: str) -> bool:
    """Whether a word is a number that may count something: digits, and not so many that no file can mean it."""
    return word.isascii() and word.isdecimal() and len(word) <= 8


def _count(word: str, path: Path) -> int:
    """Read a count of atoms or displacements."""
    if not _is_count(word) or not 0 < int(word) <= 10**7:
        raise FormatError(
            f"{path.name} does not begin with counts", found=word[:40], fix="write the file again with phonopy"
        )
    return int(word)


def _read_text_constants(path: Path, head: list[str], words: list[str]) -> ForceBlock:
    """Read FORCE_CONSTANTS: counts, then for each pair its two numbers and nine values, *eV/Å²*."""
    n_rows, n_columns = _count(head[0], path), _count(head[-1], path)
    expected = 11 * n_rows * n_columns
    if len(words) - len(head) != expected:
        raise FormatError(
            f"{path.name} does not hold the blocks that its first line announces",
            found=f"{len(words) - len(head)} numbers, expected {expected} for {n_rows}×{n_columns} blocks",
            fix="write the file again; it may be cut off",
        )
    table = _numbers(words[len(head) :], path).reshape(n_rows, n_columns, 11)
    # A damaged index may not fit an integer; -1 is none of them.
    pairs = np.where(np.abs(table[:, :, :2]) < 1e9, table[:, :, :2], -1.0).astype(np.int64)
    rows, columns = pairs[:, :, 0], pairs[:, :, 1]
    if (rows != rows[:, :1]).any() or (columns != np.arange(1, n_columns + 1)).any():
        raise FormatError(
            f"{path.name} does not list the pairs in ascending order",
            found="a pair out of place",
            fix="write the file again with phonopy --writefc",
        )
    first = rows[:, 0] - 1
    if len(set(first.tolist())) != n_rows or first.min() < 0 or first.max() >= n_columns:
        raise FormatError(
            f"{path.name} names atoms that the supercell does not have, or names one twice",
            found=f"rows of atoms {(first + 1).tolist()[:12]}",
            fix="write the file again with phonopy --writefc",
        )
    return ForceBlock(table[:, :, 2:].reshape(n_rows, n_columns, 3, 3), first)


def _read_hdf5(path: Path) -> ForceBlock:
    """Read force_constants.hdf5, following no link into another file."""
    import h5py

    fix = "write the file again with phonopy --writefc-format hdf5"
    try:
        with h5py.File(path, "r") as file:
            key = next((name for name in ("force_constants", "fc2") if name in file), None)
            if key is None:
                raise FormatError(f"{path.name} holds no force constants", found=f"names {sorted(file)[:8]}", fix=fix)
            array = _dataset(file, key, "f", path)
            if array.ndim != 4 or array.shape[2:] != (3, 3):
                raise FormatError(
                    f"The force constants in {path.name} have the wrong shape", found=array.shape, fix=fix
                )
            rows = _dataset(file, "p2s_map", "iu", path).astype(np.int64) if "p2s_map" in file else None
            unit = _unit(file, path)
    except (OSError, KeyError, RuntimeError) as error:
        raise FormatError(f"{path.name} cannot be read as HDF5", found=str(error)[:160], fix=fix) from None
    if rows is not None and rows.shape != (len(array),):
        rows = None
    factor = 1.0 if unit is None else force_constant_factor(unit)
    return ForceBlock(np.asarray(array, dtype=np.float64) * factor, rows, unit_known=unit is not None)


def _dataset(file: h5py.File, key: str, kinds: str, path: Path) -> FloatArray:
    """Return a dataset that lies in the file itself, after a look at its type and size."""
    import h5py

    link, item = file.get(key, getlink=True), file.get(key)
    sound = (
        isinstance(link, h5py.HardLink)
        and isinstance(item, h5py.Dataset)
        and item.dtype.kind in kinds
        and not item.is_virtual
        and item.external is None
        and 0 < item.size * item.dtype.itemsize <= LARGEST_RATIO * path.stat().st_size
    )
    if not sound:
        raise FormatError(
            f"{key} in {path.name} cannot be used",
            found=f"{getattr(item, 'shape', type(link).__name__)} of type {getattr(item, 'dtype', 'unknown')}",
            fix="write the file again with phonopy --writefc-format hdf5",
        )
    values: FloatArray = item[()]
    return values


def _unit(file: h5py.File, path: Path) -> str | None:
    """Return the unit that the file names, or None."""
    import h5py

    if "physical_unit" not in file:
        return None
    item = file["physical_unit"]
    value = item[()] if isinstance(item, h5py.Dataset) and item.size == 1 else None
    first = value.reshape(-1)[0] if isinstance(value, np.ndarray) else value
    if isinstance(first, bytes):
        return first.decode("utf-8", errors="replace")
    if isinstance(first, str):
        return first
    raise FormatError(f"{path.name} names its unit unreadably", found=repr(first)[:80], fix="write the file again")


def _read_force_sets(path: Path, head: list[str], words: list[str]) -> ForceSets:
    """Read FORCE_SETS: one displaced atom a supercell, or displacement and force of every atom line by line."""
    if len(head) == 1:
        return _read_single_displacements(words, path)
    values = _numbers(words, path) if len(head) == 6 else np.zeros(1)
    if len(head) != 6 or len(values) % 6:
        raise FormatError(
            f"{path.name} holds neither force constants nor force sets",
            found=f"a first line of {len(head)} words, {len(words)} words in all",
            fix="give FORCE_CONSTANTS or FORCE_SETS as phonopy writes them",
        )
    table = values.reshape(-1, 6)
    return ForceSets(None, np.zeros(0, dtype=np.int64), table[:, :3].copy(), table[:, 3:].copy())


def _read_single_displacements(words: list[str], path: Path) -> ForceSets:
    """Read the blocks atom number, displacement, forces on all atoms."""
    if len(words) < 2:
        raise FormatError(f"{path.name} ends after its first count", found=words, fix="write the file again")
    n_atoms, n_sets = _count(words[0], path), _count(words[1], path)
    expected = n_sets * (4 + 3 * n_atoms)
    if len(words) - 2 != expected:
        raise FormatError(
            f"{path.name} does not hold the sets that its first lines announce",
            found=f"{len(words) - 2} numbers, expected {expected} for {n_sets} sets of {n_atoms} atoms",
            fix="write the file again with phonopy -f; it may be cut off",
        )
    table = _numbers(words[2:], path).reshape(n_sets, 4 + 3 * n_atoms)
    atoms = table[:, 0]
    if (atoms != np.rint(atoms)).any() or atoms.min() < 1 or atoms.max() > n_atoms:
        raise FormatError(
            f"{path.name} displaces an atom that the supercell does not have",
            found=f"atom numbers {atoms.tolist()[:8]} in a supercell of {n_atoms} atoms",
            fix="write the file again with phonopy -f",
        )
    if (np.abs(table[:, 1:4]).max(axis=1) == 0).any():
        raise FormatError(f"{path.name} holds a displacement of zero", found="0 0 0", fix="write the file again")
    return ForceSets(
        n_atoms, atoms.astype(np.int64) - 1, table[:, 1:4].copy(), table[:, 4:].reshape(n_sets, n_atoms, 3).copy()
    )
