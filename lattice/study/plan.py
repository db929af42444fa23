"""The plan of a sweep: a run file with axes, checked, and the grid of points that it describes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lattice.errors import FormatError, InputError
from lattice.structure.crystal import IntArray
from lattice.study.axis import Axis, Values, read_axes, same_values, typed
from lattice.study.run_file import check_document, read_toml, set_key, with_paths
from lattice.study.schema import PLAN_KEYS, check_table

EVERY = 0.02  #: ps between looks at a trajectory that is not kept; steps of the integrator land on them
MOST_POINTS = 10_000_000_000  #: of one sweep
REPEAT = "repeat"  #: dimension of the repeats
OF_THE_SWEEP = ("axes", "repeats", "block", "slurm")  #: keys of a plan that a run file does not have
OF_THE_RECORD = ("keep", "ledger", "energy_ledger")  #: keys of its table `record` that a run file does not have


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked plan.

    Attributes
    ----------
    document : dict
        The run file that all points share, as written; paths are relative to `folder`.
    axes : tuple of Axis
        Dimensions of the grid, the slowest first; the repeats are a last dimension of their own.
    repeats : int
        Points with the same settings; they differ in the seed.
    block : int or None
        Points of one task; None: measured.
    keep : bool
        Whether the recorded trajectories are kept, and not only what is reduced from them.
    ledger : bool
        Whether the ledger of each point is kept.
    energy_ledger : bool
        Whether the energy ledger of each point is kept.
    slurm : dict
        Table `slurm`.
    folder : Path
        Where relative paths begin.
    """

    document: Mapping[str, Any]
    axes: tuple[Axis, ...] = ()
    repeats: int = 1
    block: int | None = None
    keep: bool = False
    ledger: bool = True
    energy_ledger: bool = False
    slurm: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return (*(axis.name for axis in self.axes), REPEAT)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each dimension."""
        return (*(len(axis) for axis in self.axes), self.repeats)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def keys(self) -> tuple[str, ...]:
        """Dotted keys that vary."""
        return tuple(key for axis in self.axes for key in axis.keys)

    def settings(self, index: tuple[int, ...]) -> dict[str, Any]:
        """Varying keys and their values at one point; plain Python."""
        return {
            key: plain(values[i])
            for axis, i in zip(self.axes, index, strict=False)
            for key, values in zip(axis.keys, axis.values, strict=True)
        }

    def run_document(self, index: tuple[int, ...]) -> dict[str, Any]:
        """Run file of one point; its seed is that of the plan, not yet that of the point."""
        document = copy.deepcopy(dict(self.document))
        for key, value in self.settings(index).items():
            set_key(document, key, value)
        return document


def read_plan(plan: str | Path | Mapping[str, Any]) -> Plan:
    """Read a plan and check all of it.

    Parameters
    ----------
    plan : path or mapping
        A TOML file, or what such a file holds; then paths are relative to the current folder.

    Raises
    ------
    InputError
        No such file, an unknown key (the nearest is named), a value of the wrong type, an axis that leads nowhere, or
        too many points.
    FormatError
        Not TOML.
    """
    if isinstance(plan, Mapping):
        return plan_from_table(plan, Path())
    if not isinstance(plan, str | Path):
        raise InputError("A plan is a TOML file or a table", found=repr(plan), fix="give a path or a dict")
    path = Path(plan)
    if path.is_file() and path.suffix.lower() != ".toml":
        raise FormatError("A plan is a TOML file", found=path.name, fix="end its name in .toml")
    return plan_from_table(read_toml(path, what="plan", instead=""), path.parent)


def plan_from_table(table: Mapping[str, Any], folder: Path) -> Plan:
    """Check the table of a plan whose paths are relative to `folder`."""
    checked = check_table(table, "", PLAN_KEYS)
    document = copy.deepcopy({key: table[key] for key in table if key not in OF_THE_SWEEP})
    record = checked.get("record", {})
    keep = bool(record.get("keep", False))
    if record:
        document["record"] = {key: value for key, value in document["record"].items() if key not in OF_THE_RECORD}
    if not keep:
        document["record"] = {"every": EVERY} | document.get("record", {})
    axes = tuple(_checked_axis(document, axis) for axis in read_axes(checked.get("axes", {})))
    plan = Plan(
        document=document,
        axes=axes,
        repeats=_at_least_one(checked, "repeats", 1) or 1,
        block=_at_least_one(checked, "block", None),
        keep=keep,
        ledger=bool(record.get("ledger", True)),
        energy_ledger=bool(record.get("energy_ledger", False)),
        slurm=checked.get("slurm", {}),
        folder=folder,
    )
    check_document(plan.run_document((0,) * len(plan.shape)))
    if plan.n_points > MOST_POINTS:
        lengths = " × ".join(str(n) for n in plan.shape)
        raise InputError("The plan has too many points", found=lengths, fix=f"the limit is {MOST_POINTS:,} points")
    if keep and (spoilt := [key for key in plan.keys if key == "duration" or key.startswith("record.")]):
        raise InputError(
            "Trajectories on different times cannot be kept together",
            found=f"record.keep with an axis over {spoilt[0]}",
            fix="leave record.keep out, or make one sweep for each value",
        )
    return plan


def same_sweep(old: Plan, new: Plan) -> str | None:
    """Return what makes two plans different sweeps, one line, or None. Points may be added at the ends of axes.

    Parameters
    ----------
    old, new : Plan
        The plan of a store, and the one that shall go on with it.
    """
    return next(_differences(old, new), None)


def _differences(old: Plan, new: Plan) -> Iterator[str]:
    """Differences, the plainest first; the axes are compared only where there are the same."""
    before, after = _flat(old.document), _flat(new.document)
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key) and key != "numerics.threads":
            yield f"{key} was {_told(before.get(key))}, is {_told(after.get(key))}"
    for word in OF_THE_RECORD:
        if getattr(old, word) != getattr(new, word):
            yield f"record.{word} was {getattr(old, word)}, is {getattr(new, word)}"
    if [axis.keys for axis in old.axes] != [axis.keys for axis in new.axes]:
        names = [", ".join(" with ".join(axis.keys) for axis in plan.axes) or "none" for plan in (old, new)]
        yield f"the axes were {names[0]}, are {names[1]}"
        return
    for axis, other in zip(old.axes, new.axes, strict=True):
        for key, left, right in zip(axis.keys, axis.values, other.values, strict=True):
            yield from _other_values(key, left, right)
    if new.repeats < old.repeats:
        yield f"repeats was {old.repeats}, is {new.repeats}"


def _other_values(key: str, left: Values, right: Values) -> Iterator[str]:
    """Say where an axis does not begin with the values that it had."""
    n = len(left)
    if len(right) < n:
        yield f"axis {key} had {n} values, has {len(right)}"
    elif not same_values(left, right[:n]):
        first = next(i for i in range(n) if not same_values(left[i : i + 1], right[i : i + 1]))
        yield f"value {first} of axis {key} was {_told(plain(left[first]))}, is {_told(plain(right[first]))}"


def with_files(plan: Plan, change: Callable[[str], str]) -> Plan:
    """Return a plan whose paths and bundled names (source, potential, files of pulses) went through `change`."""
    document = with_paths(plan.document, change)
    axes = []
    for axis in plan.axes:
        values = [
            tuple(change(v) for v in column) if names_file(key) else column
            for key, column in zip(axis.keys, axis.values, strict=True)
        ]
        axes.append(Axis(axis.keys, tuple(values)))
    return replace(plan, document=document, axes=tuple(axes))


def names_file(key: str) -> bool:
    """Whether the value of a dotted key is the name of a file."""
    return key in {"source", "potential"} or (key.startswith("pulse.") and key.endswith(".file"))


def plain(value: object) -> Any:
    """A value of an axis as plain Python."""
    return value.item() if isinstance(value, np.generic) else value


def unravel(plan: Plan, numbers: IntArray) -> tuple[IntArray, ...]:
    """Indices along each dimension of points that are counted in the order written, the last dimension fastest."""
    return tuple(np.unravel_index(numbers, plan.shape))


def _checked_axis(document: Mapping[str, Any], axis: Axis) -> Axis:
    """Check every value of an axis by the schema of the run file, and type it."""
    columns = []
    for key, values in zip(axis.keys, axis.values, strict=True):
        if key.partition(".")[0] in OF_THE_SWEEP or key in {f"record.{word}" for word in OF_THE_RECORD}:
            raise InputError("An axis needs a key of the run file", found=key, fix="as pulse.0.amplitude, temperature")
        samples = values[:1] if isinstance(values, np.ndarray) else values
        checked = [_checked_value(document, key, plain(value)) for value in samples]
        column = typed(values, checked[0])
        columns.append(column if isinstance(column, np.ndarray) else tuple(checked))
    return Axis(axis.keys, tuple(columns))


def _checked_value(document: Mapping[str, Any], key: str, value: object) -> object:
    """Set one key of the run file, check it, and return the value as the schema types it."""
    trial: dict[str, Any] = {"source": "any"}
    if key.startswith("pulse.") and isinstance(document.get("pulse"), list):
        trial["pulse"] = copy.deepcopy(document["pulse"])
    set_key(trial, key, value)
    place: Any = check_document(trial)
    for step in key.split("."):
        place = place[int(step)] if isinstance(place, tuple) else place[step]
    return place


def _at_least_one(checked: Mapping[str, Any], key: str, default: int | None) -> int | None:
    value: int | None = checked.get(key, default)
    if value is not None and value < 1:
        raise InputError(f"{key} must be at least 1", found=value, fix=f"write {key} = 1 or leave it out")
    return value


def _flat(document: object, prefix: str = "") -> dict[str, object]:
    """Dotted keys and values of a run document."""
    if isinstance(document, Mapping):
        items = [(str(key), value) for key, value in document.items()]
    elif isinstance(document, (list, tuple)) and any(isinstance(entry, Mapping) for entry in document):
        items = [(str(i), value) for i, value in enumerate(document)]
    else:
        return {prefix: list(document) if isinstance(document, tuple) else document}
    out: dict[str, object] = {}
    for key, value in items:
        out |= _flat(value, f"{prefix}.{key}" if prefix else key)
    return out


def _told(value: object) -> str:
    return "not given" if value is None else repr(value)
