"""Kinds of arguments: one sentence where another kind is given, in place of an error from further inside.

`takes` names the kinds that a public function takes; ranges and shapes are checked by the function itself.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import os
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import Crystal

Check = Callable[[object, str], object]  #: raises an InputError for an argument and its name
_REAL = "iufb"  #: integers, floats and truth values, whose range is checked later
P = ParamSpec("P")
R = TypeVar("R")


def takes(**checks: Check) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the kinds of some arguments of a function before it is called; they are passed on as they are."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = tuple(inspect.signature(function).parameters)

        @functools.wraps(function)
        def checked(*args: P.args, **keys: P.kwargs) -> R:
            # More arguments than names are the function's own error, which says so.
            given: tuple[tuple[str, object], ...] = (*zip(names, args, strict=False), *keys.items())
            for name, value in given:
                if name in checks:
                    checks[name](value, name)
            return function(*args, **keys)

        return checked

    return decorate


def _refuse(name: str, what: str, value: object, fix: str) -> None:
    raise InputError(f"The argument {name} is not {what}", found=reprlib.repr(value), fix=fix)


def kind(wanted: type[Any] | tuple[type[Any], ...], what: str, fix: str) -> Check:
    """Return the check for instances of a class: `what` it is, with its article, and how to come by one."""

    def check(value: object, name: str) -> None:
        if not isinstance(value, wanted):
            _refuse(name, what, value, fix)

    return check


def optional(check: Check) -> Check:
    """Return the check that lets None pass."""
    return lambda value, name: None if value is None else check(value, name)


def path(value: object, name: str) -> None:
    """Check that an argument names a file or folder: text or a path, not open files, bytes or numbers."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        _refuse(name, "a path", value, "give the name of a file or folder as text or pathlib.Path")


def words(value: object, name: str) -> None:
    """Check that an argument is several texts; one text alone would be read letter by letter."""
    fits = isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
    if not fits or not all(isinstance(word, str) for word in value):  # type: ignore[attr-defined]
        _refuse(name, "a sequence of texts", value, 'give a list of texts such as ["Eu(1)", "Eg(2)"]')


def several(value: object, name: str) -> None:
    """Check that an argument holds several things."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        _refuse(name, "a sequence", value, "give a list")


def one_or_several(check: Check) -> Check:
    """Return the check for one thing of a kind or a sequence of them."""

    def check_all(value: object, name: str) -> None:
        if isinstance(value, Sequence) and not isinstance(value, str):
            for item in value:
                check(item, name)
        else:
            check(value, name)

    return check_all


def number(value: object, name: str) -> None:
    """Check that an argument is one real number that a double can hold; whether NaN will do is checked later."""
    if np.ndim(value) or _kind_of(value) not in _REAL:  # type: ignore[arg-type]
        _refuse(name, "a number", value, "give one number")


def array(value: object, name: str) -> None:
    """Check that an argument is one or several real numbers."""
    if _kind_of(value) not in _REAL:
        _refuse(name, "an array of numbers", value, "give numbers, in rows of equal length")


def _kind_of(value: object) -> str:
    """Return NumPy's letter of a kind of numbers, O for what is none; no int beyond the largest double."""
    try:
        return np.asarray(value).dtype.kind
    except ValueError:  # ragged
        return "O"


def vector(value: object, name: str) -> None:
    """Check that an argument is three finite real numbers."""
    if _kind_of(value) not in _REAL or np.shape(value) != (3,) or not np.isfinite(value).all():  # type: ignore[call-overload]
        _refuse(name, "a vector", value, "give three numbers such as (0, 0, 1)")


def whole(value: object, name: str) -> None:
    """Check that an argument is a whole number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        _refuse(name, "a whole number", value, "give a whole number such as 3")


def dataset(value: object, name: str) -> None:
    """Check that an argument is a labelled dataset, without loading xarray for what is none."""
    if not all(hasattr(value, attribute) for attribute in ("data_vars", "attrs", "sizes")):
        _refuse(name, "a Dataset", value, "give what lattice returned, or open the file with xarray.open_dataset")


text = kind(str, "a text", "give a text, in quotation marks")
flag = kind((bool, np.bool_), "True or False", "give True or False")
mapping = kind(Mapping, "a mapping", "give a dict")
function = kind(Callable, "a function", "give something that can be called")  # type: ignore[arg-type]
document = kind((str, os.PathLike, Mapping), "a run", "give the path of a run file, a bundled name, or a table")
crystal = kind(Crystal, "a Crystal", 'load one: lattice.load("Bi2Se3")')
