"""What holds for every run, whatever the polynomial, the light and the record: random ones of all kinds."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from strategies import deterministic, potentials, pulses, records

import lattice
from lattice.dynamics.runfile import load_run, save_run


@deterministic(25)
@given(potentials(), pulses(), records())
def test_both_ledgers_close_and_the_record_has_what_was_asked_for(potential, pulse, record):
    run = lattice.simulate(potential, pulse, 5.0, record=record)
    names = [name for name in ("Q", "P", "L", "E") if name in run]
    assert names == [name for name in ("Q", "P", "L", "E") if name in record.quantities]
    assert run.sizes["time"] == len(run.time) == int(5.0 / record.every + 1e-9) + 1
    assert run.time.values[1] == record.every
    report = lattice.ledger(run)
    for rows, change in ((run.ledger, report.L_change), (run.energy_ledger, run.energy_change)):
        size = float(np.abs(rows).sum()) + 1e-15
        np.testing.assert_allclose(rows.sum("channel").values, change.values, atol=1e-8 * size)


@deterministic(12)
@given(potentials(), pulses())
def test_splitting_and_collocation_are_two_roads_to_one_motion(potential, pulse):
    runs = [lattice.simulate(potential, pulse, 4.0, method=name) for name in ("splitting", "collocation")]
    scale = np.maximum(np.abs(runs[0].Q).max("time"), 1e-6 * np.abs(runs[0].Q).max()).values + 1e-300
    assert (np.abs(runs[0].Q - runs[1].Q).max("time").values <= 2e-7 * scale).all()


@deterministic(10)
@given(potentials())
def test_a_potential_comes_back_from_both_kinds_of_file(potential):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("p.toml", "p.nc"):
            potential.save(Path(folder, name))
            again = lattice.load_potential(Path(folder, name))
            for field in ("frequency", "linewidth", "coefficient", "mode_charge", "axis"):
                np.testing.assert_array_equal(getattr(again, field), getattr(potential, field))
            for field in ("labels", "multiplet", "channel"):
                assert getattr(again, field).tolist() == getattr(potential, field).tolist()


@deterministic(5)
@given(potentials(), pulses())
def test_a_run_comes_back_from_its_file(potential, pulse):
    run = lattice.simulate(potential, pulse, 3.0)
    with tempfile.TemporaryDirectory() as folder:
        save_run(run, Path(folder, "run.nc"))
        assert load_run(Path(folder, "run.nc")).identical(run)
