"""Reduced ensembles: the same motion as `simulate`, the same bits in any company, honest step errors."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_potentials import d3d_potential, make_potential, random_potential

import lattice
from lattice._kernels import ensemble as kernel
from lattice.dynamics import ensemble, ensemble_steps
from lattice.dynamics.pattern import PAIRS, TABLE, find_pattern
from lattice.dynamics.program import build_program
from lattice.dynamics.scheme import SRKN14
from lattice.dynamics.table import build_table
from lattice.dynamics.twin import integrate_twin, twin_of_table
from lattice.errors import InputError
from lattice.modes.batch import kernel as levels
from lattice.observe.spectrum import helicity, signed_spectrum

PULSES = [
    lattice.Pulse(0.2, 2.05, 1.0),
    lattice.Pulse(0.1, 2.0, 1.0, helicity=-1.0, chirp=0.1, phase=0.3),
    lattice.Pulse(0.1, 2.05, 0.8, helicity=0.3, rotation=20.0, center=2.5, angle=30.0),
    lattice.Pulse(0.15, 2.1, 0.5, shape="sech2", chirp=-0.1, center=2.5),
    lattice.Pulse(0.1, 2.05, 1.2, shape="flat_top", edge=0.2, helicity=0.5),
    lattice.Pulse(0.2, 1.5, 0.5, shape="few_cycle", rotation=-15.0, center=2.0),
]
DURATION = 6.0
TIMES = [2.0, 4.0, 6.0]


def full(potential, pulses, **keys):
    return lattice.simulate_ensemble(potential, pulses, DURATION, record=lattice.Record(0.02), **keys)


def observe(potential, **keys):
    keys = {"signals": np.eye(potential.n_modes), "signal_times": TIMES} | keys
    return lattice.Observe(0.02, **keys)


def largest(x):
    return float(np.abs(np.asarray(x)).max())


@pytest.mark.parametrize("ledger", [False, True])
@pytest.mark.parametrize(
    "potential", [d3d_potential(), d3d_potential(a1g=1e-3), random_potential(n_cubic=15, n_quartic=15)]
)
def test_is_the_motion_of_simulate(potential, ledger):
    pulses = PULSES if potential.n_modes < 12 else PULSES[1:3]
    ours = lattice.simulate_reduced(
        potential, pulses, DURATION, observe=observe(potential, ledger=ledger), check="all", rtol=1e-9
    )
    theirs = full(potential, pulses, rtol=1e-9)
    Q = theirs["Q"].sel(time=TIMES, method="nearest").values.transpose(0, 2, 1)
    assert largest(ours["signal"] - Q) < 1e-9 * largest(theirs["Q"])
    L = theirs["L"].values
    assert largest(np.abs(ours["L_peak"]) - np.abs(L).max(axis=1)) < 1e-9 * largest(L)
    assert largest(ours["L_final"] - L[:, -1]) < 1e-9 * largest(L)
    assert largest(ours["L_mean"] - L.mean(axis=1)) < 1e-9 * largest(L)
    assert largest(ours["Q_peak"] - np.abs(theirs["Q"]).max("time")) < 1e-9 * largest(theirs["Q"])
    np.testing.assert_allclose(ours["L_peak_axial"], ours["L_peak"][..., 2], rtol=0, atol=1e-13 * largest(L))
    assert (ours["status"] == 0).all()
    assert (ours["step_error"] <= 1e-9).all()
    if ledger:
        assert largest(ours["ledger"] - theirs["ledger"]) < 1e-9 * largest(theirs["ledger"])
        assert largest(ours["crystal"] - theirs["crystal"]) < 1e-9 * largest(theirs["crystal"])
        assert largest(ours["L_change"] - ours["ledger"].sum("channel")) < 1e-12 * float(np.abs(ours["ledger"]).sum())


def test_is_the_motion_of_the_twin():
    potential = random_potential(seed=3, n_cubic=15, n_quartic=15)
    twin = twin_of_table(
        potential.frequency, potential.linewidth, potential.multiplet, potential.multiplets,
        potential.angular_momentum,
        (potential.coefficient, potential.mode_index, potential.field_axis, potential.channel.tolist()),
    )  # fmt: skip
    pulse = PULSES[1].about(potential.axis)
    rest = np.zeros(potential.n_modes)
    Q = integrate_twin(twin, [pulse], DURATION, (rest, rest), 1.0)(TIMES)[0]
    run = lattice.simulate_reduced(potential, [pulse], DURATION, observe=observe(potential), check="all")
    assert largest(run["signal"][0].values.T - Q) < 1e-9 * largest(Q)


def test_sampled_pulses_and_sums_of_arrays():
    t = np.linspace(-2, 2, 200)
    field = np.stack([np.cos(12 * t), np.sin(12 * t)], axis=1) * 0.1 * np.exp(-3 * t**2)[:, None]
    pulse = lattice.sampled_pulse(lattice.Samples(t + 2.5, field), helicity=-1.0, angle=10.0, rotation=4.0)
    potential = d3d_potential()
    arrays = lattice.PulseArray.of([pulse, pulse]), lattice.PulseArray.of(PULSES[:2])
    run = lattice.simulate_reduced(potential, arrays, DURATION, observe=observe(potential), check="all")
    theirs = full(potential, [(pulse, PULSES[0]), (pulse, PULSES[1])])
    Q = theirs["Q"].sel(time=TIMES, method="nearest").values.transpose(0, 2, 1)
    assert largest(run["signal"] - Q) < 1e-8 * largest(theirs["Q"])
    listed = lattice.simulate_reduced(
        potential, [(pulse, PULSES[0]), (pulse, PULSES[1])], DURATION, observe=observe(potential), check="all"
    )
    assert largest(listed["signal"] - run["signal"]) < 1e-13 * largest(Q)


def scattered(n, seed=1):
    rng = np.random.default_rng(seed)
    return lattice.PulseArray(
        rng.uniform(0, 0.3, n), rng.uniform(1.9, 2.2, n), rng.uniform(0.5, 1.5, n), helicity=rng.uniform(-1, 1, n),
        phase=rng.uniform(0, 6, n), center=rng.uniform(2.0, 4.0, n), rotation=np.where(np.arange(n) % 3, 0.0, 9.0),
        angle=rng.uniform(0, 360, n), shape=np.where(np.arange(n) % 5, "gaussian", "sech2"),
    )  # fmt: skip


@pytest.mark.parametrize("temperature", [0.0, 100.0])
@pytest.mark.parametrize("keys", [{}, {"ledger": True}, {"energy_ledger": True, "ledger_times": [2.0]}])
@pytest.mark.parametrize("a1g", [None, 1e-3])
def test_same_bits_in_any_block_order_and_number_of_threads(temperature, keys, a1g):
    potential, n = d3d_potential(a1g=a1g), 75
    pulses = scattered(n)
    ask = {
        "observe": observe(potential, frequencies=[2.0], **keys),
        "step": 0.02,
        "temperature": temperature,
        "seed": 5,
    }
    whole = lattice.simulate_reduced(potential, pulses, DURATION, n_threads=3, **ask)
    for part in (np.arange(40, 75), np.array([74, 0, 33]), np.array([7])):
        block = lattice.simulate_reduced(potential, pulses.take(part), DURATION, numbers=part, **ask)
        for name, value in block.items():
            if "trajectory" in value.dims:
                np.testing.assert_array_equal(value, whole[name][part], err_msg=str(name))


def test_own_potentials_are_those_potentials():
    rng = np.random.default_rng(2)
    base = d3d_potential()
    frequency = base.frequency * np.repeat(rng.uniform(0.9, 1.1, (3, 2)), 2, axis=1)
    linewidth = np.repeat(rng.uniform(0.05, 0.2, (3, 2)), 2, axis=1)
    gamma = np.array([1e-3, 2e-3, -1e-3])
    terms = np.concatenate([base.coefficient[:2] * np.ones((3, 1)), gamma[:, None] * [[1, -1, -2]]], axis=1)
    changes = {"frequency": frequency, "linewidth": linewidth, "coefficient": terms}
    ask = {"check": "all", "rtol": 1e-9}
    run = lattice.simulate_reduced(
        base, PULSES[:3], DURATION, observe=observe(base, ledger=True), changes=changes, **ask
    )
    for i in range(3):
        own = d3d_potential(gamma[i], frequency=frequency[i, ::2], linewidth=linewidth[i, ::2])
        one = lattice.simulate_reduced(own, [PULSES[i]], DURATION, observe=observe(own, ledger=True), **ask)
        for name in ("signal", "L_mean", "energy_mean", "ledger"):
            assert largest(run[name][i] - one[name][0]) < 1e-9 * largest(one[name])


def test_own_potentials_in_a_bath_keep_their_random_force():
    base = d3d_potential()
    ask = {"temperature": 200.0, "seed": 3, "step": 0.01, "observe": observe(base, ledger=True)}
    plain = lattice.simulate_reduced(base, [PULSES[0]] * 3, DURATION, **ask)
    same = {"frequency": base.frequency, "linewidth": base.linewidth}
    own = lattice.simulate_reduced(base, [PULSES[0]] * 3, DURATION, changes=same, **ask)
    assert largest(own["signal"] - plain["signal"]) < 1e-11 * largest(plain["signal"])
    assert largest(own["ledger"] - plain["ledger"]) < 1e-11 * largest(plain["ledger"])


def test_the_written_out_force_is_found_and_is_that_of_the_table(monkeypatch):
    names = ["u"] * 2 + ["g"] * 2
    quartic = {(0,) * 4: 2.0, (0, 0, 1, 1): 4.0, (1,) * 4: 2.0, (2,) * 4: 3.0, (2, 2, 3, 3): 6.0, (3,) * 4: 3.0}
    mixed = {(0, 0, 2, 2): 9.0, (0, 0, 3, 3): 3.0, (1, 1, 2, 2): 3.0, (1, 1, 3, 3): 9.0, (0, 1, 2, 3): 12.0}
    cubic = {(0, 0, 2): 1.5, (1, 1, 2): -1.5, (0, 1, 3): -3.0, (2, 2, 2): 0.5, (2, 3, 3): -1.5}
    terms = [(list(q), [], 1e-3 * c, "x") for q, c in (quartic | mixed | cubic).items()]
    terms += [([s], [s % 2], -0.01 * (1 + s), "dipole") for s in range(4)]
    potential = make_potential([2.0, 2.0, 4.1, 4.1], [0.1] * 4, names, terms, pair=[1, 0, 3, 2])
    assert find_pattern(build_table(potential))[0] == PAIRS
    broken = make_potential([2.0, 2.0, 4.1, 4.1], [0.1] * 4, names, terms[1:], pair=[1, 0, 3, 2])
    assert find_pattern(build_table(broken))[0] == TABLE
    for temperature in (0.0, 50.0):
        ask = {"observe": observe(potential), "step": 0.01, "temperature": temperature}
        fast = lattice.simulate_reduced(potential, PULSES, DURATION, **ask)
        with monkeypatch.context() as patch:
            patch.setattr(ensemble, "find_pattern", lambda table: (TABLE, np.zeros(0)))
            general = lattice.simulate_reduced(potential, PULSES, DURATION, **ask)
        assert largest(fast["signal"] - general["signal"]) < 1e-12 * largest(general["signal"])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_program_of_a_table_is_its_force(seed):
    """S X taken back through the products is −∂V/∂Q, for random terms of orders 1 to 6 with up to two fields."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    terms = []
    for _ in range(int(rng.integers(1, 12))):
        order = int(rng.integers(1, 7))
        fields = rng.integers(0, 3, int(rng.integers(0, 3))).tolist()
        terms.append((sorted(rng.integers(0, n, order).tolist()), fields, float(rng.normal()), f"c{order}"))
    potential = make_potential([1.0] * n, [0.1] * n, [f"A{i}" for i in range(n)], terms)
    table = build_table(potential)
    Q, E = rng.normal(size=n), rng.normal(size=3)
    expected = np.zeros(n)
    for c, modes, axes in zip(table.coefficient, potential.mode_index, potential.field_axis, strict=True):
        q = [s for s in modes if s >= 0]
        strength = c * np.prod([E[a] for a in axes if a >= 0])
        for i, s in enumerate(q):
            expected[s] -= strength * np.prod([Q[t] for j, t in enumerate(q) if j != i])
    for by_row in (False, True):
        program = build_program(table, by_row=by_row)
        X = [*Q, *E, 1.0]
        for a, b in program.product:
            assert a <= b < len(X)  # the kernel keeps the first factor while it is the same
            X.append(X[a] * X[b])
        value, force = program.values(table.coefficient), np.zeros(n)
        for section in program.section:
            F = np.zeros(len(X))
            for target, first, last, _inner in program.row[section[0] : section[1]]:
                F[target] += value[first:last] @ np.array(X)[program.column[first:last]]
                if target >= n + 4:
                    a, b = program.product[target - n - 4]
                    F[a] += F[target] * X[b]
                    F[b] += F[target] * X[a]
            force += F[:n]
        np.testing.assert_allclose(force, expected, rtol=1e-11, atol=1e-11 * max(1.0, largest(expected)))


def test_terms_share_as_few_products_as_they_can():
    """q0 q3 for q0² q3² and q1 q4 for two cubic terms, where term by term one would take three."""
    terms = [([0, 0, 3, 3], [], 1.0, "a"), ([1, 1, 4], [], 1.0, "b"), ([1, 2, 4], [], 1.0, "c")]
    table = build_table(make_potential([1.0] * 5, [0.1] * 5, [f"A{i}" for i in range(5)], terms))
    assert build_program(table, by_row=False).product.tolist() == [[0, 3], [1, 4]]


SCRIPT = """
import sys, numpy as np, lattice
from model_potentials import d3d_potential, random_potential
forms = [dict(shape=s, rotation=r) for s in ("gaussian", "sech2", "flat_top", "few_cycle") for r in (0.0, 20.0)]
pulses = [lattice.Pulse(0.1, 2.05, 0.8, chirp=0.1, center=2.0, **form) for form in forms]
out = {}
for i, p in enumerate((d3d_potential(), random_potential(n_cubic=15, n_quartic=15))):
    books = {"ledger": bool(i), "energy_ledger": bool(i)}
    look = lattice.Observe(0.02, **books, signals=np.eye(p.n_modes), signal_times=[2.0, 4.0])
    for T in (0.0, 50.0):
        run = lattice.simulate_reduced(p, pulses, 4.0, observe=look, step=0.01, temperature=T)
        kept = {"signal", "L_mean", "ledger", "energy_ledger"} & set(run)
        out |= {f"{i} {T} {name}": run[name].values for name in kept}
np.savez(sys.argv[1], **out)
"""


def test_instruction_sets_agree_to_1e_12(tmp_path):
    found = {}
    for name in levels.supported_levels():
        path = tmp_path / f"{name}.npz"
        env = os.environ | {"LATTICE_ISA": name, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", SCRIPT, str(path)], env=env, check=True)
        found[name] = dict(np.load(path))
    first = found.pop("plain")
    for name, other in found.items():
        for key, value in first.items():
            assert largest(other[key] - value) <= 1e-12 * largest(value), (name, key)


def test_step_error_of_a_sample_bounds_those_that_were_not_measured():
    potential, pulses = d3d_potential(), scattered(200)
    ask = {"observe": lattice.Observe(0.05, signals=np.eye(4), signal_times=[6.0]), "rtol": 1e-7}
    run = lattice.simulate_reduced(potential, pulses, DURATION, **ask)
    measured = np.isfinite(run["step_error"].values)
    assert 32 <= measured.sum() < 100
    assert (run["step_error"].values[measured] <= 1e-7).all()
    assert len(np.unique(run["step"])) == 1
    exact = lattice.simulate_reduced(potential, pulses, DURATION, **ask | {"rtol": 1e-11}, check="all")
    worst = np.abs(run["signal"] - exact["signal"]).max(("signal_number", "signal_time"))
    assert largest(worst / exact["Q_peak"].max("mode")) < 2e-7
    step = lattice.reduced_step(potential, pulses, DURATION, **ask)
    assert step == float(run["step"][0])
    again = lattice.simulate_reduced(potential, pulses, DURATION, **ask, step=step)
    np.testing.assert_array_equal(again["signal"], run["signal"])


def test_the_sample_is_refined_until_all_of_it_is_accurate():
    quartic = make_potential(
        [1.0, 1.3], [0.0, 0.0], ["A", "B"], [((0,) * 4, [], 0.3, "a"), ((0, 0, 1, 1), [], 0.4, "b")]
    )
    start = np.array([[0.5, 0.2], [1.0, 0.8]])
    loose, tight = (
        lattice.simulate_reduced(quartic, (), 2.0, initial=(start, 0 * start), rtol=r) for r in (1e-2, 1e-10)
    )
    assert (tight["step"] < 0.3 * loose["step"]).all()
    for run, rtol in ((loose, 1e-2), (tight, 1e-10)):
        assert (run["status"] == 0).all()
        assert (run["step_error"] <= rtol).all()


def test_no_trajectory_is_refined_beyond_the_largest_number_of_kicks(monkeypatch):
    terms = [((0,) * 4, [], 1.0, "a"), ((1,) * 4, [], 1.0, "a"), ((0, 0, 1, 1), [], 30.0, "b")]
    chaotic = make_potential([0.5, 0.5], [0.0, 0.0], ["A", "B"], terms)
    ask = {"initial": ([0.9, 0.31], [10.0, -17.0]), "observe": lattice.Observe(0.1), "rtol": 1e-12, "check": "all"}
    free = lattice.simulate_reduced(chaotic, (), 3.0, **ask)
    kicks = len(SRKN14.kicks) * 3.0 / float(free["step"][0])
    for part in (8, 4):
        monkeypatch.setattr(ensemble_steps, "MAX_KICKS", 1.001 * kicks / part)
        run = lattice.simulate_reduced(chaotic, (), 3.0, **ask)
        np.testing.assert_allclose(run["step"], part * free["step"])
        assert (run["status"] == 2).all()


def test_a_trajectory_that_diverges_has_a_status_and_leaves_the_others_alone():
    potential = make_potential([1.0], [0.0], ["A"], [([0, 0, 0], [], -1.0, "x")])
    Q = np.array([[0.0005], [0.1], [0.001]])  # the barrier is at 0.00136
    for check in ("sample", "all"):
        run = lattice.simulate_reduced(potential, (), 4.0, initial=(Q, 0 * Q), check=check, rtol=1e-6)
        assert run["status"].values.tolist() == [0, 1, 0]
        assert np.isnan(run["Q_peak"][1]).all()
        assert np.isfinite(run["Q_peak"][[0, 2]]).all()
    alone = lattice.simulate_reduced(potential, (), 4.0, initial=(Q[:1], 0 * Q[:1]), check="all", rtol=1e-6)
    np.testing.assert_array_equal(alone["Q_peak"][0], run["Q_peak"][0])


def test_lines_are_those_of_the_spectrum():
    potential = d3d_potential()
    run = full(potential, PULSES[:2])
    frequencies = [2.05, 4.1]
    ours = lattice.simulate_reduced(
        potential, PULSES[:2], DURATION, observe=observe(potential, frequencies=frequencies), check="all"
    )
    Q = run["Q"].values
    for i in range(2):
        for k, nu in enumerate(frequencies):
            for a, (x, y) in enumerate(((0, 1), (2, 3))):
                grid, power = signed_spectrum(run["time"].values, Q[i, :, x], Q[i, :, y])
                near = np.abs(np.abs(grid) - nu) < 1e-2
                expected = helicity(np.append(-9.0, grid[near]), np.append(0.0, power[near]))
                assert abs(float(ours["helicity"][i, k, a]) - expected) < 0.02
    amplitude = ours["amplitude"].values[..., 0] + 1j * ours["amplitude"].values[..., 1]
    t = run["time"].values
    edge = np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / (0.1 * (len(t) - 1))
    window = 0.02 * (0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1)))
    direct = np.einsum("t,itn,ft->ifn", window, Q, np.exp(-2j * np.pi * np.outer(frequencies, t)))
    np.testing.assert_allclose(amplitude, direct, rtol=0, atol=1e-8 * largest(direct))


def test_delay_grids_reshape_to_their_delays():
    first = lattice.Pulse(0.1, 2.05, 0.5, center=4.0)
    pulses = lattice.delay_grid((first, first, first), [-1.0, 0.0, 1.0], [0.5, 2.0])
    assert [len(p) for p in pulses] == [6, 6, 6]
    np.testing.assert_array_equal(pulses[1].center.reshape(3, 2)[:, 0], [3.0, 4.0, 5.0])
    np.testing.assert_array_equal(pulses[2].center.reshape(3, 2)[0], [4.5, 6.0])
    with pytest.raises(InputError, match="before time 0"):
        lattice.delay_grid((first, first), [-5.0])
    with pytest.raises(InputError, match="one array of delays"):
        lattice.delay_grid((first, first))


@pytest.mark.parametrize("shape", ["gaussian", "sech2", "flat_top", "few_cycle"])
def test_pulse_arrays_hold_pulses(shape):
    edge = 0.1 if shape == "flat_top" else None
    pulses = [lattice.Pulse(0.1 * i, 2.0 + i, 1.0, shape=shape, edge=edge, axis=(0, 0.6, 0.8)) for i in range(3)]
    array = lattice.PulseArray.of(pulses)
    assert list(array) == pulses
    assert list(array.take(np.array([2, 0]))) == [pulses[2], pulses[0]]
    for one, two in zip(zip(*array.scales(), strict=True), (p.scales() for p in pulses), strict=True):
        np.testing.assert_allclose(one, two)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"amplitude": [-1.0, 1.0]}, "amplitude"),
        ({"frequency": [1.0, 0.0]}, "frequency"),
        ({"helicity": [0.0, 2.0]}, "helicity"),
        ({"phase": [1.0, 2.0, 3.0], "chirp": [0.0, 1.0]}, "fit together"),
        ({"shape": "square"}, "shape"),
        ({"edge": 0.1}, "edge"),
    ],
)
def test_bad_pulse_arrays_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        lattice.PulseArray(**{"amplitude": 0.1, "frequency": 2.0, "duration": 1.0} | arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"check": "none"}, "check"),
        ({"changes": {"mass": [1.0]}}, "changes"),
        ({"changes": {"frequency": [1.0]}}, "frequency"),
        ({"changes": {"linewidth": [-1.0] * 4}}, "negative"),
        ({"initial": "cold"}, "initial"),
        ({"temperature": [1.0, 2.0, 3.0]}, "number of trajectories"),
        ({"temperature": -1.0}, "temperature"),
        ({"numbers": [0.5, 1.0]}, "numbers"),
        ({"numbers": [0, 2**32]}, "too large"),
        ({"step": 0.0}, "step"),
        ({"observe": "Q"}, "Observe"),
        ({"observe": lattice.Observe(0.1, signals=[[1.0]])}, "weights"),
        ({"observe": lattice.Observe(0.1, signals=np.eye(4), signal_times=[0.123])}, "between observations"),
        ({"observe": lattice.Observe(0.1, ledger=True, ledger_times=[0.123])}, "between observations"),
    ],
)
def test_bad_arguments_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        lattice.simulate_reduced(d3d_potential(), scattered(2), DURATION, **arguments)


def test_many_trajectories_need_no_storage_over_time():
    """20 000 trajectories over 100 observations: what is allocated is a small part of what the motion would take."""
    import tracemalloc

    potential, n = d3d_potential(), 20_000
    pulses = lattice.PulseArray(np.linspace(0.01, 0.2, n), 2.05, 1.0)
    tracemalloc.start()
    run = lattice.simulate_reduced(potential, pulses, 4.0, observe=lattice.Observe(0.04), step=0.04)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (run["status"] == 0).all()
    assert peak < 1000 * n
    assert kernel.lanes(0) >= 8
