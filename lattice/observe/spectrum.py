"""Spectrum of a motion: the power at each signed frequency, its helicity and its peak.

Sign: positive frequencies turn counter-clockwise about n̂ (Q_x = cos ωt, Q_y = +sin ωt), as in the rest of the package.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray

TAPER = 0.1  #: part of the record at each end over which the window falls to zero along a cosine
MIN_SAMPLES = 8
PADDING = 8  #: the record is continued by zeros to at least this many times its length


def signed_spectrum(time: ArrayLike, x: ArrayLike, y: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
    """Return the power spectrum of Q_x + iQ_y at signed frequencies.

    The record is multiplied by a window that is 1 but for cosine tapers over the first and last tenth (Tukey), so that
    a pulse in the middle keeps its spectrum and a line that is cut off by the end of the record does not leak.

    Parameters
    ----------
    time : array_like
        ``(n_times,)`` *ps*, evenly spaced.
    x, y : array_like
        ``(n_times,)`` *Å√amu*, the real coordinates of a pair; without `y` the spectrum of a single coordinate, which
        is even in the frequency.

    Returns
    -------
    frequency : ndarray
        ``(n,)`` *THz*, ascending, from −1/(2Δt); positive: counter-clockwise about n̂.
    power : ndarray
        ``(n,)`` *Å² amu ps²*, |∫ w(t) (Q_x + iQ_y) e^(−2πiνt) dt|²; its integral over ν is ∫ w² (Q_x² + Q_y²) dt.

    Raises
    ------
    InputError
        Fewer than eight samples, or samples that are not evenly spaced.
    """
    times = np.asarray(time, dtype=float)
    signal = np.asarray(x, dtype=complex) + (0.0 if y is None else 1j * np.asarray(y, dtype=float))
    step = _even_step(times)
    n = 1 << (PADDING * len(times) - 1).bit_length()
    amplitude = np.fft.fft(signal * _window(len(times)), n) * step
    frequency = np.fft.fftfreq(n, step)
    return np.fft.fftshift(frequency), np.fft.fftshift(np.abs(amplitude) ** 2)


def short_time_spectrum(
    time: ArrayLike, x: ArrayLike, y: ArrayLike | None = None, *, window: float, count: int = 200
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the power spectrum of Q_x + iQ_y at signed frequencies as it changes in time.

    The record is multiplied by a Gaussian window exp(−4 ln2 (t − t₀)²/window²) that moves over it; outside the record
    the signal counts as 0.

    Parameters
    ----------
    time, x, y
        As in `signed_spectrum`.
    window : float
        Full width at half maximum of the window, *ps*. A line is 0.62/window wide (FWHM of its power, THz).
    count : int
        Number of window positions t₀, from the first to the last time.

    Returns
    -------
    centre : ndarray
        ``(count,)`` *ps*, t₀.
    frequency : ndarray
        ``(n,)`` *THz*, ascending; positive: counter-clockwise about n̂.
    power : ndarray
        ``(count, n)`` *Å² amu ps²*, |∫ w(t − t₀) (Q_x + iQ_y) e^(−2πiνt) dt|².

    Raises
    ------
    InputError
        Fewer than eight samples, samples that are not evenly spaced, or a window that is not between four steps and
        the length of the record.
    """
    times = np.asarray(time, dtype=float)
    signal = np.asarray(x, dtype=complex) + (0.0 if y is None else 1j * np.asarray(y, dtype=float))
    step = _even_step(times)
    length = float(times[-1] - times[0])
    if not 4.0 * step <= window <= length:
        raise InputError(
            "The window of a short-time spectrum does not fit the record",
            found=f"{window:g} ps; steps of {step:g} ps, record of {length:g} ps",
            fix="give a window between four steps and the record",
        )
    reach = math.ceil(2.0 * window / step)  # there the window is at 2e-5
    n = 1 << (4 * reach).bit_length()
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-4.0 * math.log(2.0) * (offset * step / window) ** 2)
    padded = np.pad(signal, reach)
    centre = np.linspace(0, len(times) - 1, min(count, len(times))).round().astype(int)
    pieces = padded[centre[:, None] + reach + offset] * weight
    amplitude = np.fft.fftshift(np.fft.fft(pieces, n, axis=1), axes=1) * step
    return times[centre], np.fft.fftshift(np.fft.fftfreq(n, step)), np.abs(amplitude) ** 2


def helicity(frequency: FloatArray, power: FloatArray) -> float | None:
    """Return (P₊ − P₋)/(P₊ + P₋), the power that turns counter-clockwise against the power that turns clockwise.

    Parameters
    ----------
    frequency, power : ndarray
        ``(n,)`` as returned by `signed_spectrum`.

    Returns
    -------
    float or None
        In [−1, 1]; +1 is Q_x = cos ωt, Q_y = +sin ωt. A static displacement has no sense of rotation and does not
        count. None where nothing moves.
    """
    # The most negative frequency has no positive partner on an even grid.
    partnered = frequency > frequency[0]
    plus = float(power[(frequency > 0) & partnered].sum())
    minus = float(power[(frequency < 0) & partnered].sum())
    return (plus - minus) / (plus + minus) if plus + minus > 0 else None


def spectral_peak(frequency: FloatArray, power: FloatArray) -> float | None:
    """Return the absolute frequency of the strongest line, by a parabola through the logarithms of three samples.

    Parameters
    ----------
    frequency, power : ndarray
        ``(n,)`` as returned by `signed_spectrum`.

    Returns
    -------
    float or None
        *THz*; 0 where a static displacement is strongest, None where nothing moves.
    """
    top = int(np.argmax(power))
    if power[top] <= 0:
        return None
    if frequency[top] == 0:
        return 0.0
    if top in (0, len(power) - 1) or min(power[top - 1], power[top + 1]) <= 0:
        return abs(float(frequency[top]))
    left, centre, right = np.log(power[top - 1 : top + 2])
    curvature = left - 2 * centre + right
    shift = 0.0 if curvature == 0 else 0.5 * (left - right) / curvature
    return abs(float(frequency[top] + shift * (frequency[1] - frequency[0])))


def _even_step(times: NDArray[np.float64]) -> float:
    """Spacing of the samples in ps, checked to be the same everywhere."""
    if len(times) < MIN_SAMPLES:
        raise InputError(
            "A spectrum needs at least eight samples",
            found=f"{len(times)} samples",
            fix="record more often or run longer",
        )
    steps = np.diff(times)
    step = float(steps.mean())
    if step <= 0 or np.abs(steps - step).max() > 1e-6 * step:
        raise InputError(
            "A spectrum needs evenly spaced samples",
            found=f"steps from {steps.min():g} to {steps.max():g} ps",
            fix="record with one `every`, and interpolate data from elsewhere first",
        )
    return step


def _window(n: int) -> NDArray[np.float64]:
    """Tukey window of `n` samples: cosine tapers over the first and last `TAPER` of the record."""
    distance = np.minimum(np.arange(n), np.arange(n)[::-1]) / (TAPER * (n - 1))
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(distance, 1.0))
