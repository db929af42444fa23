"""HDF5 and netCDF-4 files, looked at before anything in them is read: what they claim, and where they lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lattice.errors import FormatError, InputError

UNSUSPECTED = 256 * 2**20  #: bytes in memory that any file may claim
GROWTH = 20  #: of the bytes of a file to those in memory; zeros compress better, results do not
_FIX = "give the file that lattice or phonopy wrote, complete and not made smaller by filling it with zeros"


def check_array_file(path: Path) -> None:
    """Refuse an HDF5 file that claims more numbers than it can hold, or that leads to other files.

    Nothing is read but the heads of the datasets. A file may claim 256 MiB, or 20 times its own size.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If there is no such file, or it cannot be opened.
    FormatError
        If it is not HDF5, claims too much, or leads to another file.
    """
    import h5py

    if not path.is_file():
        raise InputError("There is no such file", found=path.name, fix="check the path")
    try:
        with h5py.File(path, "r") as file:
            claimed = _claimed(file, path.name)
    except PermissionError as error:
        raise InputError(f"{path.name} cannot be opened", found=error.strerror, fix="check its permission") from None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{path.name} is not a complete HDF5 or netCDF-4 file", found=str(error)[:160], fix=_FIX
        ) from None
    size = path.stat().st_size
    if claimed > max(UNSUSPECTED, GROWTH * size):
        raise FormatError(
            f"{path.name} claims more numbers than it can hold",
            found=f"{claimed:.3g} bytes in a file of {size} bytes",
            fix=_FIX,
        )


def _claimed(group: Any, name: str) -> int:
    """Bytes in memory of all datasets of a group and the groups in it; links to other files are refused."""
    import h5py

    total = 0
    seen: set[Any] = set()
    waiting = [group]
    while waiting:
        place = waiting.pop()
        for key in place:
            link = place.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise FormatError(f"{name} leads to something else", found=f"a link at {key}", fix=_FIX)
            item = place[key]
            number = h5py.h5o.get_info(item.id).addr
            if number in seen:
                continue
            seen.add(number)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external is not None:
                    raise FormatError(f"{name} leads to another file", found=f"the dataset {key}", fix=_FIX)
                total += item.size * item.dtype.itemsize if item.shape is not None else 0
    return total
