"""What a pulse is as light: fluence, spectrum by sense of rotation, helicity. All of the whole field, from −∞ to ∞."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.dynamics.pulse import PULSES, Pulse, total_field
from lattice.errors import InputError
from lattice.observe.spectrum import TAPER, helicity, signed_spectrum
from lattice.structure import argument
from lattice.structure.crystal import FloatArray

_MARGIN = 1.6  #: of the span of 1e-4: tails beyond hold less than 1e-8 of the fluence, and the window does not reach it
_PER_PERIOD = 16.0  #: samples in the shortest period: the trapezoidal rule of a pulse is then exact to round-off
_MOST = 2**24  #: samples


@argument.takes(pulses=PULSES, refractive_index=argument.number)
def pulse_fluence(pulses: Pulse | Sequence[Pulse], *, refractive_index: float = 1.0) -> float:
    """Return the energy per area that a pulse carries, ε0 c n ∫ E² dt.

    Parameters
    ----------
    pulses : Pulse or sequence of Pulse
        Fields that add up: two pulses that overlap interfere.
    refractive_index : float
        n of the medium in which the field E is that of the pulse, > 0. The field is the one inside the crystal, so n is
        the crystal's for the fluence inside. For the fluence in front of it give n = 1 and pulses with transmission 1.

    Returns
    -------
    float
        *J/m²* (1 J/m² = 0.1 mJ/cm²). A linear Gaussian of many cycles has ½ ε0 c n E0² · duration · √(π/(4 ln2)), a
        circular one twice that.

    Raises
    ------
    InputError
        If the refractive index is not positive.
    """
    if not (math.isfinite(refractive_index) and refractive_index > 0):
        raise InputError("The refractive index is out of range", found=refractive_index, fix="give n > 0")
    times, E = _sampled(_group(pulses))
    square = float((E**2).sum() * (times[1] - times[0]))  # (MV/cm)² ps
    return units.FLUENCE * refractive_index * square


@argument.takes(pulses=PULSES, axis=argument.optional(argument.vector))
def pulse_spectrum(pulses: Pulse | Sequence[Pulse], *, axis: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
    """Return the power spectrum of a pulse at signed frequencies.

    Parameters
    ----------
    pulses : Pulse or sequence of Pulse
        Fields that add up.
    axis : array_like, optional
        ``(3,)`` direction n̂ about which the sense of rotation counts; that of the first pulse if left out.

    Returns
    -------
    frequency : ndarray
        ``(n,)`` *THz*, ascending; positive: counter-clockwise about n̂.
    power : ndarray
        ``(n,)`` *(MV/cm)² ps²*, |∫ (E_x + iE_y) e^(−2πiνt) dt|² with (x̂, ŷ, n̂) right-handed; its integral over ν is
        ∫ (E_x² + E_y²) dt.
    """
    group = _group(pulses)
    frame = Pulse(1.0, 1.0, 1.0, axis=group[0].axis if axis is None else tuple(np.asarray(axis, float).tolist()))
    x, y = frame.polarisation_axes()
    times, E = _sampled(group)
    return signed_spectrum(times, E @ x, E @ y)


@argument.takes(pulses=PULSES, axis=argument.optional(argument.vector))
def pulse_helicity(pulses: Pulse | Sequence[Pulse], *, axis: ArrayLike | None = None) -> float | None:
    """Return (P₊ − P₋)/(P₊ + P₋) of the spectrum of a pulse, 2h/(1 + h²) for an ellipse of signed axis ratio h.

    Parameters
    ----------
    pulses, axis
        As in `pulse_spectrum`.

    Returns
    -------
    float or None
        In [−1, 1]; +1 counter-clockwise about the axis, None without field in the plane ⟂ it.
    """
    return helicity(*pulse_spectrum(pulses, axis=axis))


def _group(pulses: Pulse | Sequence[Pulse]) -> tuple[Pulse, ...]:
    group = (pulses,) if isinstance(pulses, Pulse) else tuple(pulses)
    if not group:
        raise InputError("There is no pulse", found="an empty sequence", fix="give at least one")
    return group


def _sampled(group: tuple[Pulse, ...]) -> tuple[FloatArray, FloatArray]:
    """Even times that hold all pulses between the tapers of a spectrum, and the field ``(n_times, 3)``."""
    spans, scales = [pulse.span() for pulse in group], [pulse.scales() for pulse in group]
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    length = (last - first) * _MARGIN / (1.0 - 2.0 * TAPER)
    step = min([units.TWO_PI / rate for rate, _ in scales] + [feature for _, feature in scales]) / _PER_PERIOD
    n = max(256, math.ceil(length / step) + 1)
    if n > _MOST:
        raise InputError(
            "The pulses are too far apart for a spectrum",
            found=f"{length:.3g} ps at {step:.3g} ps",
            fix="take them one by one",
        )
    times = 0.5 * (first + last) + np.linspace(-0.5, 0.5, n) * length
    return times, total_field(group, times)
