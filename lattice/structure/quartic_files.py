"""Fourth-order force constants from phono3py's ``fc4.hdf5``, full or compact."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.crystal import Crystal
from lattice.structure.cubic_files import MAX_ENTRIES, constants_dataset, home_rows, place_atoms
from lattice.structure.force_files import HDF5_MAGIC
from lattice.structure.quartic import QuarticForceConstants
from lattice.structure.supercell import cell_translations, translation_index


def read_quartic(
    path: str | os.PathLike[str], crystal: Crystal, *, setup: str | os.PathLike[str] | None = None
) -> QuarticForceConstants:
    """Read ``fc4.hdf5``; only the rows of one cell are held in memory.

    Parameters
    ----------
    path : path
    crystal : Crystal
        The crystal whose modes are meant, in the same orientation.
    setup : path, optional
        As for `lattice.structure.cubic_files.read_cubic`; a phono3py YAML file beside the file comes first.

    Raises
    ------
    InputError
        If there is no such file, it is too large, or its atoms are not those of the crystal's supercell.
    FormatError
        If it is no file of fourth-order force constants.
    """
    import h5py

    file_path = Path(path)
    if not file_path.is_file():
        raise InputError("There is no such file", found=str(path), fix="give fc4.hdf5")
    with file_path.open("rb") as stream:
        if stream.read(len(HDF5_MAGIC)) != HDF5_MAGIC:
            raise FormatError(
                f"{file_path.name} is no HDF5 file", found="other content", fix="give phono3py's fc4.hdf5"
            )
    placed = place_atoms(file_path, crystal, None if setup is None else Path(setup))
    n_columns = len(placed.atoms)
    if crystal.n_atoms * n_columns**3 * 81 > MAX_ENTRIES:
        raise InputError(
            f"{file_path.name} is too large",
            found=f"{crystal.n_atoms} atoms in the cell, {n_columns} in the supercell",
            fix="use a smaller supercell",
        )
    translations = cell_translations(placed.matrix)
    array = np.empty((crystal.n_atoms, *3 * (n_columns,), 3, 3, 3, 3))
    try:
        with h5py.File(file_path, "r") as file:
            data = constants_dataset(file, file_path, n_columns, "fc4")
            for home, row in home_rows(file, data, placed, crystal.n_atoms, file_path.name).items():
                cells = translation_index(placed.copies - placed.copies[home], translations, placed.matrix)
                order = np.argsort(cells * crystal.n_atoms + placed.atoms)
                slab = np.asarray(data[row], dtype=np.float64)
                slab *= placed.stiffness / placed.length
                array[placed.atoms[home]] = slab[np.ix_(order, order, order)]
    except (OSError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{file_path.name} cannot be read as HDF5", found=str(error)[:160], fix="write it again with phono3py"
        ) from None
    return QuarticForceConstants(array, translations, f"{file_path.name}, supercell {placed.origin}")
