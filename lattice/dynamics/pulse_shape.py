"""Envelopes of light pulses: g(s) with s = (t − center)/duration, 1 at its peak, FWHM of g² equal to 1.

- ``gaussian``: g = exp(−2 ln2 s²).
- ``sech2``: g = sech(2 arcosh(√2) s), so that the intensity is a sech².
- ``flat_top``: g = ½ [erf((s + a)/w) − erf((s − a)/w)], with a and w such that |E| rises from 10 to 90 % of its plateau
  within the edge.
- ``few_cycle``: g of ``gaussian``, on the time integral of the field, not the field (see `lattice.dynamics.pulse`).

All are analytic, so the order of the integrator holds everywhere.
"""

from __future__ import annotations

import math

import numpy as np

from lattice.structure.crystal import FloatArray

SHAPES = ("gaussian", "sech2", "flat_top", "few_cycle")
FADED = 1e-4  #: of the peak: below it a pulse counts as over in `reach`
EDGE = 0.1  #: default edge of a flat top, in durations
LARGEST_EDGE = 0.25  #: in durations; up to it the plateau of a flat top is 1 to 2e-8
_SECH = 2.0 * math.acosh(math.sqrt(2.0))  # sech²(x/2) is one half at x = this
_ERF_90 = 0.9061938024368232  # erf⁻¹(0.8): ½ [1 + erf] is 90 % there
_ERF_HALF = 0.38533935051712676  # erf⁻¹(√2 − 1): the square of ½ [1 + erf] is one half there


def envelope(shape: str, s: FloatArray, edge: float) -> FloatArray:
    """Return g(s).

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    s : ndarray
        ``(n_times,)`` (t − center)/duration.
    edge : float
        Edge of a flat top in durations; others ignore it.
    """
    if shape == "sech2":
        x = np.abs(_SECH * s)
        return 2.0 * np.exp(-x) / (1.0 + np.exp(-2.0 * x))
    if shape == "flat_top":
        from scipy.special import erf

        half, width = _flat_top(edge)
        flat: FloatArray = 0.5 * (erf((s + half) / width) - erf((s - half) / width))
        return flat
    return np.exp(-2.0 * math.log(2.0) * s * s)


def gaussian_slope(s: FloatArray) -> FloatArray:
    """Return dg/ds of the Gaussian, ``(n_times,)``."""
    return -4.0 * math.log(2.0) * s * np.exp(-2.0 * math.log(2.0) * s * s)


def default_center(shape: str, edge: float) -> float:
    """Return the default centre in durations: at time 0 the envelope is 1.7e-4 of its peak or less."""
    if shape == "sech2":
        return 5.5
    if shape == "flat_top":
        half, width = _flat_top(edge)
        return half + 3.0 * width
    return 2.5


def reach(shape: str, edge: float, level: float = FADED) -> float:
    """Return the |s| in durations beyond which g < `level`; for ``few_cycle``, whose field is steeper, ½ more."""
    if shape == "sech2":
        return math.log(2.0 / level) / _SECH
    gauss = math.sqrt(math.log(1.0 / level))  # exp(−x²) = level, and ½ erfc(x) is smaller
    if shape == "flat_top":
        half, width = _flat_top(edge)
        return half + gauss * width
    return gauss / math.sqrt(2.0 * math.log(2.0)) + (0.5 if shape == "few_cycle" else 0.0)


def feature(shape: str, edge: float) -> float:
    """Return the duration, in durations, of the Gaussian that changes as fast as the steepest part of the envelope."""
    if shape == "flat_top":
        return math.sqrt(2.0 * math.log(2.0)) * _flat_top(edge)[1]
    return 0.5 if shape == "few_cycle" else 1.0  # the slope of a Gaussian has features half as long


def _flat_top(edge: float) -> tuple[float, float]:
    """Half distance a of the two error functions and their width w, in durations."""
    width = edge / (2.0 * _ERF_90)
    return 0.5 + _ERF_HALF * width, width
