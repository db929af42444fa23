"""Motion of the atoms in a run: displacements in Å, and the distance to the nearest neighbour to compare them with."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lattice.dynamics.integrate import DIVERGED
from lattice.errors import IntegrationError
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset


def until_divergence(run: Dataset) -> Dataset:
    """Return a run that diverged up to its last recorded time that is still finite; any other run as it is.

    Raises
    ------
    IntegrationError
        If nothing finite was recorded.
    """
    over_time = [name for name in ("Q", "P", "L") if name in run]
    if int(run["status"]) != DIVERGED or not over_time:
        return run
    finite = np.all([np.isfinite(run[name].values).reshape(run.sizes["time"], -1).all(axis=1) for name in over_time], 0)
    if not finite[0]:
        raise IntegrationError(
            "There is nothing to look at: the motion diverged before the first recorded time",
            found=f"record from {float(run['time'][0]):g} ps",
            fix="lower record.start, or lower the field",
        )
    count = len(finite) if finite.all() else int(finite.argmin())
    return run.isel(time=slice(count))


def displacements(run: Dataset, multiplet: str | None = None) -> FloatArray | None:
    """Return the displacements of the atoms, u_κ(t) = m_κ^(−1/2) Σ_s Q_s(t) e_κs.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q.
    multiplet : str, optional
        Only the part of this multiplet; all coordinates if left out.

    Returns
    -------
    ndarray or None
        ``(n_times, n_atoms, 3)`` *Å*; None where Q was not recorded or the potential has no eigenvectors or masses.
    """
    if any(name not in run for name in ("Q", "eigenvector", "mass")):
        return None
    rows = np.full(run.sizes["mode"], True) if multiplet is None else run["mode_multiplet"].values == multiplet
    pattern = run["eigenvector"].values[rows] / np.sqrt(run["mass"].values)[None, :, None]
    moved: FloatArray = np.tensordot(run["Q"].values[:, rows], pattern, axes=1)
    return moved


def peak_displacements(run: Dataset, multiplet: str) -> dict[str, float] | None:
    """Return the largest displacement of each species by one multiplet, over its atoms and all times.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    multiplet : str
        Its label.

    Returns
    -------
    dict or None
        Species → *Å*; None as in `displacements`.
    """
    moved = displacements(run, multiplet)
    if moved is None or "species" not in run:
        return None
    largest = np.linalg.norm(moved, axis=2).max(axis=0)
    species = run["species"].values
    return {str(name): float(largest[species == name].max()) for name in dict.fromkeys(species.tolist())}


def relative_displacement(run: Dataset) -> tuple[float, float, float] | None:
    """Return the largest displacement of an atom against the distance to its nearest neighbour.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.

    Returns
    -------
    tuple of float or None
        Displacement and distance in *Å*, of the atom where their ratio is largest, and the ratio; None as in
        `displacements`, or where the cell is not known.
    """
    moved = displacements(run)
    if moved is None or "cell" not in run:
        return None
    largest = np.linalg.norm(moved, axis=2).max(axis=0)
    distance = nearest_neighbours(run["cell"].values, run["position"].values)
    atom = int(np.argmax(largest / distance))
    return float(largest[atom]), float(distance[atom]), float(largest[atom] / distance[atom])


def nearest_neighbours(cell: ArrayLike, positions: ArrayLike) -> FloatArray:
    """Return the distance of each atom to its nearest neighbour in the infinite crystal.

    Parameters
    ----------
    cell : array_like
        ``(3, 3)`` *Å*, rows.
    positions : array_like
        ``(n_atoms, 3)`` fractional.

    Returns
    -------
    ndarray
        ``(n_atoms,)`` *Å*; periodic images of the atom itself count.
    """
    rows = np.asarray(cell, dtype=float)
    fractional = np.asarray(positions, dtype=float) % 1.0
    # An atom's own image is never further than the shortest cell vector, so no cell beyond that distance matters.
    heights = 1.0 / np.linalg.norm(np.linalg.inv(rows), axis=0)
    reach = np.ceil(np.linalg.norm(rows, axis=1).min() / heights).astype(int) + 1
    cells = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))), dtype=float)
    nearest = np.full(len(fractional), np.inf)
    for i, position in enumerate(fractional):
        steps = (fractional[:, None] + cells[None] - position) @ rows
        distance = np.linalg.norm(steps, axis=2)
        nearest[i] = distance[distance > 1e-8].min()
    return nearest
