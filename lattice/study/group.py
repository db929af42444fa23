"""Points of a block that one call of the kernel can take together.

Numbers of pulses, frequencies, linewidths and temperatures may differ within a call. Points that differ in anything
else, as their source or their duration, are taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lattice.anharmonic.files import load_potential
from lattice.anharmonic.overrides import override_multiplets
from lattice.anharmonic.potential import Potential
from lattice.structure.crystal import FloatArray, IntArray
from lattice.study.plan import Plan
from lattice.study.run import NECESSARY
from lattice.study.schema import OVERRIDE_KEYS
from lattice.study.seeds import point_seeds, point_streams
from lattice.study.settings import RunSettings, settings_from_document

PULSE_NUMBERS = (
    *("amplitude", "frequency", "duration", "helicity", "angle", "phase"),
    *("center", "transmission", "chirp", "rotation", "edge"),
)  #: keys of a pulse that may differ within a call


@dataclass(frozen=True, slots=True)
class Group:
    """Points with one potential, duration and record.

    Attributes
    ----------
    settings : RunSettings
        What they share; of what varies the values of the first point.
    rows : ndarray
        ``(n,)`` their places in the block.
    varying : dict
        Dotted key → ``(n,)`` values.
    seeds, streams : ndarray
        ``(n,)`` int64, of each point, see `lattice.study.seeds`.
    apart : tuple
        Dimension and index of what they share of the axes: names the group within the plan.
    """

    settings: RunSettings
    rows: IntArray
    varying: dict[str, FloatArray]
    seeds: IntArray
    streams: IntArray
    apart: tuple[tuple[int, int], ...] = ()

    def potential(self) -> Potential:
        """The potential that the points share, with the overrides of the first."""
        settings = self.settings
        return shared_potential(settings.potential or settings.source, settings.frequencies, settings.overrides)

    def part(self, part: slice | IntArray) -> Group:
        """Return some of the points; what they share is that of the whole group."""
        varying = {key: values[part] for key, values in self.varying.items()}
        return replace(self, rows=self.rows[part], varying=varying, seeds=self.seeds[part], streams=self.streams[part])

    def point(self, i: int) -> RunSettings:
        """Settings of one of the points, with its own seed."""
        pulses = [dict(pulse) for pulse in self.settings.pulses]
        overrides = {name: dict(entry) for name, entry in self.settings.overrides.items()}
        temperature = self.settings.temperature
        for key, values in self.varying.items():
            value = float(values[i])
            head, *way = key.split(".")
            if head == "pulse":
                pulses[int(way[0])][way[1]] = value
            elif head == "overrides":
                overrides[".".join(way[:-1])][way[-1]] = value
            else:
                temperature = value
        return replace(
            self.settings,
            pulses=tuple(pulses),
            overrides=overrides,
            temperature=temperature,
            seed=int(self.seeds[i]),
        )


def groups_of(plan: Plan, index: tuple[IntArray, ...]) -> list[Group]:
    """Sort points into groups.

    Parameters
    ----------
    plan : Plan
        Its paths lead to files.
    index : tuple of ndarray
        ``(n_points,)`` along each dimension.

    Raises
    ------
    InputError
        If the settings of a group cannot be used.
    """
    apart = dimensions_apart(plan)
    if apart:
        _, which = np.unique(np.stack([index[d] for d in apart], axis=1), axis=0, return_inverse=True)
    else:
        which = np.zeros(len(index[-1]), dtype=np.int64)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(which.ravel()[order])) + 1
    return [_group(plan, index, apart, rows) for rows in np.split(order, ends)]


def dimensions_apart(plan: Plan) -> list[int]:
    """Return the dimensions of a plan along which points cannot be taken together."""
    return [d for d in range(len(plan.axes)) if not _varies_within_a_call(plan, d)]


@lru_cache(maxsize=16)
def _loaded(source: str, frequencies: str) -> Potential:
    return load_potential(source, frequencies=frequencies)


def shared_potential(source: str, frequencies: str, overrides: object = None) -> Potential:
    """Return a potential, read once in each process, with overrides."""
    potential = _loaded(source, frequencies)
    return override_multiplets(potential, overrides) if isinstance(overrides, dict) and overrides else potential


def _group(plan: Plan, index: tuple[IntArray, ...], apart: list[int], rows: IntArray) -> Group:
    """Settings of the first of the points, and the numbers in which the others differ."""
    chosen = tuple(along[rows] for along in index)
    first = tuple(int(along[0]) for along in chosen)
    varying: dict[str, FloatArray] = {}
    for d, axis in enumerate(plan.axes):
        if d not in apart:
            for key, values in zip(axis.keys, axis.values, strict=True):
                varying[key] = np.asarray(values, dtype=np.float64)[chosen[d]]
    return Group(
        settings_from_document(plan.run_document(first)),
        rows,
        varying,
        point_seeds(plan, chosen),
        point_streams(plan, chosen),
        tuple((d, first[d]) for d in apart),
    )


def _varies_within_a_call(plan: Plan, dimension: int) -> bool:
    """Whether all keys of an axis are numbers that a call of the kernel takes for each trajectory."""
    axis = plan.axes[dimension]
    return all(
        _is_number_of_a_trajectory(plan, key, values) for key, values in zip(axis.keys, axis.values, strict=True)
    )


def _is_number_of_a_trajectory(plan: Plan, key: str, values: object) -> bool:
    head, *way = key.split(".")
    if head == "pulse":
        return len(way) == 2 and way[1] in PULSE_NUMBERS
    if head == "overrides":
        # What the first pulse leaves out is that of the default pulse, which follows the frequencies of the potential.
        return way[-1] in OVERRIDE_KEYS and _first_pulse_is_complete(plan)
    # Without a bath another method integrates.
    return key == "temperature" and isinstance(values, np.ndarray) and bool((values > 0).all())


def _first_pulse_is_complete(plan: Plan) -> bool:
    document = plan.run_document((0,) * len(plan.shape))
    pulses = document.get("pulse") or [{}]
    return "file" in pulses[0] or all(key in pulses[0] for key in NECESSARY)
