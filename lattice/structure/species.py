"""Chemical symbols and atomic numbers."""

from __future__ import annotations

from collections.abc import Sequence

from lattice.errors import InputError
from lattice.structure.crystal import IntArray, frozen_array


def numbers_of_species(species: Sequence[str]) -> IntArray:
    """Return ``(n,)`` atomic numbers of chemical symbols.

    Raises
    ------
    InputError
        If a symbol is not that of an element.
    """
    from ase.data import atomic_numbers

    unknown = [symbol for symbol in species if atomic_numbers.get(symbol, 0) < 1]
    if unknown:
        raise InputError(
            "A species is not a chemical element", found=unknown[0], fix="write chemical symbols such as Bi or Se"
        )
    return frozen_array([atomic_numbers[symbol] for symbol in species], int)


def species_of_numbers(numbers: Sequence[int] | IntArray) -> tuple[str, ...]:
    """Return the chemical symbols of atomic numbers."""
    from ase.data import chemical_symbols

    return tuple(chemical_symbols[int(number)] for number in numbers)


def appearance_of_species(species: str) -> tuple[float, tuple[float, float, float]]:
    """Return the covalent radius and the customary colour of an element.

    Parameters
    ----------
    species : str
        Chemical symbol.

    Returns
    -------
    radius : float
        *Å*.
    colour : tuple of float
        Red, green, blue in [0, 1].

    Raises
    ------
    InputError
        If the symbol is not that of an element.

    References
    ----------
    Radii: B. Cordero et al., Dalton Trans., 2832 (2008). Colours: those of Jmol. Both as in `ase.data`.
    """
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors

    (number,) = numbers_of_species([species])
    red, green, blue = (float(x) for x in jmol_colors[min(number, len(jmol_colors) - 1)])
    return float(covalent_radii[number]), (red, green, blue)
