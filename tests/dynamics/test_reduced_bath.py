"""Ensembles at a temperature: equipartition, fluctuation and dissipation, weak order, quantum initial states."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential
from scipy import stats

import lattice
from lattice import units
from lattice.dynamics.initial_state import drawn_state
from lattice.dynamics.scheme import damped_flow
from lattice.dynamics.table import build_table
from lattice.errors import InputError

KT = units.KB * 300.0  # amu Å²/ps²


def oscillator(frequency=1.5, linewidth=0.4, terms=()):
    return make_potential([frequency], [linewidth], ["A"], list(terms))


def within(values, expected, sigmas=4.5):
    """Whether the mean over trajectories is the expected one within its standard error."""
    values = np.asarray(values)
    error = values.std(axis=0) / np.sqrt(len(values))
    return bool((np.abs(values.mean(axis=0) - expected) < sigmas * error).all())


def test_equipartition_for_any_damping_and_step():
    potential = make_potential([0.5, 1.5, 4.0, 0.3], [0.2, 0.5, 1.0, 3.0], list("ABCD"), [])
    temperature = np.repeat([100.0, 300.0], 600)
    run = lattice.simulate_reduced(
        potential, (), 20.0, temperature=temperature, step=0.1, observe=lattice.Observe(0.1), seed=4
    )
    energy = run["energy_mean"].values * units.EV
    for T in (100.0, 300.0):
        assert within(energy[temperature == T], units.KB * T)


def test_an_increment_is_the_exact_gaussian_and_independent_of_all_others():
    potential = make_potential([1.0, 2.0, 3.0], [0.5, 0.5, 2.0], list("ABC"), [])
    table, h, n = build_table(potential), 0.1, 20_000
    look = lattice.Observe(h, signals=np.eye(3), signal_times=[h])
    run = lattice.simulate_reduced(
        potential, (), 2 * h, initial="rest", temperature=np.full(n, 300.0), step=h, observe=look, seed=9
    )
    nodes, weights = np.polynomial.legendre.leggauss(40)
    response = damped_flow(table.omega_squared, table.gamma, 0.5 * h * (nodes + 1))[..., 1]
    variance = 2 * table.gamma * KT * ((0.5 * h * weights) @ response**2)
    x = run["signal"].values[:, :, 0] / np.sqrt(variance)
    for s in range(3):
        assert stats.kstest(x[:, s], "norm").pvalue > 1e-4
        assert np.abs(x[:, s]).max() < 6
    together = np.concatenate([x, np.roll(x, 1, axis=0), x**2, np.roll(x**2, 1, axis=0)], axis=1)
    off = np.corrcoef(together.T) - np.eye(12)
    assert np.abs(off).max() < 5 / np.sqrt(n)


def test_fluctuation_and_dissipation():
    """The spectrum of the noise is 2 k_B T Im χ / Ω with χ measured by a weak pulse at 0 K."""
    charge = 1.0
    potential = oscillator(terms=[([0], [0], -0.01 * charge, "dipole")])
    nu = np.array([1.2, 1.5, 1.9])
    look = lattice.Observe(0.02, frequencies=nu)
    noisy = lattice.simulate_reduced(potential, [()] * 4000, 30.0, temperature=300.0, step=0.02, observe=look, seed=2)
    power = (noisy["amplitude"].values[:, :, 0] ** 2).sum(axis=-1)
    pulse = lattice.Pulse(0.1, 1.5, 0.4, helicity=0.0, center=8.0)
    driven = lattice.simulate_reduced(potential, [pulse], 30.0, observe=look, check="all")["amplitude"].values[0, :, 0]
    t = np.arange(0, 30, 0.01)
    force = charge * units.EV * 0.01 * pulse.field(t)[:, 0]
    chi = (driven[:, 0] + 1j * driven[:, 1]) / (0.01 * np.exp(-2j * np.pi * np.outer(nu, t)) @ force)
    omega = units.TWO_PI * nu
    edge = np.minimum(np.arange(1501), np.arange(1501)[::-1]) / 150
    window = 0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1))
    expected = -2 * KT * chi.imag / omega * 0.02 * (window**2).sum()
    # The window of 30 ps has a width of 0.03 THz, a tenth of the line's: 1 % of the height.
    assert within(power / expected, 1.0, sigmas=4.5) or np.abs(power.mean(axis=0) / expected - 1).max() < 0.03


def test_no_angular_momentum_in_equilibrium_and_the_noise_has_its_row():
    potential = d3d_potential(gamma=2e-3)
    n = 1500
    look = lattice.Observe(0.02, ledger=True)
    run = lattice.simulate_reduced(potential, [()] * n, 10.0, temperature=300.0, step=0.01, observe=look, seed=1)
    assert within(run["L_mean"].values[:, :, 2], 0.0)
    assert within(run["ledger"].sel(channel="noise", axis="z").values, 0.0)
    gross = float(np.abs(run["ledger"]).sum(("channel", "multiplet")).max())
    assert float(np.abs(run["L_change"] - run["ledger"].sum("channel")).max()) < 1e-12 * gross
    assert float(np.abs(run["ledger"].sel(channel="noise")).max()) > 1.0


def test_weak_order_two():
    """⟨½(P² + ω²Q²)⟩ of a quartic oscillator against the Boltzmann integral: the error falls with the step squared."""
    c = 1e-4
    potential = oscillator(1.0, 1.0, [([0] * 4, [], c, "x")])
    Q = np.linspace(-15, 15, 20001)
    omega_squared = units.TWO_PI**2
    weight = np.exp(-(0.5 * omega_squared * Q**2 + c * units.EV * Q**4) / KT)
    exact = 0.5 * KT + 0.5 * omega_squared * (weight * Q**2).sum() / weight.sum()
    error = {}
    for h in (0.08, 0.04):
        look = lattice.Observe(h, start=3.0)
        run = lattice.simulate_reduced(
            potential, [()] * 40_000, 60.0, temperature=300.0, step=h, observe=look, seed=int(1000 * h)
        )
        energy = run["energy_mean"].values[:, 0] * units.EV
        error[h] = energy.mean() - exact
        assert abs(error[h]) > 10 * energy.std() / np.sqrt(len(energy))
    assert 3.0 < error[0.08] / error[0.04] < 5.5


def test_the_path_converges_under_the_same_random_force():
    potential = d3d_potential(gamma=1e-3)
    ask = {"temperature": 60.0, "seed": 6, "observe": lattice.Observe(0.04), "rtol": 1e-3}
    run = lattice.simulate_reduced(potential, [()] * 20, 4.0, check="all", **ask)
    assert (run["status"] == 0).all()
    assert (run["step_error"] <= 1e-3).all()
    assert (run["step_error"] > 0).all()


@pytest.mark.parametrize("temperature", [0.0, 40.0, 3000.0])
def test_wigner_states_have_the_quantum_variances(temperature):
    frequency = np.array([0.8, 2.0, 5.0])
    potential = make_potential(frequency, [0.0] * 3, list("ABC"), [])
    n = 4000
    look = lattice.Observe(0.1, signals=np.eye(3), signal_times=[0.0])
    run = lattice.simulate_reduced(
        potential, (), 2.0, initial="wigner", temperature=np.full(n, temperature), bath=False, observe=look, step=0.1
    )
    omega = units.TWO_PI * frequency
    half = 0.5 * units.HBAR * omega
    coth = 1 / np.tanh(half / (units.KB * temperature)) if temperature else 1.0
    assert within(run["signal"].values[:, :, 0] ** 2, units.HBAR / (2 * omega) * coth)
    # Without damping the energy of a harmonic mode stays what it was: half from P, half from Q.
    assert within(run["energy_mean"].values * units.EV, half * coth)


def test_thermal_amplitudes_are_those_of_equal_energies_however_soft_the_mode():
    """The same random numbers give the same ω Q and P at every frequency; without a restoring force Q = 0."""
    table, numbers = build_table(make_potential([1.0], [0.0], ["A"], [])), np.arange(200, dtype=np.uint64)
    drawn = {
        square: drawn_state("thermal", table, np.array([square]), np.full(200, 300.0), 3, numbers)
        for square in (1e-4, 0.5, 1.5, 900.0, 0.0, -4.0)
    }
    Q, P = drawn[900.0]
    for square, (other_Q, other_P) in drawn.items():
        np.testing.assert_allclose(np.sqrt(max(square, 0.0)) * other_Q, 30.0 * Q if square > 0 else 0.0, rtol=1e-12)
        np.testing.assert_array_equal(other_P, P)
        assert square > 0 or not other_Q.any()
    assert within((30.0 * Q[:, 0]) ** 2, units.KB * 300.0)


def test_wigner_states_need_real_frequencies():
    with pytest.raises(InputError, match="zero-point"):
        lattice.simulate_reduced(make_potential([-1.0], [0.1], ["A"], []), (), 1.0, initial="wigner", step=0.1)


def test_thermal_states_are_those_of_simulate():
    potential = d3d_potential()
    look = lattice.Observe(0.02, signals=np.eye(4), signal_times=[0.0])
    ask = {"temperature": 250.0, "seed": 77}
    ours = lattice.simulate_reduced(potential, [()] * 5, 0.1, observe=look, step=0.02, **ask)
    theirs = lattice.simulate_ensemble(potential, [()] * 5, 0.1, record=lattice.Record(0.05), **ask)
    np.testing.assert_array_equal(ours["signal"][:, :, 0], theirs["initial_Q"])
