"""Fourth-order force constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class QuarticForceConstants:
    """Fourth-order force constants between the home cell and all triples of atoms of a supercell.

    Attributes
    ----------
    array : ndarray
        ``(n_atoms, n_columns, n_columns, n_columns, 3, 3, 3, 3)`` *eV/Å⁴*: the fourth derivative of the energy by
        displacements of an atom of the home cell and three columns. Column l · n_atoms + k is atom k in cell l of
        ``translations``.
    translations : ndarray
        ``(n_cells, 3)`` int, in units of the crystal's cell vectors; the first is (0, 0, 0).
    source : str
        Where they were read, for reports.
    """

    array: FloatArray
    translations: IntArray
    source: str = ""

    def __post_init__(self) -> None:
        # large: not copied where it is already as it must be
        array = self.array
        if not isinstance(array, np.ndarray) or array.dtype != np.float64 or not array.flags.c_contiguous:
            array = frozen_array(array)
        array.setflags(write=False)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "translations", frozen_array(self.translations, np.int64))
        n_atoms = array.shape[0] if array.shape else 0
        columns = 3 * (n_atoms * int(self.translations.size // 3),)
        if array.shape != (n_atoms, *columns, 3, 3, 3, 3) or self.translations.shape[1:] != (3,):
            raise InputError(
                "The fourth-order force constants do not fit their supercell",
                found=f"array {array.shape}, translations {self.translations.shape}",
                fix="give one 3×3×3×3 block for each atom of the cell with each triple of atoms of the supercell",
            )
        if not np.isfinite(array).all():
            raise InputError(
                "The fourth-order force constants hold numbers that are not finite",
                found="NaN or infinity",
                fix="compute them again",
            )
