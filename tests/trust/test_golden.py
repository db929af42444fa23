"""Files that version 0.1.0 wrote: every later version reads them and finds the same numbers."""

import json
import sys
from pathlib import Path

import pytest

import lattice
from lattice.dynamics.runfile import load_run
from lattice.observe.verify import verify_run

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = GOLDEN / "schema1"
sys.path.insert(0, str(GOLDEN))

from make import make_run, numbers_of_modes, numbers_of_potential, numbers_of_run  # noqa: E402

NUMBERS = json.loads((FOLDER / "numbers.json").read_text(encoding="utf-8"))


def assert_same(found, written, tolerance=1e-9):
    """Numbers to a part of the largest of their kind; words exactly."""
    assert found.keys() == written.keys() - {"version"}
    for key, expected in written.items():
        if isinstance(expected, dict):
            assert found[key] == pytest.approx(expected, rel=tolerance, abs=1e-15)
        elif key in {"labels", "irreps", "channel"}:
            assert found[key] == expected
        else:
            import numpy as np

            scale = max(1.0, float(np.nanmax(np.abs(np.array(expected, dtype=float)))))
            np.testing.assert_allclose(found[key], expected, rtol=0, atol=tolerance * scale, equal_nan=True)


def test_the_files_are_small():
    files = sorted(path.name for path in FOLDER.iterdir())
    assert files == ["modes.nc", "numbers.json", "potential.nc", "potential.toml", "run.nc"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 200_000


def test_a_run_is_read():
    assert_same(numbers_of_run(load_run(FOLDER / "run.nc")), NUMBERS["run"], 1e-12)


def test_a_run_is_verified():
    result = verify_run(FOLDER / "run.nc")
    assert result["reintegrated"]
    assert result["differs"] == []


def test_modes_are_read():
    assert_same(numbers_of_modes(lattice.load_modes(FOLDER / "modes.nc")), NUMBERS["modes"], 1e-12)


@pytest.mark.parametrize("name", ["potential.nc", "potential.toml"])
def test_potentials_are_read(name):
    assert_same(numbers_of_potential(lattice.load_potential(FOLDER / name)), NUMBERS["potential"], 1e-12)


def test_the_same_run_still_gives_the_same_numbers():
    """Not only the reader: the integrator, to the accuracy that it promises."""
    assert_same(numbers_of_run(make_run(lattice.load_potential(FOLDER / "potential.nc"))), NUMBERS["run"], 1e-7)
