"""The results of a sweep: a labelled dataset that reads only what is used, failures, checksum, one netCDF file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.complete_file import checked_target, complete_file
from lattice.structure.crystal import FloatArray
from lattice.study.axis import words_of
from lattice.study.columns import VARIABLES
from lattice.study.lazy import lazy_numbers, lazy_series
from lattice.study.plan import REPEAT
from lattice.study.seeds import point_seeds
from lattice.study.settings import settings_from_document
from lattice.study.store import NUMBERS, Store, open_store
from lattice.study.sweep import State

if TYPE_CHECKING:
    from xarray import Dataset

AXES = ["x", "y", "z"]
_SERIES_UNITS = {"Q": "Angstrom amu^(1/2)", "P": "Angstrom amu^(1/2) ps^-1", "L": "hbar", "E": "MV/cm"}
_UNITS = {"amplitude": "MV/cm", "frequency": "THz", "linewidth": "THz", "temperature": "K", "angle": "degrees"} | {
    **dict.fromkeys(("duration", "center", "every", "start", "edge"), "ps"),
    **{"phase": "rad", "chirp": "THz/ps", "rotation": "degrees/ps"},
}


@argument.takes(directory=argument.path)
def open_sweep(directory: str | Path) -> Dataset:
    """Open the results of a sweep; numbers are read when they are used.

    Parameters
    ----------
    directory : path
        Folder of the store; the sweep may still be running.

    Returns
    -------
    xarray.Dataset
        A dimension for each axis of the plan, named by its (first) dotted key, with its values as coordinates;
        ``repeat`` if there are repeats. The variables are those of `lattice.study.columns.VARIABLES`, with the further
        dimensions ``multiplet``, ``mode``, ``channel``: NaN where a point is not finished, has failed, or has no such
        multiplet; ``status`` is −1 where a point is not finished. Trajectories that were kept are ``Q``, ``P``, ``L``
        and ``E`` over ``time``. Attributes: ``kind``, ``schema``, ``plan`` and ``provenance`` (JSON).

    Raises
    ------
    InputError
        There is no sweep.
    SchemaError
        It is not of this version's schema.
    """
    import xarray

    store = open_store(Path(directory))
    dims = store.plan.dims
    variables: dict[str, Any] = {}
    for name in store.columns.names:
        after, unit, meaning = VARIABLES[name]
        attributes = {"units": unit, "long_name": meaning}
        variables[name] = xarray.Variable((*dims, *after), lazy_numbers(store, name), attributes)
    for name, lengths in store.series.items():
        attributes = {"units": _SERIES_UNITS[name]}
        variables[name] = xarray.Variable((*dims, *lengths), lazy_series(store, name), attributes)
    attributes = store.group.attrs.asdict()
    plan = {key: attributes[key] for key in ("run", "axes", "words", "shape", "keep", "ledger")}
    found = xarray.Dataset(
        variables,
        _coordinates(store),
        {
            "kind": attributes["kind"],
            "schema": attributes["schema"],
            "plan": json.dumps(plan, ensure_ascii=False),
            "inputs": json.dumps(attributes["inputs"], ensure_ascii=False),
            "provenance": json.dumps(attributes["provenance"], ensure_ascii=False),
        },
    )
    return found if store.plan.repeats > 1 else found.isel({REPEAT: 0}, drop=True)


@argument.takes(directory=argument.path, output=argument.optional(argument.path))
def collect(directory: str | Path, output: str | Path | None = None) -> dict[str, Any]:
    """Count the points of a sweep, and write its results as one netCDF file.

    Parameters
    ----------
    directory : path
        Folder of the store.
    output : path, optional
        ``.nc``; the dataset of `open_sweep`. It is copied block by block: memory does not grow with the sweep.

    Returns
    -------
    dict
        `points`, `done`, `failed`, `resumed` (finished points, as a call of `sweep` would find them) and `sha256` of
        all results in the order of the points, None while some are missing. It does not depend on how they were made.

    Raises
    ------
    InputError
        There is no sweep, or the file cannot be made.
    """
    from lattice.study.netcdf import write_netcdf

    target = None if output is None else checked_target(output)
    if target is not None and target.suffix != ".nc":
        raise InputError("Results are written as netCDF", found=target.name, fix="end the name in .nc")
    store = open_store(Path(directory))
    state = State.of(store)
    complete = state.finished == state.points
    if target is not None:
        with complete_file(target) as temporary:
            write_netcdf(store, open_sweep(directory), temporary)
    return state.counts() | {"resumed": state.finished, "sha256": checksum(store) if complete else None}


@argument.takes(directory=argument.path)
def sweep_failures(directory: str | Path) -> list[dict[str, Any]]:
    """List the failed points of a sweep.

    Parameters
    ----------
    directory : path

    Returns
    -------
    list of dict
        `index` along each dimension, `settings` (varying keys and values), `repeat`, `message`.
    """
    store = open_store(Path(directory))
    found = []
    for number in np.flatnonzero(store.flags() > 0).tolist():
        block = store.layout.at(number)
        points = store.layout.points(block)
        for i, message in sorted(store.failures(block).items()):
            index = tuple(int(along[i]) for along in points)
            settings = store.plan.settings(index)
            found.append({"index": list(index), "settings": settings, "repeat": index[-1], "message": message})
    return found


@argument.takes(directory=argument.path)
def sweep_point(directory: str | Path, index: tuple[int, ...] | Mapping[str, int]) -> dict[str, Any]:
    """Return the run document of one point: what `lattice.run` needs to compute it again, with its whole trajectory.

    Parameters
    ----------
    directory : path
    index : tuple of int or mapping
        Along each dimension, or dimension → index; what is left out is 0.

    Returns
    -------
    dict
        JSON-able, with the seed of the point. Paths lead to the copies of the input files in the store.

    Raises
    ------
    InputError
        There is no such point.
    """
    store = open_store(Path(directory))
    dims, shape = store.plan.dims, store.plan.shape
    given = dict(index) if isinstance(index, Mapping) else dict(zip(dims, index, strict=False))
    for dim, i in given.items():
        if dim not in dims or not 0 <= i < shape[dims.index(dim)]:
            sizes = ", ".join(f"{name}: {n}" for name, n in zip(dims, shape, strict=True))
            raise InputError("There is no such point", found=f"{dim} = {i}", fix=f"dimensions and lengths are {sizes}")
    place = tuple(int(given.get(dim, 0)) for dim in dims)
    document = store.computable().run_document(place)
    seeds = point_seeds(store.computable(), tuple(np.array([i]) for i in place))
    return document | {"seed": int(seeds[0])}


def checksum(store: Store) -> str:
    """Return the SHA-256 of all numbers and kept trajectories in the order of the points, little-endian."""
    digest = hashlib.sha256()
    for name in (NUMBERS, *store.series):
        array: Any = store.group[name]
        for part in store.layout.portions(math.prod(array.shape[len(store.layout.shape) :])):
            digest.update(np.ascontiguousarray(array[part], dtype="<f8").tobytes())
    return digest.hexdigest()


def _coordinates(store: Store) -> dict[str, Any]:
    """Values of the axes, names of multiplets, modes and channels, recorded times."""
    out: dict[str, Any] = {}
    for axis in store.plan.axes:
        for key, values in zip(axis.keys, axis.values, strict=True):
            unit = _UNITS.get(key.rpartition(".")[2], "1")
            numbers = values if isinstance(values, np.ndarray) else words_of(values)
            out[key] = (axis.name, numbers, {"units": unit if isinstance(values, np.ndarray) else ""})
    if store.plan.repeats > 1:
        out[REPEAT] = np.arange(store.plan.repeats)
    out |= {dim: (dim, np.array(words)) for dim, words in store.columns.labels.items()}
    if store.series:
        out["time"] = ("time", _times(store), {"units": "ps"})
        out["axis"] = ("axis", np.array(AXES))
    return out


def _times(store: Store) -> FloatArray:
    settings = settings_from_document(store.plan.run_document((0,) * len(store.plan.shape)))
    return settings.record.times(settings.duration)
