"""Modes on a mesh as one labelled dataset, the density of modes over frequency and J, and the total J."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import lattice
from lattice.errors import InputError
from lattice.modes.mesh import MeshModes, mesh_modes, unfolded
from lattice.structure import argument

if TYPE_CHECKING:
    import xarray

    from lattice.structure.crystal import Crystal, FloatArray

AXES = ["x", "y", "z"]
#: Why the total angular momentum of the phonons, at any temperature, is exactly zero.
NULL_TOTAL = (
    "time reversal: J(−q) = −J(q) at equal frequency, so q and −q cancel at every temperature; "
    "force constants without a magnetic part always have it"
)
_REACH = 4.0  #: widths at which a Gaussian is cut; it is normalised after that
_MOST_BINS = 10**5


@argument.takes(crystal=argument.crystal, symmetry=argument.flag, n_threads=argument.whole, progress=argument.flag)
def solve_mesh(
    crystal: Crystal,
    mesh: Sequence[int],
    *,
    symmetry: bool = True,
    axis: Sequence[float] | None = None,
    n_threads: int = 1,
    progress: bool = False,
) -> xarray.Dataset:
    """Solve for frequencies and angular momenta of all modes on a Γ-centred mesh.

    Parameters
    ----------
    crystal : Crystal
        With force constants of a supercell; Born charges and ε∞, where known, add the dipole–dipole part (Gonze–Lee).
    mesh : sequence of int
        ``(3,)`` divisions of the reciprocal cell vectors.
    symmetry : bool
        Solve only points that the point group and time reversal do not relate; False: all points.
    axis : sequence of float, optional
        Cartesian direction n̂ of the circular gauge of degenerate modes; default: the rotation axis of highest order.
    n_threads : int
        Threads of the kernel; the result is the same on any number, to the bit.
    progress : bool
        Show a progress bar on a terminal where it takes longer than 2 s.

    Returns
    -------
    xarray.Dataset
        - ``qpoint`` (qpoint, reciprocal): the irreducible points, units of the reciprocal cell vectors;
        - ``weight`` (qpoint) int: points of the mesh that each stands for;
        - ``frequency`` (qpoint, mode) THz, ascending, negative if imaginary; acoustic modes at Γ are exactly zero;
        - ``J`` (qpoint, mode, axis) ħ per phonon, degenerate modes in the circular gauge, larger J·n̂ first;
        - ``degenerate_group`` (qpoint, mode): modes of one q-point with the same number are degenerate;
        - ``star``, ``operation`` (point) and ``axial`` (operation, axis, axis_from): point p of the mesh, of which
          the last index runs fastest, has the modes of q-point ``star[p]``, with J multiplied by
          ``axial[operation[p]]`` (det R · R, times −1 with time reversal). `unfold_mesh` does it.

        J is an axial vector and odd under time reversal: J(−q) = −J(q). Attribute ``total_J_is_null``: why the total
        is exactly zero.

    Raises
    ------
    InputError
        If the mesh is not three positive whole numbers, or there are no force constants, or they hold only q = 0.

    References
    ----------
    L. Zhang and Q. Niu, Phys. Rev. Lett. 112, 085503 (2014), eq. (4).
    """
    modes = mesh_modes(crystal, mesh, symmetry=symmetry, axis=axis, n_threads=n_threads, progress=progress)
    return _dataset(modes)


def _dataset(modes: MeshModes) -> xarray.Dataset:
    """Label a mesh."""
    import xarray

    grid = modes.grid
    n_modes = modes.frequency.shape[1]
    variables: dict[str, Any] = {
        "weight": ("qpoint", grid.weight, {"units": "1"}),
        "frequency": (("qpoint", "mode"), modes.frequency, {"units": "THz"}),
        "J": (("qpoint", "mode", "axis"), modes.J, {"units": "hbar", "long_name": "angular momentum per phonon"}),
        "degenerate_group": (("qpoint", "mode"), modes.group, {"units": "1"}),
        "star": ("point", grid.star, {"units": "1"}),
        "operation": ("point", grid.operation, {"units": "1"}),
        "axial": (("operation_index", "axis", "axis_from"), grid.axial, {"units": "1"}),
        "mesh": ("reciprocal", np.array(grid.mesh), {"units": "1"}),
    }
    if modes.axis is not None:
        variables["rotation_axis"] = ("axis", modes.axis, {"units": "1", "long_name": "n̂ of the circular gauge"})
    coordinates: dict[str, Any] = {
        "qpoint": (
            ("qpoint", "reciprocal"),
            grid.qpoints[grid.irreducible],
            {"units": "1", "long_name": "in units of the reciprocal cell vectors"},
        ),
        "mode": np.arange(n_modes),
        "axis": AXES,
    }
    attributes = {
        "schema": 1,
        "kind": "lattice mesh",
        "crystal": modes.crystal.name,
        "spacegroup": modes.crystal.spacegroup.symbol,
        "long_range": modes.long_range,
        "total_J_is_null": NULL_TOTAL,
        "lattice": lattice.__version__,
    }
    return xarray.Dataset(variables, coordinates, attributes)


@argument.takes(mesh=argument.dataset)
def unfold_mesh(mesh: xarray.Dataset) -> tuple[FloatArray, FloatArray]:
    """Return the modes at all points of a mesh from those at its irreducible points.

    Parameters
    ----------
    mesh : xarray.Dataset
        From `solve_mesh`.

    Returns
    -------
    frequency : ndarray
        ``(n_points, n_modes)`` *THz*; the last index of the mesh runs fastest, each component of q in (−½, ½] after
        one period is taken off.
    J : ndarray
        ``(n_points, n_modes, 3)`` *ħ per phonon*. Partners of a degenerate group are listed with the larger J·n̂
        first; where an operation turns n̂ itself (cubic crystals), their J refers to the axis that it is turned to.
    """
    return unfolded(
        mesh["frequency"].values,
        mesh["J"].values,
        mesh["degenerate_group"].values,
        mesh["star"].values,
        mesh["axial"].values[mesh["operation"].values],
        mesh["rotation_axis"].values if "rotation_axis" in mesh else None,
    )


@argument.takes(
    mesh=argument.dataset, width=argument.optional(argument.number), n_frequency=argument.whole, n_J=argument.whole
)
def angular_momentum_dos(
    mesh: xarray.Dataset, *, width: float | None = None, n_frequency: int = 400, n_J: int = 41
) -> xarray.Dataset:
    """Return the density of modes over frequency and over each component of J.

    Parameters
    ----------
    mesh : xarray.Dataset
        From `solve_mesh`.
    width : float, optional
        Standard deviation of the Gaussian of each mode in *THz*; default: 1 % of the range of frequencies.
    n_frequency, n_J : int
        Bins of frequency, and of J between −1 and 1 ħ (no mode has more); odd `n_J` has a bin about zero.

    Returns
    -------
    xarray.Dataset
        ``density`` (axis, frequency, J) in 1/(THz ħ) and ``dos`` (frequency) in 1/THz, per primitive cell: the integral
        over both is the number of modes. ``density`` is even in J, since q and −q have opposite J.

    Raises
    ------
    InputError
        If the width or a number of bins is not positive.
    """
    import xarray
    from scipy.ndimage import gaussian_filter1d

    good = 2 <= n_frequency <= _MOST_BINS and 1 <= n_J <= _MOST_BINS
    if (width is not None and not 0 < width < np.inf) or not good:
        raise InputError(
            "A density needs a positive width and positive numbers of bins",
            found=f"width {width}, {n_frequency} × {n_J} bins",
            fix=f"leave them out, or give e.g. width=0.05 and up to {_MOST_BINS} bins",
        )
    frequency, J = unfold_mesh(mesh)
    lowest, highest = float(frequency.min()), float(frequency.max())
    sigma = max(0.01 * (highest - lowest), 1e-6) if width is None else width
    margin = (_REACH + 1.0) * sigma
    edges = np.linspace(lowest - margin, highest + margin, n_frequency + 1)
    spins = np.linspace(-1.0, 1.0, n_J + 1)
    step, spin_step = edges[1] - edges[0], spins[1] - spins[0]
    counts = np.array(
        [
            np.histogram2d(frequency.ravel(), np.clip(J[:, :, x].ravel(), -1.0, 1.0), bins=(edges, spins))[0]
            for x in range(3)
        ]
    )
    smooth = gaussian_filter1d(counts / len(frequency), sigma / step, axis=1, mode="constant", truncate=_REACH)
    return xarray.Dataset(
        {
            "density": (("axis", "frequency", "J"), smooth / (step * spin_step), {"units": "1/(THz hbar)"}),
            "dos": (("frequency",), smooth[0].sum(axis=1) / step, {"units": "1/THz"}),
        },
        {
            "axis": AXES,
            "frequency": ("frequency", (edges[1:] + edges[:-1]) / 2, {"units": "THz"}),
            "J": ("J", (spins[1:] + spins[:-1]) / 2, {"units": "hbar"}),
        },
        {"width_THz": sigma, "total_J_is_null": NULL_TOTAL},
    )
