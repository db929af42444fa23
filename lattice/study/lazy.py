"""Variables of a sweep as xarray sees them: read from the store when they are indexed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lattice.study.store import NUMBERS, Store


def lazy_numbers(store: Store, name: str) -> Any:
    """Return a variable that is some of the columns of the numbers, with the dimensions that the columns stand for."""
    columns, shape = store.columns.place(name), store.columns.shape(name)
    dtype = np.dtype(np.int32 if name == "status" else np.float64)
    return _lazy(store.group[NUMBERS], store.layout.shape, columns, shape, dtype)


def lazy_series(store: Store, name: str) -> Any:
    """Return a kept quantity."""
    array: Any = store.group[name]
    shape = array.shape[len(store.layout.shape) :]
    return _lazy(array, store.layout.shape, None, shape, np.dtype(np.float64))


def _lazy(array: Any, grid: tuple[int, ...], columns: slice | None, after: tuple[int, ...], dtype: Any) -> Any:
    """Wrap an array of Zarr for xarray."""
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class Numbers(BackendArray):
        """Rows of a grid; `columns` of them have the shape `after`."""

        def __init__(self) -> None:
            self.shape = (*grid, *after)
            self.dtype = dtype

        def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

        def _read(self, key: tuple[Any, ...]) -> Any:
            within, beyond = key[: len(grid)], key[len(grid) :]
            rows = tuple(_bounded(k, n) for k, n in zip(within, grid, strict=True))
            if columns is None:
                return np.asarray(array.oindex[(*rows, *beyond)])
            places = np.arange(columns.start, columns.stop).reshape(after)[_outer(beyond, after)]
            found = np.asarray(array.oindex[(*rows, places.ravel())])
            shaped = found.reshape((*found.shape[:-1], *places.shape))
            return np.where(np.isnan(shaped), -1, shaped).astype(dtype) if dtype.kind == "i" else shaped

    return indexing.LazilyIndexedArray(Numbers())


def _bounded(key: Any, length: int) -> Any:
    """An index within the plan; after an interrupted extension the array is longer."""
    return slice(*key.indices(length)) if isinstance(key, slice) else key


def _outer(key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """An outer index as NumPy takes it; whole numbers drop their dimension."""
    if not math.prod(shape) or not key:
        return ()
    lists = [np.arange(n)[k] for k, n in zip(key, shape, strict=True)]
    grids = np.ix_(*(np.atleast_1d(entry) for entry in lists))
    return tuple(
        grid.reshape([size for size, entry in zip(grid.shape, lists, strict=True) if entry.ndim]) for grid in grids
    )
