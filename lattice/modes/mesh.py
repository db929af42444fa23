"""Modes on a Γ-centred mesh: the irreducible points, and all points from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lattice.modes.axis import checked_direction
from lattice.modes.dispersion import Dispersion
from lattice.modes.grid import Grid, make_grid
from lattice.structure.crystal import Crystal, FloatArray, IntArray, frozen_array


@dataclass(frozen=True, slots=True, eq=False)
class MeshModes:
    """Frequencies and angular momenta at the irreducible points of a mesh.

    Attributes
    ----------
    crystal : Crystal
    grid : Grid
    axis : ndarray or None
        ``(3,)`` n̂ of the circular gauge of degenerate modes.
    frequency : ndarray
        ``(n_irreducible, n_modes)`` *THz*, ascending, negative if imaginary.
    J : ndarray
        ``(n_irreducible, n_modes, 3)`` *ħ per phonon*.
    group : ndarray
        ``(n_irreducible, n_modes)`` int: modes of one q-point with the same number are degenerate.
    long_range : str
        How the dipole–dipole part entered away from Γ: ``none`` or ``gonze-lee``.
    """

    crystal: Crystal
    grid: Grid
    axis: FloatArray | None
    frequency: FloatArray
    J: FloatArray
    group: IntArray
    long_range: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", frozen_array(self.group, np.int64))
        for name in ("frequency", "J"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        if self.axis is not None:
            object.__setattr__(self, "axis", frozen_array(self.axis))


def mesh_modes(
    crystal: Crystal,
    mesh: Sequence[int],
    *,
    symmetry: bool = True,
    axis: Sequence[float] | None = None,
    n_threads: int = 1,
    progress: bool = False,
) -> MeshModes:
    """Solve for the modes on a mesh; arguments as in `lattice.observe.mesh.solve_mesh`."""
    from tqdm import tqdm

    given = None if axis is None else checked_direction(axis, "axis")
    grid = make_grid(crystal, mesh, symmetry=symmetry)
    dispersion = Dispersion(crystal, axis=given, n_threads=n_threads)
    points = grid.qpoints[grid.irreducible]
    n = 3 * crystal.n_atoms
    frequency, J, group = (
        np.empty((len(points), n)),
        np.empty((len(points), n, 3)),
        np.empty((len(points), n), dtype=int),
    )
    done = 0
    # disable=None: only on a terminal; delay: only where it takes longer than 2 s.
    with tqdm(total=len(points), unit="q", desc="mesh", delay=2.0, disable=None if progress else True) as bar:
        for block in dispersion.blocks(points):
            rows = slice(done, done + len(block.qpoints))
            frequency[rows], J[rows], group[rows] = block.frequency, block.J, block.group
            done = rows.stop
            bar.update(len(block.qpoints))
    return MeshModes(crystal, grid, dispersion.axis, frequency, J, group, dispersion.long_range)


def unfolded(
    frequency: FloatArray,
    J: FloatArray,
    group: IntArray,
    star: IntArray,
    axial: FloatArray,
    axis: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return the modes at all points of a mesh.

    J is an axial vector and odd under time reversal: J(q) = ± det(R) R J(q_irreducible). Partners of a degenerate group
    are listed with the larger J·n̂ first, as on the mesh without symmetry.

    Parameters
    ----------
    frequency, J, group : ndarray
        ``(n_irreducible, n_modes)``, ``(…, 3)`` and ``(n_irreducible, n_modes)``.
    star : ndarray
        ``(n_points,)`` int, the irreducible point of each point.
    axial : ndarray
        ``(n_points, 3, 3)``: what takes J of the irreducible point to J of each point.
    axis : ndarray or None
        ``(3,)`` n̂.

    Returns
    -------
    frequency : ndarray
        ``(n_points, n_modes)`` *THz*.
    J : ndarray
        ``(n_points, n_modes, 3)`` *ħ per phonon*.
    """
    turned = np.einsum("qxy,qsy->qsx", axial, J[star])
    degenerate = np.flatnonzero((np.diff(group, axis=1) == 0).any(axis=1)[star])
    if axis is not None and len(degenerate):
        along = np.round(turned[degenerate] @ axis, 9)
        order = np.lexsort((-along, group[star[degenerate]]), axis=1)
        turned[degenerate] = np.take_along_axis(turned[degenerate], order[:, :, None], axis=1)
    return frequency[star], turned
