"""Polynomials in real coordinates Q and field components E, as sparse sums of monomials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lattice.anharmonic.potential import PADDING
from lattice.structure.crystal import FloatArray, IntArray

#: (factors Q, factors E), both ascending, each factor as often as its power.
Monomial = tuple[tuple[int, ...], tuple[int, ...]]
Polynomial = dict[Monomial, float]


def polynomial_from_table(coefficient: FloatArray, mode_index: IntArray, field_axis: IntArray) -> Polynomial:
    """Return the polynomial of a term table; rows of the same monomial add up.

    Parameters
    ----------
    coefficient : ndarray
        ``(n_terms,)``.
    mode_index, field_axis : ndarray
        ``(n_terms, k)`` and ``(n_terms, j)`` int, padded with −1.
    """
    polynomial: Polynomial = {}
    for c, modes, fields in zip(coefficient.tolist(), mode_index.tolist(), field_axis.tolist(), strict=True):
        monomial = (tuple(sorted(s for s in modes if s >= 0)), tuple(sorted(a for a in fields if a >= 0)))
        polynomial[monomial] = polynomial.get(monomial, 0.0) + c
    return polynomial


def padded(rows: Sequence[Sequence[int]]) -> IntArray:
    """Return rows of unequal length as an array ``(n, longest)``, padded with −1."""
    table = np.full((len(rows), max((len(row) for row in rows), default=0)), PADDING, dtype=np.int64)
    for entry, row in zip(table, rows, strict=True):
        entry[: len(row)] = row
    return table


def substitute(polynomial: Mapping[Monomial, float], mode_matrix: FloatArray, field_matrix: FloatArray) -> Polynomial:
    """Replace Q_s by Σ_t mode_matrix[s, t] Q_t and E_a by Σ_b field_matrix[a, b] E_b.

    Parameters
    ----------
    polynomial : mapping
    mode_matrix : ndarray
        ``(n, n')``.
    field_matrix : ndarray
        ``(3, 3)``.

    Returns
    -------
    dict
        Monomials whose coefficient vanishes are left out only where nothing contributed to them.
    """
    mode_forms = _linear_forms(mode_matrix)
    field_forms = _linear_forms(field_matrix)
    result: Polynomial = {}
    for (modes, fields), c in polynomial.items():
        for mode_factors, a in _product(mode_forms[s] for s in modes).items():
            for field_factors, b in _product(field_forms[f] for f in fields).items():
                monomial = (mode_factors, field_factors)
                result[monomial] = result.get(monomial, 0.0) + c * a * b
    return result


def _linear_forms(matrix: FloatArray) -> list[list[tuple[int, float]]]:
    """Return the entries of each row that are not round-off."""
    floor = 1e-13 * max(float(np.abs(matrix).max(initial=0.0)), 1.0)
    return [[(t, float(x)) for t, x in enumerate(row) if abs(x) > floor] for row in matrix]


def _product(forms: Iterable[list[tuple[int, float]]]) -> dict[tuple[int, ...], float]:
    """Multiply linear forms into monomials."""
    product: dict[tuple[int, ...], float] = {(): 1.0}
    for form in forms:
        longer: dict[tuple[int, ...], float] = {}
        for factors, c in product.items():
            for t, x in form:
                key = tuple(sorted((*factors, t)))
                longer[key] = longer.get(key, 0.0) + c * x
        product = longer
    return product


def channel_name(multiplets: Iterable[str]) -> str:
    """Return the name of an anharmonic channel: ``Eu(1)^2 Eg(2)``, highest power first, then in the order given.

    Parameters
    ----------
    multiplets : iterable of str
        The multiplet of each factor Q of a term, in the order of the modes.
    """
    powers = Counter(multiplets)
    ordered = sorted(powers.items(), key=lambda item: -item[1])  # stable: equal powers keep their order
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in ordered)
