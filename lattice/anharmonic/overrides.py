"""Measured or chosen frequencies and linewidths in place of computed ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from lattice.anharmonic.potential import Potential
from lattice.errors import InputError

_KEYS = ("frequency", "linewidth")


def override_multiplets(potential: Potential, overrides: Mapping[str, Mapping[str, float]]) -> Potential:
    """Return a potential with other frequencies and linewidths; couplings and eigenvectors stay.

    Parameters
    ----------
    potential : Potential
    overrides : mapping
        ``{"Eu(1)": {"frequency": 2.05, "linewidth": 0.16}}`` in *THz*; either key may be left out.

    Returns
    -------
    Potential
        Its ``source["overrides"]`` records what was changed, on top of earlier overrides.

    Raises
    ------
    InputError
        If a multiplet or key does not exist, or a value is not a finite number (a linewidth: ≥ 0).
    """
    values = {"frequency": potential.frequency.copy(), "linewidth": potential.linewidth.copy()}
    for name, entry in overrides.items():
        if name not in potential.multiplets:
            raise InputError(
                "An override names an unknown multiplet",
                found=name,
                fix=f"use one of {', '.join(potential.multiplets)}",
            )
        for key, value in entry.items():
            if key not in _KEYS:
                raise InputError(
                    f"The override of {name} has an unknown key", found=key, fix="use frequency or linewidth"
                )
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"The {key} of {name} must be a finite number", found=value, fix="give it in THz")
            values[key][potential.multiplet == name] = value
    recorded = {k: dict(v) for k, v in potential.source.get("overrides", {}).items()}
    for name, entry in overrides.items():
        recorded[name] = recorded.get(name, {}) | {key: float(value) for key, value in entry.items()}
    source = dict(potential.source) | {"overrides": recorded}
    return replace(potential, frequency=values["frequency"], linewidth=values["linewidth"], source=source)
