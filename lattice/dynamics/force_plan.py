"""The forces of a table as products that terms share: what the collocation kernel evaluates at its nodes.

Nodes are the coordinates, the field components E_x, E_y, E_z, the number 1, and products of two earlier nodes. Every
term is c X_a X_b with two nodes a, b. The gradient in a node is its row of the symmetric sparse matrix of the c times
X, plus, for each product of which it is a factor, the gradient in that product times the other factor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lattice.dynamics.table import Int32Array, Table
from lattice.structure.crystal import FloatArray

Key = tuple[int, ...]
Entries = list[tuple[int, int, float]]
Program = tuple[bool, int, Int32Array, Int32Array, Int32Array]
N_FIELD_NODES = 4  #: E_x, E_y, E_z, 1


@dataclass(frozen=True, slots=True, eq=False)
class ForcePlan:
    """Programs of a table.

    Attributes
    ----------
    n_dark : int
        Nodes that need no field; they come first.
    factor : ndarray
        ``(2, n_nodes)`` the factors of each product.
    pull : ndarray
        ``(n_pulls, 2)`` a product, and its other factor, for all rows of all programs.
    column, value : ndarray
        ``(n_entries,)`` sparse rows of all programs, values in −amu Å²/ps² per unit of the factors.
    programs : list of tuple
        Forces without and with field, forces that do not depend on Q without and with field, then one for each ledger
        row with terms: (has field factors, number of coordinates that it pushes, rows, starts in `column`, starts in
        `pull`). The rows are products in descending order, then those coordinates; one entry of padding.
    slot_row, slot_mode : ndarray
        ``(n_slots,)`` ledger row and coordinate of what the programs of the ledger push, in their order.
    """

    n_dark: int
    factor: Int32Array
    pull: Int32Array
    column: Int32Array
    value: FloatArray
    programs: list[Program]
    slot_row: Int32Array
    slot_mode: Int32Array


@dataclass(slots=True)
class _Nodes:
    """Nodes under construction: sorted factors of each, its two factors, and its number."""

    n: int
    number: dict[Key, int]
    factors: list[tuple[int, int]]
    use: Counter[Key]

    def get(self, key: Key) -> int:
        """Number of the node with these factors, made where it does not exist."""
        if len(key) == 1:
            return key[0]
        if key not in self.number:
            left, right = self._best_split(key)
            pair = self.get(left), self.get(right)
            self.number[key] = len(self.factors)
            self.factors.append(pair)
        return self.number[key]

    def split(self, key: Key) -> tuple[int, int]:
        """Two nodes whose product is that of these factors."""
        left, right = self._best_split(key)
        return self.get(left), self.get(right)

    def _best_split(self, key: Key) -> tuple[Key, Key]:
        """The split into halves that needs the fewest new nodes, then that with the most used pairs."""
        half = len(key) // 2
        splits = []
        for chosen in combinations(range(len(key)), half):
            left = tuple(key[i] for i in chosen)
            right = tuple(key[i] for i in range(len(key)) if i not in chosen)
            new = sum(len(part) > 1 and part not in self.number for part in (left, right))
            splits.append((new, -self.use[left] - self.use[right], left, right))
        return min(splits)[2:]

    def is_field(self, node: int) -> bool:
        """Whether no coordinate is a factor."""
        if node < self.n + N_FIELD_NODES:
            return node >= self.n
        return all(self.is_field(factor) for factor in self.factors[node])


def plan_forces(table: Table) -> ForcePlan:
    """Find shared products and lay out the programs of a table."""
    n, rows = table.n_modes, len(table.rows)
    nodes = _Nodes(n, {}, [(0, 0)] * (n + N_FIELD_NODES), Counter())
    terms = list(_terms(table))
    for _, key, _, _ in terms:
        modes = tuple(i for i in key if i < n)
        if len(modes) > 2:
            nodes.use.update(set(combinations(modes, 2)))
    forces: dict[bool, Entries] = {False: [], True: []}
    drives: dict[bool, Entries] = {False: [], True: []}
    booked: list[Entries] = [[] for _ in range(rows)]
    n_dark = 0
    for lit in (False, True):
        for row, key, c, has_field in terms:
            if has_field != lit:
                continue
            linear = sum(i < n for i in key) == 1
            a, b = (key[0], nodes.get(key[1:])) if linear else nodes.split(key)
            entries = [(a, b, -c)] if linear else [(a, b, -c), (b, a, -c)]
            (drives if linear else forces)[lit] += entries
            booked[row] += entries
        if not lit:
            n_dark = len(nodes.factors)
    parts = [(False, forces[False]), (True, forces[False] + forces[True])]
    parts += [(False, drives[False]), (True, drives[False] + drives[True])]
    own = [row for row in range(rows) if booked[row]]
    parts += [(row < 2, booked[row]) for row in own]  # light and light2 come first
    programs, pull, column, value = _programs(nodes, parts)
    leaves = [row[:-1][-count:] if count else row[:0] for _, count, row, *_ in programs[4:]]
    return ForcePlan(
        n_dark,
        np.ascontiguousarray(np.array(nodes.factors, np.int32).T),
        pull,
        column,
        value,
        programs,
        np.repeat(np.array(own, np.int32), [len(leaf) for leaf in leaves]),
        np.concatenate([np.zeros(0, np.int32), *leaves]),
    )


def _terms(table: Table) -> Iterable[tuple[int, Key, float, bool]]:
    """Ledger row, sorted factors, coefficient and whether there is a field, of each term that pushes anything.

    The same product in the same row is one term; a linear term without field gets the factor 1.
    """
    n = table.n_modes
    summed: dict[tuple[int, Key, bool], float] = {}
    for c, order, modes, slots, fields in zip(
        table.coefficient.tolist(),
        table.term_order.tolist(),
        table.term_mode.tolist(),
        table.term_slot.tolist(),
        table.term_field.tolist(),
        strict=True,
    ):
        if order == 0:
            continue
        axes = [n + axis for axis in fields if axis >= 0]
        key = (*sorted(modes[:order]), *sorted(axes or [n + 3] * (order == 1)))
        place = (int(table.slot_row[slots[0]]), key, bool(axes))
        summed[place] = summed.get(place, 0.0) + c
    return [(row, key, c, lit) for (row, key, lit), c in summed.items() if c != 0.0]


def _programs(
    nodes: _Nodes, parts: list[tuple[bool, Entries]]
) -> tuple[list[Program], Int32Array, Int32Array, FloatArray]:
    """Rows of each program, and the pulls and entries of all."""
    programs: list[Program] = []
    pull: list[tuple[int, int]] = []
    column: list[int] = []
    value: list[float] = []
    for lit, entries in parts:
        matrix: dict[int, dict[int, float]] = {}
        for a, b, c in entries:
            line = matrix.setdefault(a, {})
            line[b] = line.get(b, 0.0) + c
        parents = _parents(nodes, matrix)
        touched = sorted({*matrix, *parents}, reverse=True)
        leaves = [node for node in reversed(touched) if node < nodes.n]
        rows = [node for node in touched if node >= nodes.n] + leaves
        start, pull_start = [len(column)], [len(pull)]
        for row in rows:
            line = matrix.get(row, {})
            column += sorted(line)
            value += [line[b] for b in sorted(line)]
            pull += parents.get(row, [])
            start.append(len(column))
            pull_start.append(len(pull))
        row_array, starts, pulls = (np.array(x, np.int32) for x in ([*rows, 0], start, pull_start))
        programs.append((lit, len(leaves), row_array, starts, pulls))
    return (
        programs,
        np.array([*pull, (0, 0)], np.int32),
        np.array([*column, 0], np.int32),
        np.array([*value, 0.0]),
    )


def _parents(nodes: _Nodes, matrix: dict[int, dict[int, float]]) -> dict[int, list[tuple[int, int]]]:
    """Products that each node is a factor of, with the other factor; rows of fields, which need none, are dropped."""
    for node in [node for node in matrix if nodes.is_field(node)]:
        del matrix[node]
    parents: dict[int, list[tuple[int, int]]] = {}
    waiting = [node for node in matrix if node >= nodes.n]
    seen = set(waiting)
    while waiting:
        product = waiting.pop()
        left, right = nodes.factors[product]
        for factor, other in ((left, right), (right, left)):
            if nodes.is_field(factor):
                continue
            parents.setdefault(factor, []).append((product, other))
            if factor >= nodes.n and factor not in seen:
                seen.add(factor)
                waiting.append(factor)
    return parents
