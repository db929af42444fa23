"""The number of steps: bounded before anything is integrated, by the rate that asks for them."""

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential

from lattice import InputError, IntegrationError, Pulse, Record, simulate, simulate_ensemble
from lattice.dynamics import steps as counting
from lattice.dynamics.bath import Bath
from lattice.dynamics.scheme import SRKN14, STRANG
from lattice.dynamics.steps import Grid, first_steps, halvings
from lattice.dynamics.table import build_table

MAIN = Pulse(0.3, 2.05, 1.0)


def model(**change):
    keys = {"frequency": (2.05, 4.05), "linewidth": (0.16, 0.10)} | change
    return d3d_potential(**keys)


@pytest.mark.parametrize(
    ("potential", "pulse", "word"),
    [
        (model(), Pulse(0.3, 1e9, 1.0), "carrier of pulse 0"),
        (model(), Pulse(0.3, 1e6, 1.0), "carrier of pulse 0"),
        (model(), Pulse(0.3, 2.0, 1e-9, center=1.0), "duration of pulse 0"),
        (model(), Pulse(0.3, 2.0, 1e-6), "duration of pulse 0"),
        (model(frequency=(1e9, 4.05)), MAIN, r"frequency of Eu\(1\)"),
        (model(frequency=(-1e300, 4.05)), MAIN, r"frequency of Eu\(1\)"),
        (model(linewidth=(0.16, 1e6)), MAIN, r"linewidth of Eg\(2\)"),
        (model(linewidth=(1e300, 0.1)), MAIN, r"linewidth of Eu\(1\)"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 300.0])
def test_too_many_steps_name_the_fastest_rate(potential, pulse, word, temperature):
    with pytest.raises(InputError, match=word) as caught:
        simulate(potential, [pulse], 1e3, temperature=temperature)
    assert "too many steps" in caught.value.what
    assert "at least" in caught.value.found


def test_a_second_pulse_is_named_by_its_number():
    with pytest.raises(InputError, match="carrier of pulse 1"):
        simulate(model(), [MAIN, Pulse(0.3, 1e7, 1.0)], 20.0)


def test_too_fine_a_record_is_named():
    slow = make_potential([1e-3], [0.0], ["A"], [])
    with pytest.raises(InputError, match="recording interval, 1e-06 ps"):
        simulate(slow, [], 20.0, record=Record(1e-6))


def test_all_trajectories_together_are_bounded():
    with pytest.raises(InputError, match="number of trajectories"):
        simulate_ensemble(model(), [Pulse(0.3, 1e4, 1.0)] * 4000, 20.0, record=Record(20.0))


@pytest.mark.parametrize("every", [1e-320, 1e-300, 1e-12])
def test_countless_recorded_times(every):
    with pytest.raises(InputError, match="too m"):
        simulate(model(), MAIN, 1e5, record=Record(every))


def test_endless_run():
    with pytest.raises(InputError, match="too many recorded times"):
        simulate(model(), MAIN, 1e308)
    with pytest.raises(InputError, match="duration is out of range"):
        simulate(model(), MAIN, 1e-300)


@pytest.mark.parametrize(("bath", "composition"), [(None, SRKN14), (Bath(300.0, 0), STRANG)])
@pytest.mark.parametrize("frequency", [(2.05, 4.05), (20.0, 40.0)])
def test_long_runs_are_allowed(bath, composition, frequency):
    """10 ns of one trajectory, and 20 ps of 1e5, of a soft and of a hard crystal; two halvings are left to each."""
    table = build_table(model(frequency=frequency))
    for grid, count in ((Grid(0.0, 0.01, 1_000_000, 1e4), 1), (Grid(0.0, 0.1, 200, 20.0), 100_000)):
        steps = first_steps(table, [()] * count, grid, composition, bath)
        assert len(steps) == count
        assert halvings(grid, steps[0], composition, 8) >= 2


def test_first_steps_resolve_every_rate():
    grid, table = Grid(0.0, 0.1, 10, 1.0), build_table(make_potential([5.0], [2.0], ["A"], []))
    # A quarter of a period is π/2 of phase: 0.05 ps at 5 THz, two steps in 0.1 ps; at 35 THz it is 7.1 fs.
    assert first_steps(table, [(), (Pulse(1.0, 35.0, 9.0),)], grid, SRKN14, None) == [2, 14]
    assert first_steps(table, [(Pulse(1.0, 1.0, 0.05),)], grid, SRKN14, None) == [8]
    # In a bath a step is 0.1 π of phase: ten of 0.01 ps.
    assert first_steps(table, [()], grid, STRANG, Bath(1.0, 0)) == [10]


def test_halving_ends_where_it_would_take_too_long(monkeypatch):
    terms = [((0,) * 4, [], 1.0, "a"), ((1,) * 4, [], 1.0, "a"), ((0, 0, 1, 1), [], 30.0, "b")]
    chaotic, initial = make_potential([0.5, 0.5], [0.0, 0.0], ["A", "B"], terms), ([0.9, 0.31], [10.0, -17.0])
    keys = {"record": Record(0.1), "initial": initial, "rtol": 1e-12, "method": "splitting"}
    free = simulate(chaotic, [], 3.0, on_failure="keep", **keys)
    first = float(free.step) * 2**8
    monkeypatch.setattr(counting, "MAX_KICKS", 14 * 3.0 / first * 64)
    short = simulate(chaotic, [], 3.0, on_failure="keep", **keys)
    np.testing.assert_allclose(short.step, first / 64)
    assert short.status == 2
    with pytest.raises(IntegrationError, match="raise rtol"):
        simulate(chaotic, [], 3.0, **keys)


def test_a_run_much_shorter_than_its_recording_interval():
    run = simulate(model(), MAIN, 1e-9, record=Record(1e6), initial=(np.ones(4), np.zeros(4)))
    assert run.sizes["time"] == 1
    assert run.status == 0
    assert run.step <= 1e-9


def test_a_very_short_run_in_a_bath():
    run = simulate(model(), [], 1e-9, record=Record(1.0), temperature=300.0)
    assert run.status == 0
