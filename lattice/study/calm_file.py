"""A file for the HDF5 library, which may end the whole process where a disk is full: it never hears of a failure."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any


class CalmFile(io.FileIO):
    """A new file whose failed writes are kept for the end of the block, or for `check`.

    After the first failure the file takes what it is given and forgets it. The error of the operating system, or an
    interrupt that came in between, is raised where the library cannot come to harm: by `check`, and at the end of a
    ``with`` block. What stands on the disk is then of no use.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, "w+")
        self._failure: BaseException | None = None

    def write(self, data: Any, /) -> int:
        """Write everything; returns the number of bytes, also where it failed."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self._failure is None:
                rest = rest[super().write(rest) :]
        except (OSError, KeyboardInterrupt) as error:
            self._failure = error
        return size

    def readinto(self, buffer: Any, /) -> int:
        """Read; what was forgotten is zeros."""
        view = memoryview(buffer).cast("B")
        found = 0
        try:
            while found < len(view) and (more := super().readinto(view[found:])):
                found += more
        except (OSError, KeyboardInterrupt) as error:
            self._failure = self._failure or error
        view[found:] = bytes(len(view) - found)
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length of the file."""
        try:
            if self._failure is None:
                return super().truncate(size)
        except (OSError, KeyboardInterrupt) as error:
            self._failure = error
        return self.tell() if size is None else size

    def check(self) -> None:
        """Raise what went wrong so far.

        Raises
        ------
        OSError
            The operating system refused to write.
        KeyboardInterrupt
            It came while the library was writing.
        """
        if self._failure is not None:
            raise self._failure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.check()
