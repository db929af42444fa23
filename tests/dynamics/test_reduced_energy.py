"""The energy ledger of reduced ensembles: that of `simulate`, quadrature of the work, closure, heat of the bath."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential

import lattice
from lattice import units
from lattice.dynamics.pulse import total_field
from lattice.dynamics.scheme import damped_flow
from lattice.dynamics.table import build_table
from lattice.dynamics.twin import integrate_twin, twin_of_table
from lattice.errors import InputError

PULSES = [
    lattice.Pulse(0.3, 2.05, 0.8, helicity=0.6, center=1.5),
    lattice.Pulse(0.5, 2.1, 0.5, shape="sech2", chirp=-0.1, center=1.5),
]
DURATION = 4.0
TIMES = [0.0, 1.0, 2.4, 4.0]
LOOK = lattice.Observe(0.02, ledger=True, energy_ledger=True, ledger_times=TIMES)


def largest(x):
    return float(np.abs(np.asarray(x)).max())


@pytest.mark.parametrize("method", ["collocation", "splitting"])
@pytest.mark.parametrize(
    "potential", [d3d_potential(), d3d_potential(a1g=1e-3), random_potential(n_cubic=15, n_quartic=15)]
)
def test_is_the_energy_ledger_of_simulate(potential, method):
    ours = lattice.simulate_reduced(potential, PULSES, DURATION, observe=LOOK, check="all", rtol=1e-9)
    record = lattice.Record(0.02, quantities=("L", "ledger"))
    for i, pulse in enumerate(PULSES):
        one = lattice.simulate(potential, pulse, DURATION, record=record, rtol=1e-10, method=method)
        series = one.sel(time=TIMES, method="nearest")
        assert largest(one["energy_ledger"].sel(channel="light")) > 1e-6
        for name, theirs in (
            ("energy_ledger", one), ("energy_change", one), ("energy_series", series), ("ledger_series", series)
        ):  # fmt: skip
            assert ours[name].dims == ("trajectory", *theirs[name].dims)
            assert ours[name].attrs["units"] == theirs[name].attrs["units"]
            scale = largest(one[name])
            np.testing.assert_allclose(ours[name][i], theirs[name], rtol=0, atol=2e-9 * scale, err_msg=name)
    assert ours["channel"].values.tolist() == one["channel"].values.tolist()
    assert not ours["energy_ledger"].sel(channel=["harmonic", "noise"]).any()
    np.testing.assert_array_equal(ours["energy_series"][:, -1], ours["energy_ledger"])
    np.testing.assert_array_equal(ours["ledger_series"][:, -1], ours["ledger"])
    assert not ours["energy_series"][:, 0].any()


def test_every_row_against_quadrature_of_its_work():
    """∫ P·F dt by Gauss quadrature along DOP853's motion, force by force, with no code of the kernel's."""
    potential, pulse = random_potential(seed=3, n_cubic=15, n_quartic=15), PULSES[0].about((0.0, 0.0, 1.0))
    terms = potential.coefficient, potential.mode_index, potential.field_axis, potential.channel.tolist()
    twin = twin_of_table(
        potential.frequency, potential.linewidth, potential.multiplet, potential.multiplets,
        potential.angular_momentum, terms,
    )  # fmt: skip
    run = lattice.simulate_reduced(potential, [pulse], DURATION, observe=LOOK, check="all", rtol=1e-10)
    rest = np.zeros(potential.n_modes)
    motion = integrate_twin(twin, [pulse], DURATION, (rest, rest), largest(run["Q_peak"]))
    x, w = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(0.0, DURATION, 401)
    half = 0.5 * (edges[1] - edges[0])
    times = (edges[:-1, None] + half * (1.0 + x)).ravel()
    Q, P = motion(times)
    power = (twin.forces(Q, P, total_field((pulse,), times)) * P[:, None]) @ twin.member.T
    work = np.tensordot(np.tile(half * w, 400), power, axes=1) / units.EV
    gross = float(np.abs(run["energy_ledger"]).sum())
    expected = dict(zip((*twin.names, "restoring", "damping"), work, strict=True))
    expected.pop("restoring")
    assert set(expected) == set(run["channel"].values.tolist()) - {"harmonic", "noise"}
    for name, row in expected.items():
        np.testing.assert_allclose(run["energy_ledger"].sel(channel=name)[0], row, atol=1e-8 * gross, err_msg=name)


@pytest.mark.parametrize("temperature", [0.0, 80.0])
def test_rows_close_at_any_step_with_own_potentials_and_in_a_bath(temperature):
    potential = random_potential(seed=2, n_cubic=15, n_quartic=15)
    rng = np.random.default_rng(1)
    changes = {
        "frequency": potential.frequency * rng.uniform(0.9, 1.1, (40, 12)),
        "linewidth": potential.linewidth * rng.uniform(0.0, 2.0, (40, 12)),
    }
    initial = 0.1 * rng.normal(size=(40, 12)), 0.5 * rng.normal(size=(40, 12))
    for own in (None, changes):
        run = lattice.simulate_reduced(
            potential, [PULSES[0]] * 40, DURATION, observe=LOOK, changes=own, initial=initial, step=0.02, seed=3,
            temperature=temperature,
        )  # fmt: skip
        assert (run["status"] == 0).all()
        assert largest(run["energy_closure"]) < 1e-12
        gross = np.abs(run["energy_ledger"]).sum(("channel", "multiplet"))
        missed = np.abs(run["energy_change"] - run["energy_ledger"].sum("channel")).max("multiplet")
        np.testing.assert_allclose(run["energy_closure"], missed / gross, rtol=1e-6, atol=1e-16)
        assert (run["energy_ledger"].sel(channel="damping").sum("multiplet") < 0).all()
        assert bool(run["energy_ledger"].sel(channel="noise").any()) == (temperature > 0)
        assert largest(run["L_change"] - run["ledger"].sum("channel")) < 1e-12 * largest(
            np.abs(run["ledger"]).sum(("channel", "multiplet"))
        )


def test_energy_is_that_of_the_coordinates():
    """Closure proves nothing about the change itself: from Q and P of a run that keeps them."""
    potential = d3d_potential(a1g=1e-3)
    run = lattice.simulate_reduced(potential, PULSES, DURATION, observe=LOOK, check="all")
    kept = lattice.simulate_ensemble(potential, PULSES, DURATION, record=lattice.Record(0.02))
    energy = build_table(potential).energy(kept["Q"].values[:, -1], kept["P"].values[:, -1]) / units.EV
    np.testing.assert_allclose(run["energy_change"], energy, rtol=0, atol=1e-8 * energy.max())


def test_what_a_channel_gives_is_what_its_potential_loses():
    potential = random_potential(seed=6, n_cubic=15, n_quartic=10)
    look = lattice.Observe(0.02, energy_ledger=True, signals=np.eye(potential.n_modes))
    rng = np.random.default_rng(2)
    Q0, P0 = 0.3 * rng.normal(size=(2, potential.n_modes))
    run = lattice.simulate_reduced(
        potential, [PULSES[0]], DURATION, observe=look, initial=(Q0, P0), check="all", rtol=1e-10
    )
    ends, gross = (Q0, run["signal"].values[0, :, 0]), float(np.abs(run["energy_ledger"]).sum())
    names = dict.fromkeys(potential.channel[(potential.field_axis < 0).all(axis=1)].tolist())
    for channel in names:
        mine = (potential.channel == channel) & (potential.field_axis < 0).all(axis=1)
        terms = list(zip(potential.coefficient[mine], potential.mode_index[mine], strict=True))
        V = [sum(c * np.prod(Q[row[row >= 0]]) for c, row in terms) for Q in ends]
        work = float(run["energy_ledger"].sel(channel=channel).sum())
        assert work == pytest.approx(V[0] - V[1], abs=1e-8 * gross), channel


def test_in_equilibrium_the_bath_gives_what_damping_takes():
    """⟨noise⟩ = −⟨damping⟩ = what k_B T loses in a step, Γ k_B T t for short steps, from equipartition."""
    frequency, linewidth = np.array([0.7, 1.5, 3.0, 0.4]), np.array([0.2, 0.5, 0.05, 2.0])
    potential = make_potential(frequency, linewidth, list("ABCD"), [])
    n, T, duration, h = 4000, 200.0, 5.0, 0.01
    run = lattice.simulate_reduced(
        potential, (), duration, temperature=np.full(n, T), seed=5, step=h,
        observe=lattice.Observe(0.05, energy_ledger=True),
    )  # fmt: skip
    omega_squared, gamma = (units.TWO_PI * frequency) ** 2, units.TWO_PI * linewidth
    m = damped_flow(omega_squared, gamma, np.array([h]))[0].T
    left = 0.5 * (m[0] ** 2 + omega_squared * m[1] ** 2 + m[2] ** 2 / omega_squared + m[3] ** 2)
    expected = units.KB * T * (1.0 - left) * duration / h / units.EV
    limit = gamma * units.KB * T * duration / units.EV
    assert (np.abs(expected / limit - 1.0) < gamma * h).all()
    for channel, sign in (("noise", 1.0), ("damping", -1.0)):
        heat = run["energy_ledger"].sel(channel=channel).values
        error = heat.std(axis=0) / np.sqrt(n)
        assert (np.abs(heat.mean(axis=0) - sign * expected) < 4.5 * error).all()
        assert (error < 0.05 * expected).all()


def test_nothing_is_lost_without_damping():
    potential = make_potential([1.0, 1.0], [0.0, 0.0], ["E", "E"], [([0], [0], -0.01, "d")], pair=[1, 0])
    run = lattice.simulate_reduced(potential, PULSES, DURATION, observe=LOOK, check="all")
    assert not run["energy_ledger"].sel(channel=["damping", "noise", "harmonic"]).any()
    assert largest(run["energy_ledger"].sel(channel="light").sum("multiplet") - run["energy_change"][:, 0]) < 1e-15


def test_the_motion_and_the_other_numbers_do_not_change():
    potential, more = random_potential(n_cubic=15, n_quartic=15), {"signals": np.eye(12), "signal_times": TIMES}
    both = lattice.Observe(0.02, ledger=True, energy_ledger=True, ledger_times=TIMES, **more)
    one = lattice.Observe(0.02, ledger=True, **more)
    for temperature in (0.0, 50.0):
        ask = {"step": 0.02, "temperature": temperature, "seed": 2}
        with_energy = lattice.simulate_reduced(potential, PULSES, DURATION, observe=both, **ask)
        without = lattice.simulate_reduced(potential, PULSES, DURATION, observe=one, **ask)
        for name in without.data_vars:
            np.testing.assert_array_equal(with_energy[name], without[name], err_msg=name)
        assert {name for name in with_energy.data_vars if name not in without} == {
            "energy_ledger", "energy_change", "energy_closure", "energy_series", "ledger_series"
        }  # fmt: skip


def test_a_trajectory_that_diverges_has_no_ledger():
    potential = make_potential([1.0], [0.0], ["A"], [([0, 0, 0], [], -1.0, "x")])
    Q = np.array([[0.0005], [0.1]])
    run = lattice.simulate_reduced(potential, (), 4.0, initial=(Q, 0 * Q), observe=LOOK, check="all", rtol=1e-6)
    for name in ("energy_ledger", "energy_change", "energy_closure", "energy_series", "ledger_series"):
        assert np.isnan(run[name][1]).all()
        assert np.isfinite(run[name][0]).all()


def test_many_recorded_times_do_not_change_a_bit(monkeypatch):
    """Chunks are smaller where much is kept: the numbers are the same."""
    from lattice.dynamics import ensemble

    potential = d3d_potential(a1g=1e-3)
    pulses = lattice.PulseArray(np.linspace(0.01, 0.3, 100), 2.05, 1.0)
    runs = []
    for most in (2**24, 1):
        monkeypatch.setattr(ensemble, "_MOST_RESULTS", most)
        runs.append(lattice.simulate_reduced(potential, pulses, DURATION, observe=LOOK, step=0.02))
    for name in runs[0].data_vars:
        np.testing.assert_array_equal(runs[0][name], runs[1][name], err_msg=name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ledger_times": [1.0]},
        {"ledger": True, "ledger_times": [2.0, 1.0]},
        {"energy_ledger": True, "ledger_times": [1.0, 1.0]},
    ],
)
def test_times_of_ledgers_need_a_ledger_and_ascend(wrong):
    with pytest.raises(InputError, match="Times of ledgers"):
        lattice.Observe(0.02, **wrong)
