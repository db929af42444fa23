"""Components of Born charges and ε∞ by name: finding unphysical ones, dropping and overriding them.

A name is ``eps.zz``; ``Z.zz`` for all atoms; ``Z.Se.zz`` for all atoms of a species; ``Z.3.zz`` for atom 3, from 0.
The first letter after the last dot is the direction of the polarisation (field), the second that of the displacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, IntArray, SpaceGroup
from lattice.structure.number import checked_number
from lattice.structure.species import species_of_numbers
from lattice.structure.symmetry import cartesian_rotations, permutations

LARGEST_CHARGE = 15.0  # e; even ferroelectric oxides stay below 10
LARGEST_DIELECTRIC = 100.0
LARGEST_DEFECT = 0.1  # e, of the sum rule or the symmetry; converged calculations leave a few hundredths
_AXES = "xyz"
_SHOWN = 9  # names in one warning


@argument.takes(crystal=argument.crystal, drop=argument.words, override=argument.optional(argument.mapping))
def adjust_charges(
    crystal: Crystal, *, drop: Iterable[str] = (), override: Mapping[str, float] | None = None
) -> Crystal:
    """Return the crystal with components of its Born charges and dielectric tensor dropped or replaced.

    Nothing else is changed: neither symmetry nor the sum rule is restored, and ``found`` reports both anew.

    Parameters
    ----------
    crystal : Crystal
        With Born charges and ε∞.
    drop : iterable of str
        Names of components. A dropped charge is 0; of ε∞ an off-diagonal component is 0 and a diagonal one 1, that of
        vacuum: the electrons do not screen along it.
    override : mapping of str to float
        Name → value, *e* for charges; wins over `drop`, and of several names the later one wins.

    Returns
    -------
    Crystal

    Raises
    ------
    InputError
        If the crystal has no charges, a name is unknown, or a value is not a finite number.
    """
    if crystal.born_charges is None or crystal.dielectric is None:
        raise InputError(
            "There are no Born charges to adjust",
            found=f"{crystal.name or 'a crystal'} without them",
            fix="give born= or put a BORN file beside the structure",
        )
    charges, dielectric = np.array(crystal.born_charges), np.array(crystal.dielectric)
    changes: list[tuple[str, float | None]] = [(name, None) for name in drop]
    changes += list((override or {}).items())
    for name, value in changes:
        if value is not None:
            checked_number(value, f"The value of {name}", "give a number")
        atoms, a, b = _place(name, crystal.numbers)
        if atoms is None:
            dielectric[a, b] = (1.0 if a == b else 0.0) if value is None else value
        else:
            charges[atoms, a, b] = 0.0 if value is None else value
    kept = [line for line in crystal.found if not line.startswith(("Born charges: largest", "warning: charges:"))]
    said = [f"{name}: dropped" if value is None else f"{name}: set to {value:g}" for name, value in changes]
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    lines = charge_report(charges, dielectric, cell, crystal.spacegroup)
    return replace(crystal, born_charges=charges, dielectric=dielectric, found=(*kept, *said, *lines))


def _place(name: str, numbers: IntArray) -> tuple[IntArray | None, int, int]:
    """Return the atoms (None: ε∞) and the two directions that a name stands for."""
    words = name.split(".")
    directions = words[-1].lower()
    unknown = InputError(
        "There is no such component of the Born charges or of the dielectric tensor",
        found=name,
        fix="write eps.zz, Z.zz (all atoms), Z.Se.zz (a species) or Z.3.zz (atom 3, counted from 0)",
    )
    if len(directions) != 2 or not set(directions) <= set(_AXES) or words[0] not in ("eps", "Z"):
        raise unknown
    a, b = (_AXES.index(letter) for letter in directions)
    if words[0] == "eps" and len(words) == 2:
        return None, a, b
    if words[0] != "Z" or len(words) > 3:
        raise unknown
    which = words[1] if len(words) == 3 else None
    species = species_of_numbers(numbers)
    atoms = [k for k in range(len(numbers)) if which is None or which in (str(k), species[k])]
    if not atoms:
        raise unknown
    return np.array(atoms), a, b


def charge_report(charges: FloatArray, dielectric: FloatArray, cell: Cell, spacegroup: SpaceGroup) -> list[str]:
    """Return report lines on charges: sum rule, symmetry, and warnings that name unphysical components.

    Parameters
    ----------
    charges : ndarray
        ``(n_atoms, 3, 3)`` *e*.
    dielectric : ndarray
        ``(3, 3)``.
    cell : Cell
    spacegroup : SpaceGroup
        Group of the cell.
    """
    rotations = cartesian_rotations(cell, spacegroup)
    atoms, _ = permutations(cell, spacegroup)
    total = charges.sum(axis=0)
    turned = np.einsum("gab,kbc,gdc->gkad", rotations, charges, rotations)
    asymmetry = np.abs(charges[atoms] - turned).max(axis=0)
    lines = [
        f"Born charges: largest sum over atoms {np.abs(total).max():.2g} e, largest deviation from the symmetry "
        f"{asymmetry.max():.2g} e"
    ]
    if np.abs(total).max() > LARGEST_DEFECT:
        name = _component(np.abs(total))
        lines.append(f"warning: charges: Z.{name} of all atoms add up to {np.abs(total).max():.3g} e, not to zero")
    if asymmetry.max() > LARGEST_DEFECT:
        atom = int(asymmetry.max(axis=(1, 2)).argmax())
        lines.append(f"warning: charges: Z of atom {atom} breaks the symmetry by {asymmetry.max():.3g} e")
    species = species_of_numbers(cell.numbers)
    large = [
        f"Z.{k}.{_AXES[a]}{_AXES[b]} = {charges[k, a, b]:.4g} e ({species[k]})"
        for k, a, b in np.argwhere(np.abs(charges) > LARGEST_CHARGE)
    ]
    large_dielectric = [
        f"eps.{_AXES[a]}{_AXES[b]} = {dielectric[a, b]:.4g}"
        for a, b in np.argwhere(np.abs(dielectric) > LARGEST_DIELECTRIC)
    ]
    for names in (large, large_dielectric):
        if names:
            lines.append(f"warning: charges: unphysically large: {_listed(names)}; drop or override them")
    lines += _negative(dielectric)
    return lines


def _listed(names: list[str]) -> str:
    """Join names, cut to the first ones."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _component(values: FloatArray) -> str:
    """Name the largest component of a ``(3, 3)`` array."""
    a, b = np.unravel_index(int(values.argmax()), (3, 3))
    return _AXES[a] + _AXES[b]


def _negative(dielectric: FloatArray) -> list[str]:
    """Warn of negative diagonal components, and of a tensor that is not positive for other reasons."""
    named = [f"eps.{_AXES[a]}{_AXES[a]} = {dielectric[a, a]:.4g}" for a in range(3) if dielectric[a, a] <= 0]
    lines = [f"warning: charges: not positive: {_listed(named)}; drop or override them"] if named else []
    values, vectors = np.linalg.eigh((dielectric + dielectric.T) / 2)
    if values[0] <= 0 and not named:
        along = " ".join(f"{x:.3f}" for x in vectors[:, 0])
        lines.append(
            f"warning: charges: the dielectric tensor is not positive: eigenvalue {values[0]:.3g} along [{along}]"
        )
    return lines
