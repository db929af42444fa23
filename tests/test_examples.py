"""The files of docs/examples follow from the script beside them."""

import importlib.util
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.io import read
from phonopy import Phonopy
from phonopy.file_IO import parse_FORCE_SETS

SHEET = Path(__file__).parents[1] / "docs" / "examples" / "h-BN"


@pytest.fixture(scope="module")
def make():
    """The module make.py, which imports its neighbour tersoff.py."""
    sys.path.insert(0, str(SHEET))
    spec = importlib.util.spec_from_file_location("make", SHEET / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(SHEET))
    return module


@pytest.fixture(scope="module")
def phonon(make):
    return Phonopy(make.relaxed(), make.SUPERCELL)


def test_the_structure_is_the_relaxed_one(make):
    written, relaxed = read(SHEET / "POSCAR"), make.relaxed()
    assert written.cell.array == pytest.approx(relaxed.cell, abs=1e-7)
    assert written.get_scaled_positions() == pytest.approx(relaxed.scaled_positions, abs=1e-12)
    assert np.abs(make.with_calculator(relaxed).get_forces()).max() < 1e-10
    assert np.abs(make.with_calculator(relaxed).get_stress()[[0, 1, 5]]).max() < 1e-8  # in the sheet


def test_the_forces_are_those_of_the_potential(make, phonon):
    written, computed = parse_FORCE_SETS(filename=SHEET / "FORCE_SETS"), make.force_sets(phonon)
    assert written["natom"] == computed["natom"] == 32
    for first, second in zip(written["first_atoms"], computed["first_atoms"], strict=True):
        assert first["number"] == second["number"]
        assert first["displacement"] == pytest.approx(second["displacement"], abs=1e-10)
        assert first["forces"] == pytest.approx(second["forces"], abs=1e-7)


def test_the_third_derivatives_are_those_of_the_potential(make, phonon):
    """Some of them again, as second differences of the force on one displaced atom."""
    with h5py.File(SHEET / "fc3.hdf5") as file:
        constants, homes = file["fc3"][:], file["p2s_map"][:]
    assert homes.tolist() == phonon.primitive.p2s_map.tolist()
    atoms = make.with_calculator(phonon.supercell)
    rest, at_rest = atoms.positions.copy(), atoms.get_forces()
    for row, a in ((0, 0), (1, 1)):
        change = -2 * at_rest
        for sign in (1, -1):
            atoms.positions = rest
            atoms.positions[homes[row], a] += sign * make.STEP
            change += atoms.get_forces()
        diagonal = -change / make.STEP**2  # Φ_iik with both indices the same coordinate
        scale = np.abs(constants).max()
        assert constants[row, homes[row], :, a, a] == pytest.approx(diagonal, abs=2e-3 * scale)
        assert np.abs(diagonal).max() > 0.1 * scale
