"""Irreps at Γ: Mulliken labels and first-order infrared and Raman activity from characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattice.modes.modes import ComplexArray
from lattice.structure.crystal import SpaceGroup

if TYPE_CHECKING:
    from phonopy.phonon.symmetry_adapted_modes import LittleGroupOperation

# The tables hold 321 but not 312: the hexagonal axes turned by 30° make one of the other.
_TURNED_BY_30_DEGREES = np.array([[1, 1, 0], [-1, 2, 0], [0, 0, 1]])


def mulliken_labels(
    characters: ComplexArray, operations: Sequence[LittleGroupOperation], spacegroup: SpaceGroup
) -> tuple[list[str | None], str]:
    """Name the irreps of multiplets at Γ.

    The character tables of the 32 point groups are phonopy's. Complex-conjugate irreps, which time reversal joins,
    carry one name (``E``). The setting of axes is that of the standardised conventional cell.

    Parameters
    ----------
    characters : ndarray
        ``(n_multiplets, n_operations)`` complex.
    operations : sequence of LittleGroupOperation
        Unitary operations of the crystal's point group, in the order of the characters.
    spacegroup : SpaceGroup

    Returns
    -------
    tuple
        One label or None for each multiplet, and the reason where any is None (empty otherwise).
    """
    from phonopy.phonon.irreps import IrRepLabels

    n_rotations = len({operation.rotation.tobytes() for operation in operations})
    if n_rotations != len(operations):
        return [None] * len(characters), "the cell is not primitive, so that folded modes mix with those of Γ"
    if n_rotations != len(spacegroup.rotations):
        return [None] * len(characters), "the direction lowers the point group, for which no labels are assigned"
    for turn in (np.eye(3), _TURNED_BY_30_DEGREES):
        to_table = turn @ spacegroup.transformation_matrix
        conventional = to_table @ [operation.rotation for operation in operations] @ np.linalg.inv(to_table)
        try:
            named = IrRepLabels(characters, np.rint(conventional).astype(np.int64), spacegroup.point_group, False)
        except RuntimeError:  # phonopy's word for a setting that its table does not hold
            continue
        labels = list(named.irrep_labels or [None] * len(characters))
        return labels, "" if None not in labels else "the characters fit no row of the character table"
    return [None] * len(characters), f"no character table of {spacegroup.point_group} fits the setting of the cell"


def activity(characters: ComplexArray, operations: Sequence[LittleGroupOperation]) -> tuple[list[bool], list[bool]]:
    """Return whether multiplets at Γ are infrared active (contain a vector) and Raman active (a symmetric tensor).

    Parameters
    ----------
    characters : ndarray
        ``(n_multiplets, n_operations)`` complex.
    operations : sequence of LittleGroupOperation
        Unitary operations, in the order of the characters.

    Returns
    -------
    tuple of list of bool
        Infrared and Raman activity of each multiplet.
    """
    rotations = np.array([operation.rotation_cartesian for operation in operations])
    vector = np.trace(rotations, axis1=1, axis2=2)
    square = np.trace(rotations @ rotations, axis1=1, axis2=2)
    tensor = (vector**2 + square) / 2
    infrared = (characters.conj() @ vector).real / len(operations)
    raman = (characters.conj() @ tensor).real / len(operations)
    return (infrared > 0.5).tolist(), (raman > 0.5).tolist()
