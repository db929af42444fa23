"""Pulses made from something else: from a sampled field, and pairs of pulses for a scan of their delay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from lattice.dynamics.pulse import PULSE, SAMPLED, Pulse
from lattice.dynamics.pulse_samples import SAMPLES, Samples, carrier
from lattice.errors import InputError
from lattice.structure import argument


@argument.takes(samples=SAMPLES)
def sampled_pulse(samples: Samples, amplitude: float | None = None, **keys: Any) -> Pulse:
    """Return the pulse of a sampled field.

    Parameters
    ----------
    samples : Samples
        As from `read_samples`.
    amplitude : float, optional
        *MV/cm* to which the largest |E| of the samples is scaled; as sampled if left out.
    **keys
        `helicity`, `angle`, `center`, `axis`, `transmission`, `rotation` of `Pulse`.

    Raises
    ------
    InputError
        If a key is not one of these, or out of range.
    """
    known = {"helicity", "angle", "center", "axis", "transmission", "rotation"}
    other = sorted(key for key, value in keys.items() if key not in known and (key, value) != ("shape", SAMPLED))
    if other:
        raise InputError(
            "A sampled pulse takes its form from the samples", found=", ".join(other), fix=f"drop {', '.join(other)}"
        )
    frequency, duration, _ = carrier(samples)
    keys["shape"] = SAMPLED
    return Pulse(samples.peak[1] if amplitude is None else amplitude, frequency, duration, samples=samples, **keys)


@argument.takes(first=PULSE, second=PULSE, delays=argument.array)
def pulse_pairs(first: Pulse, second: Pulse, delays: ArrayLike) -> list[tuple[Pulse, Pulse]]:
    """Return pairs of pulses for `simulate_ensemble`, the centre of the second `delay` after that of the first.

    Parameters
    ----------
    first, second : Pulse
        The centre of `second` is replaced.
    delays : array_like
        ``(n,)`` *ps*; negative: the second comes first.

    Raises
    ------
    InputError
        If a second pulse would begin before time 0.
    """
    pairs = []
    for delay in np.asarray(delays, dtype=np.float64).ravel().tolist():
        later = replace(second, center=cast(float, first.center) + delay)
        # Where the centre is the default one a few 1e-4 of the peak lie before time 0.
        if later.span()[0] < -0.1 * later.duration:
            raise InputError(
                "A delayed pulse would begin before time 0",
                found=f"delay {delay:g} ps, begins at {later.span()[0]:.3g} ps",
                fix="give the first pulse a later center",
            )
        pairs.append((first, later))
    return pairs
