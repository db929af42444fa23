"""Third-order force constants in ShengBTE's ``FORCE_CONSTANTS_3RD``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.cubic import CubicForceConstants
from lattice.structure.safe_yaml import read_text
from lattice.structure.supercell import cell_translations, translation_index

SAME_VECTOR = 1e-2  # Å; translations are printed with few digits
_BLOCK = 1 + 3 + 3 + 3 + 27 * 4  # number, two translations, three atoms, 27 entries with their indices


def read_shengbte(
    path: str | os.PathLike[str], crystal: Crystal, supercell_matrix: IntArray | None = None
) -> CubicForceConstants:
    """Read ``FORCE_CONSTANTS_3RD`` (*eV/Å³*), folded into a supercell: valid for the wave vectors that it holds.

    The atoms are numbered as in the crystal; hiPhive and ``thirdorder`` write this format too.

    Parameters
    ----------
    path : path
        Plain or compressed (.xz, .gz, .bz2).
    crystal : Crystal
        In the same orientation; the translations in the file must be its lattice vectors.
    supercell_matrix : ndarray, optional
        ``(3, 3)`` int, rows in units of the cell vectors; default: the single cell, which holds Γ.

    Returns
    -------
    CubicForceConstants
        Of the supercell: sums over all translations that are the same in it.

    Raises
    ------
    InputError
        If there is no such file, or its translations or atoms are not those of the crystal.
    FormatError
        If it has another format.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("There is no such file", found=str(path), fix="give FORCE_CONSTANTS_3RD or fc3.hdf5")
    blocks = _blocks(read_text(file), file.name)
    # A damaged number may not fit an integer; -1 is no atom.
    atoms = np.where(np.abs(blocks[:, 7:10]) < 1e9, np.rint(blocks[:, 7:10]) - 1, -1).astype(np.int64)
    n = crystal.n_atoms
    if atoms.min(initial=0) < 0 or atoms.max(initial=0) >= n:
        raise InputError(
            f"{file.name} names atoms that the crystal does not have",
            found=f"atoms 1 to {int(atoms.max()) + 1}, {n} in the crystal",
            fix="give the primitive cell that ShengBTE used",
        )
    fractional = blocks[:, 1:7].reshape(-1, 2, 3) @ np.linalg.inv(crystal.cell)
    away = np.abs((fractional - np.rint(fractional)) @ crystal.cell).max(initial=0.0)
    if away > SAME_VECTOR:
        raise InputError(
            f"The translations in {file.name} are not those of the crystal",
            found=f"one is {away:.2g} Å away from every lattice vector",
            fix="give the cell that ShengBTE used, in the same orientation",
        )
    entries = blocks[:, 10:].reshape(-1, 27, 4)
    matrix = np.eye(3, dtype=np.int64) if supercell_matrix is None else supercell_matrix
    translations = cell_translations(matrix)
    cells = translation_index(np.rint(fractional).astype(np.int64), translations, matrix)
    shape = (n, len(translations), n, len(translations), n)
    folded = np.zeros((*shape, 27))
    np.add.at(folded, (atoms[:, 0], cells[:, 0], atoms[:, 1], cells[:, 1], atoms[:, 2]), entries[:, :, 3])
    where = "the cell" if len(translations) == 1 else f"{len(translations)} cells"
    source = f"{file.name}, {len(blocks)} blocks folded into {where}"
    return CubicForceConstants(folded.reshape(*shape, 3, 3, 3), translations, matrix, source)


def _blocks(text: str, name: str) -> FloatArray:
    """Return the blocks ``(n_blocks, 118)`` as they stand in the file, checked for their number and their order."""
    fix = "give the FORCE_CONSTANTS_3RD that thirdorder or hiPhive writes"
    try:
        numbers = np.array(text.replace("D", "E").split(), dtype=np.float64)
    except ValueError as error:
        raise FormatError(f"{name} holds something else than numbers", found=error, fix=fix) from None
    if not np.isfinite(numbers).all():
        raise FormatError(f"{name} holds numbers that are not finite", found="NaN or infinity", fix=fix)
    count = int(numbers[0]) if len(numbers) and numbers[0] == np.rint(numbers[0]) else -1
    if count < 1 or len(numbers) != 1 + count * _BLOCK:
        raise FormatError(
            f"{name} has not the number of blocks that it names",
            found=f"{len(numbers)} numbers, {1 + max(count, 0) * _BLOCK} expected",
            fix=fix,
        )
    blocks = numbers[1:].reshape(count, _BLOCK)
    order = np.stack(np.meshgrid(*[[1, 2, 3]] * 3, indexing="ij"), axis=-1).reshape(27, 3)
    places = blocks[:, 10:].reshape(count, 27, 4)[:, :, :3]
    if (blocks[:, 0] != np.arange(1, count + 1)).any() or (places != order).any():
        raise FormatError(f"The blocks of {name} are not in order", found="other block or index numbers", fix=fix)
    return blocks
