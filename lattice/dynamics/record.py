"""What a run keeps, and how often."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_number

DEFAULT = ("Q", "P", "L", "E")  #: what is kept over time unless told otherwise
QUANTITIES = (*DEFAULT, "ledger")  #: what can be kept over time
LONGEST = 2**40  #: recorded times; far beyond any memory, and still a whole number in double precision
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
        Any of ``Q``, ``P`` (coordinates and momenta), ``L`` (angular momentum per multiplet), ``E`` (field), ``ledger``
        (what every channel gave to every multiplet up to each recorded time: angular momentum and energy).

    Raises
    ------
    InputError
        If `every` is not positive, `start` is negative, or a quantity is unknown.
    """

    every: float = 0.01
    start: float = field(default=0.0, kw_only=True)
    quantities: tuple[str, ...] = field(default=DEFAULT, kw_only=True)

    def __post_init__(self) -> None:
        fix = "give ps: every > 0, start ≥ 0, both finite"
        for name in ("every", "start"):
            object.__setattr__(self, name, checked_number(getattr(self, name), f"The record's {name}", fix))
        for name, good in (("every", self.every > 0), ("start", self.start >= 0)):
            if not good:
                raise InputError(f"The record's {name} is out of range", found=getattr(self, name), fix=fix)
        object.__setattr__(self, "quantities", _checked_quantities(self.quantities))

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
            If the first recorded time is after the end of the run, or there are more than 2⁴⁰.
        """
        end = checked_number(duration, "The run's duration", "give a duration > 0 ps")
        if self.start > end:
            raise InputError(
                "The record starts after the end of the run",
                found=f"start {self.start} ps, duration {end} ps",
                fix="lower start or raise the duration",
            )
        intervals = (end - self.start) / self.every
        if not intervals < LONGEST:
            raise InputError(
                "The run has too many recorded times",
                found=f"{intervals:.3g} intervals of {self.every:g} ps in {end:g} ps",
                fix="raise record.every or shorten the run",
            )
        return math.floor(intervals + _GRID_TOLERANCE) + 1


def _checked_quantities(given: object) -> tuple[str, ...]:
    """Whole names in a sequence: a bare "QL" would pass as the tuple ("Q", "L")."""
    fix = f"choose from {', '.join(QUANTITIES)}"
    try:
        names = (given,) if isinstance(given, str) else tuple(given)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError("The record's quantities must be a sequence", found=repr(given), fix=fix) from error
    unknown = [name for name in names if not isinstance(name, str) or name not in QUANTITIES]
    if unknown:
        raise InputError("The record asks for an unknown quantity", found=unknown, fix=fix)
    return names
