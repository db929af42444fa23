"""Which coordinates of a multiplet turn into each other about the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice.anharmonic.invariance import coordinate_representation
from lattice.errors import FormatError
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

_ZERO = 1e-6


def derived_pairs(potential: Potential, where: str) -> IntArray:
    """Complete `pair` from the eigenvectors, for multiplets of which no pair was given.

    Two neighbours (i, i + 1) of a multiplet are a pair where a rotation of the crystal about the axis mixes them, or
    where they carry angular momentum along it.

    Parameters
    ----------
    potential : Potential
        With eigenvectors.
    where : str
        File name for messages.

    Returns
    -------
    ndarray
        ``(n,)`` int, the partner of each coordinate, −1 for none.

    Raises
    ------
    FormatError
        If coordinates of a multiplet turn into each other but not as neighbours, two by two.
    """
    linked = np.abs(np.einsum("x,xst->st", potential.axis, potential.angular_momentum)) > _ZERO
    for matrix in _rotations_about_axis(potential):
        linked |= np.abs(matrix) > _ZERO
    linked &= potential.multiplet[:, None] == potential.multiplet[None]
    np.fill_diagonal(linked, False)
    pair = potential.pair.copy()
    given = {str(name) for name in potential.multiplet[pair >= 0]}
    for s in range(potential.n_modes):
        partners = np.flatnonzero(linked[s])
        if str(potential.multiplet[s]) in given or not len(partners):
            continue
        if len(partners) > 1 or abs(int(partners[0]) - s) != 1:
            raise FormatError(
                f"Coordinates of {potential.multiplet[s]} in {where} do not turn about the axis as neighbouring pairs",
                found=f"{potential.labels[s]} turns into {', '.join(str(potential.labels[p]) for p in partners)}",
                fix="give pair = [i, j] for each pair, or coordinates x, y that follow each other",
            )
        pair[s] = partners[0]
    return pair


def _rotations_about_axis(potential: Potential) -> list[FloatArray]:
    """Return how the crystal's rotations about the axis act on the coordinates; none without a crystal."""
    if potential.crystal is None or potential.eigenvectors is None:
        return []
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    about = [bool(np.linalg.det(r) > 0 and np.abs(r @ potential.axis - potential.axis).max() < 1e-5) for r in rotations]
    return [matrix for matrix, kept in zip(matrices, about, strict=True) if kept]
