"""Plans: axes, zips, checks, seeds, and what makes two plans different."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lattice.errors import FormatError, InputError
from lattice.study.axis import sobol
from lattice.study.plan import plan_from_table, read_plan, same_sweep, unravel
from lattice.study.run_file import read_run_document
from lattice.study.seeds import point_seeds, point_streams
from lattice.study.settings import read_settings, settings_from_document

RUN = {"source": "Bi2Se3", "duration": 5.0, "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 1.0}]}
AMPLITUDE, HELICITY = "pulse.0.amplitude", "pulse.0.helicity"


def plan_of(axes, **more):
    return read_plan({**RUN, **more, "axes": axes})


def test_every_kind_of_axis_has_its_values():
    plan = plan_of(
        {
            AMPLITUDE: {"linspace": [0.1, 0.3, 3]},
            "pulse.0.duration": {"logspace": [0.1, 10, 3]},
            HELICITY: {"values": [-1, 0.5, 1.0]},
            "temperature": {"uniform": [100, 300, 50], "seed": 3},
            "frequencies": {"values": ["measured", "computed"]},
            "seed": {"values": [1, 2]},
            "pulse.0.axis": {"values": [[0, 0, 1], [1, 0, 0]]},
        },
        repeats=4,
    )
    values = {key: axis.values[0] for axis in plan.axes for key in axis.keys}
    assert np.allclose(values[AMPLITUDE], [0.1, 0.2, 0.3])
    assert np.allclose(values["pulse.0.duration"], [0.1, 1, 10])
    assert values[HELICITY].dtype == float
    assert values[HELICITY].tolist() == [-1, 0.5, 1]
    assert values["temperature"].min() >= 100
    assert values["temperature"].max() <= 300
    assert len(np.unique(values["temperature"])) == 50
    assert values["frequencies"] == ("measured", "computed")
    assert values["seed"].dtype == np.int64
    assert plan.shape == (3, 3, 3, 50, 2, 2, 2, 4)
    assert plan.dims[-1] == "repeat"
    document = plan.run_document((1, 2, 0, 0, 1, 1, 1, 3))
    settings = settings_from_document(document)
    assert settings.pulses[0]["amplitude"] == pytest.approx(0.2)
    assert settings.pulses[0]["axis"] == (1.0, 0.0, 0.0)
    assert settings.frequencies == "computed"
    assert settings.seed == 2


def test_the_order_written_is_the_order_of_the_points():
    plan = plan_of({HELICITY: {"values": [-1, 1]}, AMPLITUDE: {"linspace": [0.1, 0.3, 3]}}, repeats=2)
    index = unravel(plan, np.arange(plan.n_points))
    found = [tuple(plan.settings(i).values()) for i in zip(*(along.tolist() for along in index), strict=True)]
    assert found[:3] == [(-1.0, 0.1), (-1.0, 0.1), (-1.0, 0.2)]
    assert found[-1] == (1.0, 0.3)


def test_zipped_axes_are_one_dimension():
    plan = plan_of(
        {
            AMPLITUDE: {"values": [0.1, 0.2]},
            HELICITY: {"values": [-1.0, 1.0]},
            "duration": {"values": [5.0, 6.0]},
            "zip": [[AMPLITUDE, "duration"]],
        }
    )
    assert plan.dims == (AMPLITUDE, HELICITY, "repeat")
    assert plan.axes[0].keys == (AMPLITUDE, "duration")
    assert plan.settings((1, 0, 0)) == {AMPLITUDE: 0.2, "duration": 6.0, HELICITY: -1.0}


def test_zipped_sobol_axes_are_one_sequence_that_fills_the_square():
    axes = {AMPLITUDE: {"sobol": [0.0, 1.0, 64], "seed": 5}, HELICITY: {"sobol": [-1.0, 1.0, 64], "seed": 5}}
    axis = plan_of({**axes, "zip": [[AMPLITUDE, HELICITY]]}).axes[0]
    x, y = axis.values[0], 0.5 * (axis.values[1] + 1)
    # Without the shift modulo 1 they are a (0, 6, 2)-net in base 2: one point in each of the 8 × 8 boxes.
    shift = np.random.default_rng(5).random(2)
    counts = np.histogram2d((x - shift[0] + 1e-9) % 1, (y - shift[1] + 1e-9) % 1, bins=8, range=[[0, 1], [0, 1]])[0]
    assert (counts == 1).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_a_longer_sobol_sequence_begins_with_the_shorter(n, more, dimension):
    assert np.array_equal(sobol(dimension, n + more, 7)[:n], sobol(dimension, n, 7))


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"pulse.0.amplitud": {"values": [1.0]}}, "did you mean amplitude"),
        ({AMPLITUDE: {"linspac": [0, 1, 2]}}, "did you mean linspace"),
        ({AMPLITUDE: {"linspace": [0, 1]}}, "three numbers"),
        ({AMPLITUDE: {"linspace": [0, 1, 0]}}, "no values"),
        ({AMPLITUDE: {"linspace": [0, 1, 2.5]}}, "integer"),
        ({AMPLITUDE: {"linspace": [0, 1, 2], "values": [1.0]}}, "exactly one kind"),
        ({AMPLITUDE: {"values": []}}, "not empty"),
        ({AMPLITUDE: {"values": [0.1, "high"]}}, "must be a number"),
        ({AMPLITUDE: {"values": [0.1, float("nan")]}}, "must be a number"),
        ({AMPLITUDE: {"logspace": [-3, 2, 4]}}, "goes through zero"),
        ({AMPLITUDE: {"values": [0.1], "seed": 1}}, "not random"),
        ({AMPLITUDE: {"sobol": [0, 1, 4], "seed": -1}}, "negative"),
        ({AMPLITUDE: {"linspace": [0, 1, 10**9]}}, "too many values"),
        ({"pulse.3.amplitude": {"values": [1.0]}}, "leads nowhere"),
        ({"repeats": {"values": [1]}}, "a key of the run file"),
        ({"record.keep": {"values": [True]}}, "a key of the run file"),
        ({AMPLITUDE: {"values": [0.1, 0.2]}, "zip": [[AMPLITUDE, HELICITY]]}, "without axis"),
        ({AMPLITUDE: {"values": [0.1]}, HELICITY: {"values": [1, 0]}, "zip": [[AMPLITUDE, HELICITY]]}, "unequal"),
        ({"seed": {"linspace": [0, 3, 4]}}, "must be an integer"),
        ([1, 2], "must be a table"),
    ],
)
def test_a_bad_axis_is_named(axes, words):
    with pytest.raises(InputError, match=words):
        plan_of(axes)


def test_other_bad_plans_are_named(tmp_path):
    with pytest.raises(InputError, match="did you mean repeats"):
        read_plan({**RUN, "repeat": 3})
    with pytest.raises(InputError, match="at least 1"):
        read_plan({**RUN, "repeats": 0})
    with pytest.raises(InputError, match="did you mean partition"):
        read_plan({**RUN, "slurm": {"partitio": "x"}})
    with pytest.raises(InputError, match="too many points"):
        plan_of({key: {"linspace": [1, 2, 10**6]} for key in (AMPLITUDE, "duration")})
    with pytest.raises(InputError, match="cannot be kept together"):
        plan_of({"duration": {"values": [1.0, 2.0]}}, record={"keep": True})
    with pytest.raises(InputError, match="does not exist"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "plan.toml").write_text("source = ", encoding="utf-8")
    with pytest.raises(FormatError, match="not TOML"):
        read_plan(tmp_path / "plan.toml")


def test_a_plan_given_to_run_is_told_so(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('source = "Bi2Se3"\n[axes]\nseed = { values = [1] }\n', encoding="utf-8")
    with pytest.raises(InputError, match="lattice sweep"):
        read_settings(path)
    assert read_plan(path).shape == (1, 1)
    assert read_run_document(path)["source"] == "Bi2Se3"


def test_seeds_are_those_of_the_settings_wherever_they_stand_in_the_grid():
    small = plan_of({AMPLITUDE: {"values": [0.1, 0.3]}, HELICITY: {"values": [1, -1]}}, repeats=2)
    large = plan_of({AMPLITUDE: {"values": [0.05, 0.1, 0.2, 0.3]}, HELICITY: {"values": [-1.0, 0, 1]}}, repeats=5)
    for function in (point_seeds, point_streams):
        # (0.3, −1, second repeat) in both
        (one,) = function(small, tuple(np.array([i]) for i in (1, 1, 1)))
        (same,) = function(large, tuple(np.array([i]) for i in (3, 0, 1)))
        assert one == same
        found = function(large, unravel(large, np.arange(large.n_points)))
        assert len(set(found.tolist())) == large.n_points
        assert found.min() >= 0
    other = plan_of({AMPLITUDE: {"values": [0.1, 0.3]}, HELICITY: {"values": [1, -1]}}, repeats=2, seed=1)
    index = unravel(small, np.arange(small.n_points))
    assert not set(point_seeds(small, index)) & set(point_seeds(other, index))


def test_seeds_are_spread_evenly():
    plan = plan_of({AMPLITUDE: {"linspace": [0.0, 1.0, 4000]}}, repeats=5)
    seeds = point_seeds(plan, unravel(plan, np.arange(plan.n_points)))
    counts = np.histogram(seeds / 2**63, bins=20, range=(0, 1))[0]
    # χ² of 19 degrees of freedom: 99.9 % quantile 43.8
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8


def test_differences_of_plans_are_named():
    axes = {AMPLITUDE: {"values": [0.1, 0.2]}, HELICITY: {"values": [1.0, -1.0]}}
    plan = plan_of(axes, repeats=2)
    assert same_sweep(plan, plan_of(axes, repeats=2)) is None
    assert same_sweep(plan, plan_of({**axes, HELICITY: {"values": [1.0, -1.0, 0.0]}}, repeats=3)) is None
    assert same_sweep(plan, plan_of(axes, repeats=2, numerics={"threads": 2})) is None
    cases = [
        (plan_of(axes, repeats=2, duration=6.0), "duration was 5.0, is 6.0"),
        (plan_of(axes, repeats=2, seed=1), "seed was not given, is 1"),
        (plan_of(axes), "repeats was 2, is 1"),
        (plan_of({AMPLITUDE: axes[AMPLITUDE]}, repeats=2), "the axes were"),
        (plan_of({**axes, AMPLITUDE: {"values": [0.1, 0.3]}}, repeats=2), "value 1 of axis pulse.0.amplitude"),
        (plan_of({**axes, AMPLITUDE: {"values": [0.1]}}, repeats=2), "had 2 values, has 1"),
        (plan_of(axes, repeats=2, record={"ledger": False}), "record.ledger was True, is False"),
    ]
    for other, words in cases:
        assert words in same_sweep(plan, other)


def test_paths_are_relative_to_the_plan(tmp_path):
    plan = plan_from_table({**RUN, "source": "x.toml"}, tmp_path)
    assert plan.folder == tmp_path
    assert plan.document["source"] == "x.toml"
