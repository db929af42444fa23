"""Schema of run files and plans: which keys exist, and of what type their values are.

Only keys and types are checked here. Whether a value makes sense physically is checked where it is used.
"""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from lattice.anharmonic.calculators import SHORT_NAMES
from lattice.errors import InputError

Checker = Callable[[object, str], Any]


def check_table(table: object, where: str, keys: Mapping[str, Checker]) -> dict[str, Any]:
    """Return a table whose keys are all known and whose values all have their type.

    Parameters
    ----------
    table : object
        What stands in the file.
    where : str
        Dotted path of the table, empty for the whole file; for the message.
    keys : mapping
        Known key → checker of its value.

    Raises
    ------
    InputError
        Not a table, an unknown key (the nearest known one is named), or a value of the wrong type.
    """
    if not isinstance(table, Mapping):
        raise InputError(
            f"{where or 'The file'} must be a table", found=repr(table), fix=f"give keys: {', '.join(keys)}"
        )
    prefix = f"{where}." if where else ""
    for key in table:
        if key not in keys:
            raise InputError(f"Unknown key {prefix}{key}", found=key, fix=nearest(str(key), keys))
    return {key: keys[key](value, f"{prefix}{key}") for key, value in table.items()}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the advice that names the nearest known word, or all of them."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"use one of: {', '.join(words)}"


def number(value: object, where: str) -> float:
    """Check a finite number."""
    try:
        good = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:  # an integer beyond the largest double
        good = False
    if not good:
        raise InputError(f"{where} must be a number", found=reprlib.repr(value), fix=f"write for example {where} = 1.0")
    return float(cast(float, value))


def whole(value: object, where: str) -> int:
    """Check an integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{where} must be an integer", found=repr(value), fix=f"write for example {where} = 1")
    return value


def text(value: object, where: str) -> str:
    """Check a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{where} must be a string", found=repr(value), fix=f'write {where} = "…"')
    return value


def choice(*words: str) -> Checker:
    """Return a checker for one of several words."""

    def check(value: object, where: str) -> str:
        if value not in words:
            raise InputError(f"{where} has an unknown value", found=repr(value), fix=nearest(str(value), words))
        return str(value)

    return check


def boolean(value: object, where: str) -> bool:
    """Check true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{where} must be true or false", found=repr(value), fix=f"write {where} = true")
    return value


def anything(value: object, _where: str) -> object:
    """Pass what another reader checks."""
    return value


def vector(value: object, where: str) -> tuple[float, float, float]:
    """Check three finite numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise InputError(f"{where} must be three numbers", found=repr(value), fix=f"write {where} = [0.0, 0.0, 1.0]")
    x, y, z = (number(entry, f"{where}[{i}]") for i, entry in enumerate(value))
    return x, y, z


def cells(value: object, where: str) -> tuple[int, int, int]:
    """Check three whole numbers ≥ 1."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise InputError(f"{where} must be three whole numbers", found=repr(value), fix=f"write {where} = [1, 1, 1]")
    a, b, c = (whole(entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if min(a, b, c) < 1:
        raise InputError(f"{where} must be three whole numbers ≥ 1", found=repr(value), fix=f"{where} = [1, 1, 1]")
    return a, b, c


def short_calculator(value: object, where: str) -> str:
    """Check a short name of a calculator: a file that is opened must not name code to be run."""
    if isinstance(value, str) and value in SHORT_NAMES:
        return value
    raise InputError(
        f"{where} in a run file can only be a short name",
        found=repr(value),
        fix=f"use {', '.join(SHORT_NAMES)}; module:factory is given on the command line only: --calculator",
    )


def words(value: object, where: str) -> tuple[str, ...]:
    """Check a list of strings."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(entry, str) for entry in value):
        raise InputError(f"{where} must be a list of strings", found=repr(value), fix=f'write {where} = ["Q", "L"]')
    return tuple(value)


def table(keys: Mapping[str, Checker]) -> Checker:
    """Return a checker for a table with known keys."""
    return lambda value, where: check_table(value, where, keys)


def tables(keys: Mapping[str, Checker]) -> Checker:
    """Return a checker for a list of tables with known keys."""

    def check(value: object, where: str) -> tuple[dict[str, Any], ...]:
        if not isinstance(value, list):
            raise InputError(f"{where} must be a list of tables", found=repr(value), fix=f"head each with [[{where}]]")
        return tuple(check_table(entry, f"{where}.{i}", keys) for i, entry in enumerate(value))

    return check


def named_tables(keys: Mapping[str, Checker]) -> Checker:
    """Return a checker for tables under free names, such as the multiplets of `overrides`."""

    def check(value: object, where: str) -> dict[str, dict[str, Any]]:
        if not isinstance(value, Mapping):
            raise InputError(f"{where} must hold tables", found=repr(value), fix=f'head each with [{where}."Eu(1)"]')
        return {str(name): check_table(entry, f"{where}.{name}", keys) for name, entry in value.items()}

    return check


PULSE_KEYS: dict[str, Checker] = {
    "amplitude": number,
    "frequency": number,
    "duration": number,
    "helicity": number,
    "angle": number,
    "phase": number,
    "center": number,
    "axis": vector,
    "shape": text,
    "transmission": number,
    "chirp": number,
    "rotation": number,
    "edge": number,
    "file": text,
}
RECORD_KEYS: dict[str, Checker] = {"every": number, "start": number, "quantities": words}
NUMERICS_KEYS: dict[str, Checker] = {
    "rtol": number,
    "threads": whole,
    "method": choice("auto", "collocation", "splitting"),
}
OVERRIDE_KEYS: dict[str, Checker] = {"frequency": number, "linewidth": number}
RUN_KEYS: dict[str, Checker] = {
    "source": text,
    "potential": text,
    "frequencies": choice("measured", "computed"),
    "calculator": short_calculator,
    "supercell": cells,
    "duration": number,
    "temperature": number,
    "seed": whole,
    "pulse": tables(PULSE_KEYS),
    "record": table(RECORD_KEYS),
    "numerics": table(NUMERICS_KEYS),
    "overrides": named_tables(OVERRIDE_KEYS),
}
SLURM_KEYS: dict[str, Checker] = {
    "partition": text,
    "account": text,
    "walltime": text,
    "cores": whole,
    "memory": text,
    "nodes": whole,
    "prologue": words,
    "interface": text,
    "directives": words,
}
PLAN_KEYS: dict[str, Checker] = RUN_KEYS | {
    "record": table(RECORD_KEYS | {"keep": boolean, "ledger": boolean, "energy_ledger": boolean}),
    "repeats": whole,
    "block": whole,
    "axes": anything,
    "slurm": table(SLURM_KEYS),
}
