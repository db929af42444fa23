"""HDF5 and netCDF-4 files, looked at before anything in them is read: what they claim, and where they lead."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lattice.errors import FormatError, InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNSUSPECTED = 256 * 2**20  #: bytes in memory that any file may claim
GROWTH = 20  #: of the bytes of a file to those in memory; zeros compress better, results do not
_FIX = "give the file that lattice or phonopy wrote, complete and not made smaller by filling it with zeros"


def check_array_file(path: Path, growth: int = GROWTH) -> None:
    """Refuse an HDF5 file that claims more numbers than it can hold, or that leads to other files.

    Nothing is read but the heads of the datasets. A file may claim 256 MiB, or 20 times its own size.

    Parameters
    ----------
    path : Path
    growth : int
        Bytes in memory for each byte of the file that are still believed.

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
    if claimed > max(UNSUSPECTED, growth * size):
        raise FormatError(
            f"{path.name} claims more numbers than it can hold",
            found=f"{claimed:.3g} bytes in a file of {size} bytes",
            fix=_FIX,
        )


def command_of(kind: str) -> str:
    """Return the command that writes files of a kind."""
    return "lattice collect" if kind == "lattice sweep" else kind


def kind_of_file(path: str | os.PathLike[str]) -> str | None:
    """Return which command wrote a file of results, as ``lattice run``; None for any other file."""
    import h5py

    try:
        check_array_file(Path(path))
        with h5py.File(path, "r") as file:
            kind, schema = file.attrs.get("kind"), str(file.attrs.get("schema"))
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(kind, str):
        return kind
    return "lattice modes" if schema.startswith("lattice modes") else None


def refuse_result(path: Path) -> None:
    """Refuse an HDF5 file where a crystal is wanted, and say what it is.

    Raises
    ------
    InputError
        If the file is one of results, or any other of HDF5.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                return
    except OSError:
        return  # its reader says what is wrong
    kind = kind_of_file(path)
    if kind is not None:
        raise InputError(
            f"{path.name} holds results, not a crystal",
            found=f"a file of `{command_of(kind)} -o`",
            fix="give what it was made from; lattice page, plot and export show what such a file holds",
        )
    raise InputError(
        f"{path.name} is no crystal",
        found="an HDF5 file",
        fix="give the structure or phonopy yaml; force constants go in with --fc (in Python fc=)",
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
                raise FormatError(f"{name} cannot be used: it leads elsewhere", found=f"a link at {key}", fix=_FIX)
            item = place[key]
            number = h5py.h5o.get_info(item.id).addr
            if number in seen:
                continue
            seen.add(number)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external is not None:
                    raise FormatError(
                        f"{name} cannot be used: it leads to another file", found=f"the dataset {key}", fix=_FIX
                    )
                total += item.size * item.dtype.itemsize if item.shape is not None else 0
    return total
