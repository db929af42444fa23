"""The kernel through `integrate`: convergence order, identities of mechanics, bits."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_potentials import d3d_potential, make_potential, random_potential
from reference import Twin

from lattice import Pulse
from lattice._kernels import hermitian as levels
from lattice._kernels import trajectory
from lattice.dynamics import integrate
from lattice.dynamics.bath import Bath
from lattice.dynamics.integrate import Refinement
from lattice.dynamics.steps import Grid
from lattice.dynamics.table import build_table
from lattice.modes.batch import instruction_level


def fixed_steps(potential, pulses, duration, steps, Q0=None, P0=None, book=True):
    """State after `steps` steps, without step control."""
    table = build_table(potential)
    n = potential.n_modes
    Q0 = np.zeros((1, n)) if Q0 is None else np.atleast_2d(Q0)
    P0 = np.zeros((1, n)) if P0 is None else np.atleast_2d(P0)
    solver = Refinement(table, [tuple(pulses)], Q0, P0, Grid(0.0, duration, 1, duration), steps, 1)
    return solver.level(np.arange(1), 0)


def test_order_is_six_with_damping_and_fields():
    potential = random_potential(3)
    pulses = [Pulse(2.0, 2.5, 0.5, helicity=0.7, center=0.5), Pulse(1.0, 4.0, 0.4, center=0.7, angle=30.0)]
    Q, _ = Twin(potential, pulses).solve(np.array([0.0, 1.0]), rtol=1e-13)
    errors = [np.abs(fixed_steps(potential, pulses, 1.0, n).Q_end[0] - Q[-1]).max() for n in (24, 32, 48)]
    orders = np.log(np.array(errors[:-1]) / errors[1:]) / np.log([32 / 24, 48 / 32])
    assert np.all(orders > 5.6), (errors, orders)
    assert errors[-1] < 1e-8


def undamped(potential):
    """Same potential without damping."""
    return replace(potential, linewidth=np.zeros(potential.n_modes))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_energy_without_damping_and_time_reversal(seed):
    rng = np.random.default_rng(seed)
    potential = undamped(d3d_potential(gamma=5e-3, a1g=1e-3))
    Q0, P0 = 0.3 * rng.standard_normal(5), 4.0 * rng.standard_normal(5)
    twin, there = Twin(potential), fixed_steps(potential, [], 2.0, 200, Q0, P0)
    assert twin.energy(there.Q_end[0], there.P_end[0]) == pytest.approx(twin.energy(Q0, P0), rel=1e-9)
    back = fixed_steps(potential, [], 2.0, 200, there.Q_end[0], -there.P_end[0])
    np.testing.assert_allclose(back.Q_end[0], Q0, atol=1e-11)
    np.testing.assert_allclose(back.P_end[0], -P0, atol=1e-10)


@pytest.mark.parametrize("level", range(len(levels.supported_levels())))
@pytest.mark.parametrize("order", range(1, 9))
def test_force_of_any_order_with_any_field_factors(order, level):
    """One kick of a term with repeated factors is its gradient."""
    rng = np.random.default_rng(order)
    modes, field = np.sort(rng.integers(0, 3, order)).tolist(), rng.integers(0, 3, order % 4).tolist()
    potential = make_potential([0.0] * 3, [0.0] * 3, ["A", "B", "C"], [(modes, field, 0.37, "channel")])
    table, Q, E = build_table(potential), rng.standard_normal(3), rng.standard_normal(3)
    P, kick = np.zeros((1, 3)), np.array([1.0])
    status, ledger = np.zeros(1, np.int32), np.zeros((1, len(table.rows), 3, 3))
    account = np.zeros((1, table.n_accounts))
    still = np.tile([1.0, 0.0, 0.0, 1.0], (2, 3, 1))
    record = np.empty((1, 1, 3)), np.empty((1, 1, 3))
    trajectory.advance(
        level, Q[None].copy(), P, ledger, account,
        np.zeros((1, len(table.rows), 3)), np.zeros((1, len(table.slot_row))), status,
        *record, np.empty((1, table.work_size)), E.reshape(1, 1, 1, 3).copy(),
        still, np.zeros((2, 0, 8)), kick, np.zeros((3, 3)), np.zeros((0, 3, 11)), np.zeros(1, np.int32), 0, 0, False,
        table.omega_squared, table.multiplet_of, table.coefficient, table.term_order, table.term_mode, table.term_slot,
        table.term_field, table.slot_row, table.slot_mode, table.link_mode, table.link_multiplet, table.link_matrix,
        table.link_arm, table.arm_start, table.arm_multiplet, 3, 4, True, 1,
    )  # fmt: skip
    expected = np.zeros(3)
    for s in range(3):
        m = modes.count(s)
        if m:
            others = np.prod([Q[k] for k in modes if k != s])
            expected[s] = -table.coefficient[0] * m * Q[s] ** (m - 1) * others * np.prod(E[field])
    np.testing.assert_allclose(P[0], expected, rtol=1e-13)


def test_bits_do_not_depend_on_threads_or_neighbours():
    table, B = build_table(random_potential(1)), 5
    pulses = [(Pulse(0.5 * (i + 1), 2.5, 0.5, center=0.4),) for i in range(B)]
    rest, grid = np.zeros((B, 12)), Grid(0.0, 0.02, 30, 0.6)
    runs = [Refinement(table, pulses, rest, rest, grid, 2, n, None, np.arange(B)).solve(1e-8) for n in (1, 2, 3)]
    alone = [Refinement(table, [p], rest[:1], rest[:1], grid, 2, 1).solve(1e-8) for p in pulses]
    for name in ("Q", "P", "Q_end", "P_end", "ledger", "step_error", "step", "status"):
        first = getattr(runs[0], name)
        for other in runs[1:]:
            assert np.array_equal(first, getattr(other, name)), name
        assert np.array_equal(first, np.concatenate([getattr(one, name) for one in alone])), name


@pytest.mark.parametrize("bath", [None, Bath(100.0, 4)])
def test_bits_do_not_depend_on_how_the_work_is_cut(bath, monkeypatch):
    table, rest, pulses = build_table(random_potential(1)), np.zeros((2, 12)), [(Pulse(1.0, 2.5, 0.5, center=0.3),), ()]
    solver = Refinement(table, pulses, rest, rest, Grid(0.033, 0.1, 5, 0.6), 6, 1, bath, np.arange(2))
    whole = solver.level(np.arange(2), 1)
    for budget in (1, 7 * 2 * 3 * 14, 40 * 2 * 3 * 14):
        monkeypatch.setattr(integrate, "_FIELD_BUDGET", budget)
        cut = solver.level(np.arange(2), 1)
        for name in ("Q", "P", "Q_end", "P_end", "ledger"):
            assert np.array_equal(getattr(whole, name), getattr(cut, name)), (budget, name)


def test_build_info_names_the_compiler():
    info = trajectory.build_info()
    assert set(info) == {"compiler", "openmp"}
    assert isinstance(info["openmp"], bool)
    assert info["compiler"].split()[0] in {"gcc", "clang"}


@pytest.mark.parametrize("temperature", [0.0, 60.0])
def test_instruction_sets_agree_to_1e_12_on_any_number_of_threads(temperature, monkeypatch):
    potential, n = random_potential(2), 5
    pulses = [Pulse(0.4 * (i + 1), 2.5, 0.4, helicity=0.5, center=0.4) for i in range(n)]
    bath = Bath(temperature, 7) if temperature else None
    rng = np.random.default_rng(0)
    Q0, P0 = 0.1 * rng.standard_normal((n, 12)), rng.standard_normal((n, 12))
    found = []
    for level in range(len(levels.supported_levels())):
        monkeypatch.setattr(integrate, "LEVEL", level)
        runs = [
            Refinement(
                build_table(potential), [(p,) for p in pulses], Q0, P0, Grid(0.0, 0.1, 10, 1.03), 8, threads, bath,
                np.arange(n), True,
            ).level(np.arange(n), 1)
            for threads in (1, 3)
        ]  # fmt: skip
        for name in ("Q", "P", "Q_end", "P_end", "ledger", "energy", "ledger_series", "energy_series", "status"):
            assert np.array_equal(getattr(runs[0], name), getattr(runs[1], name)), (level, name)
        found.append(runs[0])
    for other in found[1:]:
        for name in ("Q", "P", "Q_end", "P_end", "ledger", "energy", "ledger_series", "energy_series"):
            first = getattr(found[0], name)
            assert np.abs(first).max() > 0, name
            assert np.abs(getattr(other, name) - first).max() <= 1e-12 * np.abs(first).max(), name


CHOSEN = """
import json, sys; sys.path[:0] = {path!r}
from model_potentials import d3d_potential
from lattice import Pulse, Record, simulate
from lattice.dynamics import integrate
run = simulate(d3d_potential(), Pulse(0.3, 2.05, 0.3), 0.4, record=Record(0.1), method="splitting")
print(json.dumps([integrate.LEVEL, json.loads(run.attrs["provenance"])["kernel"]["isa"]]))
"""


def test_the_instruction_set_is_chosen_at_import_and_named_in_the_run():
    assert instruction_level() == integrate.LEVEL
    name = levels.supported_levels()[0]
    found = subprocess.run(
        [sys.executable, "-c", CHOSEN.format(path=sys.path)],
        env=os.environ | {"LATTICE_ISA": name},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(found.stdout) == [0, name]
