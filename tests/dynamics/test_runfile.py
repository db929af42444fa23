"""Runs on disk: round trip, schema, completeness."""

import errno
import json
import os

import numpy as np
import pytest
import xarray
from model_potentials import d3d_potential, random_potential

from lattice import FormatError, InputError, LatticeError, Pulse, Record, SchemaError, simulate, simulate_ensemble
from lattice.dynamics.runfile import checksum, load_run, save_run

MAIN = Pulse(0.3, 2.05, 1.0)


@pytest.fixture(scope="module")
def run():
    return simulate(random_potential(), MAIN, 0.5)


def test_round_trip_is_identical(run, tmp_path):
    save_run(run, tmp_path / "run.nc")
    xarray.testing.assert_identical(load_run(tmp_path / "run.nc"), run)
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_the_checksum_is_of_the_content(run):
    """Neither of the room that texts have nor of the order of bytes; and of every variable."""
    expected = checksum(run)
    wide = {name: run[name].astype("<U99") for name in run.variables if run[name].dtype.kind == "U"}
    assert "message" in wide
    swapped = {name: run[name].astype(run[name].dtype.newbyteorder(">")) for name in ("Q", "pair", "status")}
    assert checksum(run.assign(wide | swapped)) == expected
    changes = {
        "message": np.array(str(run["message"].values) + " "),
        "Q": -run["Q"].values,
        "pair": run["pair"].values + 1,
    }
    for name, values in changes.items():
        assert checksum(run.assign({name: run[name].copy(data=values)})) != expected


def test_round_trip_of_an_ensemble_with_a_failed_trajectory(tmp_path):
    runs = simulate_ensemble(d3d_potential(gamma=1.0), [(), MAIN], 3.0, initial=([[0.0] * 4, [30.0] * 4], np.zeros(4)),
                             on_failure="keep", record=Record(0.1, quantities=("L",)))  # fmt: skip
    assert runs.status.values.tolist() == [0, 1]
    save_run(runs, tmp_path / "runs.nc")
    xarray.testing.assert_identical(load_run(tmp_path / "runs.nc"), runs)


def test_provenance_names_no_machine(run):
    provenance = json.loads(run.attrs["provenance"])
    assert set(provenance) == {
        "lattice", "schema", "parameters", "step_error", "integrator", "kernel", "dependencies", "potential", "utc",
    }  # fmt: skip
    assert {"numpy", "scipy", "xarray", "h5netcdf"} <= set(provenance["dependencies"])
    assert {"seed", "rtol", "duration_ps", "temperature_K", "record"} <= set(provenance["parameters"])


def test_missing_folder_and_wrong_ending(run, tmp_path):
    with pytest.raises(InputError, match="folder"):
        save_run(run, tmp_path / "no" / "run.nc")
    with pytest.raises(InputError, match="netCDF"):
        save_run(run, tmp_path / "run.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["n" * 300 + ".nc", "a\0.nc"])
def test_names_that_no_file_can_have(run, name, tmp_path):
    with pytest.raises(InputError, match="output file"):
        save_run(run, tmp_path / name)
    with pytest.raises(InputError, match="no such run"):
        load_run(tmp_path / name)


@pytest.mark.parametrize("wrong", [None, 3])
def test_arguments_of_another_type(run, wrong, tmp_path):
    with pytest.raises(InputError, match="path"):
        save_run(run, wrong)
    with pytest.raises(InputError, match="no such run"):
        load_run(wrong)
    with pytest.raises(SchemaError, match="not a run"):
        save_run(wrong, tmp_path / "run.nc")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(run, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    save_run(run, path)
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LatticeError, match="could not be written"):
        save_run(run, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.nc"]


def test_missing_file_and_other_formats(tmp_path):
    with pytest.raises(InputError, match="no such run"):
        load_run(tmp_path / "run.nc")
    (tmp_path / "text.nc").write_text("not a netCDF file")
    with pytest.raises(FormatError, match=r"text\.nc"):
        load_run(tmp_path / "text.nc")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run.drop_vars("ledger"),
        lambda run: run.assign_attrs(schema=99),
        lambda run: run.assign_attrs(kind="potential"),
        lambda run: run.assign_attrs(provenance="{"),
        lambda run: run.assign(frequency=run.frequency.assign_attrs(units="meV")),
        lambda run: run.assign(status=run.status.astype(float)),
        lambda run: run.rename(mode_factor="factor"),
    ],
)
def test_other_schemas_are_refused(run, tmp_path, spoil):
    spoilt = spoil(run)
    with pytest.raises(SchemaError):
        save_run(spoilt, tmp_path / "run.nc")
    spoilt.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with pytest.raises(SchemaError):
        load_run(tmp_path / "run.nc")
