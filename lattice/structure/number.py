"""Numbers as users give them: real and finite, never a text or a truth value that happens to convert."""

from __future__ import annotations

import math
import numbers
import reprlib

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray


def checked_number(value: object, name: str, fix: str) -> float:
    """Return a finite real number as a float.

    Parameters
    ----------
    value : object
        Python or NumPy number, or an array without dimensions. A truth value, a text or a complex number is none.
    name : str
        What it is, as the subject of the message.
    fix : str
        What to give instead.

    Raises
    ------
    InputError
        If it is anything else, NaN or infinite.
    """
    # An array of no dimension, of NumPy or xarray, holds one number.
    given = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    number = math.nan
    if not isinstance(given, bool) and isinstance(given, numbers.Real):
        try:
            number = float(given)
        except OverflowError:  # an int beyond the largest double
            number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number", found=reprlib.repr(value), fix=fix)
    return number


def checked_linewidth(value: object) -> float:
    """Return a linewidth in *THz*, 0 or larger; errors as in `checked_number`."""
    fix = "give a number of THz, 0 or larger"
    width = checked_number(value, "A linewidth", fix)
    if width < 0:
        raise InputError("This is no linewidth", found=reprlib.repr(value), fix=fix)
    return width


def checked_whole(value: object, name: str, fix: str) -> int:
    """Return a whole number as an int; 2.0 is one; parameters as in `checked_number`.

    Raises
    ------
    InputError
        If it is not a finite real number, or has a fraction.
    """
    number = checked_number(value, name, fix)
    if not number.is_integer():
        raise InputError(f"{name} must be a whole number", found=reprlib.repr(value), fix=fix)
    return int(value) if isinstance(value, numbers.Integral) else int(number)


def checked_array(value: object, name: str, fix: str) -> FloatArray:
    """Return finite real numbers as a float64 array of the shape given; parameters as in `checked_number`.

    Raises
    ------
    InputError
        If they are ragged, not real numbers, NaN or infinite.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        array = np.asarray(None)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InputError(f"{name} must be finite numbers", found=reprlib.repr(value), fix=fix)
    return array.astype(np.float64)
