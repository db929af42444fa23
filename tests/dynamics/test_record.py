"""The record: recorded times and input checks."""

import numpy as np
import pytest

from lattice import InputError, Record


def test_times_land_on_the_grid():
    np.testing.assert_allclose(Record(0.1).times(0.3), [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(Record(0.25, start=0.5).times(1.1), [0.5, 0.75, 1.0])
    np.testing.assert_array_equal(Record(5.0).times(1.0), [0.0])
    assert len(Record(0.01).times(20.0)) == 2001


@pytest.mark.parametrize("keys", [{"every": 0.0}, {"every": -1.0}, {"every": float("nan")}, {"start": -0.1}])
def test_times_out_of_range(keys):
    with pytest.raises(InputError, match="out of range"):
        Record(**keys)


def test_start_after_the_end():
    with pytest.raises(InputError, match="after the end"):
        Record(0.1, start=2.0).times(1.0)


@pytest.mark.parametrize("quantities", [("Q", "T"), "QL"])
def test_unknown_quantities(quantities):
    with pytest.raises(InputError, match="unknown quantity"):
        Record(0.1, quantities=quantities)
