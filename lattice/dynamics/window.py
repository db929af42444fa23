"""Windows of the collocation: Gauss nodes, and the exact response of damped oscillators to polynomial forces.

In a window of length H the force is f(u) = Σ_j f_j l_j(u), u in (0, 1), with the Lagrange polynomials l_j of the Gauss
nodes. The response of Q̈ + ΓQ̇ + ω²Q = f is Q = H² ∫_0^θ G(θ − u) f(u) du, with HG(u) the position at time Hu after a
kick of unit momentum. The Taylor series of G has the coefficients g_0 = 0, g_1 = 1,
(k + 1)(k + 2) g_{k+2} = −ΓH (k + 1) g_{k+1} − (ωH)² g_k, for any damping and any sign of ω²; the integrals of
(θ − u)^k l_j(u) are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from lattice.dynamics.scheme import damped_flow
from lattice.structure.crystal import FloatArray

NODES = 8
LARGEST_PHASE = 2.0  #: √|ω²| H; the quadrature of the torques is then exact to 1e-15
LARGEST_DECAY = 4.0  #: ΓH
_TERMS = 40  # of the Taylor series: the first left out is below 1e-20 at the largest phase and decay
_QUADRATURE = 28  # nodes; exact for degree 55 > 39 + 7
_ALIGNMENT = 64  # bytes


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Weights of windows of one length; ``kinds`` are the different pairs of ω² and Γ.

    Attributes
    ----------
    length : float
        *ps*.
    n_out : int
        Evenly spaced times in the window at which the state is wanted, its end the last.
    flow : ndarray
        ``(kinds, 4, 8)``: Q from Q0, Q from P0, P from Q0, P from P0 at the nodes.
    response, rate : ndarray
        ``(kinds, 8, 8)`` [j, i]: Q and P at node i from the force at node j, ps² and ps.
    out_flow : ndarray
        ``(kinds, n_blocks, 2, 8)``: outputs from Q0 and P0; outputs are all Q, then all P, padded to blocks of 8.
    out_response : ndarray
        ``(kinds, n_blocks, 8, 8)`` [j, output]: outputs from the force at node j.
    """

    length: float
    n_out: int
    flow: FloatArray
    response: FloatArray
    rate: FloatArray
    out_flow: FloatArray
    out_response: FloatArray

    def arguments(self, units: int) -> tuple[object, ...]:
        """What the kernel takes, `units` long."""
        return (
            self.length, units, self.n_out, self.flow, self.response, self.rate, self.out_flow, self.out_response
        )  # fmt: skip


@cache
def nodes_and_weights() -> tuple[FloatArray, FloatArray]:
    """Gauss nodes in (0, 1) and weights, ``(8,)`` each."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (x + 1.0), 0.5 * w


@cache
def rule() -> FloatArray:
    """Return nodes, weights, barycentric weights, and for each node the row [k] of the Legendre analysis, ``(11, 8)``.

    The analysis gives a_k = (2k + 1) Σ_j w_j P_k(x_j) f_j of f = Σ a_k P_k.
    """
    c, w = nodes_and_weights()
    barycentric = 1.0 / (c[:, None] - c + np.eye(NODES)).prod(axis=1)
    analysis = (2 * np.arange(NODES) + 1) * w[:, None] * np.polynomial.legendre.legvander(2 * c - 1, NODES - 1)
    out = aligned((3 + NODES, NODES))
    out[:3], out[3:] = (c, w, barycentric), analysis
    return out


@lru_cache(maxsize=256)
def make_window(omega_squared: bytes, gamma: bytes, length: float, n_out: int) -> Window:
    """Weights for kinds with ω² rad²/ps² and Γ 1/ps, float64 as bytes; within the largest phase and decay."""
    a, b = np.frombuffer(omega_squared), np.frombuffer(gamma)
    c, _ = nodes_and_weights()
    times = np.concatenate([c, np.arange(1, n_out + 1) / n_out])
    g = _taylor(a * length**2, b * length)
    moments = _moments(n_out)
    kinds, blocks = len(a), -(-2 * n_out // NODES)
    # [kind, time, j]
    Q = length**2 * (g[:, :-1] @ moments).reshape(kinds, len(times), NODES)
    P = length * ((np.arange(1, _TERMS + 1) * g[:, 1:]) @ moments).reshape(kinds, len(times), NODES)
    free = damped_flow(a, b, times * length).transpose(1, 2, 0)
    window = Window(
        length, n_out, aligned((kinds, 4, NODES)), aligned((kinds, NODES, NODES)), aligned((kinds, NODES, NODES)),
        aligned((kinds, blocks, 2, NODES)), aligned((kinds, blocks, NODES, NODES)),
    )  # fmt: skip
    window.flow[:] = free[:, :, :NODES]
    window.response[:] = Q[:, :NODES].transpose(0, 2, 1)
    window.rate[:] = P[:, :NODES].transpose(0, 2, 1)
    padding = blocks * NODES - 2 * n_out
    rows = np.concatenate([Q[:, NODES:], P[:, NODES:], np.zeros((kinds, padding, NODES))], axis=1)
    window.out_response[:] = rows.reshape(kinds, blocks, NODES, NODES).transpose(0, 1, 3, 2)
    start = np.concatenate([free[:, :2, NODES:], free[:, 2:, NODES:], np.zeros((kinds, 2, padding))], axis=2)
    window.out_flow[:] = start.reshape(kinds, 2, blocks, NODES).transpose(0, 2, 1, 3)
    return window


def aligned(shape: tuple[int, ...]) -> FloatArray:
    """Zeros that begin at a multiple of 64 bytes."""
    size = int(np.prod(shape))
    raw = np.zeros(size + _ALIGNMENT // 8)
    first = -raw.ctypes.data % _ALIGNMENT // 8
    return raw[first : first + size].reshape(shape)


def _taylor(stiffness: FloatArray, decay: FloatArray) -> FloatArray:
    """Coefficients g ``(kinds, 41)`` from (ωH)² and ΓH."""
    g = np.zeros((_TERMS + 1, len(decay)))
    g[1] = 1.0
    for k in range(_TERMS - 1):
        g[k + 2] = -(decay * (k + 1) * g[k + 1] + stiffness * g[k]) / ((k + 1) * (k + 2))
    return np.ascontiguousarray(g.T)


@lru_cache(maxsize=64)
def _moments(n_out: int) -> FloatArray:
    """∫_0^θ (θ − u)^k l_j(u) du as ``(k, θ j)``: θ the nodes, then the outputs."""
    c, _ = nodes_and_weights()
    theta = np.concatenate([c, np.arange(1, n_out + 1) / n_out])
    x, w = np.polynomial.legendre.leggauss(_QUADRATURE)
    x, w = 0.5 * (x + 1.0), 0.5 * w
    at = theta[:, None] * x
    others = np.repeat(at[..., None, None] - c, NODES, axis=-2)
    others[..., np.arange(NODES), np.arange(NODES)] = 1.0  # [θ, x, j, other]: all nodes but j
    lagrange = others.prod(axis=-1) * rule()[2]
    power = (1.0 - x) ** np.arange(_TERMS)[:, None]
    moments = np.einsum("g,kg,tgj->ktj", w, power, lagrange, optimize=True)
    moments *= theta[:, None] ** (np.arange(_TERMS)[:, None, None] + 1)
    return np.ascontiguousarray(moments.reshape(_TERMS, -1))
