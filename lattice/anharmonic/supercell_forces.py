"""Forces of a calculator on a supercell, as a function of how far its atoms are displaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lattice.anharmonic.forces import ForceCall, force_at
from lattice.errors import InputError
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray

LARGEST = 10_000  #: atoms of a supercell


@dataclass(slots=True, eq=False)
class SupercellForces:
    """Forces on a supercell of ``n_cells`` cells; counts its calls.

    The forces on the undisplaced atoms are taken off, as in a fit: a structure that is not relaxed stays at rest. So is
    the acceleration of the crystal as a whole.

    Attributes
    ----------
    call : ForceCall
        Positions of all atoms *Å* → forces *eV/Å*.
    home : ndarray
        ``(n_cells, n_atoms, 3)`` *Å*.
    share : ndarray
        ``(n_atoms,)`` part of each atom in the mass of all cells.
    multiple : tuple of int
        Cells along each cell vector.
    at_rest : ndarray
        ``(n_cells, n_atoms, 3)`` *eV/Å*, forces on the undisplaced atoms.
    calls : int
        How many force calls were made.
    """

    call: ForceCall
    home: FloatArray
    share: FloatArray
    multiple: tuple[int, int, int]
    at_rest: FloatArray = field(init=False)
    calls: int = 0

    def __post_init__(self) -> None:
        self.at_rest = np.zeros_like(self.home)
        self.at_rest = self(np.zeros_like(self.home))

    def __call__(self, displacements: FloatArray) -> FloatArray:
        """Return the forces ``(n_cells, n_atoms, 3)`` *eV/Å* at displacements of the same shape in *Å*."""
        self.calls += 1
        positions = (self.home + displacements).reshape(-1, 3)
        forces = force_at(self.call, positions).reshape(self.home.shape) - self.at_rest
        total: FloatArray = forces.sum(axis=(0, 1))
        return np.asarray(forces - self.share[:, None] * total)


def supercell_forces(cell: Cell, calculator: Any, multiple: Sequence[int] = (1, 1, 1)) -> SupercellForces:
    """Prepare the forces of a calculator on a supercell.

    Parameters
    ----------
    cell : Cell
    calculator : object
        With ``get_forces(atoms)`` in *eV/Å*.
    multiple : sequence of int
        Cells along each cell vector.

    Raises
    ------
    InputError
        If the supercell cannot be made.
    FitError
        If the calculator fails on the undisplaced atoms.
    """
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in multiple)
    if len(multiple) != 3 or not whole or np.prod(multiple) * cell.n_atoms > LARGEST:
        raise InputError(
            "A supercell cannot be made",
            found=f"{multiple} times {cell.n_atoms} atoms",
            fix=f"give three whole numbers ≥ 1, for at most {LARGEST} atoms",
        )
    shifts = np.stack(np.meshgrid(*(np.arange(n) for n in multiple), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    home = (cell.positions[None] + shifts) @ cell.cell
    n_cells = len(home)
    call = ForceCall(
        calculator,
        np.tile(cell.numbers, n_cells),
        np.asarray(np.array(multiple)[:, None] * cell.cell),
        np.tile(cell.masses, n_cells),
    )
    a, b, c = (int(n) for n in multiple)
    return SupercellForces(call, home, cell.masses / (n_cells * cell.masses.sum()), (a, b, c))
