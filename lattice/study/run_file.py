"""The run file (TOML): read, changed by dotted keys, checked.

A source by itself (a bundled name, a potential file) is the run file that holds nothing but this source.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lattice.errors import FormatError, InputError
from lattice.structure.bundled import bundled_names
from lattice.study.schema import RUN_KEYS, check_table

MAXIMUM_BYTES = 10_000_000  #: a run file is written by hand; anything longer is something else


def read_run_document(source: str | Path) -> dict[str, Any]:
    """Read a run file, or make the document of the default run of a source.

    Parameters
    ----------
    source : str or Path
        A run file (TOML with the key `source`), a bundled name, or a potential file.

    Returns
    -------
    dict
        The unchecked document; paths in it are relative to the folder of the file no more.

    Raises
    ------
    InputError
        The file does not exist.
    FormatError
        Not TOML.
    """
    path = Path(source)
    if str(source) in bundled_names() or path.suffix.lower() != ".toml":
        return {"source": str(source)}
    document = read_toml(path)
    if "mode" in document:  # a potential written as TOML: [[mode]] is its one mandatory table
        return {"source": str(source)}
    return with_paths(document, lambda name: name if name in bundled_names() else str(path.parent / name))


def with_paths(document: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return a copy of a run document in which every path or bundled name went through `change`."""
    changed = copy.deepcopy(dict(document))
    pulses = changed.get("pulse")
    pulses = [pulse for pulse in pulses if isinstance(pulse, dict)] if isinstance(pulses, list) else []
    for place, key in ((changed, "source"), (changed, "potential"), *((pulse, "file") for pulse in pulses)):
        if isinstance(place.get(key), str):
            place[key] = change(place[key])
    return changed


def change_document(document: Mapping[str, Any], assignments: Sequence[str], *, pulse: str = "") -> dict[str, Any]:
    """Return a copy of a run document with some of its keys set.

    Parameters
    ----------
    document : mapping
        As returned by `read_run_document`.
    assignments : sequence of str
        ``key=value`` with a dotted key (``pulse.0.amplitude``, ``overrides.Eu(1).frequency``) and a TOML value; a value
        that is not TOML is a string, so that ``frequencies=computed`` needs no quotes.
    pulse : str
        ``key=value,…``, keys of pulse 0.

    Raises
    ------
    InputError
        No ``=``, or a key that leads through something that is not a table.
    """
    changed = copy.deepcopy(dict(document))
    # The commas of a list, as in axis=[0,0,1], do not separate assignments.
    parts = re.split(r",(?![^\[]*\])", pulse) if pulse else []
    for assignment in (*(f"pulse.0.{part.strip()}" for part in parts), *assignments):
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError(
                "A setting needs the form key=value", found=assignment, fix="write for example duration=10"
            )
        set_key(changed, key.strip(), toml_value(value.strip()))
    return changed


def set_key(document: dict[str, Any], dotted: str, value: object) -> None:
    """Set one key of a run document in place; tables on the way are made, and so is the pulse after the last.

    Raises
    ------
    InputError
        The key leads through a value, or counts pulses that are not there.
    """
    *way, last = dotted.split(".")
    place: Any = document
    for i, step in enumerate(way):
        following = way[i + 1] if i + 1 < len(way) else last
        if isinstance(place, dict):
            place = place.setdefault(step, [] if following.isdecimal() and step == "pulse" else {})
        else:
            place = _entry(place, step, dotted)
    if not isinstance(place, dict):
        raise InputError(
            "A key leads nowhere",
            found=dotted,
            fix="keys are as in the run file, pulses are counted: pulse.0.amplitude",
        )
    place[last] = value


def check_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Check keys and types of a whole run document.

    Raises
    ------
    InputError
        An unknown key, a wrong type, or no source.
    """
    if "axes" in document:
        raise InputError(
            "This is the plan of a sweep, not a run", found="axes", fix="use lattice sweep, or take axes out"
        )
    checked = check_table(document, "", RUN_KEYS)
    if "source" not in checked:
        raise InputError("A run file needs a source", found=f"keys {list(checked)}", fix='write source = "Bi2Se3"')
    return checked


def toml_value(text: str) -> object:
    """Read one TOML value; what is not TOML is a string."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if list(parsed) == ["value"] else text


def _entry(place: object, step: str, dotted: str) -> object:
    """Entry of a list of tables; one past the end is a new table."""
    if isinstance(place, list) and step.isdecimal() and int(step) <= len(place):
        if int(step) == len(place):
            place.append({})
        return place[int(step)]
    raise InputError(
        "A key leads nowhere", found=dotted, fix="keys are as in the run file, pulses are counted: pulse.0.amplitude"
    )


def read_toml(path: Path, *, what: str = "run file", instead: str = ", or give a bundled name") -> dict[str, Any]:
    """Read a TOML file; `what` it is, and what could be given `instead`, for the messages.

    Raises
    ------
    InputError
        There is no such file.
    FormatError
        It is too long, or not TOML.
    """
    if not path.is_file():
        raise InputError(f"The {what} does not exist", found=str(path), fix=f"check the path{instead}")
    if path.stat().st_size > MAXIMUM_BYTES:
        raise FormatError(f"The {what} is too long", found=f"{path.stat().st_size} bytes", fix=f"give a {what}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or an integer of thousands of digits
        raise FormatError(f"{path} is not TOML", found=error, fix="correct the line that is named") from error
