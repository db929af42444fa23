"""Potentials of the benchmarks: pairs of modes with cubic and quartic couplings, and what peers need to run them."""

from __future__ import annotations

import numpy as np

from lattice import units
from lattice.anharmonic.potential import Potential
from lattice.dynamics.pulse_array import PulseArray

DURATION = 40.0  # ps
Monomials = dict[tuple[int, ...], float]


def d3d_pairs() -> tuple[np.ndarray, np.ndarray, Monomials]:
    """Frequencies, linewidths (THz) and monomials (amu Å²/ps² …) of an E_u and an E_g pair, all to order 4."""
    x, y, X, Y = range(4)
    terms: Monomials = {(X, X, X): 15.0, (X, Y, Y): -45.0, (x, x, X): 30.0, (y, y, X): -30.0, (x, y, Y): -60.0}
    terms |= {(x,) * 4: 10.0, (x, x, y, y): 20.0, (y,) * 4: 10.0, (X,) * 4: 12.0, (X, X, Y, Y): 24.0, (Y,) * 4: 12.0}
    terms |= {(x, x, X, X): 13.0, (x, x, Y, Y): 3.0, (y, y, X, X): 3.0, (y, y, Y, Y): 13.0, (x, y, X, Y): 20.0}
    return np.repeat([3.1, 5.6], 2), np.repeat([0.3, 0.5], 2) / units.TWO_PI, terms


def random_pairs(n: int = 12) -> tuple[np.ndarray, np.ndarray, Monomials]:
    """The same for `n` modes without symmetry: 5 n cubic and 10 n quartic terms."""
    rng = np.random.default_rng(n)
    frequency = np.sort(rng.uniform(1, 6, n // 2))
    frequency[-1] = 6.0
    terms: Monomials = {(i,) * 4: 6.0 for i in range(n)}
    for order, count, size in ((3, 5 * n, 40.0), (4, 10 * n, 20.0)):
        drawn = sorted({tuple(sorted(rng.integers(0, n, order).tolist())) for _ in range(count)})
        for key in drawn:
            terms[key] = terms.get(key, 0.0) + float(rng.normal()) * size * np.sqrt(n / count / order) / 2
    return np.repeat(frequency, 2), np.repeat(rng.uniform(0.1, 0.6, n // 2), 2) / units.TWO_PI, terms


def potential_of(system: tuple[np.ndarray, np.ndarray, Monomials]) -> Potential:
    """Return the potential; light drives the first pair along x and y with 1 amu^½ Å/ps² per MV/cm."""
    frequency, linewidth, terms = system
    n = len(frequency)
    keys = [*terms, (0,), (1,)]
    return Potential(
        axis=np.array([0.0, 0.0, 1.0]),
        frequency=frequency,
        linewidth=linewidth,
        labels=[f"E({i // 2}){'xy'[i % 2]}" for i in range(n)],
        multiplet=[f"E({i // 2})" for i in range(n)],
        coefficient=np.array([*terms.values(), -1.0, -1.0]) / units.EV,
        mode_index=np.array([[*key, *[-1] * (4 - len(key))] for key in keys]),
        field_axis=np.array([[-1]] * len(terms) + [[0], [1]]),
        channel=["anharmonic"] * len(terms) + ["dipole"] * 2,
        pair=[i ^ 1 for i in range(n)],
    )


def pulses_of(frequency: float, n: int) -> PulseArray:
    """Pulses that differ in amplitude, frequency, helicity and phase."""
    rng = np.random.default_rng(0)
    return PulseArray(
        30.0 * rng.uniform(0.2, 1.1, n),
        frequency * rng.uniform(0.9, 1.1, n),
        np.sqrt(np.log(2.0)),
        helicity=rng.uniform(-1, 1, n),
        phase=rng.uniform(0, units.TWO_PI, n),
        center=4.0,
    )


def gradient(terms: Monomials, n: int) -> list[list[tuple[float, tuple[int, ...]]]]:
    """Derivatives of the potential: for each coordinate a list of factors and monomials."""
    out: list[list[tuple[float, tuple[int, ...]]]] = [[] for _ in range(n)]
    for key, c in terms.items():
        for s in set(key):
            rest = list(key)
            rest.remove(s)
            out[s].append((c * key.count(s), tuple(rest)))
    return out
