"""Numbers as users give them: what is one, what is not, and which bits come out."""

from fractions import Fraction

import numpy as np
import pytest
import xarray

from lattice import InputError
from lattice.structure.number import checked_array, checked_number, checked_whole


@pytest.mark.parametrize(
    "value",
    [
        2,
        2.0,
        np.float64(2),
        np.float32(2),
        np.int32(2),
        np.array(2.0),
        np.uint8(2),
        Fraction(4, 2),
        xarray.DataArray(2),
    ],
)
def test_real_numbers_of_every_library(value):
    for check in (checked_number, checked_whole):
        number = check(value, "It", "give one")
        assert number == 2
        assert type(number) is (float if check is checked_number else int)


@pytest.mark.parametrize(
    "value",
    ["2", b"2", None, True, np.True_, 2j, np.complex128(2), [2], np.array([2.0]), float("nan"), -np.inf, 10**400, {}],
)
@pytest.mark.parametrize("check", [checked_number, checked_whole])
def test_anything_else_is_refused(check, value):
    with pytest.raises(InputError, match="It must be a finite number") as caught:
        check(value, "It", "give one")
    assert caught.value.fix == "give one"


def test_whole_numbers_keep_every_digit_and_have_no_fraction():
    assert checked_whole(2**63 - 1, "It", "") == 2**63 - 1
    assert checked_whole(np.int64(2**63 - 1), "It", "") == 2**63 - 1
    with pytest.raises(InputError, match="whole"):
        checked_whole(1.5, "It", "give one")


def test_arrays_keep_their_shape():
    np.testing.assert_array_equal(checked_array([[1, 2], [3, 4]], "They", ""), [[1.0, 2.0], [3.0, 4.0]])
    assert checked_array(np.float32(0.5), "They", "").dtype == np.float64


@pytest.mark.parametrize(
    "value", [["a"], [1, [2]], [1j], np.array([2j]), [None], [True], [np.nan], "12", None, [10**400]]
)
def test_other_arrays_are_refused(value):
    with pytest.raises(InputError, match="They must be finite numbers"):
        checked_array(value, "They", "give some")
