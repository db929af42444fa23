"""Model potentials of the benchmarks: polynomials of coordinates in amu, Å, ps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lattice import Pulse, units
from lattice.anharmonic.potential import Potential


@dataclass(frozen=True)
class Model:
    """A polynomial: coefficient of each sorted tuple of coordinates, in amu Å²/ps²."""

    omega: np.ndarray
    gamma: np.ndarray
    charge: np.ndarray
    terms: dict[tuple[int, ...], float]
    frequency: float

    @property
    def n(self) -> int:
        """Coordinates."""
        return len(self.omega)

    @property
    def pulse(self) -> Pulse:
        """The drive."""
        width = 0.5 * 2.0 * np.sqrt(np.log(2.0))
        return Pulse(30.0, self.frequency, width, helicity=0.9, phase=0.3, center=4.0, axis=(0.0, 0.0, 1.0))

    def potential(self) -> Potential:
        """The same for lattice."""
        terms = [(list(q), [], c / units.EV, "coupling") for q, c in self.terms.items()]
        terms += [
            ([i], [a], -self.charge[i, a] / units.EV, "dipole") for i, a in zip(*self.charge.nonzero(), strict=True)
        ]
        width = max(len(q) for q, *_ in terms)
        partner = np.arange(self.n) ^ 1
        return Potential(
            axis=np.array([0.0, 0.0, 1.0]),
            frequency=self.omega / units.TWO_PI,
            linewidth=self.gamma / units.TWO_PI,
            labels=[f"mode {i}" for i in range(self.n)],
            multiplet=[f"pair {i // 2}" for i in range(self.n)],
            coefficient=[c for _, _, c, _ in terms],
            mode_index=np.array([q + [-1] * (width - len(q)) for q, *_ in terms]),
            field_axis=np.array([e or [-1] for _, e, *_ in terms]),
            channel=[name for *_, name in terms],
            pair=np.where(partner < self.n, partner, -1),
        )


def pair_model() -> Model:
    """One E_u and one E_g pair of D3d with all invariants up to order 4."""
    x, y, X, Y = range(4)
    terms: Counter[tuple[int, ...]] = Counter()
    for c, parts in (
        (15.0, [((X, X, X), 1), ((X, Y, Y), -3)]),
        (30.0, [((x, x, X), 1), ((y, y, X), -1), ((x, y, Y), -2)]),
        (10.0, [((x,) * 4, 1), ((x, x, y, y), 2), ((y,) * 4, 1)]),
        (12.0, [((X,) * 4, 1), ((X, X, Y, Y), 2), ((Y,) * 4, 1)]),
        (8.0, [((x, x, X, X), 1), ((x, x, Y, Y), 1), ((y, y, X, X), 1), ((y, y, Y, Y), 1)]),
        (5.0, [((x, x, X, X), 1), ((y, y, Y, Y), 1), ((x, x, Y, Y), -1), ((y, y, X, X), -1), ((x, y, X, Y), 4)]),
    ):
        for key, factor in parts:
            terms[key] += c * factor
    charge = np.zeros((4, 2))
    charge[0, 0] = charge[1, 1] = 1.0
    frequency = np.array([3.1, 3.1, 5.6, 5.6])
    return Model(units.TWO_PI * frequency, np.array([0.3, 0.3, 0.5, 0.5]), charge, dict(terms), 3.1)


def random_model(n: int) -> Model:
    """Pairs without symmetry: 176, 1992 or 5987 monomials of order 3 and 4 for n = 12, 45, 120."""
    rng = np.random.default_rng(n)
    n3, n4 = {12: (60, 120), 45: (600, 1400), 120: (1500, 4500)}[n]
    frequency = np.sort(rng.uniform(1, 6, n // 2))
    frequency[-1] = 6.0
    gamma = np.repeat(rng.uniform(0.1, 0.6, n // 2), 2)
    frequency = np.repeat(frequency, 2)
    if n % 2:
        frequency, gamma = np.append(frequency, 4.2), np.append(gamma, 0.3)
    cubic: set[tuple[int, ...]] = set()
    while len(cubic) < n3:
        cubic.add(tuple(sorted(rng.integers(0, n, 3).tolist())))
    terms = {key: rng.normal() * 20.0 * np.sqrt(n / n3 / 3) for key in sorted(cubic)}
    quartic: set[tuple[int, ...]] = set()
    while len(quartic) < n4 - n:
        i, j = rng.integers(0, n, 2).tolist()
        general = rng.integers(0, n, 4).tolist()
        quartic.add(tuple(sorted((i, i, j, j) if rng.random() < 0.3 else general)))
    terms |= {key: rng.normal() * 10.0 * np.sqrt(n / n4 / 4) for key in sorted(quartic)}
    for i in range(n):
        terms[(i,) * 4] = terms.get((i,) * 4, 0.0) + 6.0
    charge = np.zeros((n, 2))
    driven = 2 * (n // 4)
    charge[driven, 0] = charge[driven + 1, 1] = 1.0
    charge[0, 0] = charge[1, 1] = 0.5
    return Model(units.TWO_PI * frequency, gamma, charge, terms, float(frequency[driven]))


def chain_model(n: int) -> Model:
    """Sites with a local quartic term and quartic springs to the next site."""
    terms = {(i,) * 4: 10.0 for i in range(n)}
    terms |= {(i, i, i + 1, i + 1): 5.0 for i in range(n - 1)} | {(i, i + 1): -40.0 for i in range(n - 1)}
    charge = np.zeros((n, 2))
    charge[: max(2, n // 100), 0] = 1.0
    return Model(np.full(n, units.TWO_PI * 3.0), np.full(n, 0.4), charge, terms, 3.0)


def gradient(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sparse rows of products of up to three coordinates (n stands for 1): start, column, value, products."""
    products: dict[tuple[int, ...], int] = {}
    rows: list[Counter[int]] = [Counter() for _ in range(model.n)]
    for key, c in model.terms.items():
        for i, power in Counter(key).items():
            rest = list(key)
            rest.remove(i)
            padded = (*rest, *[model.n] * (3 - len(rest)))
            rows[i][products.setdefault(padded, len(products))] -= c * power
    start = np.cumsum([0, *(len(row) for row in rows)])
    column = np.array([k for row in rows for k in row], np.int64)
    value = np.array([c for row in rows for c in row.values()])
    return start, column, value, np.array(list(products), np.int64)
