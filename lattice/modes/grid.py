"""Γ-centred meshes of q-points and their irreducible points under the point group and time reversal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lattice.errors import InputError
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, FloatArray, IntArray, frozen_array
from lattice.structure.symmetry import cartesian_rotations

LARGEST_MESH = 50_000_000  #: points; their list alone takes more than a gigabyte


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A Γ-centred mesh and how its points follow from the irreducible ones.

    Attributes
    ----------
    mesh : tuple of int
        N₁, N₂, N₃ divisions of the reciprocal cell vectors.
    qpoints : ndarray
        ``(n_points, 3)`` all points in units of the reciprocal cell vectors, each component in (−½, ½], the last one
        fastest.
    irreducible : ndarray
        ``(n_irreducible,)`` int, positions of the irreducible points among all points, ascending.
    weight : ndarray
        ``(n_irreducible,)`` int, how many points each stands for.
    star : ndarray
        ``(n_points,)`` int: the irreducible point (counted in `irreducible`) of each point.
    operation : ndarray
        ``(n_points,)`` int: the operation that takes the irreducible point to this one.
    axial : ndarray
        ``(n_operations, 3, 3)``: what each operation does to J in the Cartesian frame, det R · R, times −1 with time
        reversal.
    """

    mesh: tuple[int, int, int]
    qpoints: FloatArray
    irreducible: IntArray
    weight: IntArray
    star: IntArray
    operation: IntArray
    axial: FloatArray

    def __post_init__(self) -> None:
        for name in ("irreducible", "weight", "star", "operation"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64))
        for name in ("qpoints", "axial"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))


def checked_mesh(mesh: Sequence[int]) -> tuple[int, int, int]:
    """Return three positive whole numbers.

    Raises
    ------
    InputError
        If they are not, or the mesh is too large.
    """
    divisions = np.asarray(mesh)
    if divisions.shape != (3,) or divisions.dtype.kind not in "iu" or (divisions < 1).any():
        raise InputError("A mesh is three positive whole numbers", found=mesh, fix="give e.g. 20 20 20")
    n1, n2, n3 = (int(n) for n in divisions)
    if n1 * n2 * n3 > LARGEST_MESH:
        raise InputError("The mesh is too large", found=f"{n1 * n2 * n3} points", fix="use a coarser mesh")
    return n1, n2, n3


def make_grid(crystal: Crystal, mesh: Sequence[int], *, symmetry: bool) -> Grid:
    """Make a mesh and find its irreducible points.

    Operations of the point group that do not map the mesh onto itself (unequal divisions of equivalent directions) are
    left out. Time reversal takes q to −q and J to −J.

    Parameters
    ----------
    crystal : Crystal
    mesh : sequence of int
        ``(3,)`` divisions.
    symmetry : bool
        False: every point is irreducible.

    Raises
    ------
    InputError
        If the mesh is not three positive whole numbers.
    """
    divisions = checked_mesh(mesh)
    size = np.array(divisions)
    address = np.indices(divisions).reshape(3, -1).T
    qpoints = np.where(2 * address > size, address - size, address) / size
    n_points = len(address)
    if not symmetry:
        every = np.arange(n_points)
        return Grid(divisions, qpoints, every, np.ones_like(every), every, np.zeros_like(every), np.eye(3)[None])
    matrices, axial = _operations(crystal, size)
    smallest = np.arange(n_points)
    for matrix in matrices[1:]:
        np.minimum(smallest, _image(address, matrix, size), out=smallest)
    irreducible, star, weight = np.unique(smallest, return_inverse=True, return_counts=True)
    operation = np.full(n_points, -1)
    for k, matrix in reversed(list(enumerate(matrices))):  # the identity, the first, has the last word
        operation[_image(address[irreducible], matrix, size)] = k
    return Grid(divisions, qpoints, irreducible, weight, star.ravel(), operation, axial)


def _operations(crystal: Crystal, size: IntArray) -> tuple[IntArray, FloatArray]:
    """Return operations on mesh addresses ``(n, 3, 3)`` (row vectors) and on J ``(n, 3, 3)``, the identity first."""
    rotations, index = np.unique(crystal.spacegroup.rotations, axis=0, return_index=True)
    bare = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    cartesian = cartesian_rotations(bare, crystal.spacegroup)[index]
    on_q = np.rint(np.linalg.inv(rotations)).astype(np.int64)  # q' = q R⁻¹
    numerator = on_q * size[None, None, :]
    fits = (numerator % size[None, :, None] == 0).all(axis=(1, 2))
    on_address = (numerator // size[None, :, None])[fits]
    axial = np.linalg.det(rotations)[fits].round()[:, None, None] * cartesian[fits]
    matrices, axial = np.concatenate([on_address, -on_address]), np.concatenate([axial, -axial])
    is_identity = (matrices == np.eye(3, dtype=np.int64)).all(axis=(1, 2)) & (
        np.abs(axial - np.eye(3)).max((1, 2)) < 0.1
    )
    order = np.argsort(~is_identity, kind="stable")
    return matrices[order], axial[order]


def _image(address: IntArray, matrix: IntArray, size: IntArray) -> IntArray:
    """Return the positions in the list of all points of the images of points."""
    moved = (address @ matrix) % size
    place: IntArray = (moved[:, 0] * size[1] + moved[:, 1]) * size[2] + moved[:, 2]
    return place
