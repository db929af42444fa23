"""Verification of a run: it agrees with what it should, and every kind of falsification is found."""

import json
from dataclasses import replace

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential, random_potential
from reference import Twin as ReferenceTwin

from lattice import (
    InputError,
    Pulse,
    Record,
    Samples,
    SchemaError,
    default_pulse,
    load_potential,
    sampled_pulse,
    simulate,
    simulate_ensemble,
)
from lattice.dynamics.runfile import OPTIONAL, REQUIRED, checksum, load_run, read_run, save_run
from lattice.dynamics.twin import book_twin, integrate_twin, twin_of_run
from lattice.observe.report import run_report
from lattice.observe.verify import GIVEN, GIVEN_OF_ROWS, NAMED, VERIFIED, verify_run

MAIN = Pulse(0.3, 2.05, 0.3)
RECORD = Record(0.05)
EVERYTHING = Record(0.05, quantities=("Q", "P", "L", "E", "ledger"))


@pytest.fixture(scope="module")
def run():
    small = random_potential(n_cubic=10, n_quartic=6)
    return simulate(small, [MAIN, Pulse(0.1, 3.0, 0.1, shape="sech2", center=0.6, chirp=0.5)], 1.02,
                    record=EVERYTHING)  # fmt: skip


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
    assert {"checksum of the file", *VERIFIED.values()} <= set(checks)
    assert {"helicity of E(0)", "peak_L of E(0)", "spectral_peak_THz of A(1)"} <= set(checks)
    assert checks["Q"]["difference"] < 1e-8
    for name in ("ledger", "ledger_series", "energy_change", "energy_ledger", "energy_series"):
        assert checks[name]["difference"] < 1e-8
    json.dumps(result, allow_nan=False)


def test_the_quadrature_agrees_with_integrating_along():
    potential = random_potential(n_cubic=10, n_quartic=6)
    run = simulate(potential, MAIN, 1.2, record=RECORD)
    twin = twin_of_run(run)
    zeros = np.zeros(potential.n_modes)
    motion = integrate_twin(twin, [MAIN], 1.2, (zeros, zeros), float(np.abs(run.Q).max()))
    booked, other = book_twin(twin, [MAIN], 1.2, motion), ReferenceTwin(potential, [MAIN]).ledger(1.2)
    assert set(booked.names) == set(other)
    for name, rows in zip(booked.names, booked.ledger, strict=True):
        np.testing.assert_allclose(rows, other[name], atol=1e-9)


#: Change of what is computed, where 1e-4 is not above the bound or another road finds less.
CHANGE = {"Q": 1e-5, "P": 1e-5, "E": 1e-9, "crystal": 1e-4, "mode_charge": 1e-9, "angular_momentum": 1e-9, "step": 0.3}
GIVEN_CHANGE = {"coefficient": 1e-2, "frequency": 1e-4, "linewidth": 1e-2, "initial_P": None}


@pytest.mark.parametrize("name", VERIFIED)
def test_every_falsified_number_is_found(run, tmp_path, name):
    """Scaled by 1 + change, and saved with a right checksum: only the physics can tell."""
    false = run.copy(deep=True)
    if name == "message":
        false[name] = ((), np.array("all is well"), run[name].attrs)
    elif name == "time":
        false = false.assign_coords(time=("time", run["time"].values * (1 + 1e-9), run["time"].attrs))
    elif name == "status":
        false[name].values[...] = 2
    else:
        false[name].values[...] = run[name].values * (1 + CHANGE.get(name, 1e-4))
    assert VERIFIED[name] in verified(false, tmp_path)["differs"]


@pytest.mark.parametrize("name", GIVEN_CHANGE)
def test_a_run_that_began_otherwise_is_found(run, tmp_path, name):
    false, change = run.copy(deep=True), GIVEN_CHANGE[name]
    false[name].values[...] = 0.1 if change is None else run[name].values * (1 + change)
    assert {"Q", "ledger", "energy_ledger", "ledger_series"} <= set(verified(false, tmp_path)["differs"])


def test_one_false_row_at_one_time_is_found(run, tmp_path):
    """What two rows exchange does not change their sum: only the torques and powers of the motion can tell."""
    for name in ("ledger_series", "energy_series", "energy_ledger"):
        false = run.copy(deep=True)
        rows = false[name].values if name == "energy_ledger" else false[name].values[7]
        amount = 1e-3 * np.abs(run[name].values).max()
        rows[0, 0], rows[3, 0] = rows[0, 0] + amount, rows[3, 0] - amount
        differs = verified(false, tmp_path)["differs"]
        assert name in differs
        assert not [quantity for quantity in differs if quantity.startswith("closure")]


def test_what_is_not_known_is_told(run, tmp_path):
    """A number that a later version writes is not passed over in silence."""
    result = verified(run.assign(chirality=("mode", np.zeros(run.sizes["mode"]))), tmp_path)
    assert result["ok"]
    assert result["warnings"] == ["chirality was not verified: this version does not know it"]


def test_all_that_any_run_holds_is_known():
    """Every variable of a run of a crystal with Raman tensors, in a bath or not, is computed again or given."""
    known = set(VERIFIED) | GIVEN | NAMED
    assert not set(VERIFIED) & GIVEN
    bundled = replace(load_potential("Bi2Se3"), raman=np.zeros((12, 3, 3), complex), amplitude_range=np.ones(12))
    for keys in ({}, {"temperature": 10.0, "rtol": 1e-2}):
        full = simulate(bundled, MAIN, 0.1, record=EVERYTHING, **keys)
        assert {str(name) for name in full.variables} <= known
        assert "raman" in full
        assert "amplitude_range" in full
    assert set(REQUIRED) | set(OPTIONAL) <= known


def leaves(report, path=()):
    """Path and value of every number of a report."""
    if isinstance(report, (dict, list)):
        pairs = report.items() if isinstance(report, dict) else enumerate(report)
        return [leaf for key, value in pairs for leaf in leaves(value, (*path, key))]
    return [(path, report)] if isinstance(report, (int, float)) else []


def test_every_number_of_the_report_is_verified(tmp_path):
    """No number that the report gains can be passed over: each one falsified makes its own check fail."""
    potential = load_potential("Bi2Se3")
    run = simulate(potential, replace(default_pulse(potential), duration=0.3), 4.0, record=Record(0.02))
    report, checks = run_report(run, potential), verified(run, tmp_path)["checks"]
    quantities = {check["quantity"] for check in checks}
    assert len(leaves(report)) > 60
    for path, _ in leaves(report):
        if path[0] in {"pulse", "axis"} or path[-1] in GIVEN_OF_ROWS:
            continue
        if path[0] == "step_error":
            words = "step error of the provenance"
        elif path[0] == "multiplets":
            label = report["multiplets"][path[1]]["multiplet"]
            what = f"displacement of {path[3]}" if path[2] == "peak_displacement_A" else path[2].removesuffix("_hbar")
            words = f"{what} of {label}"
        else:
            assert path[0] == "ledger"
            channel = report["ledger"]["channel"]
            words = path[1] if path[1] == "closure" else f"{path[1].removesuffix('_hbar')} of {channel}"
        assert words in quantities


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
    changed["frequency"].attrs["long_name"] = "of another crystal"
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
    run = simulate(d3d_potential(), MAIN, 1.0, temperature=20.0, seed=3, record=EVERYTHING, rtol=1e-3)
    result = verified(run, tmp_path)
    assert result["ok"]
    assert not result["reintegrated"]
    assert "at 20 K" in result["warnings"][0]
    assert "Q" not in {check["quantity"] for check in result["checks"]}
    for name, words in (
        ("ledger", {"closure of the ledger", "end of ledger_series"}),
        ("energy_ledger", {"closure of the energy ledger", "end of energy_series"}),
        ("L_change", {"closure of the ledger", "L_change from Q and P"}),
        ("energy_change", {"closure of the energy ledger", "energy_change from Q and P"}),
        ("ledger_series", {"closure of ledger_series", "begin of ledger_series", "end of ledger_series"}),
        ("energy_series", {"closure of energy_series", "begin of energy_series", "end of energy_series"}),
        ("initial_Q", {"state at time 0"}),
    ):
        false = run.copy(deep=True)
        false[name].values[...] += 0.1
        assert words <= set(verified(false, tmp_path)["differs"])


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


def test_what_is_not_finite_is_found(run, tmp_path):
    for name in ("Q", "linewidth", "coefficient"):
        false = run.copy(deep=True)
        false[name].values.flat[-1] = np.nan
        result = verified(false, tmp_path)
        assert any(quantity.startswith(name) for quantity in result["differs"]), name
    false = run.copy(deep=True)
    false["initial_Q"].values[0] = np.nan
    result = verified(false, tmp_path)
    assert not result["ok"]
    assert not result["reintegrated"]
    assert "state at time 0" in result["differs"]
    assert "not finite" in result["warnings"][0]


def test_a_file_cannot_loosen_what_it_is_compared_to_unseen(run, tmp_path):
    provenance = json.loads(run.attrs["provenance"])
    provenance["step_error"] = 0.1
    loose = run.assign_attrs(provenance=json.dumps(provenance))
    loose["step_error"] = ((), 0.1, run["step_error"].attrs)
    assert "compared to ten times" in verified(loose, tmp_path)["warnings"][0]
    provenance["parameters"]["rtol"] = 1.0
    with pytest.raises(SchemaError, match="rtol"):
        verified(run.assign_attrs(provenance=json.dumps(provenance)), tmp_path)


def test_files_that_cannot_be_computed(run, tmp_path):
    with pytest.raises(InputError, match="no such run"):
        verify_run(tmp_path / "absent.nc")
    false = run.copy(deep=True)
    false["mode_index"].values[0, 0] = 99
    with pytest.raises(SchemaError, match="mode_index"):
        verified(false, tmp_path)
    for name in ("channel", "multiplet"):
        names = run[name].values.copy()
        names[2] = "odd"
        with pytest.raises(SchemaError, match="odd"):
            verified(run.assign_coords({name: names}), tmp_path)
    with pytest.raises(SchemaError, match="angular_momentum"):
        verified(run.drop_vars("angular_momentum"), tmp_path)
    with pytest.raises(SchemaError, match="duration_ps"):
        verified(run.assign_attrs(provenance="{}"), tmp_path)
    provenance = json.loads(run.attrs["provenance"])
    provenance["parameters"]["record"]["every"] = -1.0
    with pytest.raises(SchemaError, match="record"):
        verified(run.assign_attrs(provenance=json.dumps(provenance)), tmp_path)


def test_the_checksum_does_not_change_on_the_way_to_disk(run, tmp_path):
    save_run(run, tmp_path / "run.nc")
    assert checksum(load_run(tmp_path / "run.nc")) == checksum(run)
    again = run.copy(deep=True)
    again["Q"].values[3, 1] = np.nextafter(again["Q"].values[3, 1], 1.0)
    assert checksum(again) != checksum(run)
