"""LO and TO along a direction, and the methods of the non-analytic term."""

import numpy as np
import pytest
from phonopy import Phonopy

import lattice
from lattice import units
from lattice.errors import InputError
from lattice.structure.phonopy_object import phonopy_from_crystal


@pytest.mark.parametrize(("direction", "lo", "to"), [((0, 0, 1), 2, 4), ((1, 0, 0), 2, 4), ((0, 1, 0), 2, 4)])
def test_lo_modes_are_those_that_the_field_moves(direction, lo, to):
    """Of the six polar modes of Bi2Se3 two have a dipole along any principal direction."""
    crystal = lattice.load("Bi2Se3")
    modes = lattice.solve_modes(crystal, nac_direction=direction)
    labels = lattice.polar_labels(modes)
    assert (labels.count("LO"), labels.count("TO"), labels.count("LO-TO")) == (lo, to, 0)
    assert sum(label is None for label in labels) == 15 - lo - to
    plain = lattice.solve_modes(crystal).frequency
    for label, nu in zip(labels, modes.frequency, strict=True):
        moved = np.abs(plain - nu).min() > 1e-3
        assert moved == (label == "LO")


def test_oblique_waves_are_mixed_and_lyddane_sachs_teller_holds():
    crystal = lattice.load("Bi2Se3")
    oblique = lattice.polar_labels(lattice.solve_modes(crystal, nac_direction=(1, 0, 1)))
    assert "LO-TO" in oblique
    assert "TO" in oblique  # the ordinary wave
    # Π ν_LO²/ν_TO² = ε0/ε∞ along z
    modes = lattice.solve_modes(crystal, nac_direction=(0, 0, 1))
    longitudinal = modes.frequency[[x == "LO" for x in lattice.polar_labels(modes)]]
    plain = lattice.solve_modes(crystal)
    a2u = [x for x in plain.multiplets if x.irrep == "A2u" and not x.acoustic]
    charge = np.array([plain.mode_charge[x.indices[0], 2].real for x in a2u])
    nu = np.array([x.frequency for x in a2u])
    ionic = units.EPSILON_IONIC / crystal.volume * (charge**2 / (units.TWO_PI * nu) ** 2).sum()
    ratio = 1 + ionic / crystal.dielectric[2, 2]
    assert np.prod(longitudinal**2) / np.prod(nu**2) == pytest.approx(ratio, rel=1e-5)


def test_without_a_direction_there_are_no_labels():
    assert lattice.polar_labels(lattice.solve_modes(lattice.load("Bi2Se3"))) == [None] * 15


@pytest.mark.parametrize(("method", "theirs"), [("gonze-lee", "gonze"), ("wang", "wang")])
def test_methods_are_those_of_phonopy(method, theirs):
    crystal = lattice.load("Bi2Se3-noSOC")
    phonon = phonopy_from_crystal(crystal)
    fresh = Phonopy(phonon.unitcell, supercell_matrix=phonon.supercell_matrix, primitive_matrix="P")
    fresh.force_constants = phonon.force_constants
    fresh.nac_params = {
        "born": crystal.born_charges,
        "dielectric": crystal.dielectric,
        "factor": units.COULOMB,
        "method": theirs,
    }
    q = (0.1, 0.2, 0.05)
    modes = lattice.solve_modes(crystal, q, nac_method=method)
    assert modes.long_range == method
    fresh.dynamical_matrix.run(q)
    curvature = np.linalg.eigvalsh(fresh.dynamical_matrix.dynamical_matrix)
    np.testing.assert_allclose(modes.frequency, np.sqrt(curvature) * units.THZ_PER_ROOT_EV, atol=2e-4)


def test_methods_agree_at_commensurate_points_and_differ_between():
    """At q-points of the supercell the force constants hold everything, and the Wang term vanishes there."""
    crystal = lattice.load("Bi2Se3-noSOC")
    frequency = {
        (method, q): lattice.solve_modes(crystal, q, nac_method=method).frequency
        for method in ("gonze-lee", "wang", "none")
        for q in ((0.5, 0.0, 0.0), (0.05, 0.02, 0.01))
    }
    for q, same in (((0.5, 0.0, 0.0), True), ((0.05, 0.02, 0.01), False)):
        for method in ("gonze-lee", "wang"):
            assert (np.abs(frequency[method, q] - frequency["none", q]).max() < 1e-3) == same
    assert lattice.solve_modes(crystal, (0.5, 0, 0), nac_method="none").long_range == "none"


def test_unknown_method_and_a_direction_without_method():
    crystal = lattice.load("Bi2Se3")
    with pytest.raises(InputError, match="unknown"):
        lattice.solve_modes(crystal, nac_method="ewald")
    with pytest.raises(InputError, match="direction"):
        lattice.solve_modes(crystal, nac_direction=(1, 0, 0), nac_method="none")
