"""Third-order force constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray, cells_of, frozen_array
from lattice.structure.supercell import cell_translations, translation_index


@dataclass(frozen=True, slots=True, eq=False)
class CubicForceConstants:
    """Third-order force constants between the home cell and all pairs of atoms of a supercell.

    Attributes
    ----------
    array : ndarray
        ``(n_atoms, n_cells, n_atoms, n_cells, n_atoms, 3, 3, 3)`` *eV/Å³*: ``array[i, l, j, m, k, a, b, c]`` is
        −∂²F_a(atom i, home cell)/∂u_b(atom j, cell ``translations[l]``)∂u_c(atom k, cell ``translations[m]``).
    translations : ndarray
        ``(n_cells, 3)`` int, in units of the crystal's cell vectors; the first is (0, 0, 0).
    supercell_matrix : ndarray
        ``(3, 3)`` int; the *rows* of ``supercell_matrix @ crystal.cell`` are the vectors of the supercell.
    source : str
        Where they were read, for reports.
    """

    array: FloatArray
    translations: IntArray
    supercell_matrix: IntArray
    source: str = ""

    def __post_init__(self) -> None:
        # the largest array of the package: not copied where it is already as it must be
        array = self.array
        if not isinstance(array, np.ndarray) or array.dtype != np.float64 or not array.flags.c_contiguous:
            array = frozen_array(array)
        array.setflags(write=False)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "translations", frozen_array(self.translations, np.int64))
        object.__setattr__(self, "supercell_matrix", frozen_array(self.supercell_matrix, np.int64))
        n_cells = cells_of(self.supercell_matrix)
        n_atoms = self.array.shape[0] if self.array.shape else 0
        expected = (n_atoms, n_cells, n_atoms, n_cells, n_atoms, 3, 3, 3)
        if self.array.shape != expected or self.translations.shape != (n_cells, 3):
            raise InputError(
                "The third-order force constants do not fit their supercell",
                found=f"array {self.array.shape}, translations {self.translations.shape}, {n_cells} cells",
                fix="give one 3×3×3 block for each atom of the cell with each pair of atoms of the supercell",
            )
        if not np.isfinite(self.array).all():
            raise InputError(
                "The third-order force constants hold numbers that are not finite",
                found="NaN or infinity",
                fix="compute them again",
            )


def cubic_from_rows(
    rows: dict[int, FloatArray], atoms: IntArray, copies: IntArray, supercell_matrix: IntArray, source: str = ""
) -> CubicForceConstants:
    """Sort third-order force constants of a supercell by atom and cell translation.

    Parameters
    ----------
    rows : dict
        Supercell atom → ``(n_supercell_atoms, n_supercell_atoms, 3, 3, 3)`` *eV/Å³*, one for each atom of the cell.
    atoms, copies : ndarray
        ``(n_supercell_atoms,)`` and ``(n_supercell_atoms, 3)`` int: which atom in which copy of the cell, from
        `lattice.structure.supercell.locate_atoms`.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.
    source : str

    Raises
    ------
    InputError
        If the rows are not those of the atoms of one cell.
    """
    translations = cell_translations(supercell_matrix)
    n_cells = len(translations)
    n_atoms = len(atoms) // n_cells
    if sorted(int(atoms[home]) for home in rows) != list(range(n_atoms)):
        raise InputError(
            "The third-order force constants do not cover the atoms of the cell",
            found=f"rows of the atoms {sorted(int(atoms[home]) for home in rows)} of {n_atoms}",
            fix="give full force constants, or the primitive cell as the crystal (primitive=)",
        )
    array = np.empty((n_atoms, n_cells * n_atoms, n_cells * n_atoms, 3, 3, 3))
    for home, row in rows.items():
        cells = translation_index(copies - copies[home], translations, supercell_matrix)
        order = np.argsort(cells * n_atoms + atoms)
        array[atoms[home]] = row[order[:, None], order]
    shape = (n_atoms, n_cells, n_atoms, n_cells, n_atoms, 3, 3, 3)
    return CubicForceConstants(array.reshape(shape), translations, supercell_matrix, source)
