"""The thermal bath: a classical Langevin force on every damped coordinate, and thermal initial states.

P' = −ω² Q − ∂V/∂Q − Γ P + √(2 Γ k_B T) ξ(t), white noise of unit strength, independent for each coordinate. The bath is
classical: k_B T/2 per degree of freedom, without zero-point motion.

During a drift the random force makes a Gaussian increment of (Q, P) with the exact covariance of the damped oscillator,
cross terms included. Increments over shorter drifts are drawn between the ends of longer ones (Gaussian bridges), so
that a refined run sees the same force: to draw a new one where the step error was large would throw away the hot paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice import units
from lattice._kernels import trajectory as kernel
from lattice.dynamics.scheme import damped_flow, gauss_nodes
from lattice.dynamics.table import Table
from lattice.structure.crystal import FloatArray

INITIAL_STREAM = 2**63  #: index of the numbers of the initial state; the increments of a run count from 0


@dataclass(frozen=True, slots=True)
class Bath:
    """Temperature and seed of a bath.

    Attributes
    ----------
    temperature : float
        *K*, > 0.
    seed : int
        Key of the random numbers, 0 … 2⁶³ − 1. A number depends on seed, trajectory, time and coordinate only.
    """

    temperature: float
    seed: int

    @property
    def thermal_energy(self) -> float:
        """k_B T in amu Å²/ps²."""
        return float(units.KB * self.temperature)


def thermal_state(table: Table, bath: Bath, n_trajectories: int) -> tuple[FloatArray, FloatArray]:
    """Draw Q and P ``(B, n)`` in Å√amu and Å√amu/ps from the classical Boltzmann distribution of the harmonic crystal.

    The distribution is that of ½ Σ (P² + ω² Q²); what the anharmonic terms change relaxes within the damping time.
    Coordinates with ω² ≤ 0, for which it does not exist, start at Q = 0 with thermal P.
    """
    x = np.empty((n_trajectories, table.n_modes, 2))
    for trajectory in range(n_trajectories):
        kernel.normals(bath.seed, trajectory, INITIAL_STREAM, x[trajectory])
    stable = table.omega_squared > 0
    stiffness = np.where(stable, table.omega_squared, 1.0)
    Q = np.where(stable, x[..., 0] * np.sqrt(bath.thermal_energy / stiffness), 0.0)
    return Q, x[..., 1] * np.sqrt(bath.thermal_energy)


@dataclass(frozen=True, slots=True)
class Noise:
    """Increments of the coarsest run and the bridges down to shorter drifts.

    Attributes
    ----------
    root : ndarray
        ``(n, 3)``: δQ = w0 x, δP = w1 x + w2 y over the longest drift, x and y normal; zero without damping.
    bridge : ndarray
        ``(depth, n, 11)``: for each halving the flow F over the first half ``(4,)``, and its increment
        ξ1 = G ξ + C (x, y) from that of the whole, ξ: G ``(4,)``, lower triangle C ``(3,)``. The second is ξ − F ξ1.
    """

    root: FloatArray
    bridge: FloatArray


def noise(table: Table, bath: Bath | None, drift: float, depth: int) -> Noise:
    """Increments and bridges for drifts of `drift` *ps*, 2^depth times shorter than those of the coarsest run."""
    out = Noise(np.zeros((table.n_modes, 3)), np.zeros((depth, table.n_modes, 11)))
    if bath is None:
        return out
    noisy = table.gamma > 0
    omega_squared, gamma = table.omega_squared[noisy], table.gamma[noisy]
    strength = np.sqrt(2.0 * gamma * bath.thermal_energy)[:, None]
    whole = unit_covariance(omega_squared, gamma, drift * 2.0**depth)
    out.root[noisy] = strength * lower_triangle(whole)
    for level in range(depth):
        length = drift * 2.0 ** (depth - 1 - level)
        half, flow = unit_covariance(omega_squared, gamma, length), _flow_matrix(omega_squared, gamma, length)
        mean = half @ flow.transpose(0, 2, 1) @ np.linalg.inv(whole)
        spread = strength * lower_triangle(half - mean @ flow @ half)
        out.bridge[level, noisy] = np.concatenate([flow.reshape(-1, 4), mean.reshape(-1, 4), spread], axis=1)
        whole = half
    return out


def unit_covariance(omega_squared: FloatArray, gamma: FloatArray, length: float) -> FloatArray:
    """Covariance of (Q, P) after `length` *ps* of a force of unit strength, ``(n, 2, 2)``.

    ∫_0^length f f^T du with f(u) = (∂Q/∂P0, ∂P/∂P0), by Gauss–Legendre quadrature to round-off. Times 2 Γ k_B T it is
    the covariance of the harmonically bound Brownian particle.

    References
    ----------
    S. Chandrasekhar, Rev. Mod. Phys. 15, 1 (1943), section II.3.
    """
    nodes, node_weights = gauss_nodes()
    f = damped_flow(omega_squared, gamma, 0.5 * (nodes + 1.0) * length)[..., [1, 3]]
    covariance: FloatArray = np.einsum("u,uni,unj->nij", 0.5 * length * node_weights, f, f)
    return covariance


def _flow_matrix(omega_squared: FloatArray, gamma: FloatArray, length: float) -> FloatArray:
    flow: FloatArray = damped_flow(omega_squared, gamma, np.array([length]))[0].reshape(-1, 2, 2)
    return flow


def lower_triangle(covariance: FloatArray) -> FloatArray:
    """Cholesky factors ``(n, 3)`` of covariances ``(n, 2, 2)``."""
    factor = np.linalg.cholesky(covariance).astype(np.float64)
    out: FloatArray = np.stack((factor[:, 0, 0], factor[:, 1, 0], factor[:, 1, 1]), axis=1)
    return out
