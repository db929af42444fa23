"""Results of a path or a mesh on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lattice.errors import FormatError, InputError
from lattice.modes.netcdf import write_netcdf
from lattice.structure.array_file import check_array_file

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


def load_result(path: str | os.PathLike[str], kind: str) -> xarray.Dataset:
    """Read a dataset that a command wrote, and check its kind.

    Parameters
    ----------
    path : path
        The netCDF file.
    kind : str
        Its attribute ``kind``, as ``lattice bands``; the name of the command that writes it.

    Returns
    -------
    xarray.Dataset
        In memory; the file is closed.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.
    FormatError
        If it is not a netCDF-4 file.
    """
    import xarray

    file = Path(path)
    fix = f"give a file that `{kind} -o` wrote"
    try:
        there = file.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InputError("There is no such file", found=str(path), fix=fix)
    check_array_file(file)
    try:
        result = xarray.load_dataset(file, engine="h5netcdf", decode_times=False, phony_dims="sort")
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(f"{file.name} is not a netCDF-4 file", found=error, fix=fix) from error
    if result.attrs.get("kind") != kind:
        raise InputError(f"{file.name} is not of the kind {kind}", found=result.attrs.get("kind", "no kind"), fix=fix)
    return result
