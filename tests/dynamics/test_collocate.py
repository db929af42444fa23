"""Collocation: against other integrators in every regime, identities of mechanics, status, books."""

import json
import os
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_potentials import d3d_potential, make_potential, random_potential
from reference import HBAR
from reference import Twin as Reference
from scipy.integrate import solve_ivp

import lattice
from lattice import Pulse, Record, Samples, sampled_pulse, simulate, simulate_ensemble
from lattice._kernels import collocation as kernel
from lattice.dynamics import window
from lattice.dynamics.collocate import collocate, longest_window, table_of
from lattice.dynamics.field_table import evaluate_table, tabulate_field
from lattice.dynamics.integrate import relative_to_multiplets
from lattice.dynamics.pulse import total_field
from lattice.dynamics.steps import Grid
from lattice.dynamics.twin import integrate_twin, twin_of_run
from lattice.modes.batch import instruction_set

PROMISE = 1e-7  #: of the contract, at rtol 1e-8
LIGHT = [([0], [0], -0.012, "dipole"), ([1], [1], -0.012, "dipole")]
STRONG = [
    ([0, 0, 1], [], 0.05, "cubic"),
    ([0] * 4, [], 0.3, "quartic"),
    ([1] * 4, [], 0.2, "quartic"),
    ([0, 0, 1, 1], [], 0.4, "quartic"),
]
REGIMES = {
    "soft": ([-1.5, 3.0], [0.1, 0.2], LIGHT + STRONG),
    "zero": ([0.0, 2.0], [0.0, 0.1], LIGHT + STRONG),
    "over-damped": ([1.0, 2.5], [9.0, 4.0], LIGHT + STRONG),
    "stiff": ([0.5, 38.0], [0.05, 1.0], LIGHT + STRONG),
    "strong damping of a fast mode": ([2.0, 6.0], [0.1, 60.0], LIGHT + STRONG),
    "strong": ([2.0, 3.0], [0.05, 0.05], [*LIGHT, *((q, e, 5 * c, n) for q, e, c, n in STRONG)]),
    "order six": ([2.0, 3.0], [0.1, 0.1], [*LIGHT, ([0] * 6, [], 0.1, "six"), ([0, 0, 1, 1, 1, 1], [], 0.2, "six")]),
    "order five": ([2.0, 3.0], [0.1, 0.1], [*LIGHT, ([0, 0, 0, 1, 1], [], 0.05, "five"), *STRONG[1:3]]),
    "field terms": (
        [2.0, 4.1],
        [0.1, 0.1],
        [*LIGHT, ([1], [0, 1], 2e-3, "Raman"), ([0, 1], [0], 3e-3, "mixed"), ([0, 0], [1, 1], 1e-3, "mixed")],
    ),
    "constant force and coupled modes": (
        [2.0, 2.4], [0.1, 0.1], [*LIGHT, ([0], [], 1e-3, "tilt"), ([0, 1], [], 5e-3, "coupled"), *STRONG],
    ),
}  # fmt: skip


def against_scipy(run, pulses, times, initial=None, method="DOP853"):
    """Largest error of Q at the recorded times, relative as in the contract."""
    twin, n = twin_of_run(run), run.sizes["mode"]
    start = np.zeros((2, n)) if initial is None else np.array(initial)
    if method == "DOP853":
        Q, _ = integrate_twin(twin, pulses, times[-1], tuple(start), float(np.abs(run.Q).max()))(times)
    else:

        def rate(t, y):
            E = sum((p.field([t])[0] for p in pulses), np.zeros(3))
            return np.concatenate([y[n:], twin.acceleration(y[:n], y[n:], E)])

        keys = {"rtol": 1e-11, "atol": 1e-13, "max_step": 0.02}
        Q = solve_ivp(rate, (0, times[-1]), start.ravel(), method, t_eval=times, **keys).y[:n].T
    largest = np.abs(Q).max(axis=0)[None]
    multiplet_of = np.unique(run.mode_multiplet.values, return_inverse=True)[1].astype(np.int32)
    return relative_to_multiplets(np.abs(run.Q.values - Q).max(axis=0)[None], largest, multiplet_of)[0]


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("every", [0.013, 0.17])
def test_every_regime_keeps_the_promise_of_accuracy(regime, every):
    frequency, linewidth, terms = REGIMES[regime]
    potential = make_potential(frequency, linewidth, ["A", "B"], terms)
    pulses, initial = [Pulse(3.0, 2.1, 0.2, helicity=0.6, phase=0.7)], ([0.15, -0.1], [1.0, 2.0])
    run = simulate(potential, pulses, 1.2, record=Record(every), initial=initial)
    assert run.status == 0
    assert run.step_error <= 1e-8
    assert against_scipy(run, [pulses[0].about((0, 0, 1))], run.time.values, initial) < PROMISE


def test_an_over_damped_crystal_against_an_implicit_method():
    frequency, linewidth, terms = REGIMES["over-damped"]
    potential, pulse = make_potential(frequency, linewidth, ["A", "B"], terms), Pulse(3.0, 2.1, 0.2)
    run = simulate(potential, pulse, 1.0, record=Record(0.05))
    assert against_scipy(run, [pulse], run.time.values, method="Radau") < PROMISE


T_SAMPLES = np.arange(0, 1.6, 0.01)
SHAPES = {
    "chirped": Pulse(2.0, 2.0, 0.3, chirp=3.0),
    "flat top that turns": Pulse(2.0, 2.0, 0.5, shape="flat_top", edge=0.05, rotation=90.0, center=0.8),
    "half cycle": Pulse(2.0, 1.0, 0.25, shape="few_cycle", helicity=0.0),
    "sech2": Pulse(2.0, 2.0, 0.15, shape="sech2", center=0.8),
    "fast": Pulse(20.0, 35.0, 0.1, center=0.5),
    "sampled": sampled_pulse(Samples(T_SAMPLES, Pulse(2.0, 2.1, 0.2, center=0.7).field(T_SAMPLES)[:, :2])),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_pulse(shape):
    terms = [*LIGHT, *STRONG, ([1], [0, 0], 2e-3, "Raman")]
    potential, pulse = make_potential([2.0, 4.0], [0.1, 0.1], ["A", "B"], terms), SHAPES[shape].about((0, 0, 1))
    run = simulate(potential, pulse, 1.6, record=Record(0.05))
    assert against_scipy(run, [pulse], run.time.values) < PROMISE


@pytest.mark.parametrize("shape", ["gaussian", "sech2"])
@pytest.mark.parametrize("center", [-0.5, -0.45, 3.4, 3.5])
def test_the_tail_of_a_pulse_whose_centre_lies_outside_the_run(center, shape):
    pulse, record = Pulse(0.3, 2.05, 0.1, center=center, shape=shape), Record(every=0.01)
    potential = lattice.load_potential("Bi2Se3")
    runs = [simulate(potential, pulse, 3.0, record=record, rtol=1e-10, method=m) for m in ("collocation", "splitting")]
    found, expected = (run["Q"].sel(mode=["Eu(1)x", "Eu(1)y"]).values for run in runs)
    assert np.abs(expected).max() > 0
    assert np.abs(found - expected).max() < 1e-7 * np.abs(expected).max()


def test_agrees_with_the_splitting_in_everything():
    potential, pulses = random_potential(4), [Pulse(3.0, 2.5, 0.4, helicity=0.7), Pulse(2.0, 4.0, 0.2, center=1.3)]
    record = Record(0.02, quantities=("Q", "P", "L", "ledger"))
    one, two = (simulate(potential, pulses, 1.6, record=record, method=m) for m in ("collocation", "splitting"))
    totals = ("ledger", "energy_ledger", "L_change", "energy_change")
    for name in ("Q", "P", "L", *totals, "ledger_series", "energy_series"):
        scale = float(np.abs(two[name]).max())
        assert scale > 0
        np.testing.assert_allclose(one[name], two[name], atol=2e-8 * scale, err_msg=name)
    assert set(one.data_vars) == set(two.data_vars)
    assert [json.loads(run.attrs["provenance"])["parameters"]["method"] for run in (one, two)] == [
        "collocation", "splitting"
    ]  # fmt: skip


@pytest.mark.parametrize("start", [0.0, 0.31])
@pytest.mark.parametrize("method", ["collocation", "splitting"])
def test_books_close_at_every_recorded_time(method, start):
    potential, pulse = random_potential(5, n_quartic=20), Pulse(3.0, 2.5, 0.4, helicity=0.7)
    record = Record(0.07, start=start, quantities=("Q", "P", "L", "ledger"))
    run = simulate(potential, pulse, 1.3, record=record, method=method)
    table = table_of(potential)
    energy = table.energy(run.Q.values, run.P.values) / lattice.units.EV
    gross, gross_energy = float(np.abs(run.ledger).sum()), float(np.abs(run.energy_ledger).sum())
    assert gross > 0.1
    np.testing.assert_allclose(run.ledger_series.sum("channel"), run.L, atol=1e-12 * gross)
    np.testing.assert_allclose(run.energy_series.sum("channel"), energy, atol=1e-12 * gross_energy)
    np.testing.assert_allclose(run.ledger.sum("channel"), run.L_change, atol=1e-12 * gross)
    np.testing.assert_allclose(run.energy_ledger.sum("channel"), run.energy_change, atol=1e-12 * gross_energy)
    assert not run.energy_ledger.sel(channel=["harmonic", "noise"]).any()


@pytest.mark.parametrize("method", ["collocation", "splitting"])
def test_what_a_channel_gives_is_what_its_potential_loses(method):
    """A second road to the energy ledger: the work of a term without field on all coordinates is minus its change."""
    potential = random_potential(6, n_quartic=10)
    run = simulate(potential, Pulse(3.0, 2.5, 0.4), 1.3, record=Record(0.13), method=method)
    for channel in dict.fromkeys(potential.channel.tolist()):
        mine = (potential.channel == channel) & (potential.field_axis < 0).all(axis=1)
        if not mine.any():
            continue
        terms = list(zip(potential.coefficient[mine], potential.mode_index[mine], strict=True))
        V = [sum(c * np.prod(Q[row[row >= 0]]) for c, row in terms) for Q in run.Q.values[[0, -1]]]
        work = float(run.energy_ledger.sel(channel=channel).sum())
        assert work == pytest.approx(V[0] - V[1], abs=1e-9 * float(np.abs(run.energy_ledger).sum())), channel


def test_in_a_bath_the_noise_has_its_row_of_energy():
    run = simulate(d3d_potential(), Pulse(0.3, 2.05, 0.3), 2.0, temperature=50.0, seed=3, rtol=1e-3)
    np.testing.assert_allclose(run.energy_ledger.sum("channel"), run.energy_change, atol=1e-11)
    assert float(run.energy_ledger.sel(channel="noise").sum()) > 0


def test_an_ensemble_keeps_the_books_at_every_time():
    record = Record(0.1, quantities=("L", "ledger"))
    runs = simulate_ensemble(d3d_potential(), [Pulse(0.3, 2.05, 0.3), ()], 1.0, record=record)
    assert runs.ledger_series.dims == ("trajectory", "time", "channel", "multiplet", "axis")
    np.testing.assert_allclose(runs.ledger_series[:, -1], runs.ledger, atol=1e-13)
    np.testing.assert_allclose(runs.energy_series[:, -1], runs.energy_ledger, atol=1e-13)
    np.testing.assert_allclose(runs.ledger_series.sum("channel"), runs.L, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_energy_and_time_reversal_without_damping(seed):
    rng = np.random.default_rng(seed)
    potential = d3d_potential(gamma=5e-3, a1g=1e-3, linewidth=(0.0, 0.0))
    dark = zip(potential.mode_index[2:], potential.coefficient[2:], strict=True)
    terms = [([s for s in row if s >= 0], [], c, "c") for row, c in dark]
    potential = make_potential(potential.frequency, [0.0] * 5, list(potential.multiplet), terms)
    Q0, P0 = 0.3 * rng.standard_normal(5), 4.0 * rng.standard_normal(5)
    grid, twin = Grid(0.0, 0.1, 20, 2.0), Reference(potential)
    there = collocate(potential, (), Q0, P0, grid, 1e-9)
    assert twin.energy(there.Q_end[0], there.P_end[0]) == pytest.approx(twin.energy(Q0, P0), rel=1e-9)
    back = collocate(potential, (), there.Q_end[0], -there.P_end[0], grid, 1e-9)
    np.testing.assert_allclose(back.Q_end[0], Q0, atol=1e-8)
    np.testing.assert_allclose(back.P_end[0], -P0, atol=1e-7)


@settings(deadline=None, max_examples=10)
@given(st.floats(-np.pi, np.pi))
def test_turning_crystal_and_light_turns_the_motion(angle):
    """The D3d model is three-fold: light turned by φ and the g pair turned by −2φ give the turned motion."""
    turned = simulate(d3d_potential(), Pulse(0.3, 2.05, 0.3, helicity=0.5, angle=np.degrees(angle)), 2.0)
    first = simulate(d3d_potential(), Pulse(0.3, 2.05, 0.3, helicity=0.5), 2.0)
    u, g = (first.Q.values[:, i] + 1j * first.Q.values[:, i + 1] for i in (0, 2))
    v, h = (turned.Q.values[:, i] + 1j * turned.Q.values[:, i + 1] for i in (0, 2))
    np.testing.assert_allclose(v, u * np.exp(1j * angle), atol=1e-8 * np.abs(u).max())
    np.testing.assert_allclose(h, g * np.exp(-2j * angle), atol=1e-7 * np.abs(g).max())


def test_a_potential_without_a_floor_has_a_status():
    falling = make_potential([2.0, 3.0], [0.1, 0.1], ["A", "B"], [([0] * 4, [], -0.5, "q"), ([0, 1], [], 1e-3, "c")])
    run = simulate(falling, [], 3.0, initial=([1.0, 0.0], [0.0, 0.0]), on_failure="keep", record=Record(0.01))
    assert run.status == 1
    good = np.isfinite(run.Q).all("mode").values
    assert good[0]
    assert not good[-1]
    assert not (np.diff(good.astype(int)) > 0).any()
    # ∫ dQ / √(2 (V(Q0) − V(Q))) to infinity is when it is gone; the splitting finds the same interval.
    other = simulate(falling, [], 3.0, initial=([1.0, 0.0], [0.0, 0.0]), on_failure="keep", method="splitting")
    assert good.sum() == np.isfinite(other.Q).all("mode").values.sum()


def test_tighter_tolerances_are_met():
    potential, pulse = random_potential(3, n_quartic=20), Pulse(3.0, 2.5, 0.3)
    exact = simulate(potential, pulse, 1.2, record=Record(0.1), rtol=1e-12, on_failure="keep")
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8, 1e-10):
        run = simulate(potential, pulse, 1.2, record=Record(0.1), rtol=rtol)
        assert run.step_error <= rtol
        errors.append(float(np.abs(run.Q - exact.Q).max() / np.abs(exact.Q).max()))
        assert errors[-1] <= rtol
        assert lattice.ledger(run).closure.max() < 1e-12
    assert errors[-1] < 0.1 * errors[0]


def test_a_field_that_no_coordinate_feels_and_a_crystal_at_rest():
    potential = make_potential([2.0], [0.1], ["A"], [([0], [2], -0.01, "z"), ([0] * 3, [], 0.1, "c")])
    run = simulate(potential, Pulse(1.0, 2.0, 0.3), 1.0)
    assert not run.Q.any()
    assert run.step_error == 0
    assert run.status == 0


def test_windows_follow_what_is_fast():
    slow, fast = (make_potential([f], [0.1], ["A"], [([0] * 4, [], 0.1, "q")]) for f in (1.0, 20.0))
    steps = [float(simulate(p, [], 2.0, initial=([0.1], [0.0])).step) for p in (slow, fast)]
    assert steps[0] > 5 * steps[1]
    assert longest_window(table_of(fast)) < 2.0 / (2 * np.pi * 20.0) * 1.001


def test_angular_momentum_of_the_run_is_that_of_the_coordinates():
    run = simulate(random_potential(2), Pulse(1.0, 2.5, 0.5), 1.0, record=Record(0.1))
    M = random_potential(2).angular_momentum
    total = np.stack([((run.Q.values @ m) * run.P.values).sum(axis=1) for m in M], axis=1) / HBAR
    np.testing.assert_allclose(run.L.sum("multiplet"), total, atol=1e-12)


ISA_CODE = """
import sys; sys.path[:0] = {path!r}
import numpy as np
from model_potentials import random_potential
from lattice import Pulse, Record, simulate
run = simulate(random_potential(1), Pulse(2.0, 2.5, 0.3, helicity=0.5), 1.1, record=Record(0.1))
np.save(sys.argv[1], np.concatenate([run[name].values.ravel() for name in ("Q", "P", "ledger", "energy_ledger")]))
"""


def test_all_instruction_sets_agree(tmp_path):
    from lattice._kernels.hermitian import supported_levels

    found = {}
    for isa in supported_levels():
        target = tmp_path / f"{isa}.npy"
        code = ISA_CODE.format(path=sys.path)
        env = os.environ | {"LATTICE_ISA": isa}
        subprocess.run([sys.executable, "-c", code, target], env=env, check=True)
        found[isa] = np.load(target)
    first = found["plain"]
    for isa, values in found.items():
        assert np.abs(values - first).max() <= 1e-12 * np.abs(first).max(), isa
    assert instruction_set() in found
    assert kernel.LEVELS[: len(found)] == tuple(found)


def test_weights_are_exact():
    rng = np.random.default_rng(0)
    omega_squared, gamma = rng.uniform(-50, 1400, 45), rng.uniform(0, 90, 45)
    made = window.make_window(omega_squared.tobytes(), gamma.tobytes(), 0.04, 4)
    # A force that is a polynomial of degree 7: a Taylor series of the exact motion in 50 digits.
    c, _ = window.nodes_and_weights()
    coefficients = rng.standard_normal(8)
    force = np.polynomial.polynomial.polyval(c, coefficients)
    with localcontext(prec=50):
        for kind in (0, 17, 44):
            Q, P = exact_response(
                omega_squared[kind], gamma[kind], made.length, coefficients, [*c, 0.25, 0.5, 0.75, 1.0]
            )
            out = force @ made.out_response[kind, 0]
            np.testing.assert_allclose(force @ made.response[kind], Q[:8], rtol=0, atol=1e-14 * np.abs(Q).max())
            np.testing.assert_allclose(force @ made.rate[kind], P[:8], rtol=0, atol=1e-14 * np.abs(P).max())
            np.testing.assert_allclose(out, [*Q[8:], *P[8:]], rtol=0, atol=1e-14 * np.abs(P).max())


def exact_response(stiffness, decay, length, force, at):
    """Q and P from rest under Σ force_k u^k, u = t/length, by the power series of the equation of motion."""
    a, b, h = Decimal(stiffness), Decimal(decay), Decimal(length)
    q = [Decimal(0), Decimal(0)]
    for k in range(120):
        f = Decimal(float(force[k])) if k < len(force) else 0
        q.append((h * h * f - b * h * (k + 1) * q[k + 1] - a * h * h * q[k]) / ((k + 1) * (k + 2)))
    times = [Decimal(float(u)) for u in at]
    Q = [float(sum(c * u**k for k, c in enumerate(q) if k)) for u in times]
    P = [float(sum(k * c * u ** (k - 1) for k, c in enumerate(q) if k > 1) / h) for u in times]
    return np.array(Q), np.array(P)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_of_the_field_is_the_field(shape):
    pulses = (SHAPES[shape].about((0, 0, 1)), Pulse(0.5, 3.0, 0.4, center=0.3, axis=(0, 1, 0)))
    table = tabulate_field(pulses, 1.6)
    t = np.linspace(0.0, 1.6, 5003)
    exact = total_field(pulses, t)
    np.testing.assert_allclose(evaluate_table(table, t), exact, rtol=0, atol=1e-12 * np.abs(exact).max())
    assert len(tabulate_field((), 1.0).longest) == 0


def test_a_fast_carrier_under_a_long_envelope_is_tabulated():
    """Panels follow the carrier: hundreds of its periods fit into what the envelope alone would need."""
    pulses = (Pulse(1.0, 60.0, 4.0).about((0, 0, 1)),)
    t = np.random.default_rng(2).uniform(0.0, 8.0, 4000)
    exact = total_field(pulses, t)
    np.testing.assert_allclose(evaluate_table(tabulate_field(pulses, 8.0), t), exact, rtol=0, atol=1e-12)
    assert np.abs(exact).max() > 0.5
