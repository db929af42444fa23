"""A saved run holds its potential."""

import dataclasses

import numpy as np

from lattice.anharmonic.files import load_potential
from lattice.dynamics.pulse import default_pulse
from lattice.dynamics.runfile import load_run, save_run
from lattice.dynamics.simulate import simulate
from lattice.dynamics.stored_potential import potential_of_run
from lattice.observe.report import run_report


def test_the_potential_comes_back_bit_for_bit(tmp_path):
    potential = load_potential("Bi2Se3")
    run = simulate(potential, default_pulse(potential), 8.0)
    save_run(run, tmp_path / "run.nc")
    loaded = load_run(tmp_path / "run.nc")
    stored = potential_of_run(loaded)
    for field in dataclasses.fields(potential):
        if field.name not in ("modes", "source", "crystal"):
            assert np.array_equal(getattr(stored, field.name), getattr(potential, field.name)), field.name
    for field in dataclasses.fields(potential.crystal):
        assert np.array_equal(getattr(stored.crystal, field.name), getattr(potential.crystal, field.name)), field.name
    assert run_report(loaded, stored)["verdict"] == run_report(run, potential)["verdict"]
