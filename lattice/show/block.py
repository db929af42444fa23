"""The piece of a crystal that is drawn: whole layers or molecules, enough of them to be recognised."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from lattice.structure.crystal import FloatArray, IntArray

ATOMS = 100  #: about how many atoms are drawn
BOND = 1.2  #: of the sum of the covalent radii: two atoms that are closer are drawn as bonded
ROUNDING = 1e-6  #: Å


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Atoms of a crystal around its rotation axis, in the Cartesian frame of the crystal, centred on the origin.

    Attributes
    ----------
    basis : ndarray
        ``(n_atoms, 3)`` *Å*, the atoms of one cell, moved by lattice vectors so that bonded ones are together.
    basis_fractional : ndarray
        ``(n_atoms, 3)``, the same in units of the cell vectors, before centring: phases of waves refer to these.
    shifts : ndarray
        ``(n_cells, 3)`` int, lattice vectors of the cells drawn, in cell vectors; the first is the home cell.
    translations : ndarray
        ``(n_cells, 3)`` *Å*, the same.
    bonds : ndarray
        ``(n_bonds, 2)`` int; atom k of cell l has the number l·n_atoms + k.
    edges : ndarray
        ``(3, 3)`` *Å*, rows: the shortest vectors that span a primitive cell.
    corner : ndarray
        ``(3,)`` *Å*, corner of that cell when it is centred on the atoms of the home cell.
    """

    basis: FloatArray
    basis_fractional: FloatArray
    shifts: IntArray
    translations: FloatArray
    bonds: IntArray
    edges: FloatArray
    corner: FloatArray


def block_of_crystal(cell: FloatArray, positions: FloatArray, radii: FloatArray, axis: FloatArray) -> Block:
    """Choose what is drawn of a crystal.

    Parameters
    ----------
    cell : ndarray
        ``(3, 3)`` *Å*, rows.
    positions : ndarray
        ``(n_atoms, 3)`` fractional.
    radii : ndarray
        ``(n_atoms,)`` *Å*, covalent.
    axis : ndarray
        ``(3,)`` unit vector n̂: whole layers perpendicular to it are taken where there are such lattice planes.

    Returns
    -------
    Block
        Of about `ATOMS` atoms, as high as wide; the home cell alone where it has more.
    """
    short = _short_vectors(cell)
    fractional = _joined(cell, positions, radii, short)
    edges = _reduced_cell(short @ cell, abs(float(np.linalg.det(cell))))
    shifts = _cells_drawn(cell, axis, max(1, ATOMS // len(positions)), edges)
    basis, translations = fractional @ cell, shifts @ cell
    centre = (basis[None] + translations[:, None]).reshape(-1, 3).mean(axis=0)
    basis = basis - centre
    bonds = _bonds((basis[None] + translations[:, None]).reshape(-1, 3), np.tile(radii, len(shifts)))
    corner = basis.mean(axis=0) - 0.5 * edges.sum(axis=0)
    return Block(basis, fractional, shifts, translations, bonds, edges, corner)


def _short_vectors(cell: FloatArray) -> IntArray:
    """Lattice vectors up to the length of the longest cell vector and a little more, shortest first, in cell units."""
    reach = 1.01 * float(np.linalg.norm(cell, axis=1).max())
    return _vectors_within(cell, reach)


def _vectors_within(cell: FloatArray, reach: float) -> IntArray:
    """Lattice vectors up to a length in Å, shortest first, 0 included."""
    limits = np.floor(reach * np.linalg.norm(np.linalg.inv(cell), axis=0) + ROUNDING).astype(int)
    grid = np.array(list(itertools.product(*(range(-n, n + 1) for n in limits))), dtype=np.int64)
    length = np.linalg.norm(grid @ cell, axis=1)
    inside = length <= reach
    return np.asarray(grid[inside][np.argsort(np.round(length[inside], 6), kind="stable")])


def _joined(cell: FloatArray, positions: FloatArray, radii: FloatArray, short: IntArray) -> FloatArray:
    """Move atoms by lattice vectors so that each has a bond to one before it, where there is one."""
    placed = np.array(positions, dtype=float)
    done, waiting = [0], set(range(1, len(placed)))
    frontier = [0]
    while waiting:
        if not frontier:  # no bond leads further: begin another molecule
            frontier = [min(waiting)]
            waiting.discard(frontier[0])
            done.append(frontier[0])
        here = frontier.pop(0)
        for other in sorted(waiting):
            steps = placed[other] + short - placed[here]
            length = np.linalg.norm(steps @ cell, axis=1)
            nearest = int(np.argmin(length))
            if length[nearest] < BOND * (radii[here] + radii[other]):
                placed[other] += short[nearest]
                waiting.discard(other)
                frontier.append(other)
                done.append(other)
    return placed


def _reduced_cell(vectors: FloatArray, volume: float) -> FloatArray:
    """Shortest three of the vectors, in ascending length, that span a primitive cell of the given volume."""
    vectors = vectors[1:]
    for i, j in itertools.combinations(range(len(vectors)), 2):
        normal = np.cross(vectors[i], vectors[j])
        volumes = np.abs(vectors[j + 1 :] @ normal)
        fits = np.flatnonzero(np.abs(volumes - volume) < 1e-3 * volume)
        if len(fits):
            return np.asarray(vectors[[i, j, j + 1 + fits[0]]])
    raise AssertionError("the cell vectors themselves are among the candidates")


def _cells_drawn(cell: FloatArray, axis: FloatArray, count: int, edges: FloatArray) -> IntArray:
    """Lattice vectors of about `count` cells that fill a cylinder about the axis as high as wide, 0 first."""
    if count == 1:
        return np.zeros((1, 3), dtype=np.int64)
    volume = count * abs(float(np.linalg.det(cell)))
    radius = (volume / (2 * np.pi)) ** (1 / 3)
    candidates = _vectors_within(cell, 2.5 * radius + float(np.linalg.norm(edges, axis=1).max()))
    vectors = candidates @ cell
    height = vectors @ axis
    planes = np.unique(np.round(height[height >= -ROUNDING], 3))
    planes = planes[planes < max(2 * radius, ROUNDING)]
    low, high = -ROUNDING, float(planes.max(initial=0.0)) + 1e-2
    if high > 1.5 * radius and len(planes) > 2:  # the last plane would stand out by more than it fills
        high = float(planes[-2]) + 1e-2
    across = np.linalg.norm(vectors - height[:, None] * axis, axis=1)
    inside = np.flatnonzero((height >= low - 1e-3) & (height <= high) & (across <= 1.02 * radius))
    order = np.lexsort((np.round(across[inside], 3), np.round(np.abs(height[inside]), 3)))
    return np.asarray(candidates[inside[order]][: 2 * count])


def _bonds(places: FloatArray, radii: FloatArray) -> IntArray:
    """Pairs of places that are closer than `BOND` times the sum of their radii."""
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    first, second = np.nonzero(np.triu(distance < BOND * (radii[:, None] + radii[None]), k=1))
    return np.column_stack([first, second]).astype(np.int64)
