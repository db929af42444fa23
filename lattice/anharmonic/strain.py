"""Homogeneous strain η: how the point group turns it, and invariants at a given static strain.

A strain is no dynamic variable of a run: it is a parameter. The rows of an invariant with strain factors become rows of
the term table once the strain is chosen. Factors are the six components of the symmetric tensor in Voigt's order, xx,
yy, zz, yz, xz, xy, as tensor components (η_yz, not 2 η_yz).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array

if TYPE_CHECKING:
    from lattice.anharmonic.invariants import Invariant

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def strain_representation(rotations: FloatArray) -> FloatArray:
    """Return how rotations turn the components of a strain, η' = R η Rᵀ.

    Parameters
    ----------
    rotations : ndarray
        ``(n_operations, 3, 3)`` Cartesian.

    Returns
    -------
    ndarray
        ``(n_operations, 6, 6)``: components to ``matrix @ components``; not orthogonal, since η_yz stands twice in η.
    """
    matrices = np.empty((len(rotations), 6, 6))
    for row, (a, b) in enumerate(VOIGT):
        for column, (c, d) in enumerate(VOIGT):
            both = rotations[:, a, c] * rotations[:, b, d]
            if c != d:
                both = both + rotations[:, a, d] * rotations[:, b, c]
            matrices[:, row, column] = both
    return matrices


def at_strain(invariants: Sequence[Invariant], strain: ArrayLike) -> tuple[Invariant, ...]:
    """Put a static strain into invariants: rows in Q and E alone, each unordered monomial once.

    Parameters
    ----------
    invariants : sequence of Invariant
    strain : array_like
        ``(3, 3)`` symmetric, Cartesian, without unit.

    Returns
    -------
    tuple of Invariant
        In the same order; names keep their strain factor. An invariant that vanishes at this strain has no rows.

    Raises
    ------
    InputError
        If the strain is not a symmetric tensor.
    """
    fix = "give a symmetric 3 × 3 tensor"
    tensor = checked_array(strain, "The strain", fix)
    if tensor.shape != (3, 3) or np.abs(tensor - tensor.T).max() > 1e-12 * max(np.abs(tensor).max(), 1e-300):
        raise InputError("The strain is no symmetric tensor", found=tensor.tolist(), fix=fix)
    components = np.array([tensor[pair] for pair in VOIGT])
    found = []
    for invariant in invariants:
        value = invariant.coefficient * components[invariant.strain_index].prod(axis=1)
        merged: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {}
        for modes, fields, c in zip(invariant.mode_index.tolist(), invariant.field_axis.tolist(), value, strict=True):
            key = (tuple(modes), tuple(fields))
            merged[key] = merged.get(key, 0.0) + float(c)
        kept = {key: c for key, c in merged.items() if c != 0.0}
        n_modes, n_fields = invariant.degree
        found.append(
            replace(
                invariant,
                coefficient=np.array(list(kept.values())),
                mode_index=np.array([m for m, _ in kept], dtype=np.int64).reshape(len(kept), n_modes),
                field_axis=np.array([f for _, f in kept], dtype=np.int64).reshape(len(kept), n_fields),
                strain_index=np.empty((len(kept), 0), dtype=np.int64),
            )
        )
    return tuple(found)
