"""Datasets as netCDF-4 files that exist only when they are complete."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from lattice.structure.complete_file import complete_file

if TYPE_CHECKING:
    import xarray


def write_netcdf(dataset: xarray.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a dataset as netCDF-4.

    The HDF5 library may end the whole process when a disk is full or fails while it writes. So it writes to memory, and
    the finished bytes go to a temporary name in the same folder, which is then renamed.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : path
        An older file of this name is replaced only by a complete new one.

    Raises
    ------
    InputError
        If the folder does not exist, the path is a folder, or no file can have this name.
    LatticeError
        If the file cannot be written.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        dataset.dump_to_store(H5NetCDFStore(file))
    with complete_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(buffer.getbuffer())
