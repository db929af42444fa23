"""The ways in which light can reach a coordinate, told apart by the factors of the terms of a potential.

- ``dipole``: Q E, the field pushes the mode charge.
- ``photonic``: Q E E and higher powers of E, sum- and difference-frequency Raman force of the field alone.
- ``mixed``: Q Q E and higher, the field and another coordinate together (charge anharmonicity).
- ``phononic``: terms without field, other coordinates push (ionic Raman, sum-frequency ionic Raman).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lattice.anharmonic.potential import POTENTIAL, Potential
from lattice.errors import InputError
from lattice.structure import argument

PATHS = ("phononic", "photonic", "mixed", "dipole")


def path_of_terms(mode_index: ArrayLike, field_axis: ArrayLike) -> NDArray[np.str_]:
    """Return the path of each term.

    Parameters
    ----------
    mode_index, field_axis : array_like
        ``(n_terms, k)`` and ``(n_terms, j)`` int, padded with −1.

    Returns
    -------
    ndarray of str
        ``(n_terms,)``, of `PATHS`.
    """
    n_q = (np.asarray(mode_index) >= 0).sum(axis=1)
    n_e = (np.asarray(field_axis) >= 0).sum(axis=1)
    return np.select([n_e == 0, n_q > 1, n_e > 1], ["phononic", "mixed", "photonic"], "dipole")


@argument.takes(potential=POTENTIAL)
def keep_paths(potential: Potential, paths: Collection[str]) -> Potential:
    """Return the potential with the terms of some paths only; the dipole terms stay, or nothing would move.

    Parameters
    ----------
    potential : Potential
    paths : collection of str
        Of ``phononic``, ``photonic``, ``mixed``.

    Raises
    ------
    InputError
        If there is no such path.
    """
    given: object = paths
    fits = isinstance(given, Collection) and not isinstance(given, str | bytes)
    if not fits or not all(isinstance(name, str) and name in PATHS for name in paths):
        raise InputError("There is no such path", found=repr(paths), fix=f"give a list of: {', '.join(PATHS)}")
    kept = np.isin(path_of_terms(potential.mode_index, potential.field_axis), [*paths, "dipole"])
    return replace(
        potential,
        coefficient=potential.coefficient[kept],
        mode_index=potential.mode_index[kept],
        field_axis=potential.field_axis[kept],
        channel=potential.channel[kept],
    )
