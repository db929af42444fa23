"""Memory of a process and of all that it started, measured together while they run (Linux)."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

INTERVAL = 0.25  #: s between two looks


class TreeMemory:
    """Looks at this process and its descendants while a ``with`` block runs.

    What `getrusage` says of children is of no use: a child begins its account with the memory of its parent.

    Attributes
    ----------
    total : int
        Largest sum of proportional set sizes at one time, *bytes*: pages that processes share count once.
    own, child : int
        Largest set size of this process, and of any one descendant.
    """

    def __init__(self) -> None:
        self.total = self.own = self.child = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> TreeMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def __str__(self) -> str:
        own, child, total = (n / 2**20 for n in (self.own, self.child, self.total))
        return f"driver {own:.0f} MiB, largest worker {child:.0f} MiB, all processes together {total:.0f} MiB"

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL):
            own = proportional(os.getpid())
            children = [proportional(pid) for pid in descendants(os.getpid())]
            self.own, self.child = max(self.own, own), max([self.child, *children])
            self.total = max(self.total, own + sum(children))


def proportional(pid: int) -> int:
    """Proportional set size of a process in *bytes*; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have."""
    found: list[int] = []
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(word) for word in children.read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found + [below for child in found for below in descendants(child)]
