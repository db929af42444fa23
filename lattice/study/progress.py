"""Progress of a sweep: a bar with rate and time left on a terminal, a line every half minute in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

INTERVAL = 30.0  #: s between lines of a log


class Progress:
    """Counts points; see the module.

    Parameters
    ----------
    total, done : int
        Points of the sweep, and those that were finished before.
    shown : bool
        False: count in silence.
    """

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._total, self._done, self._failed = total, done, 0
        self._first, self._begin = done, time.monotonic()
        self._last = self._begin
        self._shown = shown
        self._bar: Any = None
        if shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit=" points", unit_scale=True, file=sys.stderr)

    def add(self, points: int, failed: int) -> None:
        """Count the points of a block."""
        self._done += points
        self._failed += failed
        if self._bar is not None:
            self._bar.update(points)
            if self._failed:
                self._bar.set_postfix(failed=self._failed)
        elif self._shown and time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            print(self.line(self._last - self._begin), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """Return a line for a log, `seconds` after the begin."""
        rate = (self._done - self._first) / seconds
        left = f"{(self._total - self._done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        return (
            f"lattice sweep: {self._done} of {self._total} points, {self._failed} failed, {rate:.3g} points/s, {left}"
        )

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()
