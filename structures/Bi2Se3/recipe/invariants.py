"""Cubic invariants of D3d among the twelve optical coordinates of Bi2Se3 at Γ, and their symmetric tensors.

With Q = Q_x + iQ_y of an E_u pair, P of an E_g pair (x on the two-fold axis a1), S of an A1g and Z of an A2u singlet,
the group allows Im(Q Q' P), Im(P P' P''), S Re(Q Q'*), S Re(P P'*), Z Re(Q P*), S S' S'' and Z Z' S. Every invariant
enters V once, so that V3 = Σ c · invariant and |c| of Im(Q² P) is the |γ| of γ Re[(u_x + iu_y)² (g_x + ig_y)].
"""

from __future__ import annotations

from itertools import combinations_with_replacement, permutations

import numpy as np

EU, EG, A2U, A1G = ("Eu1", "Eu2"), ("Eg1", "Eg2"), ("A2u1", "A2u2"), ("A1g1", "A1g2")
MODES = ("Eg1x", "Eg1y", "Eg2x", "Eg2y", "Eu1x", "Eu1y", "Eu2x", "Eu2y", "A1g1z", "A1g2z", "A2u1z", "A2u2z")
_INDEX = {name: i for i, name in enumerate(MODES)}


def _pair(name: str) -> np.ndarray:
    """Return the linear form Q_x + iQ_y, (12,) complex."""
    form = np.zeros(len(MODES), dtype=complex)
    form[_INDEX[name + "x"]], form[_INDEX[name + "y"]] = 1, 1j
    return form


def _single(name: str) -> np.ndarray:
    form = np.zeros(len(MODES), dtype=complex)
    form[_INDEX[name + "z"]] = 1
    return form


def _tensor(forms: list[np.ndarray], part: str) -> np.ndarray:
    """Return the symmetrised tensor of the real or imaginary part of a product of three linear forms."""
    product = forms[0]
    for form in forms[1:]:
        product = np.multiply.outer(product, form)
    real = product.imag if part == "imag" else product.real
    orders = [np.transpose(real, order) for order in permutations(range(3))]
    return np.asarray(np.mean(orders, axis=0))


def cubic() -> dict[str, np.ndarray]:
    """Return the 40 cubic invariants: name → symmetric tensor T (12, 12, 12), invariant = Σ T_abc Q_a Q_b Q_c."""
    tensors: dict[str, np.ndarray] = {}
    for first, second in combinations_with_replacement(EU, 2):
        for g in EG:
            tensors[f"{first} {second} {g}"] = _tensor([_pair(first), _pair(second), _pair(g)], "imag")
        for s in A1G:
            tensors[f"{first} {second} {s}"] = _tensor([_pair(first), _pair(second).conj(), _single(s)], "real")
    for first, second, third in combinations_with_replacement(EG, 3):
        tensors[f"{first} {second} {third}"] = _tensor([_pair(first), _pair(second), _pair(third)], "imag")
    for first, second in combinations_with_replacement(EG, 2):
        for s in A1G:
            tensors[f"{first} {second} {s}"] = _tensor([_pair(first), _pair(second).conj(), _single(s)], "real")
    for z in A2U:
        for u in EU:
            for g in EG:
                tensors[f"{z} {u} {g}"] = _tensor([_single(z), _pair(u), _pair(g).conj()], "real")
    for first, second in combinations_with_replacement(A2U, 2):
        for s in A1G:
            tensors[f"{first} {second} {s}"] = _tensor([_single(first), _single(second), _single(s)], "real")
    for first, second, third in combinations_with_replacement(A1G, 3):
        tensors[f"{first} {second} {third}"] = _tensor([_single(first), _single(second), _single(third)], "real")
    return tensors


def force_rows(tensors: dict[str, np.ndarray], amplitude: np.ndarray) -> np.ndarray:
    """Return the generalised forces (12, n_invariants) of unit coefficients: −3 Σ T_abc Q_b Q_c."""
    return np.array([-3 * np.einsum("abc,b,c->a", tensor, amplitude, amplitude) for tensor in tensors.values()]).T
