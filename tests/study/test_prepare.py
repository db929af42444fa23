"""What is measured and chosen before the first task."""

import time

import pytest
from model_potentials import d3d_potential

from lattice.anharmonic.files import save_potential
from lattice.study.plan import read_plan
from lattice.study.prepare import TASK_SECONDS, Preparation
from lattice.study.reducer import Reducer

HELICITY, AMPLITUDE = "pulse.0.helicity", "pulse.0.amplitude"


@pytest.fixture
def steps(monkeypatch):
    """Points of each call that chooses a step; each costs a quarter of a second of processor."""
    calls, choose = [], Reducer._step_of

    def slow(self, group):
        end = time.process_time() + 0.25
        while time.process_time() < end:
            pass
        calls.append(len(group.rows))
        return choose(self, group)

    monkeypatch.setattr(Reducer, "_step_of", slow)
    return calls


def preparation_of(folder, axes):
    for name, gamma in (("weak.toml", 1e-3), ("strong.toml", 2e-3)):
        save_potential(d3d_potential(gamma=gamma), folder / name)
    plan = {"source": str(folder / "weak.toml"), "duration": 4.0, "record": {"every": 0.05}}
    pulse = {"amplitude": 0.1, "frequency": 2.05, "duration": 0.5}
    return Preparation(read_plan(plan | {"pulse": [pulse], "axes": axes}))


def test_the_time_of_a_point_is_without_that_of_choosing_steps(tmp_path, steps):
    sources = [str(tmp_path / name) for name in ("weak.toml", "strong.toml")]
    axes = {AMPLITUDE: {"linspace": [0.01, 0.2, 20_000]}, "source": {"values": sources}}
    found = preparation_of(tmp_path, axes)
    each = found.seconds_per_point
    assert len(steps) == 2  # one for each source
    assert each < 0.02
    largest = found.layout.block[0] * found.layout.block[1]
    assert min(20_000, TASK_SECONDS / each) / 4 < largest <= TASK_SECONDS / each + 1


def test_refused_points_cost_no_steps_of_their_own(tmp_path, steps):
    axes = {AMPLITUDE: {"linspace": [0.01, 0.2, 50]}, HELICITY: {"values": [1.0, 2.0, -1.0, 3.0]}}
    reducer = preparation_of(tmp_path, axes).reducer
    assert len(reducer.steps) == 1
    assert len(steps) == 2  # all, refused at once, and those that can be run
    assert 0 < steps[1] < steps[0]
