"""Verification of a run: it agrees with what it should, and every kind of falsification is found."""

import json

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential
from reference import Twin as ReferenceTwin

from lattice import InputError, Pulse, Record, Samples, SchemaError, sampled_pulse, simulate, simulate_ensemble
from lattice.dynamics.runfile import checksum, load_run, read_run, save_run
from lattice.dynamics.twin import book_twin, integrate_twin, twin_of_run
from lattice.observe.verify import verify_run

MAIN = Pulse(0.3, 2.05, 0.3)
RECORD = Record(0.05)


@pytest.fixture(scope="module")
def run():
    small = random_potential(n_cubic=10, n_quartic=6)
    return simulate(small, [MAIN, Pulse(0.1, 3.0, 0.1, shape="sech2", center=0.6, chirp=0.5)], 1.02,
                    record=RECORD)  # fmt: skip


def verified(run, tmp_path):
    save_run(run, tmp_path / "run.nc")
    return verify_run(tmp_path / "run.nc")


def test_a_good_run_agrees_in_everything(run, tmp_path):
    result = verified(run, tmp_path)
    assert result["ok"]
    assert result["reintegrated"]
    assert result["differs"] == []
    assert result["warnings"] == []
    checks = {check["quantity"]: check for check in result["checks"]}
    assert {"checksum of the file", "Q", "P", "L", "ledger", "crystal", "L_change", "E from the pulses"} <= set(checks)
    assert {"helicity of E(0)", "peak_L of E(0)", "spectral_peak_THz of A(1)"} <= set(checks)
    assert checks["Q"]["difference"] < 1e-8
    assert checks["ledger"]["difference"] < 1e-8
    json.dumps(result, allow_nan=False)


def test_the_quadrature_agrees_with_integrating_along():
    potential = random_potential(n_cubic=10, n_quartic=6)
    run = simulate(potential, MAIN, 1.2, record=RECORD)
    twin = twin_of_run(run)
    zeros = np.zeros(potential.n_modes)
    motion = integrate_twin(twin, [MAIN], 1.2, (zeros, zeros), float(np.abs(run.Q).max()))
    booked, other = book_twin(twin, [MAIN], 1.2, motion), ReferenceTwin(potential, [MAIN]).ledger(1.2)
    assert set(booked) == set(other)
    for name, rows in other.items():
        np.testing.assert_allclose(booked[name], rows, atol=1e-9)


FALSE = {
    "Q": ("Q", 1e-5),
    "P": ("P", 1e-5),
    "L": ("L from Q and P", 1e-9),
    "E": ("E from the pulses", 1e-9),
    "ledger": ("ledger", 1e-4),
    "crystal": ("crystal from the ledger", 1e-9),
    "L_change": ("L_change", 1e-4),
    "coefficient": ("Q", 1e-2),
    "frequency": ("Q", 1e-4),
    "linewidth": ("Q", 1e-2),
    "mode_charge": ("mode charge from the terms", 1e-9),
    "angular_momentum": ("M from the eigenvectors", 1e-9),
    "initial_P": ("Q", None),
}


@pytest.mark.parametrize("name", FALSE)
def test_every_falsified_number_is_found(run, tmp_path, name):
    """Scaled by 1 + change, and saved with a right checksum: only the physics can tell."""
    quantity, change = FALSE[name]
    false = run.copy(deep=True)
    false[name].values[...] = 0.1 if change is None else run[name].values * (1 + change)
    assert quantity in verified(false, tmp_path)["differs"]


def test_a_falsified_pulse_is_found(run, tmp_path):
    pulses = json.loads(run.attrs["pulses"])
    pulses[0][0]["amplitude"] *= 1.001
    result = verified(run.assign_attrs(pulses=json.dumps(pulses)), tmp_path)
    assert {"E from the pulses", "Q", "ledger"} <= set(result["differs"])
    pulses[0][0]["amplitude"] = -1
    result = verified(run.assign_attrs(pulses=json.dumps(pulses)), tmp_path)
    assert result["differs"] == ["pulses"]
    assert not result["reintegrated"]


def test_a_changed_file_is_found_by_its_checksum(run, tmp_path):
    save_run(run, tmp_path / "run.nc")
    assert read_run(tmp_path / "run.nc")[1] == checksum(run)
    changed = run.copy(deep=True)
    changed["step"].values[...] *= 2.0
    changed.assign_attrs(sha256=checksum(run)).to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    assert verify_run(tmp_path / "run.nc")["differs"] == ["checksum of the file"]
    changed.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    result = verify_run(tmp_path / "run.nc")
    assert result["ok"]
    assert "no checksum" in result["warnings"][0]


def test_samples_are_checked_by_their_hash_and_reintegrated(tmp_path):
    t = np.arange(0, 1.5, 0.01)
    pulse = sampled_pulse(Samples(t, Pulse(0.3, 2.05, 0.2, center=0.7).field(t)[:, :2]))
    run = simulate(d3d_potential(), pulse, 1.5, record=RECORD)
    assert verified(run, tmp_path)["ok"]
    pulses = json.loads(run.attrs["pulses"])
    pulses[0][0]["samples"]["field"][70][0] *= 1.0001
    result = verified(run.assign_attrs(pulses=json.dumps(pulses)), tmp_path)
    assert result["differs"] == ["pulses"]
    assert "hash" in result["warnings"][0]


def test_a_hot_run_is_checked_as_far_as_it_can_be(tmp_path):
    run = simulate(d3d_potential(), MAIN, 1.0, temperature=20.0, seed=3, record=Record(0.05), rtol=1e-3)
    result = verified(run, tmp_path)
    assert result["ok"]
    assert not result["reintegrated"]
    assert "at 20 K" in result["warnings"][0]
    assert "Q" not in {check["quantity"] for check in result["checks"]}
    run["ledger"].values[0] += 0.1
    assert "closure of the ledger" in verified(run, tmp_path)["differs"]


def test_ensembles_are_checked_one_by_one(tmp_path):
    eigenvectors = np.eye(6)[[0, 1, 3, 4]].reshape(4, 2, 3)
    source = d3d_potential()
    terms = [
        ([s for s in q if s >= 0], [a for a in e if a >= 0], c, n)
        for q, e, c, n in zip(source.mode_index, source.field_axis, source.coefficient, source.channel, strict=True)
    ]
    potential = make_potential(
        source.frequency, source.linewidth, list(source.multiplet), terms, pair=source.pair, eigenvectors=eigenvectors
    )
    short = Pulse(0.3, 2.05, 0.2)
    runs = simulate_ensemble(potential, [short, (), Pulse(0.2, 2.05, 0.2, helicity=0.0)], 1.0, record=RECORD)
    result = verified(runs, tmp_path)
    assert result["ok"], result["differs"]
    runs["Q"].values[2] *= 1.001
    differs = verified(runs, tmp_path)["differs"]
    assert "2: Q" in differs
    assert not [name for name in differs if not name.startswith("2: ")]


def test_what_was_not_recorded_is_not_missed(tmp_path):
    run = simulate(d3d_potential(), MAIN, 2.0, record=Record(0.05, start=0.5, quantities=("L",)))
    result = verified(run, tmp_path)
    assert result["ok"]
    assert {"L", "ledger", "L_change"} <= {check["quantity"] for check in result["checks"]}
    old = run.drop_vars(["initial_Q", "initial_P"])
    result = verified(old, tmp_path)
    assert not result["reintegrated"]
    assert "state at time 0" in result["warnings"][0]


def test_a_run_that_diverged(tmp_path):
    run = simulate(d3d_potential(gamma=1.0), [], 3.0, initial=([30.0] * 4, np.zeros(4)), on_failure="keep",
                   record=Record(0.1))  # fmt: skip
    assert int(run.status) == 1
    result = verified(run, tmp_path)
    assert result["ok"]
    assert "diverged" in result["warnings"][0]


def test_files_that_cannot_be_computed(run, tmp_path):
    with pytest.raises(InputError, match="no such run"):
        verify_run(tmp_path / "absent.nc")
    false = run.copy(deep=True)
    false["mode_index"].values[0, 0] = 99
    with pytest.raises(SchemaError, match="mode_index"):
        verified(false, tmp_path)
    with pytest.raises(SchemaError, match="angular_momentum"):
        verified(run.drop_vars("angular_momentum"), tmp_path)
    with pytest.raises(SchemaError, match="duration_ps"):
        verified(run.assign_attrs(provenance="{}"), tmp_path)


def test_the_checksum_does_not_change_on_the_way_to_disk(run, tmp_path):
    save_run(run, tmp_path / "run.nc")
    assert checksum(load_run(tmp_path / "run.nc")) == checksum(run)
    again = run.copy(deep=True)
    again["Q"].values[3, 1] = np.nextafter(again["Q"].values[3, 1], 1.0)
    assert checksum(again) != checksum(run)
