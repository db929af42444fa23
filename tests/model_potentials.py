"""Model potentials for the tests of the dynamics; no crystal needed."""

from __future__ import annotations

import numpy as np

from lattice.anharmonic.potential import Potential


def make_potential(frequency, linewidth, multiplet, terms, *, pair=None, eigenvectors=None, axis=(0.0, 0.0, 1.0)):
    """Potential from terms (modes, field, coefficient, channel) with lists of any length."""
    k = max((len(q) for q, *_ in terms), default=1)
    j = max((len(e) for _, e, *_ in terms), default=0)
    return Potential(
        axis=np.array(axis),
        frequency=frequency,
        linewidth=linewidth,
        labels=[f"{m}.{i}" for i, m in enumerate(multiplet)],
        multiplet=multiplet,
        coefficient=[c for *_, c, _ in terms],
        mode_index=np.array([list(q) + [-1] * (k - len(q)) for q, *_ in terms], int).reshape(len(terms), k),
        field_axis=np.array([list(e) + [-1] * (j - len(e)) for _, e, *_ in terms], int).reshape(len(terms), j),
        channel=[name for *_, name in terms],
        pair=np.full(len(frequency), -1) if pair is None else pair,
        eigenvectors=eigenvectors,
    )


def d3d_potential(gamma=1.2e-3, charge=1.21, frequency=(2.05, 4.05), linewidth=(0.16, 0.10), a1g=None):
    """E_u pair (0, 1) and E_g pair (2, 3) with V3 = γ Re[(u_x + iu_y)² (g_x + ig_y)]; `a1g` adds δ |u|² Q on mode 4."""
    name = "Eu(1)^2 Eg(2)"
    terms = [
        ([0], [0], -0.01 * charge, "dipole"),
        ([1], [1], -0.01 * charge, "dipole"),
        ([0, 0, 2], [], gamma, name),
        ([1, 1, 2], [], -gamma, name),
        ([0, 1, 3], [], -2 * gamma, name),
    ]
    multiplet = ["Eu(1)", "Eu(1)", "Eg(2)", "Eg(2)"]
    pair, nu, width = [1, 0, 3, 2], np.repeat(frequency, 2).tolist(), np.repeat(linewidth, 2).tolist()
    if a1g is not None:
        terms += [([0, 0, 4], [], a1g, "Eu(1)^2 A1g(1)"), ([1, 1, 4], [], a1g, "Eu(1)^2 A1g(1)")]
        multiplet, pair, nu, width = [*multiplet, "A1g(1)"], [*pair, -1], [*nu, 3.9], [*width, 0.1]
    return make_potential(nu, width, multiplet, terms, pair=pair)


def random_potential(seed=0, n_quartic=60, n_cubic=40):
    """12 modes of 4 atoms without symmetry: orders 3 to 6, QE, QEE, QQE; M links every multiplet to every other."""
    rng = np.random.default_rng(seed)
    n = 12
    eigenvectors = np.linalg.qr(rng.standard_normal((n, n)))[0].reshape(n, 4, 3)
    multiplet = [f"E({i})" for i in range(4) for _ in range(2)] + [f"A({i})" for i in range(4)]
    frequency = np.concatenate([np.repeat(rng.uniform(1.5, 5.5, 4), 2), rng.uniform(1.5, 5.5, 4)])
    linewidth = np.concatenate([np.repeat(rng.uniform(0.05, 0.3, 4), 2), rng.uniform(0.05, 0.3, 4)])

    def draw(count, order):
        return sorted({tuple(sorted(rng.integers(0, n, order).tolist())) for _ in range(count)})

    def channel(q):
        return " ".join(multiplet[s] for s in q)

    terms = [([s], [a], -0.01 * rng.normal(), "dipole") for s in range(n) for a in range(2)]
    terms += [(q, [], 2e-3 * rng.normal(), channel(q)) for q in draw(n_cubic, 3)]
    terms += [((s,) * 4, [], 2e-3, "on-site") for s in range(n)]
    terms += [(q, [], 5e-4 * rng.normal(), channel(q)) for q in draw(n_quartic, 4)]
    terms += [(q, [], 2e-4 * rng.normal(), "fifth order") for q in draw(10, 5)]
    terms += [((s,) * 6, [], 2e-4, "sixth order") for s in range(3)]
    terms += [([int(rng.integers(n))], [a, b], 3e-3 * rng.normal(), "Raman") for a in range(2) for b in range(a, 2)]
    terms += [(q, [int(rng.integers(2))], 2e-3 * rng.normal(), "mixed") for q in draw(8, 2)]
    pair = [i ^ 1 if i < 8 else -1 for i in range(n)]
    return make_potential(frequency, linewidth, multiplet, terms, pair=pair, eigenvectors=eigenvectors)
