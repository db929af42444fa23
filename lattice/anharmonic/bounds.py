"""Whether V(Q) has its only minimum at rest as far as its couplings were determined.

The region is the ellipsoid Σ (Q_s/a_s)² ≤ 1 without field, a_s the largest `amplitude_range` in the multiplet of s.
With the harmonic energy y² = Σ ω_s² Q_s²/2, each order p ≥ 3 obeys |V_p| ≤ σ_p |y|^p, σ_p a spectral norm of its
unfolded tensor. If 2 > Σ p σ_p |y|^(p−2) at the largest y of the region, V grows along every ray there: a proof. Where
that fails, which it may for a good polynomial too, rays are tried: along each V is a polynomial of one variable, whose
turning point is found exactly; the worst rays are then improved. That is a search, and may miss a narrow valley.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.anharmonic.polynomial import padded, polynomial_from_table
from lattice.anharmonic.potential import POTENTIAL, Potential
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, IntArray

N_RAYS = 1024  #: random ones, beside the coordinates themselves
N_WORST, N_ROUNDS = 16, 40
LARGEST_TENSOR = 2**18  #: entries; larger ones are not unfolded, and the region is searched

#: by order: factors ``(n_terms, order)`` and coefficients in *eV*, for Q in units of its range
Orders = dict[int, tuple[IntArray, FloatArray]]


@argument.takes(potential=POTENTIAL)
def polynomial_bounds(potential: Potential) -> dict[str, Any]:
    """Look whether V grows along every ray from Q = 0, as far as the couplings were determined.

    Parameters
    ----------
    potential : Potential

    Returns
    -------
    dict
        ``method``: ``proof``; ``search``, with the number of ``rays``; ``unstable``, if a frequency is not real;
        ``unknown``, if the potential has no `amplitude_range`. Where V turns downwards within the region: ``turns_at``
        and, if it falls below V(0), ``falls_below_at``, as shares of the way to its edge, the smallest found; and
        ``along``, the multiplets of the first of these rays, the largest part first.
    """
    reach = _half_axes(potential)
    if reach is None:
        return {"method": "unknown"}
    curvature = np.sign(potential.frequency) * (units.TWO_PI * potential.frequency) ** 2 / units.EV
    if (curvature <= 0).any():
        return {"method": "unstable"}
    dark = np.asarray((potential.field_axis < 0).all(axis=1))
    orders = _orders(potential, dark, reach)
    energy = curvature * reach**2 / 2
    if _proved(orders, energy):
        return {"method": "proof"}
    return _searched(potential, orders, energy)


def with_bounds(potential: Potential) -> Potential:
    """Return the potential with its `polynomial_bounds` in the report of its fit, ``source["fit"]["bounds"]``."""
    report = {**potential.source["fit"], "bounds": polynomial_bounds(potential)}
    return replace(potential, source={**potential.source, "fit": report})


def _half_axes(potential: Potential) -> FloatArray | None:
    """Return a_s in *Å√amu*, None if one is not known; the same in a multiplet, whatever its coordinates are."""
    given = potential.amplitude_range
    if given is None or not np.isfinite(given).all() or (given <= 0).any():
        return None
    reach = np.empty(potential.n_modes)
    for name in potential.multiplets:
        own = potential.multiplet == name
        reach[own] = given[own].max()
    return reach


def _orders(potential: Potential, dark: NDArray[np.bool_], reach: FloatArray) -> Orders:
    """Return the terms without field by their order, each monomial once."""
    polynomial = polynomial_from_table(
        potential.coefficient[dark], potential.mode_index[dark], potential.field_axis[dark]
    )
    found: Orders = {}
    for order in sorted({len(modes) for modes, _ in polynomial}):
        rows = [(modes, c) for (modes, _), c in polynomial.items() if len(modes) == order]
        factors = padded([modes for modes, _ in rows])
        found[order] = factors, np.array([c for _, c in rows]) * reach[factors].prod(axis=1)
    return found


def _proved(orders: Orders, energy: FloatArray) -> bool:
    """Whether norms alone show that V grows along every ray; ``energy``: harmonic, at the end of each half axis."""
    y = math.sqrt(energy.max(initial=0.0))
    lost = 0.0
    for order, (factors, coefficient) in orders.items():
        if order < 3 or len(energy) ** order > LARGEST_TENSOR:
            return False
        tensor = np.zeros((len(energy),) * order)
        for modes, c in zip(
            factors.tolist(), (coefficient / np.sqrt(energy)[factors].prod(axis=1)).tolist(), strict=True
        ):
            places = set(permutations(modes))
            for place in places:
                tensor[place] += c / len(places)
        rows = len(energy) ** (order // 2)
        lost += order * float(np.linalg.norm(tensor.reshape(rows, -1), 2)) * y ** (order - 2)
    return lost < 2


def _searched(potential: Potential, orders: Orders, energy: FloatArray) -> dict[str, Any]:
    """Try rays, improve the worst, and return what was found."""
    rng = np.random.default_rng(1)
    n = len(energy)
    rays = _unit(np.concatenate([np.eye(n), -np.eye(n), rng.normal(size=(N_RAYS, n))]))
    count = len(rays)
    turns = _shares(_along(rays, orders, energy), slope=True)
    worst = np.argsort(turns)[:N_WORST]
    rays, turns = rays[worst], turns[worst]
    width = 0.5
    for _ in range(N_ROUNDS):
        trial = _unit(rays[:, None] + width * rng.normal(size=(len(rays), 8, n)) / math.sqrt(n)).reshape(-1, n)
        found = _shares(_along(trial, orders, energy), slope=True).reshape(len(rays), 8)
        count += len(trial)
        best = found.argmin(axis=1)
        better = found[np.arange(len(rays)), best] < turns
        rays[better] = trial.reshape(len(rays), 8, n)[better, best[better]]
        turns[better] = found[better, best[better]]
        width *= 0.85
    report: dict[str, Any] = {"method": "search", "rays": count}
    if turns.min() > 1:
        return report
    report["turns_at"] = float(turns.min())
    below = float(_shares(_along(rays, orders, energy), slope=False).min())
    if below <= 1:
        report["falls_below_at"] = below
    weight = {
        name: float((rays[turns.argmin()][potential.multiplet == name] ** 2).sum()) for name in potential.multiplets
    }
    named = sorted((name for name in weight if weight[name] > 0.05), key=lambda name: -weight[name])
    return {**report, "along": named}


def _unit(rays: FloatArray) -> FloatArray:
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _along(rays: FloatArray, orders: Orders, energy: FloatArray) -> dict[int, FloatArray]:
    """Return the coefficients of t^p of V along rays ``(k, n)``, ``(k,)`` *eV* by order p."""
    result = {2: rays**2 @ energy}
    for order, (factors, coefficient) in orders.items():
        values = np.ones((len(rays), len(coefficient)))
        for place in range(order):
            values *= rays[:, factors[:, place]]
        result[order] = result.get(order, 0.0) + values @ coefficient
    return result


def _shares(along: dict[int, FloatArray], *, slope: bool) -> FloatArray:
    """Return for each ray the smallest t > 0 with dV/dt = 0 (or V = 0), infinite where there is none.

    Where the harmonic coefficient is positive V/t² has a constant term, and its roots are found as 1/t (companion
    matrices). Where terms of order 2 in the table make it negative, V falls from the start: 0.
    """
    degree = max(max(along) - 2, 1)
    table = np.zeros((len(along[2]), degree + 1))
    for order, values in along.items():
        if order >= 2:
            table[:, order - 2] = values * (order if slope else 1)
    rises = table[:, 0] > 0
    companion = np.zeros((len(table), degree, degree))
    companion[:, 1:, :-1] = np.eye(degree - 1)
    companion[rises, 0] = -table[rises, 1:] / table[rises, :1]
    roots = np.linalg.eigvals(companion)
    real = np.where((np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0), roots.real, 0.0)
    largest = real.max(axis=1)
    shares = np.divide(1.0, largest, out=np.full(len(table), np.inf), where=largest > 0)
    return np.asarray(np.where(rises, shares, 0.0))
