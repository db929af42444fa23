"""A `Potential` from coordinates and rows of terms, however the coefficients were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lattice import units
from lattice.anharmonic.coordinates import Coordinates
from lattice.anharmonic.invariants import Invariant
from lattice.anharmonic.polynomial import padded
from lattice.anharmonic.potential import CellRecord, Potential
from lattice.structure.crystal import FloatArray
from lattice.structure.species import species_of_numbers

_NO_CHARGE = 1e-9  #: e/√amu; what lies below is round-off of a charge that symmetry forbids


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Terms of anharmonic channels: factors Q of each, its channel, coefficient and error (*eV (Å√amu)^−k*)."""

    modes: tuple[tuple[int, ...], ...]
    channel: tuple[str, ...]
    coefficient: FloatArray
    error: FloatArray


def rows_of_invariants(invariants: Sequence[Invariant], coefficient: FloatArray, factors: Sequence[FloatArray]) -> Rows:
    """Write a combination of invariants without field factors as terms, each monomial once.

    Parameters
    ----------
    invariants : sequence of Invariant
    coefficient : ndarray
        ``(n_invariants,)``.
    factors : sequence of ndarray
        ``(n_sources, n_invariants)`` each: independent errors of the coefficients; their effects on a term add in
        squares.
    """
    place: dict[tuple[int, ...], int] = {}
    entries: list[tuple[int, int, float]] = []
    channel: list[str] = []
    for i, invariant in enumerate(invariants):
        for modes, c in zip(invariant.mode_index.tolist(), invariant.coefficient.tolist(), strict=True):
            key = tuple(modes)
            if key not in place:
                place[key] = len(place)
                channel.append(invariant.channel)
            entries.append((place[key], i, c))
    to_terms = np.zeros((len(place), len(invariants)))
    for row, column, c in entries:
        to_terms[row, column] += c
    squares = [((errors @ to_terms.T) ** 2).sum(axis=0) for errors in factors]
    error = np.sqrt(np.sum(squares, axis=0)) if squares else np.zeros(len(place))
    return Rows(tuple(place), tuple(channel), to_terms @ coefficient, error)


def potential_from_rows(
    coordinates: Coordinates,
    rows: Rows,
    *,
    linewidth: float,
    amplitude_range: FloatArray | None,
    source: Mapping[str, Any],
) -> Potential:
    """Make the potential: anharmonic rows, then the linear drive where Born charges are known.

    Parameters
    ----------
    coordinates : Coordinates
    rows : Rows
        Terms whose coefficient is zero are left out.
    linewidth : float
        *THz*, of every mode.
    amplitude_range : ndarray or None
        ``(n,)`` *Å√amu*.
    source : mapping
        Provenance; the errors are added under ``error``, one for each term, and zero for the linear drive.
    """
    crystal, modes = coordinates.crystal, coordinates.modes
    kept = np.flatnonzero(rows.coefficient)
    coefficient = rows.coefficient[kept].tolist()
    factors: list[tuple[int, ...]] = [rows.modes[i] for i in kept]
    fields: list[tuple[int, ...]] = [()] * len(kept)
    channel = [rows.channel[i] for i in kept]
    if crystal.born_charges is not None:
        weight = crystal.masses**-0.5
        charge = np.einsum("kab,skb,k->sa", crystal.born_charges, coordinates.eigenvectors, weight)
        for s, a in np.argwhere(np.abs(charge) > _NO_CHARGE).tolist():
            coefficient.append(-units.EV_PER_CHARGE_FIELD_LENGTH * float(charge[s, a]))
            factors.append((s,))
            fields.append((a,))
            channel.append("light")
    position = {int(number): s for s, number in enumerate(coordinates.numbers)}
    owner = {i: multiplet for multiplet in modes.multiplets for i in multiplet.indices}
    numbers = coordinates.numbers.tolist()
    errors = rows.error[kept].tolist() + [0.0] * (len(coefficient) - len(kept))
    return Potential(
        axis=np.array([0.0, 0.0, 1.0]) if modes.axis is None else modes.axis,
        frequency=modes.frequency[coordinates.numbers],
        linewidth=np.full(coordinates.n, linewidth),
        labels=coordinates.labels,
        multiplet=coordinates.multiplet,
        irreps=np.array([owner[i].irrep or "" for i in numbers]),
        coefficient=np.array(coefficient, dtype=np.float64),
        mode_index=padded(factors),
        field_axis=padded(fields),
        channel=np.array(channel, dtype=np.str_),
        pair=np.array([position.get(int(modes.pair[i]), -1) for i in numbers]),
        eigenvectors=coordinates.eigenvectors,
        mode_numbers=coordinates.numbers,
        amplitude_range=amplitude_range,
        crystal=CellRecord(crystal.cell, crystal.positions, species_of_numbers(crystal.numbers), crystal.masses),
        modes=modes,
        source={**source, "error": errors},
    )
