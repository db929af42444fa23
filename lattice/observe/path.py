"""Modes along a path as one labelled dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import lattice
from lattice.modes.path import path_modes
from lattice.structure import argument

if TYPE_CHECKING:
    import xarray

    from lattice.structure.crystal import Crystal


@argument.takes(crystal=argument.crystal)
def solve_path(
    crystal: Crystal,
    path: str | Sequence[Sequence[float]] | None = None,
    npoints: int = 101,
    *,
    axis: Sequence[float] | None = None,
    n_threads: int = 1,
    progress: bool = False,
) -> xarray.Dataset:
    """Solve for the modes along a path in the Brillouin zone.

    Parameters
    ----------
    crystal : Crystal
        With force constants of a supercell. With Born charges and ε∞ the dipole–dipole part is included, at Γ with the
        direction of the segment.
    path : str or sequence, optional
        Names of special points as ASE writes them (``"GXL,KG"``), or corners ``(k, 3)`` in units of the reciprocal cell
        vectors; default: the customary path of the lattice.
    npoints : int
        Number of points; every segment has both its ends, so corners are listed twice.
    axis : sequence of float, optional
        Cartesian direction n̂; default: the rotation axis of highest order.
    n_threads : int
        Threads of the kernel.
    progress : bool
        Show a progress bar on a terminal where it takes longer than 2 s.

    Returns
    -------
    xarray.Dataset
        - ``qpoint`` (qpoint, reciprocal), ``distance`` (qpoint) Å⁻¹ with the factor 2π, ``segment``, ``piece``,
          ``label`` (qpoint); ``weight`` (qpoint) is 1;
        - ``frequency`` (qpoint, mode) THz, ascending, negative if imaginary;
        - ``J`` (qpoint, mode, axis) ħ per phonon, degenerate modes in the circular gauge;
        - ``m`` (qpoint, mode): T(C_n) ε = exp(−2πi m/n) ε about n̂, in (−n/2, n/2], NaN where no rotation about n̂
          leaves q invariant; ``rotation_order`` (qpoint) is n;
        - ``band`` (qpoint, mode): the band of each mode, connected by symmetry and overlap of eigenvectors;
        - ``degenerate_group`` (qpoint, mode): modes of one q-point with the same number are degenerate.

    Raises
    ------
    InputError
        If the path or its number of points cannot be used, or the force constants are missing or hold only q = 0.
    """
    import xarray

    found = path_modes(crystal, path, npoints, axis=axis, n_threads=n_threads, progress=progress)
    n_q, n_modes = found.frequency.shape
    variables: dict[str, Any] = {
        "weight": ("qpoint", np.ones(n_q, dtype=np.int64), {"units": "1"}),
        "distance": ("qpoint", found.distance, {"units": "1/Angstrom", "long_name": "along the path, 2π included"}),
        "segment": ("qpoint", found.segment, {"units": "1"}),
        "piece": ("qpoint", found.piece, {"units": "1"}),
        "label": ("qpoint", np.array(found.labels), {"units": ""}),
        "frequency": (("qpoint", "mode"), found.frequency, {"units": "THz"}),
        "J": (("qpoint", "mode", "axis"), found.J, {"units": "hbar", "long_name": "angular momentum per phonon"}),
        "m": (("qpoint", "mode"), found.m, {"units": "1", "long_name": "pseudo-angular momentum about n̂"}),
        "rotation_order": ("qpoint", found.rotation_order, {"units": "1"}),
        "band": (("qpoint", "mode"), found.band, {"units": "1"}),
        "degenerate_group": (("qpoint", "mode"), found.group, {"units": "1"}),
    }
    if found.axis is not None:
        variables["rotation_axis"] = ("axis", found.axis, {"units": "1", "long_name": "n̂"})
    coordinates: dict[str, Any] = {
        "qpoint": (
            ("qpoint", "reciprocal"),
            found.qpoints,
            {"units": "1", "long_name": "in units of the reciprocal cell vectors"},
        ),
        "mode": np.arange(n_modes),
        "axis": ["x", "y", "z"],
    }
    attributes = {
        "schema": 1,
        "kind": "lattice bands",
        "crystal": crystal.name,
        "spacegroup": crystal.spacegroup.symbol,
        "long_range": found.long_range,
        "lattice": lattice.__version__,
    }
    return xarray.Dataset(variables, coordinates, attributes)
