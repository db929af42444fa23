"""Displacements that determine a polynomial: rays through the origin, each at a few amplitudes of both signs.

Along a ray d the force is a polynomial in the amplitude a, F(a d) = Σ_p a^(p−1) G_p(d). Even and odd parts at several
amplitudes give every G_p, free of the next orders; −G_p(d) is the gradient of the terms of order p at d, linear in the
coefficients. So each order has its own small linear problem, and its conditioning depends on the rays alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lattice.anharmonic.invariants import Invariant
from lattice.errors import FitError, InputError
from lattice.structure.crystal import FloatArray, IntArray, frozen_array

_CANDIDATES = 60  #: random rays among which the next one is chosen
_LARGEST_EXCHANGE = 400  #: invariants of one order; beyond, rays are random, and more of them are taken
_LARGEST_TABLE = 2**27  #: entries of one order's linear problem (1 GiB)


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """Displacement plan in ``n`` coordinates.

    Attributes
    ----------
    directions : ndarray
        ``(n_rays, n)`` unit vectors; shorter ones mark directions in which motions stay smaller.
    amplitudes : ndarray
        ``(n_amplitudes,)`` *Å√amu*, lengths of Q, ascending.
    images : ndarray
        ``(n_images, n)`` rays that symmetry links to the first one, used at the largest amplitude to look for forbidden
        terms.
    image_matrices : ndarray
        ``(n_images, n, n)``: ``images[i] = image_matrices[i] @ directions[0]``.
    """

    directions: FloatArray
    amplitudes: FloatArray
    images: FloatArray
    image_matrices: FloatArray

    def __post_init__(self) -> None:
        for name in ("directions", "amplitudes", "images", "image_matrices"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    @property
    def n_fit(self) -> int:
        """Number of force calls of the fit, the undisplaced structure included."""
        return 1 + 2 * len(self.directions) * len(self.amplitudes)

    @property
    def n_check(self) -> int:
        """Number of force calls that look for forbidden terms."""
        return 2 * len(self.images)

    def points(self) -> FloatArray:
        """Return all Q, ``(n_fit + n_check, n)``: the origin; (ray, amplitude, sign); (image, sign)."""
        signed = np.array([1.0, -1.0])
        fit = np.einsum("ri,a,s->rasi", self.directions, self.amplitudes, signed)
        check = np.einsum("ri,s->rsi", self.images, signed * self.amplitudes[-1])
        n = self.directions.shape[1]
        points: FloatArray = np.concatenate([np.zeros((1, n)), fit.reshape(-1, n), check.reshape(-1, n)])
        return points

    def turned(self, matrix: FloatArray) -> Rays:
        """Return the same rays in other coordinates Q' = matrix @ Q."""
        return Rays(
            self.directions @ matrix.T,
            self.amplitudes,
            self.images @ matrix.T,
            matrix @ self.image_matrices @ matrix.T,
        )

    def parts(self, forces: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return even (less the force at the origin) and odd parts, ``(n_rays, n_amplitudes, n)`` each."""
        shape = (len(self.directions), len(self.amplitudes), 2, -1)
        plus, minus = np.moveaxis(forces[1 : self.n_fit].reshape(shape), 2, 0)
        return (plus + minus) / 2 - forces[0], (plus - minus) / 2

    def orders(self, forces: FloatArray, order: int, n_amplitudes: int) -> FloatArray:
        """Return G_p ``(n_rays, n)`` *eV/(Å√amu)^p* of one order p, from the smallest amplitudes.

        Parameters
        ----------
        forces : ndarray
            ``(n_fit, n)`` *eV/(Å√amu)*, −∂V/∂Q at `points`.
        order : int
            p ≥ 2.
        n_amplitudes : int
            How many amplitudes are used; as many orders of one parity are told apart.
        """
        even, odd = self.parts(forces)
        chosen = self.amplitudes[:n_amplitudes]
        first = 2 if order % 2 else 1
        powers = chosen[:, None] ** np.arange(first, first + 2 * n_amplitudes, 2)
        part = (even if order % 2 else odd)[:, :n_amplitudes]
        solved = np.linalg.solve(powers, np.moveaxis(part, 1, 0).reshape(n_amplitudes, -1))
        return np.asarray(solved[(order - 1 - first) // 2].reshape(len(part), -1))

    def forbidden(self, forces: FloatArray, order: int) -> float:
        """Return the largest force that symmetry forbids, in the unit of the coefficients of an order.

        Force at an image of the first ray less the image of the force, at the largest amplitude a: the even part for
        odd orders and the odd part for even ones, over a^(order−1). An upper bound: it holds all orders of one parity.
        """
        if len(self.images) == 0:
            return 0.0
        a = float(self.amplitudes[-1])
        even, odd = self.parts(forces[: self.n_fit])
        reference = (even if order % 2 else odd)[0, -1]
        plus, minus = np.moveaxis(forces[self.n_fit :].reshape(len(self.images), 2, -1), 1, 0)
        found = (plus + minus) / 2 - forces[0] if order % 2 else (plus - minus) / 2
        return float(np.abs(found - self.image_matrices @ reference).max()) / a ** (order - 1)


def amplitudes_needed(order: int) -> int:
    """Return how many amplitudes separate the orders up to this one, one more for the error of the step."""
    return order // 2 + 1


def gradient_table(invariants: Sequence[Invariant], points: FloatArray) -> FloatArray:
    """Return ∂I/∂Q_s of invariants without field factors, ``(n_points, n, n_invariants)``.

    Parameters
    ----------
    invariants : sequence of Invariant
        All of one order.
    points : ndarray
        ``(n_points, n)``.

    Raises
    ------
    InputError
        If the table would be too large.
    """
    n_points, n = points.shape
    if n_points * n * len(invariants) > _LARGEST_TABLE:
        raise InputError(
            "There are too many couplings to fit at once",
            found=f"{len(invariants)} invariants of {n} coordinates",
            fix="choose fewer multiplets, or a lower order",
        )
    if not invariants:
        return np.zeros((n_points, n, 0))
    factors = np.concatenate([x.mode_index for x in invariants])
    owner = np.repeat(np.arange(len(invariants)), [len(x.coefficient) for x in invariants])
    coefficient = np.concatenate([x.coefficient for x in invariants])
    table = np.zeros((n_points, n * len(invariants)))
    for f in range(factors.shape[1]):
        column = factors[:, f] * len(invariants) + owner
        others = np.delete(factors, f, axis=1)
        for k, point in enumerate(points):
            weights = coefficient * np.prod(point[others], axis=1)
            table[k] += np.bincount(column, weights=weights, minlength=table.shape[1])
    return table.reshape(n_points, n, len(invariants))


def condition_number(table: FloatArray) -> float:
    """Return the ratio of the largest to the smallest singular value, columns scaled to length one.

    Infinity where the rows do not determine the columns; 1 where there are none.
    """
    if table.shape[-1] == 0:
        return 1.0
    matrix = table.reshape(-1, table.shape[-1])
    length = np.linalg.norm(matrix, axis=0)
    if len(matrix) < matrix.shape[1] or (length == 0).any():
        return float("inf")
    singular = np.linalg.svd(matrix / length, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 1e-12 * singular[0] else float("inf")


def choose_rays(n: int, orders: Sequence[Sequence[Invariant]], max_condition: float) -> tuple[FloatArray, list[float]]:
    """Choose the fewest rays at which the forces determine all invariants well.

    Parameters
    ----------
    n : int
        Number of coordinates.
    orders : sequence of sequence of Invariant
        The invariants, order by order.
    max_condition : float
        Largest condition number of the linear problem of any order.

    Returns
    -------
    rays : ndarray
        ``(n_rays, n)`` unit vectors.
    conditions : list of float
        Condition number of each order.

    Raises
    ------
    FitError
        If no reasonable number of rays reaches the condition number.
    """
    fewest = max(1, *(-(-len(invariants) // n) for invariants in orders))
    if max(len(invariants) for invariants in orders) > _LARGEST_EXCHANGE:
        pool = _random_rays(3 * fewest + 4, n)
        tables = [gradient_table(x, pool) for x in orders]
        ranked = np.arange(len(pool))
    else:
        pool = _random_rays(max(_CANDIDATES, 4 * fewest), n)
        tables = [gradient_table(x, pool) for x in orders]
        ranked = _greedy([table for table in tables if table.size], min(len(pool), 3 * fewest + 4))
    conditions = [float("inf")]
    for count in range(fewest, len(ranked) + 1):
        conditions = [condition_number(table[ranked[:count]]) for table in tables]
        if max(conditions) <= max_condition:
            return pool[ranked[:count]], conditions
    raise FitError(
        "No set of displacements determines the couplings as well as asked",
        found=f"condition number {max(conditions):.3g} with {len(ranked)} rays, at most {max_condition:g} asked",
        fix="allow a larger condition number, or choose fewer multiplets",
    )


def _random_rays(count: int, n: int) -> FloatArray:
    """Return fixed random unit vectors."""
    vectors = np.random.default_rng(20).standard_normal((count, n))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _greedy(tables: Sequence[FloatArray], count: int) -> IntArray:
    """Order candidates so that each adds most to the determinants of the normal equations (D-optimal, greedy)."""
    scaled, inverse = [], []
    for table in tables:
        length = np.linalg.norm(table.reshape(-1, table.shape[-1]), axis=0)
        scaled.append(table / np.where(length > 0, length, 1.0) * np.sqrt(len(table)))
        inverse.append(1e4 * np.eye(table.shape[-1]))  # of a small ridge, so that the first rays can be compared
    chosen: list[int] = []
    for _ in range(count):
        gain = np.zeros(len(tables[0]))
        for table, inv in zip(scaled, inverse, strict=True):
            small = np.einsum("ksi,ij,ktj->kst", table, inv, table, optimize=True)
            gain += np.linalg.slogdet(np.eye(table.shape[1]) + small)[1]
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        for i, table in enumerate(scaled):
            rows = table[best] @ inverse[i]
            update = np.linalg.solve(np.eye(table.shape[1]) + rows @ table[best].T, rows)
            inverse[i] = inverse[i] - rows.T @ update
    return np.array(chosen)
