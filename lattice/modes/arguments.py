"""Arguments of the solver, checked: q-point, direction and method of the non-analytic term."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lattice.errors import InputError
from lattice.modes.axis import checked_direction
from lattice.structure.crystal import Crystal, FloatArray

LARGEST_Q = 1e4  #: beyond, the digits that are left say too little of q within the zone
NAC_METHODS = ("gonze-lee", "wang", "none")


def checked_q(crystal: Crystal, q: Sequence[float]) -> FloatArray:
    """Return q as an array; it must be three finite numbers at which the force constants are valid."""
    qpoint = np.asarray(q, dtype=np.float64)
    if qpoint.shape != (3,) or not (np.abs(qpoint) <= LARGEST_Q).all():
        raise InputError(
            "A q-point is three finite numbers",
            found=q,
            fix=f"give it in units of the reciprocal cell vectors, e.g. 0 0 0.5, up to {LARGEST_Q:g}",
        )
    if crystal.force_constants is None:
        raise InputError(
            "Modes need second-order force constants",
            found=f"{crystal.name or 'a structure'} without force constants",
            fix="give FORCE_SETS, FORCE_CONSTANTS or force_constants.hdf5 as fc= or --fc, or put it beside the cell",
        )
    if crystal.force_constants.gamma_only and qpoint.any():
        other = f", e.g. the bundled {crystal.dispersion_name!r}" if crystal.dispersion_name else ""
        raise InputError(
            "The force constants are those of a single cell and hold only q = 0",
            found=f"q = {qpoint.tolist()} for {crystal.name or 'this crystal'}",
            fix=f"use q = 0 0 0, or force constants of a supercell{other}",
        )
    return qpoint


def checked_nac(
    crystal: Crystal, qpoint: FloatArray, nac_direction: Sequence[float] | None, method: str
) -> FloatArray | None:
    """Return the unit direction from which Γ is approached; it needs q = 0, Born charges, ε∞ and a method."""
    if method not in NAC_METHODS or (method == "none" and nac_direction is not None):
        raise InputError(
            "The method of the non-analytic term is unknown"
            if method not in NAC_METHODS
            else "No method, no direction",
            found=method,
            fix=f"use one of {', '.join(NAC_METHODS)}; none only without a direction",
        )
    if nac_direction is None:
        return None
    direction = checked_direction(nac_direction, "direction of the non-analytic term")
    if qpoint.any():
        raise InputError(
            "A direction for the non-analytic term makes sense only at Γ",
            found=f"q = {qpoint.tolist()}",
            fix="leave the direction out: away from Γ the term is included by itself",
        )
    if crystal.born_charges is None or crystal.dielectric is None:
        raise InputError(
            "The non-analytic term needs Born charges and the dielectric tensor",
            found=f"{crystal.name or 'a crystal'} without them",
            fix="give born= or put a BORN file beside the structure",
        )
    return direction
