"""Runs on disk: one netCDF-4 file that exists only when it is complete."""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.dataset import SCHEMA
from lattice.errors import FormatError, InputError, LatticeError, SchemaError
from lattice.modes.netcdf import write_netcdf
from lattice.structure.array_file import check_array_file
from lattice.structure.complete_file import checked_target

if TYPE_CHECKING:
    import xarray

#: name → (dimensions after an optional leading ``trajectory``, kind of dtype, unit or None for coordinates of names)
REQUIRED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "time": (("time",), "f", "ps"),
    "L_change": (("multiplet", "axis"), "f", "hbar"),
    "ledger": (("channel", "multiplet", "axis"), "f", "hbar"),
    "crystal": (("channel", "axis"), "f", "hbar"),
    "status": ((), "i", "1"),
    "message": ((), "U", ""),
    "step": ((), "f", "ps"),
    "step_error": ((), "f", "1"),
    "rotation_axis": (("axis",), "f", "1"),
    "frequency": (("mode",), "f", "THz"),
    "linewidth": (("mode",), "f", "THz"),
    "mode_multiplet": (("mode",), "U", ""),
    "pair": (("mode",), "i", "1"),
    "mode_charge": (("mode", "axis"), "f", "e amu^(-1/2)"),
    "coefficient": (("term",), "f", "eV (Angstrom amu^(1/2))^-k (MV/cm)^-j"),
    "mode_index": (("term", "mode_factor"), "i", "1"),
    "field_axis": (("term", "field_factor"), "i", "1"),
    "term_channel": (("term",), "U", ""),
}
OPTIONAL: dict[str, tuple[tuple[str, ...], str, str]] = {
    "Q": (("time", "mode"), "f", "Angstrom amu^(1/2)"),
    "P": (("time", "mode"), "f", "Angstrom amu^(1/2) ps^-1"),
    "L": (("time", "multiplet", "axis"), "f", "hbar"),
    "E": (("time", "axis"), "f", "MV/cm"),
    "energy_ledger": (("channel", "multiplet"), "f", "eV"),
    "energy_change": (("multiplet",), "f", "eV"),
    "ledger_series": (("time", "channel", "multiplet", "axis"), "f", "hbar"),
    "energy_series": (("time", "channel", "multiplet"), "f", "eV"),
    "initial_Q": (("mode",), "f", "Angstrom amu^(1/2)"),
    "initial_P": (("mode",), "f", "Angstrom amu^(1/2) ps^-1"),
    "eigenvector": (("mode", "atom", "axis"), "f", "1"),
    "raman": (("mode", "axis", "axis_column", "part"), "f", "Angstrom^-1 amu^(-1/2)"),
    "mass": (("atom",), "f", "amu"),
    "cell": (("cell_vector", "axis"), "f", "Angstrom"),
    "position": (("atom", "cell_vector"), "f", "1"),
    "species": (("atom",), "U", ""),
}
CHECKSUM = "sha256"  #: attribute of a file with the checksum of the run in it
_COORDINATES = ("time", "mode", "multiplet", "channel", "axis")


def save_run(run: xarray.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a run as netCDF-4 under a temporary name in the same folder, then rename it.

    Parameters
    ----------
    run : xarray.Dataset
        From `simulate` or `simulate_ensemble`.
    path : path
        Ends in ``.nc``; an older file of this name is replaced only by a complete new one.

    Raises
    ------
    InputError
        If the folder does not exist or the ending is not ``.nc``.
    SchemaError
        If the dataset is not a run.
    LatticeError
        If the file cannot be written.
    """
    target = checked_target(path)
    if target.suffix != ".nc":
        raise InputError("A run is written as netCDF", found=target.name, fix="end the name in .nc")
    check_schema(run)
    write_netcdf(run.assign_attrs({CHECKSUM: checksum(run)}), target)


def load_run(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read a run and check its schema.

    Parameters
    ----------
    path : path
        Written by `save_run`.

    Returns
    -------
    xarray.Dataset
        In memory; the file is closed.

    Raises
    ------
    InputError
        If there is no such file.
    FormatError
        If it is not a netCDF-4 file.
    SchemaError
        If it is not a run of this schema.
    """
    return read_run(path)[0]


def read_run(path: str | os.PathLike[str]) -> tuple[xarray.Dataset, str | None]:
    """Read a run as `load_run`, and the checksum that was written with it (None: none was)."""
    import xarray

    try:
        found = Path(path).is_file()
    except (OSError, TypeError):  # a name that no file can have, a folder that may not be read, no path at all
        found = False
    if not found:
        raise InputError("There is no such run", found=str(path), fix="give a file that `lattice run -o` wrote")
    file = Path(path)
    check_array_file(file)
    try:
        run = xarray.load_dataset(file, engine="h5netcdf", decode_times=False, phony_dims="sort")
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{file.name} is not a netCDF-4 file", found=error, fix="give a file of `lattice run -o`"
        ) from error
    for name in [n for n in run.variables if run[n].dtype.kind == "O"]:
        run[name] = run[name].astype(np.str_)  # strings come back as objects
    check_schema(run)
    written = run.attrs.pop(CHECKSUM, None)
    return run, None if written is None else str(written)


def checksum(run: xarray.Dataset) -> str:
    """Return the SHA-256 of every variable (name, dimensions, shape, little-endian bytes) and attribute of a run."""
    digest = hashlib.sha256()
    for name in sorted(map(str, run.variables)):
        values = run[name].values
        head = [name, list(map(str, run[name].dims)), list(values.shape), values.dtype.kind, _plain(run[name].attrs)]
        digest.update(json.dumps(head).encode())
        if values.dtype.kind in "US":
            digest.update(json.dumps(values.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes())
    kept = {key: value for key, value in run.attrs.items() if key != CHECKSUM}
    digest.update(json.dumps(_plain(kept)).encode())
    return digest.hexdigest()


def _plain(attributes: Mapping[Any, Any]) -> dict[str, str]:
    """Attributes as sorted words, as they are after a round trip too."""
    return {str(key): str(attributes[key]) for key in sorted(attributes, key=str)}


def check_schema(run: xarray.Dataset) -> None:
    """Check names, dimensions, dtypes and units of a run.

    Raises
    ------
    SchemaError
        If anything differs from what this version writes and reads.
    """
    if not hasattr(run, "attrs") or not hasattr(run, "variables"):
        raise _schema_error("This is not a run", reprlib.repr(run))
    if run.attrs.get("kind") != "lattice run":
        raise SchemaError(
            "This is not a run",
            found=f"a file of `{run.attrs['kind']}`" if "kind" in run.attrs else "a file without kind",
            fix="give what `lattice run -o` or lattice.save_run wrote",
        )
    if run.attrs.get("schema") != SCHEMA:
        raise _schema_error("This is not a run of this version's schema", f"schema {run.attrs.get('schema')}")
    for name in (*_COORDINATES, *REQUIRED):
        if name not in run.variables:
            raise _schema_error("The run lacks a variable", name)
    for name, (dims, kind, unit) in (REQUIRED | OPTIONAL).items():
        if name not in run.variables:
            continue
        variable = run[name]
        found_dims = tuple(d for d in variable.dims if d != "trajectory")
        if found_dims != dims or variable.dtype.kind != kind or variable.attrs.get("units") != unit:
            found = f"{name} {variable.dims} {variable.dtype} [{variable.attrs.get('units')}]"
            raise _schema_error(
                "A variable of the run does not fit the schema", f"{found}, expected {dims} {kind} [{unit}]"
            )
    for name in ("provenance", "pulses"):
        try:
            json.loads(run.attrs[name])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise _schema_error(f"The run's attribute {name} is not JSON", repr(error)) from error


def _schema_error(what: str, found: object) -> LatticeError:
    return SchemaError(what, found=found, fix=f"run it again with this version (schema {SCHEMA})")
