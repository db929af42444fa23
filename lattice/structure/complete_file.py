"""Files that exist only when they are complete: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lattice.errors import InputError, LatticeError

_STEM = 32  #: letters of the name that its temporary name repeats: that must not become longer than names may be


@contextlib.contextmanager
def complete_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path with the same ending; rename it to `path` on success, remove it on failure.

    Parameters
    ----------
    path : path
        The file that shall exist afterwards; an older one of this name stays until the rename.

    Raises
    ------
    InputError
        If the folder of `path` does not exist, `path` is a folder, or no file can have this name.
    LatticeError
        If the operating system refuses to write (full disk, no permission).
    """
    target = checked_target(path)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.stem[:_STEM]}-", suffix=target.suffix, dir=target.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise LatticeError(
            "The file could not be written",
            found=f"{target}: {error.strerror or error}",
            fix="check free space and permission, or name another folder",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that can be made, before any work is done for it.

    Raises
    ------
    InputError
        If its folder does not exist, it is a folder, or no file can have this name.
    """
    try:
        target = Path(path)
        if not target.parent.is_dir():
            raise InputError(
                "The output folder does not exist", found=str(target.parent), fix=f"make it: mkdir -p {target.parent}"
            )
        if target.is_dir():
            raise InputError("The output file is a folder", found=str(target), fix="name a file")
        if not target.name or "\0" in target.name:
            raise InputError("The output file has no usable name", found=repr(target.name), fix="name a file")
    except TypeError as error:
        raise InputError("The output file must be a path", found=repr(path), fix="give a text or a Path") from error
    except OSError as error:
        shown = str(path) if len(str(path)) <= _STEM else f"{str(path)[:_STEM]}… ({len(str(path))} letters)"
        raise InputError(
            "The output file cannot be looked up",
            found=f"{shown}: {error.strerror or error}",
            fix="name another file: shorter, or in a folder that you may read",
        ) from error
    return target
