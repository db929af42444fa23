"""What a run keeps, and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray

QUANTITIES = ("Q", "P", "L", "E")  #: what can be kept over time
_GRID_TOLERANCE = 1e-9  #: of an interval: how far the duration may miss the grid by rounding


@dataclass(frozen=True, slots=True)
class Record:
    """Times and quantities to keep.

    Attributes
    ----------
    every : float
        Interval between recorded times, *ps*, > 0. Steps of the integrator land on these times.
    start : float
        First recorded time, *ps*, ≥ 0; the integration and the ledger always begin at 0.
    quantities : tuple of str
        Any of ``Q``, ``P`` (coordinates and momenta), ``L`` (angular momentum per multiplet), ``E`` (field).

    Raises
    ------
    InputError
        If `every` is not positive, `start` is negative, or a quantity is unknown.
    """

    every: float = 0.01
    start: float = field(default=0.0, kw_only=True)
    quantities: tuple[str, ...] = field(default=QUANTITIES, kw_only=True)

    def __post_init__(self) -> None:
        for name, good in (("every", self.every > 0), ("start", self.start >= 0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and good):
                raise InputError(
                    f"The record's {name} is out of range",
                    found=value,
                    fix="give ps: every > 0, start ≥ 0, both finite",
                )
        # A bare "QL" would pass as the tuple ("Q", "L"): only whole names in a sequence are taken.
        given: object = self.quantities
        names = (given,) if isinstance(given, str) else tuple(self.quantities)
        object.__setattr__(self, "quantities", names)
        unknown = [q for q in names if q not in QUANTITIES]
        if unknown:
            raise InputError(
                "The record asks for an unknown quantity", found=unknown, fix=f"choose from {', '.join(QUANTITIES)}"
            )

    def times(self, duration: float) -> FloatArray:
        """Recorded times start, start + every, … ≤ duration: ``(n_times,)`` *ps*.

        A duration that is no multiple of `every` is integrated to its end; the last recorded time is then earlier.
        """
        return self.start + self.every * np.arange(self.count(duration), dtype=np.float64)

    def count(self, duration: float) -> int:
        """Return the number of recorded times in a run of `duration` *ps*.

        Raises
        ------
        InputError
            If the first recorded time is after the end of the run.
        """
        if self.start > duration:
            raise InputError(
                "The record starts after the end of the run",
                found=f"start {self.start} ps, duration {duration} ps",
                fix="lower start or raise the duration",
            )
        return math.floor((duration - self.start) / self.every + _GRID_TOLERANCE) + 1
