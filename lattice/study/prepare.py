"""Before the first task: check what the points share, find the files, measure what a point costs, cut the grid."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import lattice
from lattice._kernels import trajectory as kernel
from lattice.anharmonic.potential import Potential
from lattice.errors import InputError
from lattice.structure.bundled import bundled_file, bundled_names
from lattice.structure.crystal import IntArray
from lattice.study.block import compute_block
from lattice.study.columns import Columns, columns_for, labels_of
from lattice.study.group import groups_of, shared_potential
from lattice.study.layout import Layout, cut, points_of_a_block
from lattice.study.plan import Plan, names_file, plain, unravel, with_files
from lattice.study.reducer import Reducer
from lattice.study.run import check_same_crystal

TASK_SECONDS = 2.0  #: that a task is cut to: a scheduler spends milliseconds on each
MEASURED = 0.3  #: s that the measurement goes on for
MOST_MEASURED = 4096  #: points of the measurement
_OF_A_POTENTIAL = {"source": "", "potential": "", "frequencies": "measured"}  #: keys that choose it, and their defaults


@dataclass
class Preparation:
    """What is known of a plan before it is run.

    Attributes
    ----------
    plan : Plan
        As read.
    """

    plan: Plan

    @cached_property
    def resolved(self) -> Plan:
        """The plan with paths that lead to files, bundled names as they are."""
        folder = self.plan.folder
        return with_files(self.plan, lambda name: name if name in bundled_names() else str(folder / name))

    @cached_property
    def stored(self) -> Plan:
        """The plan as the store keeps it: of a path that begins at the root only the name."""
        return with_files(self.plan, stored_name)

    @cached_property
    def potentials(self) -> list[Potential]:
        """Every potential of the plan.

        Raises
        ------
        InputError
            If one cannot be read, or belongs to another crystal than its source.
        """
        found = []
        for source, potential, frequencies in self._combinations():
            found.append(shared_potential(potential or source, frequencies))
            if potential:
                check_same_crystal(source, found[-1])
        return found

    @cached_property
    def columns(self) -> Columns:
        """Places of the numbers of a point."""
        return columns_for(self.potentials, ledger=self.plan.ledger, energy_ledger=self.plan.energy_ledger)

    @cached_property
    def inputs(self) -> dict[str, Path]:
        """Name in the stored plan → file, of everything that the tasks read."""
        found: dict[str, Path] = {}
        for name in self._files():
            bundled = bundled_file(name)
            path = self.plan.folder / name if bundled is None else bundled.parent / "potential.toml"
            if found.setdefault(stored_name(name), path).absolute() != path.absolute():
                raise InputError(
                    "Two files of the plan have one name",
                    found=stored_name(name),
                    fix="rename one, or use relative paths",
                )
        return found

    @cached_property
    def reducer(self) -> Reducer:
        """What computes points of the plan, before there is a store.

        Raises
        ------
        LatticeError
            If the very first point cannot be run: the plan is wrong, not a corner of it.
        """
        reducer = Reducer(self.resolved)
        for group in groups_of(self.resolved, unravel(self.resolved, np.array([0]))):
            reducer.numbers(group)
        return reducer

    @cached_property
    def seconds_per_point(self) -> float:
        """Time of one core for one point, measured on a few points at three places of the grid.

        Processor time: what else the machine does has no part in it.
        """
        count = 1
        while True:
            index = self._sample(count)
            reducer = self.reducer
            known, begin = len(reducer.steps), time.process_time()
            compute_block(reducer, self.columns, index)
            spent = time.process_time() - begin
            if len(reducer.steps) > known:
                continue  # it also chose the steps of a group, which a process does once
            n = len(index[-1])
            if spent >= MEASURED or n >= min(MOST_MEASURED, self.plan.n_points):
                return spent / n
            count = 4 * n

    @cached_property
    def layout(self) -> Layout:
        """Blocks of tasks that are worth their administration."""
        points = self.plan.block
        if points is None:
            points = points_of_a_block(self.plan.n_points, self.seconds_per_point, TASK_SECONDS)
        return cut(self.plan.shape, points)

    @cached_property
    def series(self) -> dict[str, dict[str, int]]:
        """Kept quantities, their dimensions and lengths.

        Raises
        ------
        InputError
            If trajectories of potentials with different coordinates are to be kept.
        """
        if not self.plan.keep:
            return {}
        labels = [labels_of(potential) for potential in self.potentials]
        if any(other != labels[0] for other in labels[1:]):
            raise InputError(
                "Trajectories of different coordinates cannot be kept together",
                found="record.keep with potentials that have different modes",
                fix="leave record.keep out, or make one sweep for each",
            )
        (group,) = groups_of(self.resolved, unravel(self.resolved, np.array([0])))
        times = {"time": group.settings.record.count(group.settings.duration)}
        lengths = {name: len(words) for name, words in labels[0].items()}
        per_mode = times | {"mode": lengths["mode"]}
        shapes = {
            "Q": per_mode,
            "P": per_mode,
            "L": times | {"multiplet": lengths["multiplet"], "axis": 3},
            "E": times | {"axis": 3},
        }
        return {name: shapes[name] for name in group.settings.record.quantities}

    def provenance(self) -> dict[str, Any]:
        """Where the numbers of the sweep come from; JSON-able.

        Raises
        ------
        LatticeError
            If the very first point cannot be run.
        """
        steps = [{"of": group, "step_ps": step} for group, step in self.reducer.steps.items()]
        found = {
            "lattice": lattice.__version__,
            "kernel": kernel.build_info(),
            "numpy": np.__version__,
            "potentials": [dict(potential.source) for potential in self.potentials],
            "steps": steps,
            "seconds_per_point": self.seconds_per_point if "seconds_per_point" in self.__dict__ else None,
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        table: dict[str, Any] = json.loads(json.dumps(found, default=_as_json))
        return table

    def _sample(self, count: int) -> tuple[IntArray, ...]:
        """Points at the begin, in the middle and at the end of the grid, neighbours as in a task."""
        n = self.plan.n_points
        if count >= n:
            return unravel(self.resolved, np.arange(n))
        part = max(1, count // 3)
        starts = {0, (n - part) // 2, n - part}
        return unravel(self.resolved, np.unique(np.concatenate([np.arange(s, s + part) for s in starts])))

    def _combinations(self) -> list[tuple[str, str, str]]:
        """Distinct source, potential (or nothing) and frequencies that meet at a point, in the order written."""
        plan = self.resolved
        given = {key: plan.document.get(key, default) for key, default in _OF_A_POTENTIAL.items()}
        axes = [axis for axis in plan.axes if set(axis.keys) & set(given)]
        found: dict[tuple[str, str, str], None] = {}
        for place in itertools.product(*(range(len(axis)) for axis in axes)):
            here = given | {
                key: plain(values[i])
                for axis, i in zip(axes, place, strict=True)
                for key, values in zip(axis.keys, axis.values, strict=True)
            }
            found[here["source"], here["potential"], here["frequencies"]] = None
        return list(found)

    def _files(self) -> list[str]:
        """Names of files as the user wrote them; a source beside a potential is looked at only once, here."""
        plan = self.plan
        flat = {key: plan.document[key] for key in ("source", "potential") if key in plan.document}
        flat |= {f"pulse.{i}.file": p["file"] for i, p in enumerate(plan.document.get("pulse", ())) if "file" in p}
        named: dict[str, list[str]] = {key: [str(name)] for key, name in flat.items()}
        for axis in plan.axes:
            for key, values in zip(axis.keys, axis.values, strict=True):
                if names_file(key):
                    named[key] = [str(value) for value in values]
        if "potential" in named:
            named.pop("source", None)
        return list(dict.fromkeys(itertools.chain.from_iterable(named.values())))


def stored_name(name: str) -> str:
    """Return a file of a plan as the store names it; of a path that begins at the root only the last part."""
    return Path(name).name if Path(name).is_absolute() else name


def _as_json(value: object) -> object:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else str(value)
