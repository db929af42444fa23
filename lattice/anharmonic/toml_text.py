"""Potentials as TOML text: small enough to be read and edited by hand."""

from __future__ import annotations

import json
import math
import re
import reprlib
import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from lattice.anharmonic.polynomial import padded
from lattice.errors import FormatError
from lattice.structure.crystal import IntArray

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

SCHEMA = 1
_RAMAN_KEYS = ("raman", "raman_imaginary")
_MODE_KEYS = {"label", "multiplet", "frequency", "linewidth", "eigenvector", "pair", "irrep", "number", *_RAMAN_KEYS}
_TERM_KEYS = {"modes", "field", "coefficient", "channel"}
_MEASURED_KEYS = {"frequency", "linewidth", "citation"}
_TOP_KEYS = {"schema", "axis", "mode", "term", "crystal", "range", "measured", "source"}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def parse(text: str, where: str) -> dict[str, Any]:
    """Return the fields of a `Potential` (as keyword arguments) and ``measured``, from TOML text.

    Parameters
    ----------
    text : str
    where : str
        File name for messages.

    Raises
    ------
    FormatError
        If the text is not TOML, a key is unknown or missing, or a value has the wrong kind.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        raise FormatError(f"{where} is not valid TOML", found=error, fix="correct the line that is named") from None
    _check_keys(data, _TOP_KEYS, where, required={"schema", "axis", "mode", "term"})
    if data["schema"] != SCHEMA:
        raise FormatError(
            f"{where} has a schema that this version does not read", found=data["schema"], fix=f"use schema = {SCHEMA}"
        )
    modes = _tables(data["mode"], f"[[mode]] of {where}", _MODE_KEYS, {"label", "multiplet", "frequency", "linewidth"})
    terms = _tables(data["term"], f"[[term]] of {where}", _TERM_KEYS, {"modes", "coefficient", "channel"})
    mode_index, field_axis = _factors(terms, "modes", len(modes), where), _factors(terms, "field", 3, where)
    _check_once(mode_index, field_axis, where)
    return {
        "axis": _numbers(data["axis"], f"axis of {where}"),
        "labels": [_string(m["label"], f"label of {where}") for m in modes],
        "multiplet": [_string(m["multiplet"], f"multiplet of {where}") for m in modes],
        "frequency": [_number(m["frequency"], f"frequency of {where}") for m in modes],
        "linewidth": [_number(m["linewidth"], f"linewidth of {where}") for m in modes],
        "irreps": [_string(m.get("irrep", ""), f"irrep of {where}") for m in modes],
        "mode_numbers": [_integer(m.get("number", i), f"number of {where}") for i, m in enumerate(modes)],
        "eigenvectors": _eigenvectors(modes, where),
        "pair": _pairs(modes, where),
        "raman": _raman(modes, where),
        "coefficient": [_number(t["coefficient"], f"coefficient of {where}") for t in terms],
        "mode_index": mode_index,
        "field_axis": field_axis,
        "channel": [_string(t["channel"], f"channel of {where}") for t in terms],
        "crystal": _table(data, "crystal", where),
        "range": _table(data, "range", where),
        "measured": _measured(_table(data, "measured", where), where),
        "source": _table(data, "source", where),
    }


def _table(data: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise FormatError(f"[{key}] of {where} must be a table", found=value, fix=f"write [{key}] and keys below it")
    return value


def _measured(table: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Check the measured values: frequency and linewidth in THz and a citation, by multiplet."""
    checked = {}
    for name, entry in table.items():
        what = f'[measured."{name}"] of {where}'
        if not isinstance(entry, dict):
            raise FormatError(
                f"{what} must be a table", found=entry, fix="write frequency, linewidth, citation below it"
            )
        _check_keys(entry, _MEASURED_KEYS, what, required=set())
        checked[name] = {
            key: _string(value, f"{key} of {what}") if key == "citation" else _number(value, f"{key} of {what}")
            for key, value in entry.items()
        }
    return checked


def _check_once(mode_index: IntArray, field_axis: IntArray, where: str) -> None:
    """Each unordered monomial may be written once."""
    seen: dict[tuple[int, ...], int] = {}
    for i, row in enumerate(np.hstack([mode_index, field_axis]).tolist()):
        first = seen.setdefault(tuple(row), i)
        if first != i:
            raise FormatError(
                f"{where} writes a term twice",
                found=f"[[term]] {first} and {i} have the same modes and field",
                fix="write each product of coordinates and field components once, with the whole coefficient",
            )


def _tables(value: object, what: str, known: set[str], required: set[str]) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise FormatError(
            f"{what} must be a list of tables", found=type(value).__name__, fix="write it as [[…]] tables"
        )
    for i, entry in enumerate(value):
        _check_keys(entry, known, f"{what}, entry {i}", required)
    return value


def _check_keys(table: Mapping[str, Any], known: set[str], what: str, required: set[str]) -> None:
    from difflib import get_close_matches

    for key in table.keys() - known:
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise FormatError(f"{what} has an unknown key", found=key, fix=f"{hint}known keys: {', '.join(sorted(known))}")
    missing = sorted(required - table.keys())
    if missing:
        raise FormatError(f"{what} lacks a key", found=f"no {missing[0]!r}", fix=f"add {', '.join(missing)}")


def _number(value: object, what: str) -> float:
    try:
        good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer beyond the largest double
        good = False
    if not good:
        raise FormatError(
            f"The {what} must be a finite number", found=reprlib.repr(value), fix="write a number such as 2.05"
        )
    return float(cast(float, value))


def _integer(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(f"The {what} must be a whole number", found=repr(value), fix="write a whole number such as 3")
    return value


def _string(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise FormatError(f"The {what} must be text in quotes", found=repr(value), fix='write text such as "Eu(1)"')
    return value


def _numbers(value: object, what: str) -> list[float]:
    if not isinstance(value, list):
        raise FormatError(f"The {what} must be a list of numbers", found=repr(value), fix="write [0.0, 0.0, 1.0]")
    return [_number(x, what) for x in value]


def _factors(terms: Sequence[Mapping[str, Any]], key: str, upper: int, where: str) -> IntArray:
    """Return the factor indices of all terms, ascending, padded with −1; each must lie in 0 … upper − 1."""
    rows = []
    for i, term in enumerate(terms):
        value = term.get(key, [])
        what = f"{key} of [[term]] {i} of {where}"
        if not isinstance(value, list):
            raise FormatError(f"The {what} must be a list", found=repr(value), fix="write a list such as [0, 0, 8]")
        row = sorted(_integer(x, what) for x in value)
        if row and not 0 <= row[0] <= row[-1] < upper:
            raise FormatError(f"The {what} is out of range", found=row, fix=f"count from 0 to {upper - 1}")
        rows.append(row)
    return padded(rows)


def _eigenvectors(modes: Sequence[Mapping[str, Any]], where: str) -> list[list[list[float]]] | None:
    given = [mode.get("eigenvector") for mode in modes]
    if all(e is None for e in given):
        return None
    rows = []
    for i, value in enumerate(given):
        what = f"eigenvector of [[mode]] {i} of {where}"
        if not isinstance(value, list):
            raise FormatError(
                f"The {what} is missing or no list",
                found=repr(value)[:60],
                fix="give eigenvectors for all modes or for none",
            )
        vector = [_numbers(atom, what) for atom in value]
        if len(vector) != len(given[0] or []) or any(len(atom) != 3 for atom in vector):
            raise FormatError(
                f"The {what} has the wrong shape", found=np.shape(value), fix="give three numbers for each atom"
            )
        rows.append(vector)
    return rows


def _raman(modes: Sequence[Mapping[str, Any]], where: str) -> NDArray[np.complex128] | None:
    """Return the Raman tensors of all coordinates, 0 where none is written; None if there is none at all."""
    if not any(key in mode for mode in modes for key in _RAMAN_KEYS):
        return None
    total = np.zeros((len(modes), 3, 3), dtype=np.complex128)
    for i, mode in enumerate(modes):
        for key, factor in zip(_RAMAN_KEYS, (1.0, 1.0j), strict=True):
            if key not in mode:
                continue
            what = f"{key} of [[mode]] {i} of {where}"
            rows = mode[key] if isinstance(mode[key], list) else []
            tensor = [_numbers(row, what) for row in rows]
            if [len(row) for row in tensor] != [3, 3, 3]:
                raise FormatError(
                    f"The {what} has the wrong shape",
                    found=repr(mode[key])[:60],
                    fix="give three rows of three numbers",
                )
            total[i] += factor * np.array(tensor)
    return total


def _pairs(modes: Sequence[Mapping[str, Any]], where: str) -> list[int]:
    """Return the partner of each coordinate, −1 for none; each `pair` must be named by both of its members."""
    pairs = [-1] * len(modes)
    for i, mode in enumerate(modes):
        if "pair" not in mode:
            continue
        value = mode["pair"]
        what = f"pair of [[mode]] {i} of {where}"
        members = [_integer(x, what) for x in value] if isinstance(value, list) else []
        if (
            len(members) != 2
            or i not in members
            or members[0] == members[1]
            or not all(0 <= x < len(modes) for x in members)
        ):
            raise FormatError(
                f"The {what} is wrong", found=value, fix=f"name this mode and its partner, e.g. [{i}, {i + 1}]"
            )
        if modes[members[0]].get("pair") != value or modes[members[1]].get("pair") != value:
            raise FormatError(
                f"The {what} is not that of its partner", found=value, fix="write the same pair in both modes"
            )
        pairs[i] = members[0] if members[1] == i else members[1]
    return pairs


def text_of(potential: Potential, crystal: Mapping[str, Any], ranges: Mapping[str, Any]) -> str:
    """Return the TOML text of a potential; reading it back gives the same numbers bit for bit."""
    lines = [f"schema = {SCHEMA}", f"axis = {_value(potential.axis.tolist())}"]
    for i in range(potential.n_modes):
        lines += ["", "[[mode]]", f"label = {_value(str(potential.labels[i]))}"]
        lines += [f"multiplet = {_value(str(potential.multiplet[i]))}"]
        if potential.irreps is not None and potential.irreps[i]:
            lines += [f"irrep = {_value(str(potential.irreps[i]))}"]
        if potential.mode_numbers is not None:
            lines += [f"number = {int(potential.mode_numbers[i])}"]
        lines += [f"frequency = {_value(float(potential.frequency[i]))}"]
        lines += [f"linewidth = {_value(float(potential.linewidth[i]))}"]
        if potential.pair[i] >= 0:
            lines += [f"pair = {sorted((i, int(potential.pair[i])))}"]
        lines += _raman_lines(potential, i)
        if potential.eigenvectors is not None:
            lines += ["eigenvector = [", *(f"    {_value(row)}," for row in potential.eigenvectors[i].tolist()), "]"]
    for c, modes, fields, channel in zip(
        potential.coefficient.tolist(),
        potential.mode_index.tolist(),
        potential.field_axis.tolist(),
        potential.channel,
        strict=True,
    ):
        lines += ["", "[[term]]", f"modes = {[s for s in modes if s >= 0]}", f"field = {[a for a in fields if a >= 0]}"]
        lines += [f"coefficient = {_value(c)}", f"channel = {_value(str(channel))}"]
    for name, table in (("crystal", crystal), ("range", ranges), ("source", potential.source)):
        if table:
            lines += ["", f"[{name}]", *_table_lines(table)]
    return "\n".join(lines) + "\n"


def _raman_lines(potential: Potential, i: int) -> list[str]:
    """Raman tensor of one coordinate; what is zero is left out."""
    if potential.raman is None:
        return []
    parts = zip(_RAMAN_KEYS, (potential.raman[i].real, potential.raman[i].imag), strict=True)
    return [f"{key} = {_value(tensor.tolist())}" for key, tensor in parts if tensor.any() or (key == "raman" and not i)]


def _table_lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: object) -> str:
    """Return a TOML value; floats keep every bit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(x) for x in value) + "]"
    raise TypeError(f"no TOML form for {type(value).__name__}")
