"""Comparison of a stored number with the same number found by another road."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Check = dict[str, Any]
ITSELF = "itself"  #: of single numbers


def compare(
    quantity: str, stored: Any, again: Any, bound: float, relative_to: str, scale: float | None = None
) -> Check:
    """Compare two arrays.

    Parameters
    ----------
    quantity : str
        What it is.
    stored, again : array_like
        Of one shape. A number that is not finite, as after a divergence, agrees only with the same.
    bound : float
        Largest relative difference that is allowed.
    relative_to : str
        What the difference is relative to, in words.
    scale : float, optional
        The same as a number; default: the largest |again|.

    Returns
    -------
    dict
        {`quantity`, `difference`, `bound`, `relative_to`, `ok`}.
    """
    a, b = np.asarray(stored, dtype=float), np.asarray(again, dtype=float)
    if a.shape != b.shape:
        return whether(quantity, False)
    size = float(np.nanmax(np.abs(b), initial=0.0)) if scale is None else scale
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.abs(np.where(same, 0.0, a) - np.where(same, 0.0, b))
    largest = float(gap.max(initial=0.0))
    difference = largest / size if size > 0 else (0.0 if largest == 0 else math.inf)
    finite = math.isfinite(difference)
    return {
        "quantity": quantity,
        "difference": difference if finite else None,
        "bound": bound,
        "relative_to": relative_to,
        "ok": finite and difference <= bound,
    }


def compare_number(quantity: str, stored: float | None, again: float | None, bound: float, least: float) -> Check:
    """Compare two plain numbers, relative to the larger or to `least`; None agrees with None only."""
    if stored is None or again is None:
        return whether(quantity, stored is again) | {"relative_to": ITSELF}
    return compare(quantity, stored, again, bound, ITSELF, max(abs(stored), abs(again), least))


def whether(quantity: str, ok: bool) -> Check:
    """Return a check that has no size."""
    return {"quantity": quantity, "difference": None, "bound": None, "relative_to": None, "ok": ok}
