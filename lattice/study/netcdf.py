"""The results of a sweep as one netCDF-4 file, copied part by part."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.study.calm_file import CalmFile
from lattice.study.store import NUMBERS, Store

if TYPE_CHECKING:
    from xarray import Dataset

_INT32 = np.dtype(np.int32)


def write_netcdf(store: Store, dataset: Dataset, path: Path) -> None:
    """Write what `open_sweep` shows; only a part is in memory at a time.

    HDF5 may end the process where it cannot write, so it writes through a `CalmFile`.

    Parameters
    ----------
    store : Store
    dataset : xarray.Dataset
        From `open_sweep`: names, dimensions, coordinates and attributes.
    path : Path

    Raises
    ------
    OSError
        The operating system refused to write.
    """
    import h5netcdf

    with CalmFile(str(path)) as stream, h5netcdf.File(stream, "w") as file:
        file.dimensions = {str(dim): n for dim, n in dataset.sizes.items()}
        file.attrs.update({str(key): value for key, value in dataset.attrs.items()})
        for name, coordinate in dataset.coords.items():
            _write(file, str(name), coordinate)
        for name, variable in dataset.data_vars.items():
            made = file.create_variable(
                str(name),
                tuple(map(str, variable.dims)),
                variable.dtype,
                fillvalue=-1 if variable.dtype == _INT32 else np.nan,
            )
            made.attrs.update({str(key): value for key, value in variable.attrs.items()})
        _copy(store, dataset, file, stream)


def _write(file: Any, name: str, coordinate: Any) -> None:
    """Write a coordinate; words as variable-length strings."""
    import h5py

    words = coordinate.dtype.kind == "U"
    made = file.create_variable(
        name, tuple(map(str, coordinate.dims)), h5py.string_dtype() if words else coordinate.dtype
    )
    made[...] = coordinate.values.astype(object) if words else coordinate.values
    made.attrs.update({str(key): value for key, value in coordinate.attrs.items()})


def _copy(store: Store, dataset: Dataset, file: Any, stream: CalmFile) -> None:
    """Copy the data, until something goes wrong."""
    repeats = store.plan.repeats > 1
    numbers: Any = store.group[NUMBERS]
    for box in store.layout.portions(store.columns.width):
        target = box if repeats else box[:-1]
        shape = tuple(part.stop - part.start for part in target)
        rows = numbers[box]
        for name in store.columns.names:
            values = rows[..., store.columns.place(name)].reshape(*shape, *store.columns.shape(name))
            if dataset[name].dtype == _INT32:
                values = np.where(np.isnan(values), -1, values).astype(_INT32)
            file.variables[name][target] = values
            stream.check()
    for name, lengths in store.series.items():
        kept: Any = store.group[name]
        for box in store.layout.portions(math.prod(lengths.values())):
            target = box if repeats else box[:-1]
            shape = tuple(part.stop - part.start for part in target)
            file.variables[name][target] = kept[box].reshape(*shape, *lengths.values())
            stream.check()
