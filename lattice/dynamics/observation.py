"""What a reduced run gathers as it goes: the times of observation, and the quantities asked for."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from lattice import units
from lattice.dynamics.table import Int32Array, Table
from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, IntArray
from lattice.structure.number import checked_array, checked_number

QUANTITIES = ("L_final", "L_peak", "L_mean", "Q_peak", "energy_mean")  #: what can be asked for by name
TAPER = 0.1  #: part of the observed time at each end over which the window of the lines falls to zero along a cosine
_ON_GRID = 1e-6  # of an interval: how far a time may miss the grid
_LARGEST = 2**26  # intervals


@dataclass(frozen=True, slots=True, eq=False)
class Observe:
    """Quantities to gather and how often to look.

    Attributes
    ----------
    every : float
        *ps*, longest interval between observations. The run is cut into an even number of equal intervals of at most
        this; steps land on them. Peaks and means are those over these times.
    start : float
        *ps*; peaks, means and lines count from the first observation at or after it.
    quantities : tuple of str
        Any of ``L_final``, ``L_peak``, ``L_mean`` (angular momentum), ``Q_peak``, ``energy_mean``.
    ledger : bool
        Whether to book every change of angular momentum. Costs a fifth of a run of twelve coordinates, but more than
        the run itself where the kernel has the force written out, see docs/benchmarks.md.
    energy_ledger : bool
        Whether to book every change of energy. In a bath the rows ``damping`` and ``noise`` are those of whole steps:
        each differs from its limit for short steps by a part Γ × step of it, their sum does not.
    frequencies : ndarray
        ``(n_lines,)`` *THz*, of either sign, at which the Fourier amplitude of every coordinate is taken.
    signals : ndarray or None
        ``(n_signals, n_modes)`` weights of signals that are linear in Q, such as probe signals.
    signal_times : ndarray or None
        ``(n_times,)`` *ps*, times of observation at which the signals are kept, ascending; None: the end.
    ledger_times : ndarray or None
        ``(n_times,)`` *ps*, times of observation at which the ledgers are kept beside their totals, ascending.

    Raises
    ------
    InputError
        If a number is out of its range or a quantity unknown.
    """

    every: float = 0.02
    start: float = field(default=0.0, kw_only=True)
    quantities: tuple[str, ...] = field(default=QUANTITIES, kw_only=True)
    ledger: bool = field(default=False, kw_only=True)
    energy_ledger: bool = field(default=False, kw_only=True)
    frequencies: FloatArray = field(default=cast(Any, ()), kw_only=True)
    signals: FloatArray | None = field(default=None, kw_only=True)
    signal_times: FloatArray | None = field(default=None, kw_only=True)
    ledger_times: FloatArray | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        fix = "give ps: every > 0, start ≥ 0"
        for name in ("every", "start"):
            object.__setattr__(self, name, checked_number(getattr(self, name), f"The observation's {name}", fix))
        if self.every <= 0 or self.start < 0:
            raise InputError("The times of observation are out of range", found=(self.every, self.start), fix=fix)
        for name in ("ledger", "energy_ledger"):
            argument.flag(getattr(self, name), name)
        asked: Any = self.quantities
        argument.words((asked,) if isinstance(asked, str) else asked, "quantities")
        names = (asked,) if isinstance(asked, str) else tuple(asked)
        unknown = [name for name in names if name not in QUANTITIES]
        if unknown:
            raise InputError("Unknown quantities", found=unknown, fix=f"choose from {', '.join(QUANTITIES)}")
        object.__setattr__(self, "quantities", names)
        for name, ndim in (("frequencies", 1), ("signals", 2), ("signal_times", 1), ("ledger_times", 1)):
            value = getattr(self, name)
            if value is not None:
                array = checked_array(
                    value if np.size(value) else np.zeros((0,) * ndim), f"The observation's {name}", "give numbers"
                )
                if array.ndim != ndim:
                    raise InputError(f"The observation's {name}", found=array.shape, fix=f"give {ndim} dimension(s)")
                object.__setattr__(self, name, array)
        if self.signal_times is not None and (self.signals is None or (np.diff(self.signal_times) <= 0).any()):
            raise InputError(
                "Times of signals need signals, and ascend",
                found=reprlib.repr(self.signal_times),
                fix="give signals, and their times in ascending order",
            )
        if self.ledger_times is not None and (not self.books or (np.diff(self.ledger_times) <= 0).any()):
            raise InputError(
                "Times of ledgers need a ledger, and ascend",
                found=reprlib.repr(self.ledger_times),
                fix="give ledger=True or energy_ledger=True, and their times in ascending order",
            )

    @property
    def books(self) -> bool:
        """Whether anything is booked."""
        return self.ledger or self.energy_ledger


@dataclass(frozen=True, slots=True)
class Times:
    """Observations at k·interval, k = 0 … n_intervals; quantities count from number `first` on; *ps*."""

    interval: float
    n_intervals: int
    first: int

    @property
    def seen(self) -> FloatArray:
        """Times that count, ``(n,)`` *ps*."""
        return self.interval * np.arange(self.first, self.n_intervals + 1, dtype=np.float64)


def times_of(observe: Observe, duration: float) -> Times:
    """Return the times of observation of a run of `duration` *ps*.

    Raises
    ------
    InputError
        If there are too many, or the start is after the end.
    """
    pairs = duration / (2.0 * observe.every)
    if not pairs < _LARGEST or observe.start > duration:
        raise InputError(
            "The times of observation do not fit the run",
            found=f"every {observe.every:g} ps from {observe.start:g} ps on, in {duration:g} ps",
            fix="raise every, lower start or shorten the run",
        )
    n_intervals = 2 * max(1, math.ceil(pairs - 1e-9))
    interval = duration / n_intervals
    return Times(interval, n_intervals, min(n_intervals, math.ceil(observe.start / interval - _ON_GRID)))


def signal_intervals(observe: Observe, times: Times) -> Int32Array:
    """Return the number of the observation of each signal time, ``(n_times,)`` int32.

    Raises
    ------
    InputError
        If a time is none of observation.
    """
    if observe.signals is None:
        return np.zeros(0, np.int32)
    if observe.signal_times is None:
        return np.array([times.n_intervals], np.int32)
    return _intervals(observe.signal_times, times, "A signal")


def book_intervals(observe: Observe, times: Times) -> Int32Array:
    """Return the number of the observation of each ledger time, ``(n_times,)`` int32.

    Raises
    ------
    InputError
        If a time is none of observation.
    """
    return (
        np.zeros(0, np.int32) if observe.ledger_times is None else _intervals(observe.ledger_times, times, "A ledger")
    )


def _intervals(asked: FloatArray, times: Times, what: str) -> Int32Array:
    number = asked / times.interval
    nearest = np.rint(number)
    off = (np.abs(number - nearest) > _ON_GRID) | (nearest < 0) | (nearest > times.n_intervals)
    if off.any():
        raise InputError(
            f"{what} is asked for at a time between observations",
            found=f"{asked[off][0]:g} ps, with observations every {times.interval:g} ps",
            fix="give multiples of that, or choose `every` so that all times are",
        )
    return nearest.astype(np.int32)


def line_weights(observe: Observe, times: Times) -> FloatArray:
    """Return window × interval × (cos, −sin) of 2πνt, ``(n_intervals + 1, n_lines, 2)`` *ps*; Tukey window."""
    out = np.zeros((times.n_intervals + 1, len(observe.frequencies), 2))
    t = times.seen
    distance = np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / (TAPER * max(1, len(t) - 1))
    window = times.interval * (0.5 - 0.5 * np.cos(np.pi * np.minimum(distance, 1.0)))
    phase = units.TWO_PI * t[:, None] * observe.frequencies
    out[times.first :] = window[:, None, None] * np.stack([np.cos(phase), -np.sin(phase)], axis=-1)
    return out


@dataclass(frozen=True, slots=True)
class Forms:
    """Angular momenta as sums of weight × l_st over linked pairs: CSR `start`, `link`, `weight` (1/ħ).

    `of` ``(n_multiplets, 4)`` is the number of the one along x, y, z, n̂ of each multiplet, −1 where that is zero.
    """

    start: Int32Array
    link: Int32Array
    weight: FloatArray
    of: IntArray


def angular_forms(table: Table, axis: FloatArray | None) -> Forms:
    """Return the angular momenta that are not always zero, each once; `axis` ``(3,)`` is n̂, None: nothing is wanted."""
    n_links = len(table.link_mode)
    weight = np.zeros((len(table.multiplets), 4, n_links))
    if axis is not None:
        along = np.concatenate([table.link_matrix, table.link_matrix @ axis[:, None]], axis=1) / units.HBAR
        for end in range(2):
            places: Any = (table.link_multiplet[:, end], slice(None), np.arange(n_links))
            np.add.at(weight, places, 0.5 * along)
    number: dict[bytes, int] = {}
    of = np.full(weight.shape[:2], -1)
    start, link, values = [0], [], []
    for a, direction in np.argwhere(weight.any(axis=2)):
        row = weight[a, direction]
        if row.tobytes() not in number:
            number[row.tobytes()] = len(number)
            link += np.flatnonzero(row).tolist()
            values += row[row != 0].tolist()
            start.append(len(link))
        of[a, direction] = number[row.tobytes()]
    return Forms(np.array(start, np.int32), np.array(link, np.int32), np.array(values), of)
