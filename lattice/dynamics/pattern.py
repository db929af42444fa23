"""Potentials whose force the kernel has written out, so that the whole state stays in registers."""

from __future__ import annotations

import numpy as np

from lattice.dynamics.table import Int32Array, Table
from lattice.structure.crystal import FloatArray

TABLE, PAIRS = 0, 1  #: patterns of the kernel: any table; an E_u and an E_g pair of D3d
_MATCH = 4 * float(np.finfo(np.float64).eps)  # of the largest coefficient: what rounding may change
Polynomial = dict[tuple[int, ...], float]


def find_pattern(table: Table) -> tuple[int, FloatArray]:
    """Return the number of the pattern that a table has, and its values (none for `TABLE`).

    `PAIRS`: coordinates 0, 1 are u = x + iy and 2, 3 are g = X + iY, all terms without field are a sum of
    a0 Re g³ + a1 Re(u² g) + a2 |u|⁴ + a3 |g|⁴ + a4 |u|² |g|² + a5 Re(u² g*²), and those with a field are linear in
    both: the values are a0 … a5, then −c of Q_s E_α ``(4, 3)``.
    """
    none = TABLE, np.zeros(0)
    if table.n_modes != 4:
        return none
    dark: Polynomial = {}
    charge = np.zeros((4, 3))
    for c, modes, fields in zip(table.coefficient.tolist(), table.term_mode, _fields(table), strict=True):
        q, e = [int(s) for s in modes if s >= 0], [int(a) for a in fields if a >= 0]
        if not e:
            key = tuple(sorted(q))
            dark[key] = dark.get(key, 0.0) + c
        elif len(e) == len(q) == 1:
            charge[q[0], e[0]] -= c
        else:
            return none
    basis = _invariants()
    keys = sorted(set(dark).union(*basis))
    columns = np.array([[p.get(key, 0.0) for p in basis] for key in keys])
    wanted = np.array([dark.get(key, 0.0) for key in keys])
    values = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    if np.abs(columns @ values - wanted).max() > _MATCH * np.abs(wanted).max(initial=0.0):
        return none
    return PAIRS, np.concatenate([values, charge.ravel()])


def _fields(table: Table) -> Int32Array:
    if table.term_field.size:
        return table.term_field
    return np.full((len(table.coefficient), 1), -1, dtype=np.int32)


def _invariants() -> list[Polynomial]:
    """The six invariants as polynomials of x, y, X, Y."""
    one: list[Polynomial] = [{(i,): 1.0} for i in range(4)]
    x, y, X, Y = one
    u2 = _times(x, x, 1.0), _times(y, y, 1.0)
    g2 = _times(X, X, 1.0), _times(Y, Y, 1.0)
    u_re, u_im, u = _plus(u2[0], u2[1], -1.0), _times(x, y, 2.0), _plus(*u2, 1.0)
    g_re, g_im, g = _plus(g2[0], g2[1], -1.0), _times(X, Y, 2.0), _plus(*g2, 1.0)
    return [
        _plus(_times(g_re, X, 1.0), _times(g_im, Y, 1.0), -1.0),
        _plus(_times(u_re, X, 1.0), _times(u_im, Y, 1.0), -1.0),
        _times(u, u, 1.0),
        _times(g, g, 1.0),
        _times(u, g, 1.0),
        _plus(_times(u_re, g_re, 1.0), _times(u_im, g_im, 1.0), 1.0),
    ]


def _times(a: Polynomial, b: Polynomial, factor: float) -> Polynomial:
    out: Polynomial = {}
    for p, c in a.items():
        for q, d in b.items():
            key = tuple(sorted(p + q))
            out[key] = out.get(key, 0.0) + factor * c * d
    return out


def _plus(a: Polynomial, b: Polynomial, factor: float) -> Polynomial:
    out = dict(a)
    for key, c in b.items():
        out[key] = out.get(key, 0.0) + factor * c
    return {key: c for key, c in out.items() if c != 0.0}
