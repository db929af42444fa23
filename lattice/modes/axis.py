"""The axis n̂ about which helicity and pseudo-angular momentum are counted, and the reference operation of the gauge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import Crystal, FloatArray, IntArray

if TYPE_CHECKING:
    from phonopy.phonon.symmetry_adapted_modes import LittleGroupOperation

_ORDER_OF_TRACE = {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}
_DIRECTION_TOLERANCE = 1e-5
_MAX_DENOMINATOR = 48
_SMALLEST_ANGLE = 1e-4  #: rad, below it a rotation is the identity


def rotation_order(rotation: IntArray) -> int:
    """Return the order of the proper part of a rotation: 1, 2, 3, 4 or 6 (a mirror is 2: it is −C2)."""
    proper = rotation * round(float(np.linalg.det(rotation)))
    return _ORDER_OF_TRACE[int(np.trace(proper))]


def invariant_direction(rotation: IntArray, cell: FloatArray) -> FloatArray:
    """Return the Cartesian unit vector along the axis of a rotation (for an improper one R, of −R: a mirror's normal).

    Parameters
    ----------
    rotation : ndarray
        ``(3, 3)`` int, acting on fractional coordinates; not ±1.
    cell : ndarray
        ``(3, 3)`` *Å*, rows.

    Returns
    -------
    ndarray
        ``(3,)``, positive first non-zero component in the order (z, y, x).
    """
    proper = rotation * round(float(np.linalg.det(rotation)))
    powers = [np.linalg.matrix_power(proper, k) for k in range(rotation_order(rotation))]
    projector = np.sum(powers, axis=0)  # n times the projector on the axis
    column = projector[:, np.argmax(np.linalg.norm(projector, axis=0))]
    return _oriented(column @ cell)


def _oriented(vector: FloatArray) -> FloatArray:
    """Return the unit vector whose first non-zero component in the order (z, y, x) is positive."""
    unit = vector / np.linalg.norm(vector)
    unit[np.abs(unit) < 1e-12] = 0.0  # round-off of integer rotations
    for component in unit[::-1]:
        if abs(component) > _DIRECTION_TOLERANCE:
            return np.asarray(unit * np.sign(component) + 0.0)
    return unit


def default_axis(crystal: Crystal) -> FloatArray | None:
    """Return the rotation axis of highest order of the point group, None where there is none.

    Of axes of equal order the lexicographically largest unit vector in the order (z, y, x) is taken.
    """
    candidates = [
        (rotation_order(r), *np.round(invariant_direction(r, crystal.cell)[::-1], 6).tolist(), i)
        for i, r in enumerate(crystal.spacegroup.rotations)
        if np.linalg.det(r) > 0 and rotation_order(r) > 1
    ]
    if not candidates:
        return None
    return invariant_direction(crystal.spacegroup.rotations[max(candidates)[-1]], crystal.cell)


def checked_direction(vector: Sequence[float] | FloatArray, name: str) -> FloatArray:
    """Return a unit vector along a direction that the user gave.

    Raises
    ------
    InputError
        If it is not three finite numbers or has no length.
    """
    try:
        direction = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        direction = np.zeros(0)
    if direction.shape != (3,) or not np.isfinite(direction).all() or not direction.any():
        raise InputError(
            f"The {name} must be three finite numbers, not all zero",
            found=vector,
            fix=f"give the {name} as a Cartesian vector, e.g. 0 0 1",
        )
    direction = direction / np.abs(direction).max()  # the norm of huge or tiny numbers would overflow or vanish
    return np.asarray(direction / np.linalg.norm(direction) + 0.0)


def generating_rotation(operations: Sequence[LittleGroupOperation], axis: FloatArray) -> tuple[int, int | None]:
    """Find the rotation by +360°/n about an axis with the largest n among unitary operations.

    Parameters
    ----------
    operations : sequence of LittleGroupOperation
        Little group of q.
    axis : ndarray
        ``(3,)`` unit vector.

    Returns
    -------
    tuple
        n and the position of the operation; (1, None) where the axis is no rotation axis of the little group.
    """
    unitary = [i for i, operation in enumerate(operations) if not operation.is_antiunitary]
    order, position = generator_about(np.array([operations[i].rotation_cartesian for i in unitary]), axis)
    return order, None if position is None else unitary[position]


def generator_about(
    rotations: FloatArray, axis: FloatArray, tolerance: float = _DIRECTION_TOLERANCE
) -> tuple[int, int | None]:
    """Find the rotation by the smallest positive angle about an axis among Cartesian matrices.

    Parameters
    ----------
    rotations : ndarray
        ``(n_operations, 3, 3)``, proper and improper.
    axis : ndarray
        ``(3,)`` unit vector.
    tolerance : float
        Largest component by which the rotation may move the axis.

    Returns
    -------
    tuple
        n = 360°/angle and the position of the rotation; (1, None) where there is none.
    """
    order, position = 1, None
    for i, r in enumerate(rotations):
        if np.linalg.det(r) < 0 or np.abs(r @ axis - axis).max() > tolerance:
            continue
        sine = 0.5 * float(axis @ np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]))
        angle = math.atan2(sine, 0.5 * (float(np.trace(r)) - 1.0))
        if angle < _SMALLEST_ANGLE - math.pi:  # a two-fold rotation, by round-off the other way round
            angle = math.pi
        if angle > _SMALLEST_ANGLE and round(2 * math.pi / angle) > order:
            order, position = round(2 * math.pi / angle), i
    return order, position


def reference_operation(
    operations: Sequence[LittleGroupOperation], axis: FloatArray, cell: FloatArray
) -> LittleGroupOperation | None:
    """Return the operation under which the x partners of the gauge are even.

    A mirror that contains the axis, else a two-fold rotation perpendicular to it. Between classes the one whose fixed
    direction perpendicular to the axis has the shortest lattice vector; within a class the one whose own axis (the
    normal of a mirror, the two-fold axis) is the largest (x, y, z). In Bi2Se3 with a ∥ x: the mirror across a.
    """
    unitary = [operation for operation in operations if not operation.is_antiunitary]
    found = reference_direction(np.array([operation.rotation for operation in unitary]), axis, cell)
    return None if found is None else unitary[found[0]]


def reference_direction(rotations: IntArray, axis: FloatArray, cell: FloatArray) -> tuple[int, FloatArray] | None:
    """Find the reference operation of the gauge among the rotations of a group, and x̂, which it leaves fixed.

    Parameters
    ----------
    rotations : ndarray
        ``(n_operations, 3, 3)`` int, acting on fractional coordinates.
    axis : ndarray
        ``(3,)`` unit vector n̂.
    cell : ndarray
        ``(3, 3)`` *Å*, rows.

    Returns
    -------
    tuple of int and ndarray, or None
        Position of the operation, chosen as `reference_operation` says, and the unit vector ⟂ n̂ that it leaves fixed,
        with a positive first non-zero component in the order (z, y, x); None where there is no such operation.
    """
    best: tuple[tuple[float, ...], int, FloatArray] | None = None
    for i, rotation in enumerate(rotations):
        mirror = np.linalg.det(rotation) < 0
        if rotation_order(rotation) != 2:
            continue
        own = invariant_direction(rotation, cell)
        if abs(own @ axis) > _DIRECTION_TOLERANCE:
            continue
        fixed = np.cross(axis, own) if mirror else own
        length = round(_shortest_lattice_vector(fixed, cell), 4)
        largest = max(tuple(np.round(own, 6) + 0.0), tuple(np.round(-own, 6) + 0.0))
        key = (float(mirror), -length, *largest)
        if best is None or key > best[0]:
            best = (key, i, fixed)
    return None if best is None else (best[1], _oriented(best[2]))


def _shortest_lattice_vector(direction: FloatArray, cell: FloatArray) -> float:
    """Return the length in Å of the shortest lattice vector along a direction, infinity if there is none."""
    fractional = np.linalg.solve(cell.T, direction)
    fractional = fractional / np.abs(fractional).max()
    for denominator in range(1, _MAX_DENOMINATOR + 1):
        multiple = fractional * denominator
        if np.abs(multiple - np.rint(multiple)).max() < 1e-4:
            return float(np.linalg.norm(np.rint(multiple) @ cell))
    return float("inf")
