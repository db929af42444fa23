"""Unphysical charges are named, and what is dropped or overridden is that and nothing else."""

import dataclasses

import numpy as np
import pytest

import lattice
from lattice.errors import InputError


@pytest.fixture(scope="module")
def crystal():
    return lattice.load("Bi2Se3")


def warnings(crystal):
    return [line for line in crystal.found if line.startswith("warning: ")]


def test_the_bundled_charges_are_sound(crystal):
    assert warnings(crystal) == []
    again = lattice.adjust_charges(crystal)
    np.testing.assert_array_equal(again.born_charges, crystal.born_charges)
    assert again.found == crystal.found


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Z.2.zz", 23.5, "unphysically large: Z.2.zz = 23.5 e (Se)"),
        ("Z.Bi.xy", -16, "Z.0.xy = -16 e (Bi), Z.1.xy = -16 e (Bi)"),
        ("eps.zz", 101, "unphysically large: eps.zz = 101"),
        ("eps.xx", -0.5, "not positive: eps.xx = -0.5"),
        ("eps.yy", 0.0, "not positive: eps.yy = 0"),
        ("Z.0.xx", 9.0, "add up to"),
        ("Z.0.xz", 0.3, "atom 0 breaks the symmetry"),
    ],
)
def test_warnings_name_the_components(crystal, name, value, said):
    assert any(said in line for line in warnings(lattice.adjust_charges(crystal, override={name: value})))


def test_at_the_limits_there_is_no_warning(crystal):
    for name, value in (("Z.2.zz", 15.0), ("Z.2.zz", -15.0), ("eps.zz", 100.0)):
        assert "unphysically" not in " ".join(warnings(lattice.adjust_charges(crystal, override={name: value})))


def test_a_tensor_that_is_not_positive_off_its_diagonal(crystal):
    tilted = lattice.adjust_charges(crystal, override={"eps.xy": 90.0, "eps.yx": 90.0})
    assert any("eigenvalue" in line for line in warnings(tilted))


def test_names_reach_what_they_say(crystal):
    species = crystal.numbers == 34
    for name, atoms in (("Z.zz", [True] * 5), ("Z.Se.zz", species), ("Z.4.zz", np.arange(5) == 4)):
        dropped = lattice.adjust_charges(crystal, drop=[name])
        expected = np.array(crystal.born_charges)
        expected[np.array(atoms), 2, 2] = 0
        np.testing.assert_array_equal(dropped.born_charges, expected)
        np.testing.assert_array_equal(dropped.dielectric, crystal.dielectric)
    dropped = lattice.adjust_charges(crystal, drop=["eps.zz", "eps.xy"])
    assert (dropped.dielectric[2, 2], dropped.dielectric[0, 1]) == (1, 0)
    both = lattice.adjust_charges(crystal, drop=["Z.zz"], override={"Z.0.zz": 2.0})
    assert both.born_charges[:, 2, 2].tolist() == [2, 0, 0, 0, 0]
    assert "Z.zz: dropped" in both.found
    assert "Z.0.zz: set to 2" in both.found


def test_dropping_the_charge_along_z_removes_the_splitting_along_z_alone(crystal):
    dropped = lattice.adjust_charges(crystal, drop=["Z.zx", "Z.zy", "Z.zz"])
    plain = lattice.solve_modes(crystal).frequency
    along = lattice.solve_modes(dropped, nac_direction=(0, 0, 1)).frequency
    np.testing.assert_allclose(np.sort(along), np.sort(plain), atol=1e-9)
    across = lattice.solve_modes(dropped, nac_direction=(1, 0, 0)).frequency
    np.testing.assert_allclose(
        np.sort(across), np.sort(lattice.solve_modes(crystal, nac_direction=(1, 0, 0)).frequency), atol=1e-9
    )


@pytest.mark.parametrize("name", ["zz", "Z.zw", "Z.7.zz", "Z.Te.zz", "eps.0.zz", "eps", "Z.0.1.zz", "Z.-1.zz", ""])
def test_unknown_names(crystal, name):
    with pytest.raises(InputError, match="no such component"):
        lattice.adjust_charges(crystal, drop=[name])


def test_bad_values_and_no_charges(crystal):
    for value in (np.nan, np.inf, "1"):
        with pytest.raises(InputError, match="finite number"):
            lattice.adjust_charges(crystal, override={"eps.zz": value})
    with pytest.raises(InputError, match="no Born charges"):
        lattice.adjust_charges(dataclasses.replace(crystal, born_charges=None), drop=["Z.zz"])
