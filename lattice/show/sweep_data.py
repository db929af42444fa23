"""What the page of a sweep shows, as plain numbers and strings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.show.sweep import AXIS_UNITS, OWN, VALUES

if TYPE_CHECKING:
    from xarray import Dataset

BYTES = 2_000_000  #: of numbers in a page; base64 makes 4/3 of it
WORDS = {
    "L_peak": ("peak L", "ħ per cell"),
    "L_mean": ("mean L", "ħ per cell"),
    "L_final": ("final L", "ħ per cell"),
    "energy_mean": ("mean energy", "eV per cell"),
    "helicity": ("helicity", ""),
    "Q_peak": ("peak |Q|", "Å√amu"),
    "ledger": ("L received", "ħ per cell"),
    "crystal": ("L of the crystal", "ħ per cell"),
    "step_error": ("step error", ""),
    "closure": ("closure of the ledger", ""),
}
#: What is kept first where not all fits.
_ORDER = (
    "L_peak",
    "helicity",
    "step_error",
    "closure",
    "Q_peak",
    "L_final",
    "energy_mean",
    "L_mean",
    "crystal",
    "ledger",
)
STATUS = {
    0: "good",
    1: "diverged",
    2: "step error above rtol",
    3: "refused",
    4: "lost with its process",
    -1: "not finished",
}


def sweep_data(sweep: Dataset) -> dict[str, Any]:
    """Return the data of a page about a sweep.

    Parameters
    ----------
    sweep : xarray.Dataset
        From `lattice.open_sweep`, or a collected file.

    Returns
    -------
    dict
        `title`, `subtitle`, `warnings`, `facts`; `axes`: list of {`name`, `unit`, `values`}, in the order of the
        arrays; `entries`: names of multiplets, modes and channels; `values`: list of {`key`, `name`, `unit`, `own`:
        its further dimensions in order, `data`: base64 of little-endian float32, axes first}; `status`: the same of
        int8, and `states`, its words.

    Raises
    ------
    InputError
        If it is no sweep, has no axis, or too many points for a page.
    """
    if getattr(sweep, "attrs", {}).get("kind") != "lattice sweep":
        raise InputError("This is not a sweep", found=type(sweep).__name__, fix="give that of lattice.open_sweep")
    axes = [str(d) for d in sweep["status"].dims if sweep.sizes[d] > 1]
    if not axes:
        raise InputError("The sweep has one point", found="no axis", fix="show the run itself: lattice page run.nc")
    points = int(np.prod([sweep.sizes[d] for d in axes]))
    values, left_out = _values(sweep, axes)
    if not values:
        raise InputError(
            "The sweep has too many points for a page",
            found=f"{points} points",
            fix="draw maps with lattice plot, or give a part: sweep.isel(...)",
        )
    status = sweep["status"].squeeze(drop=True).transpose(*axes).values
    counts = {word: int((status == code).sum()) for code, word in STATUS.items()}
    warnings = [f"{n} of {points} points: {word}" for word, n in counts.items() if n and word != "good"]
    if left_out:
        warnings.append(f"left out, so that the page stays small: {', '.join(WORDS[name][0] for name in left_out)}")
    run = json.loads(sweep.attrs["plan"])["run"]
    return {
        "title": str(run.get("source", "Sweep")),
        "subtitle": f"sweep of {points} points",
        "warnings": warnings,
        "facts": _facts(run, axes),
        "axes": [
            {"name": name, "unit": AXIS_UNITS.get(name.rpartition(".")[2], ""), "values": _axis(sweep, name)}
            for name in axes
        ],
        "entries": {name: [str(x) for x in sweep[name].values] for name in OWN if name in sweep.dims},
        "values": values,
        "status": _packed(status, "<i1"),
        "states": {str(code): word for code, word in STATUS.items()},
    }


def _values(sweep: Dataset, axes: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Arrays that fit, in the order of `VALUES`, and the names of those that do not."""
    room, kept, left_out = BYTES, {}, []
    for name in _ORDER:
        if name not in sweep:
            continue
        if 4 * sweep[name].size > room:
            left_out.append(name)
            continue
        room -= 4 * sweep[name].size
        own = [str(d) for d in sweep[name].dims if d in OWN]
        array = sweep[name].squeeze([d for d in sweep[name].dims if d not in axes and d not in OWN], drop=True)
        label, unit = WORDS[name]
        packed = _packed(array.transpose(*axes, *own).values, "<f4")
        kept[name] = {"key": name, "name": label, "unit": unit, "own": own, "data": packed}
    return [kept[name] for name in VALUES if name in kept], left_out


def _axis(sweep: Dataset, name: str) -> list[Any]:
    """Values of one axis: numbers, or words; repeats are counted from 0."""
    if name not in sweep.coords:
        return list(range(sweep.sizes[name]))
    values = sweep[name].values
    return list(values.tolist()) if values.dtype.kind in "fiu" else [str(x) for x in values]


def _facts(run: dict[str, Any], axes: list[str]) -> list[list[str]]:
    """What all points share."""
    shared = (("duration", "ps"), ("temperature", "K"))
    facts = [[key, f"{run[key]:g} {unit}"] for key, unit in shared if key in run and key not in axes]
    for i, pulse in enumerate(run.get("pulse", [])):
        words = [
            f"{key} {value} {AXIS_UNITS.get(key, '')}".rstrip()
            for key, value in pulse.items()
            if f"pulse.{i}.{key}" not in axes
        ]
        facts.append([f"light {i}", ", ".join(words)])
    return facts


def _packed(values: Any, dtype: str) -> str:
    """Base64 of little-endian numbers."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")
