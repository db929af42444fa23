"""A bare cell: vectors, positions, species and masses, before anything is known of its symmetry and forces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray, check_arrays, check_species, frozen_array

CLOSEST_ATOMS = 0.25  # Å; no bond is shorter than 0.74 Å
LONGEST_VECTOR = 1e5  # Å; supercells of force constants stay below a thousand
MAGNETIC_WARNING = "warning: magnetic moments are not used; the space group is that of the crystal without them"


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A periodic cell of atoms, as read from its source.

    Attributes
    ----------
    cell : ndarray
        ``(3, 3)`` *Å*, rows are the cell vectors.
    positions : ndarray
        ``(n_atoms, 3)`` fractional.
    numbers : ndarray
        ``(n_atoms,)`` int, atomic numbers.
    masses : ndarray
        ``(n_atoms,)`` *amu*.
    """

    cell: FloatArray
    positions: FloatArray
    numbers: IntArray
    masses: FloatArray

    def __post_init__(self) -> None:
        for attribute in ("cell", "positions", "masses"):
            object.__setattr__(self, attribute, frozen_array(getattr(self, attribute)))
        object.__setattr__(self, "numbers", frozen_array(self.numbers, np.int64))
        n_atoms = len(self.numbers)
        if n_atoms == 0:
            raise InputError("The cell has no atoms", found="0 atoms", fix="give a crystal with at least one atom")
        shapes = {"cell": (3, 3), "positions": (n_atoms, 3), "masses": (n_atoms,)}
        check_arrays({name: getattr(self, name) for name in shapes}, shapes)
        check_species(self.numbers)
        self._check_geometry()

    def _check_geometry(self) -> None:
        longest = float(np.abs(self.cell).max())
        if longest > LONGEST_VECTOR:
            raise InputError(
                "A cell vector is longer than any crystal's",
                found=f"{longest:.3g} Å",
                fix="give the cell vectors in Å; check the scale of the file",
            )
        lengths = np.linalg.norm(self.cell, axis=1)
        if abs(np.linalg.det(self.cell)) < 1e-6 * max(lengths.prod(), 1e-12):
            raise InputError(
                "The cell vectors span no volume",
                found=self.cell.tolist(),
                fix="give three cell vectors in Å that do not lie in one plane",
            )
        fractional = self.positions % 1.0
        for index in range(1, len(self.numbers)):
            difference = fractional[:index] - fractional[index]
            distance = np.linalg.norm((difference - np.rint(difference)) @ self.cell, axis=1)
            nearest = int(np.argmin(distance))
            if distance[nearest] < CLOSEST_ATOMS:
                raise InputError(
                    "Two atoms lie on top of each other",
                    found=f"atoms {nearest + 1} and {index + 1} are {distance[nearest]:.3f} Å apart",
                    fix="remove the doubled atom, or check whether positions are fractional or Cartesian",
                )

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.numbers)
