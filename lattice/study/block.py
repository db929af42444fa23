"""The work of one task: the numbers of every point of a block, whatever becomes of single points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lattice.dynamics.integrate import STATUS_TEXT
from lattice.errors import LatticeError, MissingDependency
from lattice.structure.crystal import FloatArray, IntArray
from lattice.study.columns import GOOD, REFUSED, Columns, labels_of
from lattice.study.group import Group, groups_of
from lattice.study.plan import Plan
from lattice.study.reduce import Numbers
from lattice.study.reducer import Reducer

AT_A_TIME = 8192  #: points of one call: its arrays are a few hundred megabytes at most


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a task found.

    Attributes
    ----------
    rows : ndarray
        ``(n_points, width)``, see `lattice.study.columns`.
    messages : dict
        Place in the block → sentence, of the points that failed.
    kept : dict
        Quantity → ``(n_points, n_times, …)``.
    """

    rows: FloatArray
    messages: dict[int, str]
    kept: Numbers = field(default_factory=dict)

    @property
    def n_failed(self) -> int:
        """Points that failed."""
        return len(self.messages)


def compute_block(reducer: Reducer, columns: Columns, index: tuple[IntArray, ...]) -> BlockResult:
    """Compute points.

    Parameters
    ----------
    reducer : Reducer
        Of the plan of the points.
    columns : Columns
        Places of the numbers.
    index : tuple of ndarray
        ``(n_points,)`` along each dimension of the plan.

    Returns
    -------
    BlockResult
        The same bits for a point, whatever other points are computed with it. A point that cannot be run, diverges or
        misses its accuracy has its status and a sentence; the others are not affected.

    Raises
    ------
    MissingDependency
        If a package is not installed: that would fail every point.
    """
    n = len(index[-1])
    rows = columns.empty(n, REFUSED)
    kept: Numbers = {}
    messages: dict[int, str] = {}
    for group in _groups(reducer.plan, index, messages):
        _compute_group(group, reducer, columns, rows, kept, messages)
    status = rows[:, columns.place("status")][:, 0]
    for i in np.flatnonzero(status != GOOD).tolist():
        messages.setdefault(i, STATUS_TEXT.get(int(status[i]), "the point failed"))
    return BlockResult(rows, messages, kept)


def _groups(plan: Plan, index: tuple[IntArray, ...], messages: dict[int, str]) -> list[Group]:
    """Groups of the points; settings that cannot be used cost only their own points."""
    n = len(index[-1])
    try:
        return groups_of(plan, index)
    except LatticeError as error:
        if n == 1:
            messages[0] = one_line(error)
            return []
    found = []
    for i in range(n):
        alone: dict[int, str] = {}
        for group in _groups(plan, tuple(along[i : i + 1] for along in index), alone):
            found.append(replace(group, rows=np.array([i])))
        messages |= dict.fromkeys([i], alone[0]) if alone else {}
    return found


def _compute_group(
    group: Group, reducer: Reducer, columns: Columns, rows: FloatArray, kept: Numbers, messages: dict[int, str]
) -> None:
    """Compute a group; a large one is halved, and one with a refused point until this stands alone."""
    if len(group.rows) > AT_A_TIME:
        _compute_halves(group, reducer, columns, rows, kept, messages)
        return
    try:
        labels = labels_of(group.potential())
        numbers, series = reducer.numbers(group)
    except MissingDependency:
        raise
    except LatticeError as error:
        if len(group.rows) == 1:
            messages[int(group.rows[0])] = one_line(error)
            return
        _compute_halves(group, reducer, columns, rows, kept, messages)
        return
    place = rows[group.rows]
    columns.put(place, numbers, labels)
    rows[group.rows] = place
    for name, values in series.items():
        whole = kept.setdefault(name, np.full((len(rows), *values.shape[1:]), np.nan))
        whole[group.rows] = values


def _compute_halves(
    group: Group, reducer: Reducer, columns: Columns, rows: FloatArray, kept: Numbers, messages: dict[int, str]
) -> None:
    middle = len(group.rows) // 2
    for part in (slice(None, middle), slice(middle, None)):
        _compute_group(group.part(part), reducer, columns, rows, kept, messages)


def one_line(error: LatticeError) -> str:
    """Return an error as one sentence."""
    return f"{error.what}: {error.found}; {error.fix}"
