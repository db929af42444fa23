"""The table of the modes at one q-point: plain numbers and strings, as they are printed and written to JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.channels import whole_number
from lattice.modes.polar import polar_labels
from lattice.observe.magnetic_moment import magnetic_moment

if TYPE_CHECKING:
    from lattice.modes.modes import Modes, Multiplet


def mode_table(modes: Modes, *, moments: bool = False) -> dict[str, Any]:
    """Return the modes as plain numbers and strings.

    Parameters
    ----------
    modes : Modes
        At one q-point, degenerate modes as circular partners.
    moments : bool
        Whether to add the magnetic moments, which need Born charges.

    Returns
    -------
    dict
        `spacegroup`, `axis` (three numbers or None), `rotation_order`, and `modes`, in ascending frequency: `index`
        (from 0, acoustic included), `multiplet`, `frequency_THz` (negative if imaginary, None if unknown), `irrep`
        (None if unknown), `degeneracy`, `J` ([x, y, z], *ħ per phonon*, None where unknown), `m` (None without an
        axis), `rotation_order`, `ir_active`, `raman_active`, `mode_charge` ([[re, im], …] along x, y, z in *e/√amu*
        of this circular partner, None without
        Born charges). Along a direction of the non-analytic term also `polar`: LO, TO, LO-TO (oblique) or None (no
        dipole). Away from Γ also
        `translation_phase`: [re, im] of the factor that is split off from the screw's eigenvalue. With moments also
        `magnetic_moment_muN`: [x, y, z] in nuclear magnetons per phonon, None where unknown.
    """
    home = {index: multiplet for multiplet in modes.multiplets for index in multiplet.indices}
    rows = [_row(modes, index, home[index]) for index in range(modes.n_modes)]
    if modes.direction is not None:
        for row, kind in zip(rows, polar_labels(modes), strict=True):
            row["polar"] = kind
    if moments:
        for row, moment in zip(rows, magnetic_moment(modes), strict=True):
            row["magnetic_moment_muN"] = [_known(x) for x in moment]
    away = (
        {}
        if modes.at_gamma
        else {"translation_phase": plain_floats((modes.translation_phase.real, modes.translation_phase.imag))}
    )
    return {
        "spacegroup": modes.crystal.spacegroup.symbol,
        "axis": None if modes.axis is None else plain_floats(modes.axis),
        "rotation_order": int(modes.rotation_order),
        **away,
        "modes": rows,
    }


def _row(modes: Modes, index: int, multiplet: Multiplet) -> dict[str, Any]:
    """One mode."""
    m = float(modes.m[index])
    charge = None if modes.mode_charge is None else modes.mode_charge[index]
    return {
        "index": index,
        "multiplet": multiplet.label,
        "frequency_THz": _known(modes.frequency[index]),
        "irrep": multiplet.irrep,
        "degeneracy": len(multiplet.indices),
        "J": [_known(j) for j in modes.J[index]],
        "m": None if math.isnan(m) else whole_number(m),
        "rotation_order": int(modes.rotation_order),
        "ir_active": bool(multiplet.ir_active),
        "raman_active": bool(multiplet.raman_active),
        "mode_charge": None if charge is None else [plain_floats((z.real, z.imag)) for z in charge],
    }


def _known(value: float) -> float | None:
    """A plain float; None for NaN, which stands for what symmetry alone does not fix."""
    return None if math.isnan(value) else float(value) + 0.0


def plain_floats(values: object) -> list[float]:
    """Floats of plain Python; −0 becomes 0, which reads better and is the same number."""
    return [float(value) + 0.0 for value in np.asarray(values)]
