"""The fields of pulse arrays as the ensemble kernel wants them: one table of parameters for each pulse and shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.dynamics.pulse import SAMPLED
from lattice.dynamics.pulse_array import PulseArray
from lattice.dynamics.pulse_samples import Samples
from lattice.dynamics.pulse_shape import SHAPES
from lattice.structure.crystal import FloatArray, IntArray

CODES = {name: code for code, name in enumerate((*SHAPES, SAMPLED, "steady"))}  #: shapes of the kernel
_DARK = 1e-16  #: of the peak; smaller fields are taken as zero
_PARALLEL = 1e-6  # sine below which two directions count as parallel, as in `Pulse`
_NO_SAMPLES = {"knot": np.zeros(1), "piece": np.zeros(0)}


def light_tables(pulses: Sequence[PulseArray], axis: FloatArray, index: IntArray) -> list[dict[str, Any]]:
    """Return the lights of trajectories `index` ``(B,)``; `axis` ``(3,)`` is that of pulses without one.

    Each has ``shape``, its code; ``parameter`` ``(17 × B,)``: centre, strength, 1/duration, ω, phase, ½ × chirp in
    rad/ps², helicity, rotation in rad/ps, x̂, ŷ, times after the centre when it begins and ends, edge in widths; and for
    samples ``knot`` and ``piece``.
    """
    lights = []
    for array in pulses:
        part = array.take(index)
        # A Gaussian whose frame does not turn is the exponential of a quadratic, which the kernel steps on.
        kind = np.where((part.shape == "gaussian") & (part.rotation == 0.0), "steady", part.shape)
        for name in np.unique(kind):
            samples = part.samples if name == SAMPLED else None
            lights.append(
                {
                    "shape": CODES[str(name)],
                    "parameter": np.ascontiguousarray(_parameters(part, kind == name, axis)).ravel(),
                    **(_NO_SAMPLES if samples is None else _pieces(samples)),
                }
            )
    return lights


def _parameters(part: PulseArray, chosen: NDArray[np.bool_], axis: FloatArray) -> FloatArray:
    """``(17, B)``; pulses that are not `chosen` ``(B,)`` never begin."""
    strength = part.transmission * part.amplitude
    if part.samples is not None:
        strength = np.where(part.shape == SAMPLED, strength / part.samples.peak[1], strength)
    begin, end = part.reach(_DARK)
    off = ~chosen | (strength == 0)
    x, y = frames(axis if part.axis is None else part.axis, part.angle)
    # Width of the error functions of a flat top; any number for the others.
    width = part.edges() / (2.0 * 0.9061938024368232)
    rows = (
        part.center, np.where(off, 0.0, strength), 1.0 / part.duration, units.TWO_PI * part.frequency, part.phase,
        0.5 * units.TWO_PI * part.chirp, part.helicity, np.radians(part.rotation), *x.T, *y.T,
        np.where(off, 1.0, begin), np.where(off, 0.0, end), width,
    )  # fmt: skip
    return np.stack(rows)


def frames(axis: FloatArray, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """x̂ and ŷ as `Pulse.polarisation_axes`, ``(B, 3)`` each; axis ``(3,)`` or ``(B, 3)``, angle ``(B,)`` *degrees*."""
    n = np.broadcast_to(axis, (len(angle), 3))
    first, second = (start - n * (n @ start)[:, None] for start in np.eye(3)[:2])
    x = np.where(np.linalg.norm(first, axis=1, keepdims=True) > _PARALLEL, first, second)
    for _again in range(2):  # the first projection leaves round-off / sine
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        x = x - n * np.sum(n * x, axis=1, keepdims=True)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    quarter, rest = np.divmod(np.fmod(angle, 360.0) + 45.0, 90.0)
    r = np.radians(rest - 45.0)
    c, s = np.cos(r), np.sin(r)
    k = quarter.astype(np.int64) % 4
    cosine, sine = np.choose(k, (c, -s, -c, s))[:, None], np.choose(k, (s, c, -s, -c))[:, None]
    x = cosine * x + sine * np.cross(n, x)
    return x, np.cross(n, x)


@lru_cache(maxsize=8)
def _pieces(samples: Samples) -> dict[str, FloatArray]:
    """Polynomials of the spline, counted from the time of the peak."""
    spline = samples._spline
    knot = np.unique(spline.t)
    begin = knot[:-1]
    powers = range(spline.k, -1, -1)
    piece = np.stack([spline(begin, nu=power) / math.factorial(power) for power in powers], axis=1)
    return {"knot": knot - samples.peak[0], "piece": np.ascontiguousarray(piece).ravel()}
