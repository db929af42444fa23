"""Results of a path or a mesh on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lattice.modes.netcdf import write_netcdf

if TYPE_CHECKING:
    import xarray


def save_result(result: xarray.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a dataset as netCDF-4 under a temporary name in the same folder, then rename it.

    Parameters
    ----------
    result : xarray.Dataset
        From `solve_path` or `solve_mesh`.
    path : path
        The file.

    Raises
    ------
    InputError
        If the folder does not exist or the path is a folder.
    LatticeError
        If the file cannot be written.
    """
    write_netcdf(result, path)
