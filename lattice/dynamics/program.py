"""The force of a term table as a short program: needed products, and a sparse matrix between them.

V = ½ X^T S X with X = (Q, E_x, E_y, E_z, 1, products), each product of two earlier entries of X. The force is S X,
taken back through the products by the chain rule: for a product X_k = X_i X_j with derivative A_k, A_i += A_k X_j and
A_j += A_k X_i. Terms of any order fit; products are shared between terms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lattice.dynamics.table import LIGHT, LIGHT2, Int32Array, Table
from lattice.structure.crystal import FloatArray, IntArray

_LEAVES = 4  # of X after the coordinates: three field components and one
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Tables of the kernel; see ensemble_block.h.

    Attributes
    ----------
    n_modes, n_dark : int
        Coordinates; products that terms without field need, which come first.
    product : ndarray
        ``(n_products, 2)`` int32, factors of each product.
    section : ndarray
        ``(n_sections, 10)`` int32: rows from, to; `inner`, `mode`, `near` from, to each; ledger row; whether it needs
        light.
    inner, mode, near : ndarray
        int32, section by section: products that are factors of others, coordinates that it pushes, linked pairs with
        one of these.
    row : ndarray
        ``(n_rows, 4)`` int32: entry of X that is differentiated, its entries of S from, to, and whether it is inner.
    column : ndarray
        ``(n_entries,)`` int32.
    entry, term, multiple : ndarray
        ``(n_sources,)``: entry += −multiple × coefficient of the term.
    """

    n_modes: int
    n_dark: int
    product: Int32Array
    section: Int32Array
    inner: Int32Array
    mode: Int32Array
    near: Int32Array
    row: Int32Array
    column: Int32Array
    entry: IntArray
    term: IntArray
    multiple: FloatArray

    def values(self, coefficient: FloatArray) -> FloatArray:
        """Return the entries of S, ``(n_entries, …)``, for coefficients ``(n_terms, …)`` in kernel units."""
        out = np.zeros((len(self.column), *coefficient.shape[1:]))
        weight = self.multiple.reshape(-1, *[1] * (coefficient.ndim - 1))
        np.add.at(out, self.entry, -weight * coefficient[self.term])
        return out


@dataclass(slots=True)
class _Products:
    """Products of leaves, each the product of two earlier ones; terms are parted into those `kept`, if it is given."""

    n_leaves: int
    use: Counter[Key]
    kept: set[Key] | None
    place: dict[Key, int] = field(default_factory=dict)
    factors: list[tuple[int, int]] = field(default_factory=list)

    def index(self, key: Key) -> int:
        """Place of a product in X; makes it where needed."""
        if len(key) == 1:
            return key[0]
        if key not in self.place:
            a, b = (self.index(part) for part in self.split(key))
            self.place[key] = self.n_leaves + len(self.factors)
            self.factors.append((a, b))
        return self.place[key]

    def split(self, key: Key) -> tuple[Key, Key]:
        """Two parts of about equal order that need the fewest new products; of these the ones that others need too."""
        halves = _halves(key)
        among = halves if self.kept is None else [parts for parts in halves if _needed(parts) <= self.kept] or halves
        return min(among, key=lambda parts: (sum(map(self._cost, parts)), -sum(self.use[p] for p in parts)))

    def _cost(self, key: Key) -> int:
        return 0 if len(key) == 1 or key in self.place else len(key) - 1


def build_program(table: Table, *, by_row: bool) -> Program:
    """Lay out the force of a table.

    Parameters
    ----------
    table : Table
    by_row : bool
        One section for each row of the ledger, else one for all terms without and one for all terms with field.
    """
    n = table.n_modes
    keys = _keys(table)
    lit = [max(key) >= n for key in keys]
    plans = [_share(keys, lit, n, kept) for kept in (None, _few_products(keys))]
    products, parts, n_dark = min(plans, key=lambda plan: len(plan[0].factors))
    place, products.factors = _by_factor(products, n_dark)
    parts = {t: (place[a], place[b]) for t, (a, b) in parts.items()}
    section_of = _sections(table, lit, by_row)
    return _assemble(n, n_dark, products, parts, section_of, table.link_mode)


def _share(
    keys: list[Key], lit: list[bool], n: int, kept: set[Key] | None
) -> tuple[_Products, dict[int, tuple[int, int]], int]:
    """Products, the two entries of X of each term, and how many of the products terms without field need."""
    use: Counter[Key] = Counter()
    for key in keys:
        use.update(set(itertools.combinations(key, 2)))
    products = _Products(n + _LEAVES, use, kept)
    parts: dict[int, tuple[int, int]] = {}
    n_dark = 0
    for t in sorted(range(len(keys)), key=lambda t: (lit[t], _rank(keys[t]), keys[t])):
        key = keys[t] if len(keys[t]) > 1 else (*keys[t], n + 3)
        a, b = (products.index(part) for part in products.split(key))
        parts[t] = a, b
        if not lit[t]:
            n_dark = len(products.factors)
    return products, parts, n_dark


def _by_factor(products: _Products, n_dark: int) -> tuple[list[int], list[tuple[int, int]]]:
    """New place of each entry of X, and the factors of the products in the new order, the lower first.

    Products with the same first factor are neighbours, so that the kernel keeps it in registers. Those without field
    stay first, and each comes after its factors.
    """
    place = list(range(products.n_leaves + len(products.factors)))
    level = [0] * products.n_leaves
    for a, b in products.factors:
        level.append(1 + max(level[a], level[b]))

    def rank(k: int) -> tuple[bool, int]:
        return k >= products.n_leaves + n_dark, level[k]

    factors: list[tuple[int, int]] = []
    for _, group in itertools.groupby(sorted(place[products.n_leaves :], key=rank), key=rank):
        moved = []
        for k in group:
            a, b = (place[f] for f in products.factors[k - products.n_leaves])
            moved.append((min(a, b), max(a, b), k))
        for a, b, k in sorted(moved):
            place[k] = products.n_leaves + len(factors)
            factors.append((a, b))
    return place, factors


def _keys(table: Table) -> list[Key]:
    """Leaves of each term: coordinates, then field components, in ascending order."""
    fields = table.term_field if table.term_field.size else np.full((len(table.coefficient), 1), -1)
    return [
        tuple(sorted([*(int(s) for s in modes if s >= 0), *(table.n_modes + int(a) for a in axes if a >= 0)]))
        for modes, axes in zip(table.term_mode, fields, strict=True)
    ]


def _halves(key: Key) -> list[tuple[Key, Key]]:
    """All ways to part the factors of a term into two products of about equal order."""
    halves = set()
    for chosen in itertools.combinations(range(len(key)), len(key) // 2):
        first = tuple(key[i] for i in chosen)
        second = tuple(key[i] for i in range(len(key)) if i not in chosen)
        halves.add((first, second))
    return sorted(halves)


def _needed(parts: tuple[Key, Key]) -> set[Key]:
    return {part for part in parts if len(part) > 1}


def _few_products(keys: list[Key]) -> set[Key]:
    """Halves that all terms can do with: the least used are left out as long as each term keeps a way to be parted."""
    ways = {key: [_needed(parts) for parts in _halves(key)] for key in keys if len(key) > 2}
    users: dict[Key, set[Key]] = {}
    for key, needs in ways.items():
        for part in set().union(*needs):
            users.setdefault(part, set()).add(key)
    kept = set(users)
    for part in sorted(users, key=lambda p: (len(users[p]), p)):
        kept.discard(part)
        if not all(any(needs <= kept for needs in ways[key]) for key in users[part]):
            kept.add(part)
    return kept


def _rank(key: Key) -> tuple[int, int]:
    """Terms that leave no choice of products first: even powers, then other terms, high orders first."""
    paired = len(key) % 2 == 0 and key[::2] == key[1::2]
    return (0 if paired else 1, -len(key))


def _sections(table: Table, lit: list[bool], by_row: bool) -> list[tuple[int, bool, list[int]]]:
    """Ledger row, whether it needs light, and terms of each section; dark ones first."""
    row_of_term = table.slot_row[table.term_slot[:, 0]] if len(table.coefficient) else np.zeros(0, int)
    if not by_row:
        groups = [(-1, bool(light), np.flatnonzero(np.array(lit) == light).tolist()) for light in (False, True)]
    else:
        light_rows = (table.rows.index(LIGHT), table.rows.index(LIGHT2))
        rows = sorted(set(row_of_term.tolist()), key=lambda r: (r in light_rows, r))
        groups = [(int(r), r in light_rows, np.flatnonzero(row_of_term == r).tolist()) for r in rows]
    return [group for group in groups if group[2]]


def _assemble(
    n: int,
    n_dark: int,
    products: _Products,
    parts: dict[int, tuple[int, int]],
    sections: list[tuple[int, bool, list[int]]],
    links: Int32Array,
) -> Program:
    """Write the rows of every section."""
    leaves = n + _LEAVES
    moving = [i < n for i in range(leaves)]
    for a, b in products.factors:
        moving.append(moving[a] or moving[b])
    section: list[tuple[int, ...]] = []
    row: list[tuple[int, ...]] = []
    lists: tuple[list[int], list[int], list[int]] = ([], [], [])
    column: list[int] = []
    source: list[tuple[int, int, int]] = []
    for ledger_row, light, terms in sections:
        entries = _entries(terms, parts, moving)
        within = _inner(entries, products.factors, leaves, moving)
        targets = sorted((k for k in set(entries) | within if k >= leaves), reverse=True)
        pushed = {k for k in entries if k < n} | {f for k in targets for f in products.factors[k - leaves] if f < n}
        beside = np.flatnonzero(np.isin(links, list(pushed)).any(axis=1)).tolist()
        begin = [len(row), *map(len, lists)]
        for target in [*sorted(pushed), *targets]:
            first = len(column)
            for other, terms_of in sorted(entries.get(target, {}).items()):
                source += [(len(column), t, factor) for t, factor in terms_of]
                column.append(other)
            row.append((target, first, len(column), int(target in within)))
        for kept, more in zip(lists, (sorted(within), sorted(pushed), beside), strict=True):
            kept.extend(more)
        ends = [len(row), *map(len, lists)]
        section.append((*np.ravel(list(zip(begin, ends, strict=True))).tolist(), ledger_row, int(light)))
    inner, mode, near = (np.array(numbers, dtype=np.int32) for numbers in lists)
    table = np.array(source, dtype=np.int64).reshape(-1, 3)
    return Program(
        n_modes=n,
        n_dark=n_dark,
        product=_table(products.factors, 2),
        section=_table(section, 10),
        inner=inner,
        mode=mode,
        near=near,
        row=_table(row, 4),
        column=np.array(column, dtype=np.int32),
        entry=table[:, 0],
        term=table[:, 1],
        multiple=table[:, 2].astype(np.float64),
    )


def _entries(
    terms: list[int], parts: dict[int, tuple[int, int]], moving: list[bool]
) -> dict[int, dict[int, list[tuple[int, int]]]]:
    """Entries of S of some terms: row → column → (term, multiple); rows that no coordinate moves are left out."""
    entries: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for t in terms:
        a, b = parts[t]
        for target, other in {(a, b), (b, a)}:
            if moving[target]:
                entries.setdefault(target, {}).setdefault(other, []).append((t, 2 if a == b else 1))
    return entries


def _inner(
    entries: dict[int, dict[int, list[tuple[int, int]]]],
    factors: list[tuple[int, int]],
    leaves: int,
    moving: list[bool],
) -> set[int]:
    """Products that are factors of products which have a derivative in this section."""
    active, within = {k for k in entries if k >= leaves}, set()
    for k in range(leaves + len(factors) - 1, leaves - 1, -1):
        if k in active:
            for f in factors[k - leaves]:
                if f >= leaves and moving[f]:
                    active.add(f)
                    within.add(f)
    return within


def _table(rows: Sequence[tuple[int, ...]], width: int) -> Int32Array:
    return np.array(rows, dtype=np.int32).reshape(-1, width)
