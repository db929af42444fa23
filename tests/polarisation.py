"""Azimuth and ellipticity of a polarised field from its Stokes parameters: a second road to first-order angles."""

import numpy as np


def stokes_angles(field):
    """Return the azimuth and ellipticity angle of fields ``(..., 2)``, *rad*.

    Azimuth in (−π/2, π/2] from x̂ towards ŷ; ellipticity χ, tan χ = signed axis ratio, positive where the field turns
    counter-clockwise seen from the tip of k̂.
    """
    x, y = field[..., 0], field[..., 1]
    s0, s1 = np.abs(x) ** 2 + np.abs(y) ** 2, np.abs(x) ** 2 - np.abs(y) ** 2
    s2, s3 = 2 * (x.conj() * y).real, 2 * (x.conj() * y).imag
    return np.asarray(0.5 * np.arctan2(s2, s1)), np.asarray(0.5 * np.arcsin(np.clip(s3 / s0, -1, 1)))
