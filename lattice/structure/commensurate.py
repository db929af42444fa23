"""Wave vectors that a supercell holds, and the smallest supercell that holds some wave vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.supercell import cell_translations, determinant
from lattice.structure.supercell_search import describe_supercell

LARGEST_DENOMINATOR = 64  #: of a component of q, for constants that no supercell limits
MOST_CELLS = 4096
SAME_Q = 1e-5  #: of q·T modulo 1, for a translation T of the supercell


def commensurate_q(qpoint: FloatArray, supercell_matrix: IntArray) -> FloatArray:
    """Return the wave vector that a supercell holds and that is q to 1e-5, exact to round-off.

    Parameters
    ----------
    qpoint : ndarray
        ``(3,)`` in units of the reciprocal cell vectors; waves are exp(2πi q·x) of fractional coordinates x.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.

    Returns
    -------
    ndarray
        ``(3,)``: q·T is whole for every row T of the supercell.

    Raises
    ------
    InputError
        If the wave does not repeat in the supercell; the message names the nearest one that does.
    """
    phases = supercell_matrix @ qpoint
    exact: FloatArray = np.linalg.solve(supercell_matrix.astype(np.float64), np.rint(phases))
    if np.abs(phases - np.rint(phases)).max() > SAME_Q:
        rows = np.linalg.inv(supercell_matrix).T
        raise InputError(
            f"The wave vector is not commensurate with the supercell {describe_supercell(supercell_matrix)}",
            found=f"q = {q_text(qpoint)}",
            fix=f"take a sum of whole multiples of {', '.join(f'({q_text(row)})' for row in rows)}; "
            f"the nearest is {q_text(exact)}",
        )
    return exact


def smallest_supercell(qpoints: Sequence[FloatArray], supercell_matrix: IntArray) -> IntArray:
    """Return the smallest supercell in which waves repeat.

    Parameters
    ----------
    qpoints : sequence of ndarray
        ``(3,)`` each, as `commensurate_q` returns them for `supercell_matrix`.
    supercell_matrix : ndarray
        ``(3, 3)`` int: a supercell that holds all of them.

    Returns
    -------
    ndarray
        ``(3, 3)`` int, right-handed; the rows span all translations T with q·T whole for every q. Diagonal where it
        can be.
    """
    translations = cell_translations(supercell_matrix)
    phases = translations @ np.array(qpoints).T
    kept = translations[(np.abs(phases - np.rint(phases)) < SAME_Q).all(axis=1)]
    return _hermite(np.concatenate([supercell_matrix, kept]))


def supercell_of_waves(qpoints: Iterable[ArrayLike]) -> IntArray:
    """Return the smallest supercell ``(3, 3)`` in which waves with rational components repeat.

    Raises
    ------
    InputError
        If a component is no fraction with a denominator of at most 64, or no supercell of reasonable size holds all.
    """
    points = [np.asarray(q, dtype=np.float64) for q in qpoints]
    sides = [1, 1, 1]
    for q in points:
        for axis, x in enumerate(q.tolist()):
            fraction = Fraction(x).limit_denominator(LARGEST_DENOMINATOR)
            if abs(float(fraction) - x) * fraction.denominator > SAME_Q:
                raise InputError(
                    "A component of a wave vector is no simple fraction",
                    found=f"q = {q_text(q)}",
                    fix=f"give fractions with denominators up to {LARGEST_DENOMINATOR}, such as 1/3, to six digits",
                )
            sides[axis] = math.lcm(sides[axis], fraction.denominator)
    if math.prod(sides) > MOST_CELLS:
        raise InputError(
            "The wave vectors need too large a supercell",
            found="×".join(map(str, sides)),
            fix="take fewer wave vectors at once, or with smaller denominators",
        )
    matrix = np.diag(sides).astype(np.int64)
    return smallest_supercell([commensurate_q(q, matrix) for q in points], matrix) if points else matrix


def _hermite(generators: IntArray) -> IntArray:
    """Return the Hermite normal form ``(3, 3)`` of the span of integer vectors ``(n, 3)``: upper triangular."""
    rows = generators.copy()
    for column in range(3):
        while True:
            below = np.flatnonzero(rows[column:, column]) + column
            pivot = below[np.argmin(np.abs(rows[below, column]))]
            rows[[column, pivot]] = rows[[pivot, column]]
            if rows[column, column] < 0:
                rows[column] *= -1
            quotient = rows[column + 1 :, column] // rows[column, column]
            rows[column + 1 :] -= quotient[:, None] * rows[column]
            if not rows[column + 1 :, column].any():
                break
        rows[:column] -= (rows[:column, column] // rows[column, column])[:, None] * rows[column]
    matrix: IntArray = rows[:3]
    assert determinant(matrix) > 0
    return matrix


def q_text(qpoint: FloatArray) -> str:
    """Return a wave vector as ``1/3,0,0``; components that are no simple fractions with six digits."""
    return ",".join(_component(float(x)) for x in qpoint)


def _component(value: float) -> str:
    fraction = Fraction(value).limit_denominator(1000)
    return str(fraction) if abs(float(fraction) - value) < 1e-9 else f"{value:.6g}"


def same_wave(first: FloatArray, second: FloatArray) -> bool:
    """Return whether two wave vectors differ by a reciprocal lattice vector."""
    difference = first - second
    return bool(np.abs(difference - np.rint(difference)).max() < SAME_Q)
