"""The thermal bath: exact Ornstein–Uhlenbeck steps, equipartition, correlations, ledger, reproducibility."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential
from scipy import constants
from scipy.linalg import solve_discrete_lyapunov

import lattice
from lattice import InputError, Pulse, Record, simulate, simulate_ensemble
from lattice._kernels import trajectory as kernel
from lattice.dynamics import scheme
from lattice.dynamics.bath import INITIAL_STREAM, Bath, noise, thermal_state
from lattice.dynamics.integrate import Refinement
from lattice.dynamics.steps import MAX_KICKS, Grid
from lattice.dynamics.table import build_table

KT = constants.k * 100.0 / (constants.atomic_mass * 1e4)  # k_B · 100 K in amu Å²/ps²
BATH = Bath(100.0, 0)


def oscillator(omega, gamma):
    return build_table(make_potential([omega / (2 * np.pi)], [gamma / (2 * np.pi)], ["A"], []))


def matrix(row):
    return np.array([[row[0], 0.0], [row[1], row[2]]])


@pytest.mark.parametrize(("omega", "gamma"), [(13.0, 1.0), (3.0, 6.0), (2.0, 30.0), (25.0, 0.01)])
@pytest.mark.parametrize("t", [1e-4, 0.02, 0.2])
def test_increment_keeps_the_boltzmann_distribution(omega, gamma, t):
    lower = matrix(noise(oscillator(omega, gamma), BATH, t, 0).root[0])
    flow = scheme.damped_flow(np.array([omega**2]), np.array([gamma]), np.array([t]))[0, 0].reshape(2, 2)
    boltzmann = np.diag([KT / omega**2, KT])
    np.testing.assert_allclose(flow @ boltzmann @ flow.T + lower @ lower.T, boltzmann, rtol=1e-12, atol=1e-12 * KT)


@pytest.mark.parametrize("gamma", [1e-3, 2.0, 40.0])
@pytest.mark.parametrize("drift", [1e-5, 0.004])
def test_bridges_split_an_increment_into_two_independent_exact_ones(gamma, drift):
    """(ξ1, ξ2) from (ξ, x, y) is a linear map of independent normals: its covariance is that of two single drifts."""
    table, depth = oscillator(13.0, gamma), 4
    shocks = noise(table, BATH, drift, depth)
    whole = matrix(shocks.root[0])
    for level in range(depth):
        row = shocks.bridge[level, 0]
        F, G, C = row[:4].reshape(2, 2), row[4:8].reshape(2, 2), matrix(row[8:])
        first = np.hstack([G @ whole, C])
        second = np.hstack([whole, np.zeros((2, 2))]) - F @ first
        single = matrix(noise(table, BATH, drift * 2 ** (depth - 1 - level), 0).root[0])
        expected = single @ single.T
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        for a, b, target in ((first, first, expected), (second, second, expected), (first, second, 0 * expected)):
            assert np.abs((a @ b.T - target) / scale).max() < 1e-9
        whole = single


def test_weak_order_is_two():
    """With a harmonic kick the step is a linear Gaussian map; its stationary covariance follows without sampling."""
    omega_squared, gamma, extra = 100.0, 1.5, 60.0
    errors = []
    for step in (0.04, 0.02, 0.01):
        lower = matrix(noise(oscillator(10.0, gamma), BATH, step / 2, 0).root[0])
        drift = scheme.damped_flow(np.array([omega_squared]), np.array([gamma]), np.array([step / 2]))[0, 0].reshape(
            2, 2
        )
        kick = np.array([[1.0, 0.0], [-step * extra, 1.0]])
        propagator, single = drift @ kick @ drift, lower @ lower.T
        increment = drift @ kick @ single @ kick.T @ drift.T + single
        covariance = solve_discrete_lyapunov(propagator, increment)
        errors.append(abs(covariance[0, 0] * (omega_squared + extra) / KT - 1))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.1)


def test_no_increment_takes_the_numbers_of_the_initial_state():
    """Else start and force were correlated; a run has at most so many drifts, and their numbers count from 0."""
    assert 2 * MAX_KICKS < INITIAL_STREAM < 2**64
    start, drifts = np.empty((3, 2)), np.empty((3, 2))
    kernel.normals(0, 0, INITIAL_STREAM, start)
    for index in range(1000):
        kernel.normals(0, 0, index, drifts)
        assert not np.isin(start, drifts).any()


def test_harmonic_path_does_not_depend_on_the_step():
    """Flow and increments are exact, so the coarse twin under the same random force ends on the same path."""
    run = simulate(make_potential([2.0, 4.5], [0.2, 3.0], ["A", "B"], []), (), 3.0, temperature=100.0)
    assert run.step_error < 1e-11
    assert np.abs(run.Q).max() > 0.1


def test_refined_paths_see_the_same_force():
    """A run with shorter steps approaches the same path, and the order is that of rough paths or better."""
    terms = [((0, 0, 0, 0), [], 0.02, "a"), ((0, 0, 1), [], 0.02, "b")]
    table = build_table(make_potential([2.0, 3.0], [0.2, 0.3], ["A", "B"], terms))
    start = thermal_state(table, BATH, 1)
    solver = Refinement(table, [()], *start, Grid(0.0, 0.04, 25, 1.0), 2, 1, BATH)
    paths = [solver.level(np.arange(1), 0, coarse=True), *(solver.level(np.arange(1), level) for level in range(7))]
    errors = [np.abs(path.Q - paths[-1].Q).max() for path in paths[:-2]]
    assert np.all(np.array(errors[1:]) < 0.6 * np.array(errors[:-1]))
    assert errors[-1] < 1e-3 * np.abs(paths[-1].Q).max()


@pytest.fixture(scope="module")
def warm():
    """256 trajectories of a pair and an anharmonic singlet at 100 K, after 4 ps."""
    terms = [((2,) * 4, [], 0.02, "quartic")]
    potential = make_potential([2.0, 2.0, 2.5], [0.3, 0.3, 0.5], ["E", "E", "A"], terms, pair=[1, 0, -1])
    record = Record(0.05, start=4.0)
    return simulate_ensemble(
        potential, [()] * 256, 8.0, temperature=100.0, seed=3, record=record, n_threads=2, rtol=1e-2
    )


def test_equipartition(warm):
    omega = 2 * np.pi * 2.0
    Q, P = warm.Q.values, warm.P.values
    # 256 trajectories with about 4 ps/(1/Γ) independent samples each: 3 % is four standard deviations.
    np.testing.assert_allclose((P**2).mean(axis=(0, 1)) / KT, 1.0, atol=0.06)
    np.testing.assert_allclose((omega**2 * Q[..., :2] ** 2).mean(axis=(0, 1)) / KT, 1.0, atol=0.06)


def test_anharmonic_distribution_is_boltzmann(warm):
    k2, k4 = (2 * np.pi * 2.5) ** 2, 0.02 * lattice.units.EV
    q = np.linspace(-8, 8, 40001)
    weight = np.exp(-(0.5 * k2 * q**2 + k4 * q**4) / KT)
    expected = (q**2 * weight).sum() / weight.sum()
    harmonic = KT / k2
    sampled = (warm.Q.values[..., 2] ** 2).mean()
    assert expected < 0.9 * harmonic
    assert sampled == pytest.approx(expected, rel=0.06)


def test_velocity_correlation_is_the_response_function(warm):
    """Fluctuation–dissipation: ⟨P(t) P(0)⟩ = k_B T × (response of P to a kick)."""
    P = warm.P.values[..., :2]
    lags = np.array([0, 2, 5, 10, 16])
    correlation = [(P[:, lag:] * P[:, : P.shape[1] - lag]).mean() / KT for lag in lags]
    width = 2 * np.pi * 0.3
    response = scheme.damped_flow(np.array([(4 * np.pi) ** 2]), np.array([width]), lags * 0.05)[:, 0, 3]
    np.testing.assert_allclose(correlation, response, atol=0.06)


def test_no_angular_momentum_on_average(warm):
    L = warm.L.sel(multiplet="E", axis="z").values
    per_run = L.mean(axis=1)
    assert L.std() > 1.0
    assert abs(per_run.mean()) < 4 * per_run.std() / np.sqrt(len(per_run))


def test_ledger_closes_with_noise_and_its_mean_gives_back_what_damping_takes(warm):
    book = lattice.ledger(warm)
    assert (book.closure.sel(axis="z") < 1e-11).all()
    noise, damping = (book.ledger_axial.sel(channel=c, multiplet="E").values for c in ("noise", "damping"))
    assert noise.std() > 1.0
    assert abs((noise + damping).mean()) < 4 * (noise + damping).std() / np.sqrt(len(noise))


def test_ledger_closes_when_everything_is_linked_and_driven():
    run = simulate(random_potential(), Pulse(1.0, 2.5, 0.5, center=0.5), 1.2, temperature=50.0)
    assert (lattice.ledger(run).closure < 1e-11).all()
    assert np.abs(run.ledger.sel(channel="noise")).max() > 0.1


def test_seed_and_number_of_the_trajectory_make_the_run():
    potential = d3d_potential()
    keys = {"temperature": 50.0, "seed": 11}
    runs = simulate_ensemble(potential, [()] * 3, 1.0, **keys)
    threads = simulate_ensemble(potential, [()] * 3, 1.0, n_threads=3, **keys)
    assert np.array_equal(runs.Q, threads.Q)
    assert np.array_equal(runs.ledger, threads.ledger)
    assert np.array_equal(runs.Q[0], simulate(potential, (), 1.0, **keys).Q)
    assert not np.array_equal(runs.Q[0], runs.Q[1])
    other = simulate(potential, (), 1.0, temperature=50.0, seed=12)
    assert not np.array_equal(runs.Q[0], other.Q)
    # A record that skips and stops elsewhere sees the same thermal start.
    assert np.array_equal(runs.Q[:, 0], simulate_ensemble(potential, [()] * 3, 0.5, **keys).Q[:, 0])


def test_without_damping_there_is_no_bath():
    potential = make_potential([2.0], [0.0], ["A"], [])
    run = simulate(potential, (), 2.0, temperature=100.0)
    energy = 0.5 * (run.P.values**2 + (4 * np.pi) ** 2 * run.Q.values**2)[:, 0]
    np.testing.assert_allclose(energy, energy[0], rtol=1e-11)


def test_initial_state_is_kept_and_unstable_modes_start_at_rest_in_Q():
    potential = make_potential([-0.1, 2.0], [0.1, 0.1], ["A", "B"], [])
    run = simulate(potential, (), 0.1, temperature=100.0)
    assert run.Q[0, 0] == 0.0
    assert run.P[0, 0] != 0.0
    given = simulate(potential, (), 0.1, temperature=100.0, initial=([0.3, 0.2], [0.0, 1.0]))
    np.testing.assert_array_equal(given.Q[0], [0.3, 0.2])
    with pytest.raises(InputError, match="seed"):
        simulate(potential, (), 0.1, temperature=100.0, seed=2**63)


@pytest.mark.parametrize("start", [0.0, 0.31])
def test_books_close_at_every_recorded_time_in_a_bath(start):
    potential, pulses = random_potential(5, n_quartic=20), [(Pulse(3.0, 2.5, 0.4, helicity=0.7),), ()]
    record = Record(0.07, start=start, quantities=("Q", "P", "L", "ledger"))
    runs = simulate_ensemble(potential, pulses, 1.3, record=record, temperature=80.0, seed=4, rtol=1e-2)
    one = simulate(potential, pulses[0], 1.3, record=record, temperature=80.0, seed=4, rtol=1e-2)
    table = build_table(potential)
    first = runs.initial_Q.values, runs.initial_P.values
    energy = (table.energy(runs.Q.values, runs.P.values) - table.energy(*first)[:, None]) / lattice.units.EV
    L = runs.L - table.angular_momentum(*first)[:, None]
    gross, gross_energy = float(np.abs(runs.ledger).sum()), float(np.abs(runs.energy_ledger).sum())
    np.testing.assert_allclose(runs.ledger_series.sum("channel"), L, atol=1e-12 * gross)
    np.testing.assert_allclose(runs.energy_series.sum("channel"), energy, atol=1e-12 * gross_energy)
    noise_row = runs.energy_series.sel(channel="noise")
    assert (np.abs(noise_row[:, 1:]).max("multiplet") > 0).all()
    for name in ("ledger_series", "energy_series"):
        np.testing.assert_array_equal(runs[name][0], one[name])
