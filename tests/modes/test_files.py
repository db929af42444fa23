"""Modes written and read again: every number, and what becomes of files that are none."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.errors import FormatError, InputError, SchemaError


def examples():
    bismuth = lattice.load("Bi2Se3")
    chiral = spring_crystal(cell_of_spacegroup(144), ((1, 0, 0), (0, 1, 0), (0, 0, 2)), cutoff=5.0)
    return {
        "gamma": lattice.solve_modes(bismuth),
        "direction": lattice.solve_modes(bismuth, nac_direction=(0, 0, 1)),
        "q": lattice.solve_modes(chiral, (0, 0, 0.2)),
        "no axis": lattice.solve_modes(spring_crystal(cell_of_spacegroup(2), cutoff=4.0)),
        "patterns": lattice.solve_patterns(bismuth),
    }


@pytest.fixture(scope="module")
def solved():
    return examples()


def assert_same(a, b):
    assert type(a) is type(b)
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            if field.name != "force_constants":
                assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        np.testing.assert_equal(a, b)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype


@pytest.mark.parametrize("name", ["gamma", "direction", "q", "no axis", "patterns"])
def test_round_trip_keeps_every_number(name, solved, tmp_path):
    lattice.save_modes(solved[name], tmp_path / "modes.nc")
    again = lattice.load_modes(tmp_path / "modes.nc")
    assert again.crystal.force_constants is None
    assert_same(solved[name], again)
    assert [file.name for file in tmp_path.iterdir()] == ["modes.nc"]
    if name in {"gamma", "patterns"}:
        assert lattice.channels(again) == lattice.channels(solved[name])


def test_units_and_complex_parts_are_written(solved, tmp_path):
    lattice.save_modes(solved["gamma"], tmp_path / "modes.nc")
    with xr.open_dataset(tmp_path / "modes.nc", engine="h5netcdf") as data:
        assert data["frequency"].attrs["units"] == "THz"
        assert data["J"].attrs["units"] == "hbar"
        assert data["part"].values.tolist() == ["re", "im"]
        np.testing.assert_array_equal(data["eigenvector"].sel(part="im"), solved["gamma"].eigenvectors.imag)


def edited(solved, path, change):
    lattice.save_modes(solved["gamma"], path)
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        data = opened.load()
    change(data).to_netcdf(path, engine="h5netcdf")


def shortened(data):
    words = json.loads(data.attrs["words"])
    del words["name"]
    return data.assign_attrs(words=json.dumps(words))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda d: d.assign_attrs(schema="lattice modes 99"), SchemaError, "this version"),
        (lambda d: d.drop_vars("J"), SchemaError, "no J"),
        (lambda d: d.assign(m=d["m"].assign_attrs(units="hbar")), SchemaError, "variable m"),
        (lambda d: d.assign(frequency=("atom", np.ones(5), {"units": "THz"})), SchemaError, "variable frequency"),
        (shortened, SchemaError, "words"),
        (
            lambda d: d.assign(degeneracy=(d["degeneracy"] + 1).assign_attrs(units="1")),
            FormatError,
            "every mode once",
        ),
        (
            lambda d: d.assign(eigenvector=(2 * d["eigenvector"]).assign_attrs(units="1")),
            FormatError,
            "not orthonormal",
        ),
        (lambda d: d.assign(mass=(-d["mass"]).assign_attrs(units="amu")), FormatError, "mass"),
    ],
)
def test_files_that_do_not_have_the_schema(change, error, said, solved, tmp_path):
    edited(solved, tmp_path / "modes.nc", change)
    with pytest.raises(error, match=said):
        lattice.load_modes(tmp_path / "modes.nc")


def test_files_that_are_none(solved, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        lattice.load_modes(tmp_path / "nothing.nc")
    (tmp_path / "text.nc").write_text("modes")
    with pytest.raises(FormatError, match="netCDF"):
        lattice.load_modes(tmp_path / "text.nc")
    large = xr.Dataset({"eigenvector": ("x", np.zeros(2**17 + 1))})
    large.to_netcdf(
        tmp_path / "large.nc", engine="h5netcdf", encoding={"eigenvector": {"zlib": True, "chunksizes": (2**10,)}}
    )
    with pytest.raises(SchemaError):
        lattice.load_modes(tmp_path / "large.nc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lattice.modes.files._MAX_BYTES", 2**20)
        with pytest.raises(FormatError, match="too many"):
            lattice.load_modes(tmp_path / "large.nc")
    with pytest.raises(InputError, match=r"\.nc"):
        lattice.save_modes(solved["gamma"], tmp_path / "modes.h5")
    with pytest.raises(InputError, match="folder"):
        lattice.save_modes(solved["gamma"], tmp_path / "none" / "modes.nc")
