"""The record: recorded times and input checks."""

import numpy as np
import pytest

from lattice import InputError, Record


def test_times_land_on_the_grid():
    np.testing.assert_allclose(Record(0.1).times(0.3), [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(Record(0.25, start=0.5).times(1.1), [0.5, 0.75, 1.0])
    assert Record(0.1, start=1.0).times(1.0).tolist() == [1.0]  # the end alone
    np.testing.assert_array_equal(Record(5.0).times(1.0), [0.0])
    assert len(Record(0.01).times(20.0)) == 2001


@pytest.mark.parametrize("keys", [{"every": 0.0}, {"every": -1.0}, {"start": -0.1}])
def test_times_out_of_range(keys):
    with pytest.raises(InputError, match="out of range"):
        Record(**keys)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "a", None, True, 1j, [0.1]])
@pytest.mark.parametrize("name", ["every", "start"])
def test_times_that_are_no_numbers(name, value):
    with pytest.raises(InputError, match=f"{name} must be a finite number"):
        Record(**{name: value})


def test_numbers_of_numpy_become_plain_ones():
    record = Record(np.float32(0.5), start=np.int64(1))
    assert (type(record.every), type(record.start)) == (float, float)


@pytest.mark.parametrize("duration", ["1", None, float("inf")])
def test_durations_that_are_no_numbers(duration):
    for method in (Record().times, Record().count):
        with pytest.raises(InputError, match="duration"):
            method(duration)


@pytest.mark.parametrize(("every", "duration"), [(1e-320, 1.0), (0.01, 1e308)])
def test_countless_times(every, duration):
    with pytest.raises(InputError, match="too many"):
        Record(every).times(duration)


def test_start_after_the_end():
    with pytest.raises(InputError, match="after the end"):
        Record(0.1, start=2.0).times(1.0)


@pytest.mark.parametrize("quantities", [("Q", "T"), "QL", (None,), [["Q"]]])
def test_unknown_quantities(quantities):
    with pytest.raises(InputError, match="unknown quantity"):
        Record(0.1, quantities=quantities)


@pytest.mark.parametrize("quantities", [None, 3])
def test_quantities_that_are_no_sequence(quantities):
    with pytest.raises(InputError, match="sequence"):
        Record(quantities=quantities)
