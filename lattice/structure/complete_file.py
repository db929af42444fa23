"""Files that exist only when they are complete: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lattice.errors import InputError, LatticeError


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
        If the folder of `path` does not exist or `path` is a folder.
    LatticeError
        If the operating system refuses to write (full disk, no permission).
    """
    target = Path(path)
    folder = target.parent
    if not folder.is_dir():
        raise InputError(
            "The output folder does not exist", found=str(folder), fix="make the folder, or name another one"
        )
    if target.is_dir():
        raise InputError("The output file is a folder", found=str(target), fix="name a file")
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=folder)
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
