"""The splitting scheme: exact flow, torque integrals, order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

from lattice.dynamics import scheme

REGIMES = {
    "under-damped": (150.0, 1.0),
    "critical": (25.0, 10.0),
    "over-damped": (4.0, 30.0),
    "soft": (1e-8, 0.5),
    "zero": (0.0, 0.0),
    "zero with friction": (0.0, 2.0),
    "imaginary": (-40.0, 1.0),
}


def test_weights_are_consistent_and_symmetric():
    assert scheme.SRKN14.drifts.sum() == pytest.approx(1.0, abs=1e-15)
    assert scheme.SRKN14.kicks.sum() == pytest.approx(1.0, abs=1e-15)
    np.testing.assert_array_equal(scheme.SRKN14.drifts, scheme.SRKN14.drifts[::-1])
    np.testing.assert_array_equal(scheme.SRKN14.kicks, scheme.SRKN14.kicks[::-1])


@pytest.mark.parametrize(("composition", "order"), [(scheme.SRKN14, 6), (scheme.STRANG, 2)])
def test_orders_of_the_compositions(composition, order):
    """Two coupled anharmonic oscillators with a friction, the harmonic flow exact: errors fall as step^order."""
    omega_squared, gamma = np.array([9.0, 16.0]), np.array([0.2, 0.0])

    def end(steps):
        flows = scheme.damped_flow(omega_squared, gamma, composition.drifts * (1.0 / steps)).reshape(-1, 2, 2, 2)
        state = np.array([[0.4, 1.0], [-0.3, 0.5]])  # coordinate × (Q, P)
        for _ in range(steps):
            for flow, kick in zip(flows, (*composition.kicks, 0.0), strict=True):
                state = np.einsum("sij,sj->si", flow, state)
                x, y = state[:, 0]
                state[:, 1] -= kick / steps * np.array([4 * x**3 + 2 * x * y, x**2 - y**2 + 2 * y**3])
        return state

    exact = end(480)
    errors = [np.abs(end(steps) - exact).max() for steps in (4, 8, 16)]
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), order, atol=0.25)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("t", [0.11, -0.05])
def test_flow_is_the_matrix_exponential(regime, t):
    omega_squared, gamma = REGIMES[regime]
    expected = expm(t * np.array([[0.0, 1.0], [-omega_squared, -gamma]]))
    flow = scheme.damped_flow(np.array([omega_squared]), np.array([gamma]), np.array([t]))[0, 0]
    np.testing.assert_allclose(flow.reshape(2, 2), expected, rtol=1e-13, atol=1e-14)


@given(st.floats(-50, 400), st.floats(0, 40), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_flow_composes(omega_squared, gamma, t1, t2):
    def flow(t):
        return scheme.damped_flow(np.array([omega_squared]), np.array([gamma]), np.array([t]))[0, 0].reshape(2, 2)

    np.testing.assert_allclose(flow(t1) @ flow(t2), flow(t1 + t2), rtol=1e-11, atol=1e-10)
    # The phase-space volume shrinks with Γ only.
    assert np.linalg.det(flow(t1)) == pytest.approx(np.exp(-gamma * t1), rel=1e-9)


@pytest.mark.parametrize("pair", [("under-damped", "over-damped"), ("imaginary", "zero"), ("critical", "soft")])
def test_torque_integrals_against_adaptive_quadrature(pair):
    (w_s, g_s), (w_t, g_t) = (REGIMES[name] for name in pair)
    omega_squared, gamma = np.array([w_s, w_t]), np.array([g_s, g_t])
    length, state = -0.07, np.array([[0.3, -1.1], [0.8, 2.3]])  # (s, t) × (Q, P)
    weights = scheme.torque_integrals(omega_squared, gamma, np.array([[0, 1]], np.int32), np.array([length]))[0, 0]

    def at(u):
        flow = scheme.damped_flow(omega_squared, gamma, np.array([u]))[0].reshape(2, 2, 2)
        return np.einsum("sij,sj->si", flow, state)

    def harmonic(u):
        (q_s, _), (q_t, _) = at(u)
        return -w_t * q_s * q_t + w_s * q_t * q_s

    def damping(u):
        (q_s, p_s), (q_t, p_t) = at(u)
        return -g_t * q_s * p_t + g_s * p_s * q_t

    products = np.outer(state[0], state[1]).ravel()
    assert weights[:4] @ products == pytest.approx(quad(harmonic, 0, length, epsabs=1e-14)[0], rel=1e-11)
    assert weights[4:] @ products == pytest.approx(quad(damping, 0, length, epsabs=1e-14)[0], rel=1e-11)


def test_torque_integrals_add_up_to_the_change():
    omega_squared, gamma = np.array([120.0, 630.0]), np.array([1.0, 0.6])
    state = np.array([[0.3, -1.1], [0.8, 2.3]])
    weights = scheme.torque_integrals(omega_squared, gamma, np.array([[0, 1]], np.int32), scheme.SRKN14.drifts * 0.04)[
        :, 0
    ]
    flow = scheme.damped_flow(omega_squared, gamma, scheme.SRKN14.drifts * 0.04).reshape(-1, 2, 2, 2)
    after = np.einsum("ksij,sj->ksi", flow, state)
    change = after[:, 0, 0] * after[:, 1, 1] - after[:, 1, 0] * after[:, 0, 1]
    change -= state[0, 0] * state[1, 1] - state[1, 0] * state[0, 1]
    booked = (weights[:, :4] + weights[:, 4:]) @ np.outer(state[0], state[1]).ravel()
    np.testing.assert_allclose(booked, change, rtol=1e-12, atol=1e-15)
