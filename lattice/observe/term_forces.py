"""Forces of the terms of a potential along a recorded motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice import units
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import Dataset


def term_forces(run: Dataset, row_of_term: IntArray, n_rows: int) -> FloatArray:
    """Return −∂V/∂Q of the run's terms, added up in rows.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q and E.
    row_of_term : ndarray
        ``(n_terms,)`` int, the row to which each term belongs.
    n_rows : int

    Returns
    -------
    ndarray
        ``(n_rows, n_times, n_modes)`` *Å√amu/ps²*.
    """
    Q, E = run["Q"].values, run["E"].values
    forces = np.zeros((n_rows, *Q.shape))
    table = (run[name].values.tolist() for name in ("coefficient", "mode_index", "field_axis"))
    for row, coefficient, modes, fields in zip(row_of_term, *table, strict=True):
        factors = [s for s in modes if s >= 0]
        common = -coefficient * units.EV * E[:, [a for a in fields if a >= 0]].prod(axis=1)
        for place, s in enumerate(factors):
            rest = factors[:place] + factors[place + 1 :]
            forces[row, :, s] += common * Q[:, rest].prod(axis=1)
    return forces
