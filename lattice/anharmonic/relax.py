"""Relaxation of the atoms inside a fixed cell, with the space group kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lattice.anharmonic.calculators import checked_calculator, make_calculator
from lattice.anharmonic.forces import atoms_of
from lattice.errors import FitError, InputError
from lattice.structure import argument
from lattice.structure.crystal import Crystal


@argument.takes(crystal=argument.crystal, force=argument.number, steps=argument.whole)
def relax_structure(crystal: Crystal, calculator: Any, *, force: float = 1e-5, steps: int = 500) -> Crystal:
    """Move the atoms inside the fixed cell until the forces vanish; every operation of the space group is kept.

    Parameters
    ----------
    crystal : Crystal
    calculator : object or str
        An ASE calculator, or a specification as in `lattice.anharmonic.calculators.make_calculator`.
    force : float
        Largest force that may remain, *eV/Å*.
    steps : int
        Largest number of force calls.

    Returns
    -------
    Crystal
        With the new positions and without force constants, which belonged to the old ones. Born charges and ε∞ stay.

    Raises
    ------
    FitError
        If the forces are still larger after these steps.
    """
    from ase import constraints, optimize

    if force <= 0 or steps < 1:
        goal = f"{force:g} eV/Å, {steps} steps"
        raise InputError("A relaxation needs a goal that can be reached", found=goal, fix="give both above zero")
    engine = make_calculator(calculator, crystal) if isinstance(calculator, str) else checked_calculator(calculator)
    atoms: Any = atoms_of(crystal)
    keep_symmetry: Any = constraints.FixSymmetry
    atoms.set_constraint(keep_symmetry(atoms, symprec=crystal.spacegroup.symprec))
    atoms.calc = engine
    search: Any = optimize.BFGS(atoms, logfile=None)
    search.run(fmax=force, steps=steps)
    left = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    if left > force:
        raise FitError(
            "The structure did not relax",
            found=f"{left:.2g} eV/Å after {steps} steps, {force:g} asked",
            fix="allow more steps or a larger force, or relax the structure with its own program",
        )
    moved = float(np.abs(atoms.positions - crystal.positions @ crystal.cell).max())
    positions = crystal.positions + (atoms.positions - crystal.positions @ crystal.cell) @ np.linalg.inv(crystal.cell)
    line = f"relaxed inside the cell, symmetry kept: largest move {moved:.4f} Å, largest force left {left:.1e} eV/Å"
    return replace(crystal, positions=positions, force_constants=None, found=(*crystal.found, line))
