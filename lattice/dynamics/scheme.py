"""The splitting scheme: exact damped-harmonic drifts and kicks, and the torque integrals of a drift.

A = damped linear flow with the clock running, B = kick by every anharmonic and field term at fixed Q and t. B commutes
twice with A to a function of Q and t only, [B, [B, [B, A]]] = 0, so Runge–Kutta–Nyström compositions keep their order
although damping sits in A. In a bath A is the exact Ornstein–Uhlenbeck flow and the composition is Strang's.

References
----------
S. Blanes and P. C. Moan, J. Comput. Appl. Math. 142, 313 (2002): composition SRKN14, order 6 (ABA form, 14 kicks).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lattice.dynamics.table import Int32Array
from lattice.structure.crystal import FloatArray

_A = (
    0.0378593198406116,
    0.102635633102435,
    -0.0258678882665587,
    0.314241403071447,
    -0.130144459517415,
    0.106417700369543,
    -0.00879424312851058,
)
_B = (
    0.09171915262446165,
    0.183983170005006,
    -0.05653436583288827,
    0.004914688774712854,
    0.143761127168358,
    0.328567693746804,
)
_HALF_A = (*_A, 1.0 - 2.0 * sum(_A))
_HALF_B = (*_B, 0.5 - sum(_B))


@cache
def gauss_nodes() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on (−1, 1): 24, exact to round-off for products of the drifts that `integrate` allows."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    return nodes, weights


@dataclass(frozen=True, slots=True)
class Composition:
    """Drifts and kicks of one step: drift 0, kick 0, drift 1, …, the last drift.

    Attributes
    ----------
    drifts, kicks : ndarray
        ``(n_kicks + 1,)`` and ``(n_kicks,)`` lengths in units of the step.
    """

    drifts: FloatArray
    kicks: FloatArray

    @property
    def kick_times(self) -> FloatArray:
        """Times of the kicks in units of the step, ``(n_kicks,)``."""
        return np.cumsum(self.drifts)[:-1]


#: Order 6, for motion without noise. Its negative drifts have no stochastic counterpart.
SRKN14 = Composition(np.array((*_HALF_A, *_HALF_A[-2::-1])), np.array((*_HALF_B, *_HALF_B[::-1])))
#: Order 2 (weak order 2 with noise), for motion in a bath.
STRANG = Composition(np.array((0.5, 0.5)), np.array((1.0,)))
#: The same order with the one drift in the middle: half kicks at both ends, for which the kernel of ensembles provides.
KICK_DRIFT_KICK = Composition(np.array((1.0,)), np.array(()))


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything of one step length that the kernel needs; n_drifts = n_kicks + 1.

    Attributes
    ----------
    step : float
        *ps*.
    flow : ndarray
        ``(n_drifts, n, 4)``: Q' = f0 Q + f1 P, P' = f2 Q + f3 P over each drift.
    link_integral : ndarray
        ``(n_drifts, n_links, 8)``: coefficients of Q_s Q_t, Q_s P_t, P_s Q_t, P_s P_t in the change of
        l_st = Q_s P_t − Q_t P_s over each drift, first by restoring forces, then by damping.
    kick : ndarray
        ``(n_kicks,)`` *ps*.
    """

    step: float
    flow: FloatArray
    link_integral: FloatArray
    kick: FloatArray


def weights(
    composition: Composition, omega_squared: FloatArray, gamma: FloatArray, link_mode: Int32Array, step: float
) -> Weights:
    """Drifts, kicks and torque integrals of a step *ps*; ω² rad²/ps² and Γ 1/ps ``(n,)``, links ``(n_links, 2)``."""
    lengths = composition.drifts * step
    return Weights(
        step,
        np.ascontiguousarray(damped_flow(omega_squared, gamma, lengths)),
        np.ascontiguousarray(torque_integrals(omega_squared, gamma, link_mode, lengths)),
        composition.kicks * step,
    )


def damped_flow(omega_squared: FloatArray, gamma: FloatArray, t: FloatArray) -> FloatArray:
    """Exact flow of Q̈ + Γ Q̇ + ω² Q = 0 over times `t`, for any sign of ω² and any damping.

    Parameters
    ----------
    omega_squared, gamma : ndarray
        ``(n,)`` rad²/ps² (negative: unstable) and 1/ps (amplitudes fall as exp(−Γt/2)).
    t : ndarray
        ``(n_times,)`` *ps*, of either sign.

    Returns
    -------
    ndarray
        ``(n_times, n, 4)``: (∂Q/∂Q0, ∂Q/∂P0, ∂P/∂Q0, ∂P/∂P0).
    """
    half, time = 0.5 * gamma, np.asarray(t)[:, None]
    x = (omega_squared - half * half) * time * time
    root = np.sqrt(np.abs(x))
    safe = np.where(root > 0, root, 1.0)
    cosine = np.where(x > 0, np.cos(root), np.cosh(root))
    sine = time * np.where(root > 0, np.where(x > 0, np.sin(root), np.sinh(root)) / safe, 1.0)
    decay = np.exp(-half * time)
    return np.stack(
        (decay * (cosine + half * sine), decay * sine, -decay * omega_squared * sine, decay * (cosine - half * sine)),
        axis=-1,
    )


def torque_integrals(
    omega_squared: FloatArray, gamma: FloatArray, link_mode: Int32Array, lengths: FloatArray
) -> FloatArray:
    """Bilinear coefficients of the torque integrals over drifts, by Gauss–Legendre quadrature.

    dl_st/dt = (ω_s² − ω_t²) Q_s Q_t + Γ_s P_s Q_t − Γ_t Q_s P_t: the first term is booked as `harmonic`, the other two
    as `damping`. Each is integrated on its own, so that their sum closing with Δl_st is a test of both.

    Returns
    -------
    ndarray
        ``(n_drifts, n_links, 8)``.
    """
    nodes, node_weights = gauss_nodes()
    s, t = link_mode.T
    out = np.zeros((len(lengths), len(link_mode), 8))
    for k, length in enumerate(lengths):
        flow = damped_flow(omega_squared, gamma, 0.5 * (nodes + 1.0) * length)
        w = 0.5 * length * node_weights
        q_s, p_s, q_t, p_t = flow[:, s, :2], flow[:, s, 2:], flow[:, t, :2], flow[:, t, 2:]
        # Order of the four products of initial values: (Q_s, P_s) × (Q_t, P_t).
        restoring, loss_s, loss_t = (
            np.einsum("u,uli,ulj->lij", w, a, b).reshape(-1, 4) for a, b in ((q_s, q_t), (p_s, q_t), (q_s, p_t))
        )
        out[k, :, :4] = (omega_squared[s] - omega_squared[t])[:, None] * restoring
        out[k, :, 4:] = gamma[s][:, None] * loss_s - gamma[t][:, None] * loss_t
    return out


def loss_integrals(omega_squared: FloatArray, gamma: FloatArray, lengths: FloatArray) -> FloatArray:
    """Energy that damping gives over drifts, −∫ Γ P² dt, by Gauss–Legendre quadrature.

    Integrated on its own, so that its sum with the other rows closing with the change of ½ (P² + ω² Q²) is a test.

    Returns
    -------
    ndarray
        ``(n_drifts, n, 3)``: coefficients of Q Q, Q P and P P of the state before the drift.
    """
    nodes, node_weights = gauss_nodes()
    out = np.empty((len(lengths), len(gamma), 3))
    for k, length in enumerate(lengths):
        p = damped_flow(omega_squared, gamma, 0.5 * (nodes + 1.0) * length)[..., 2:]
        products = p[..., [0, 0, 1]] * p[..., [0, 1, 1]] * [1.0, 2.0, 1.0]
        out[k] = -gamma[:, None] * np.tensordot(0.5 * length * node_weights, products, axes=1)
    return out
