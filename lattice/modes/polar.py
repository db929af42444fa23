"""Longitudinal and transverse optical modes at Γ along a direction."""

from __future__ import annotations

import numpy as np

from lattice.modes.modes import MODES, Modes
from lattice.structure import argument

_POLAR = 1e-6  #: of the largest mode charge; modes below it carry no dipole
_PURE = 1e-3  #: of a mode's charge, the part along or across the direction that still counts as none


@argument.takes(modes=MODES)
def polar_labels(modes: Modes) -> list[str | None]:
    """Return how the dipole of each mode lies to the direction from which Γ was approached.

    Parameters
    ----------
    modes : Modes
        Solved with a direction of the non-analytic term.

    Returns
    -------
    list of str or None
        ``LO``: the mode charge is along the direction, the mode carries a macroscopic field; ``TO``: across it, no
        field; ``LO-TO``: both, as in extraordinary waves oblique to the axis of a uniaxial crystal; None for modes
        without a dipole, for translations, and for all modes where no direction was given.
    """
    if modes.direction is None or modes.mode_charge is None:
        return [None] * modes.n_modes
    acoustic = {i for x in modes.multiplets if x.acoustic for i in x.indices}
    size = np.linalg.norm(modes.mode_charge, axis=1)
    along = np.abs(modes.mode_charge @ modes.direction)
    across = np.sqrt(np.maximum(size**2 - along**2, 0.0))
    labels: list[str | None] = []
    for i in range(modes.n_modes):
        if i in acoustic or size[i] <= _POLAR * size.max():
            labels.append(None)
        elif across[i] < _PURE * size[i]:
            labels.append("LO")
        else:
            labels.append("TO" if along[i] < _PURE * size[i] else "LO-TO")
    return labels
