"""Γ-centred meshes of q-points, reduced by the point group and time reversal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray, SpaceGroup


def checked_mesh(mesh: Sequence[int]) -> tuple[int, int, int]:
    """Return a mesh as three positive whole numbers.

    Raises
    ------
    InputError
        If it is not that.
    """
    numbers = list(mesh) if isinstance(mesh, Sequence | np.ndarray) else []
    if len(numbers) != 3 or any(int(n) != n or n < 1 for n in numbers):
        raise InputError("A mesh is three positive whole numbers", found=mesh, fix="give e.g. 20 20 20")
    a, b, c = (int(n) for n in numbers)
    return a, b, c


def mesh_points(
    spacegroup: SpaceGroup, mesh: Sequence[int], *, symmetry: bool = True
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the points of a Γ-centred mesh, one of each set that symmetry makes equivalent.

    Parameters
    ----------
    spacegroup : SpaceGroup
    mesh : sequence of int
        ``(3,)`` divisions along the reciprocal cell vectors.
    symmetry : bool
        Whether to use time reversal and the point group; otherwise all points are returned.

    Returns
    -------
    points : ndarray
        ``(n, 3)`` in units of the reciprocal cell vectors, in (−1/2, 1/2].
    weights : ndarray
        ``(n,)``, sum 1.
    operations : ndarray
        Indices of the operations of the space group that map the mesh onto itself and were used.
    """
    divisions = np.array(checked_mesh(mesh))
    address = np.stack(np.meshgrid(*(np.arange(n) for n in divisions), indexing="ij"), axis=-1).reshape(-1, 3)
    first = np.arange(len(address))
    used = []
    for g, rotation in enumerate(spacegroup.rotations if symmetry else []):
        # q' = q R⁻¹ as a row; the mesh is mapped onto itself if the matrix in steps of the mesh is integer
        turn = np.diag(1 / divisions) @ np.linalg.inv(rotation) @ np.diag(divisions)
        if np.abs(turn - np.rint(turn)).max() > 1e-6:
            continue
        used.append(g)
        for sign in (1, -1):
            image = (sign * address @ np.rint(turn).astype(np.int64)) % divisions
            first = np.minimum(first, np.ravel_multi_index(tuple(image.T), tuple(divisions)))
    if not symmetry:
        used = [int((spacegroup.rotations == np.eye(3)).all(axis=(1, 2)).argmax())]
    chosen, counts = np.unique(first, return_counts=True)
    points = address[chosen] / divisions
    return np.where(points > 0.5, points - 1, points), counts / len(address), np.array(used)
