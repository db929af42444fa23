"""The potential that a run carries with it, so that a saved run needs no other file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice.anharmonic.potential import CellRecord, Potential

if TYPE_CHECKING:
    from xarray import Dataset

_CRYSTAL = ("cell", "position", "species", "mass")


def potential_of_run(run: Dataset) -> Potential:
    """Return the potential of a run as it was integrated: with measured frequencies and overrides applied.

    Parameters
    ----------
    run : xarray.Dataset
        From `simulate`, `simulate_ensemble` or `load_run`.

    Returns
    -------
    Potential
        Without `modes` and `source`; these are not part of a run.

    Raises
    ------
    InputError
        If the numbers of the run do not make a potential.
    """
    crystal = None
    if all(name in run for name in _CRYSTAL):
        cell, position, species, mass = (run[name].values for name in _CRYSTAL)
        crystal = CellRecord(cell, position, tuple(species.tolist()), mass)
    return Potential(
        axis=run["rotation_axis"].values,
        frequency=run["frequency"].values,
        linewidth=run["linewidth"].values,
        labels=run["mode"].values,
        multiplet=run["mode_multiplet"].values,
        coefficient=run["coefficient"].values,
        mode_index=run["mode_index"].values,
        field_axis=run["field_axis"].values,
        channel=run["term_channel"].values,
        pair=run["pair"].values,
        eigenvectors=run["eigenvector"].values if "eigenvector" in run else None,
        crystal=crystal,
        mode_numbers=run["mode_number"].values if "mode_number" in run else None,
        irreps=run["irrep"].values if "irrep" in run else None,
        raman=run["raman"].values @ np.array([1.0, 1.0j]) if "raman" in run else None,
        amplitude_range=run["amplitude_range"].values if "amplitude_range" in run else None,
    )
