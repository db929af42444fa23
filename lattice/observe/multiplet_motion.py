"""Motion of one multiplet in a run: its rotating pair, its spectrum, its angular momentum along n̂."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from lattice.dynamics.ledger import channel_summary, driven_multiplet
from lattice.errors import InputError
from lattice.observe.spectrum import MIN_SAMPLES, helicity, signed_spectrum, spectral_peak
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import Dataset

FINE_ENOUGH = 1.25  #: Nyquist frequency of the record over the highest frequency that a multiplet can show
STILL = 1e-9  #: of the largest |Q| of the run: below it a multiplet does not move, and has neither helicity nor peak


def coordinates_of(run: Dataset, multiplet: str) -> IntArray:
    """Return the positions of the coordinates of a multiplet.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    multiplet : str
        Its label.

    Raises
    ------
    InputError
        The run has no such multiplet.
    """
    rows = np.flatnonzero(run["mode_multiplet"].values == multiplet)
    if not len(rows):
        known = ", ".join(run["multiplet"].values.tolist())
        raise InputError("The run has no such multiplet", found=multiplet, fix=f"use one of: {known}")
    return rows


def rotating_pair(run: Dataset, multiplet: str) -> tuple[int, int] | None:
    """Return the positions (x, y) of the pair of a multiplet that turns about n̂, None for a singlet."""
    for x in coordinates_of(run, multiplet).tolist():
        y = int(run["pair"].values[x])
        if y > x:
            return x, y
    return None


def is_still(run: Dataset, multiplet: str) -> bool:
    """Whether a multiplet moves less than `STILL` of the largest motion of the run."""
    Q = np.abs(run["Q"].values)
    return bool(Q[:, coordinates_of(run, multiplet)].max() <= STILL * Q.max())


def is_resolved(run: Dataset, multiplet: str) -> bool:
    """Whether the record is long and fine enough for the spectrum of a multiplet.

    It must have eight samples, and its Nyquist frequency must exceed by a quarter the frequency of the multiplet and
    twice those of the driven one and of every carrier; otherwise lines fold back and change their sense of rotation.
    """
    if run.sizes["time"] < MIN_SAMPLES:
        return False
    interval = float(run["time"].values[1] - run["time"].values[0])
    return interval <= longest_interval(run, multiplet)


def longest_interval(run: Dataset, multiplet: str) -> float:
    """Longest interval of the record in *ps* that shows the spectrum of a multiplet; see `is_resolved`."""
    carriers = [pulse.get("frequency", 0.0) for pulse in json.loads(run.attrs["pulses"])[0]]
    driver = driven_multiplet(run) if "P" in run else None
    driven = [] if driver is None else [float(np.abs(run["frequency"].values[coordinates_of(run, driver)]).max())]
    own = float(np.abs(run["frequency"].values[coordinates_of(run, multiplet)]).max())
    highest = max([own, *(2.0 * nu for nu in carriers + driven)])
    return 0.5 / (FINE_ENOUGH * highest) if highest > 0 else float("inf")


def multiplet_spectrum(run: Dataset, multiplet: str) -> tuple[FloatArray, FloatArray]:
    """Return the power spectrum of a multiplet at signed frequencies.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q.
    multiplet : str
        Its label.

    Returns
    -------
    frequency : ndarray
        ``(n,)`` *THz*; positive: counter-clockwise about n̂.
    power : ndarray
        ``(n,)`` *Å² amu ps²*, of Q_x + iQ_y for a pair, plus those of coordinates without a partner (even in ν).
    """
    times, Q = run["time"].values, run["Q"].values
    pair = rotating_pair(run, multiplet)
    single = [s for s in coordinates_of(run, multiplet).tolist() if pair is None or s not in pair]
    spectra = [signed_spectrum(times, Q[:, s]) for s in single]
    if pair is not None:
        spectra.append(signed_spectrum(times, Q[:, pair[0]], Q[:, pair[1]]))
    return spectra[0][0], np.sum([power for _, power in spectra], axis=0)


def multiplet_helicity(run: Dataset, multiplet: str) -> float | None:
    """Return the helicity of the pair of a multiplet: (P₊ − P₋)/(P₊ + P₋) of the spectrum of Q_x + iQ_y.

    Returns
    -------
    float or None
        In [−1, 1], + counter-clockwise about n̂; None for a singlet, where nothing moves, and where the record is too
        short or too coarse.
    """
    pair = rotating_pair(run, multiplet)
    if pair is None or is_still(run, multiplet) or not is_resolved(run, multiplet):
        return None
    Q = run["Q"].values
    return helicity(*signed_spectrum(run["time"].values, Q[:, pair[0]], Q[:, pair[1]]))


def multiplet_peak(run: Dataset, multiplet: str) -> float | None:
    """Return the absolute frequency in THz of the strongest line of a multiplet, None as for `multiplet_helicity`."""
    if is_still(run, multiplet) or not is_resolved(run, multiplet):
        return None
    return spectral_peak(*multiplet_spectrum(run, multiplet))


def along_axis(run: Dataset, name: str) -> FloatArray:
    """Return the component along n̂ of a variable of the run whose last dimension is ``axis``, in ħ."""
    projected: FloatArray = run[name].values @ run["rotation_axis"].values
    return projected


def peak_angular_momentum(run: Dataset, multiplet: str) -> float:
    """Return L·n̂ of a multiplet, signed, at the time where it is largest; *ħ per cell*."""
    index = run["multiplet"].values.tolist().index(multiplet)
    L = along_axis(run, "L")[:, index]
    return float(L[np.argmax(np.abs(L))])


def by_response(run: Dataset) -> list[str]:
    """Return the multiplets of a run: the driven one, the receiver at twice its frequency, the rest by largest |Q|.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q and P.
    """
    summary = channel_summary(run)
    first = [name for name in (summary["driver"], summary["receiver"]) if name is not None]
    Q = np.abs(run["Q"].values)
    rest = [name for name in run["multiplet"].values.tolist() if name not in first]
    return first + sorted(rest, key=lambda name: -float(Q[:, coordinates_of(run, name)].max()))
