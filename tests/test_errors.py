"""Errors say what was found and how to mend it, and survive the way to another process."""

import copy

import pytest

import lattice


@pytest.mark.parametrize(
    "kind",
    [
        lattice.LatticeError, lattice.InputError, lattice.FormatError, lattice.SymmetryError, lattice.StabilityError,
        lattice.FitError, lattice.IntegrationError, lattice.SchemaError, lattice.MissingDependency,
    ],
)  # fmt: skip
def test_message_and_copy(kind):
    error = kind("The mass is wrong", found=-1.0, fix="give a positive mass")
    assert str(error) == "The mass is wrong.\n  found: -1.0\n  fix:   give a positive mass"
    again = copy.copy(error)  # through __reduce__, as on the way to another process
    assert type(again) is kind
    assert str(again) == str(error)


def test_fix_is_mandatory():
    with pytest.raises(TypeError):
        lattice.InputError("wrong", found=1)


def test_families():
    assert issubclass(lattice.InputError, ValueError)
    assert issubclass(lattice.FormatError, lattice.InputError)
    assert issubclass(lattice.MissingDependency, ImportError)
