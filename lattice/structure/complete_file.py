"""Files that exist only when they are complete: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
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
    # The name is known before the file is made: an interrupt in between leaves nothing behind.
    temporary = target.with_name(f".{target.stem[:_STEM]}-{os.urandom(6).hex()}{target.suffix}")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        to_disk(temporary)  # before the rename: after a loss of power the name must not stand for an empty file
        os.replace(temporary, target)
    except OSError as error:
        raise LatticeError(
            "The file could not be written",
            found=f"{target}: {error.strerror or error}",
            fix="check free space and permission, or name another folder",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until the contents of a file are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
