"""Seeds of points: from the settings of the point alone, so that every engine, order and extension gives the same bits.

The seed of a point is a hash of the seed of the plan, of the varying keys with their values at this point, and of the
number of the repeat. It does not depend on where in the grid the point lies.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from lattice.structure.crystal import IntArray
from lattice.study.axis import Values
from lattice.study.plan import Plan, plain

UInt64Array = NDArray[np.uint64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SEED_MASK, _STREAM_MASK = np.uint64(2**63 - 1), np.uint64(2**32 - 1)


def point_seeds(plan: Plan, index: tuple[IntArray, ...]) -> IntArray:
    """Return the seeds of points.

    Parameters
    ----------
    plan : Plan
    index : tuple of ndarray
        ``(n_points,)`` along each dimension of the plan, the repeat last.

    Returns
    -------
    ndarray
        ``(n_points,)`` int64, 0 … 2⁶³ − 1.

    References
    ----------
    The mixing function is that of SplitMix64, G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014.
    """
    repeat = index[-1].astype(np.uint64)
    return (_mix(_settings_word(plan, index) ^ _mix(repeat)) & _SEED_MASK).astype(np.int64)


def point_streams(plan: Plan, index: tuple[IntArray, ...]) -> IntArray:
    """Return which of the 2³² streams of random numbers of the plan's seed each point takes; parameters as above.

    Repeats of the same settings never share a stream. Two points of different settings do with probability 2⁻³².

    Returns
    -------
    ndarray
        ``(n_points,)`` int64, 0 … 2³² − 1.
    """
    first = _settings_word(plan, index) & _STREAM_MASK
    return ((first + index[-1].astype(np.uint64)) & _STREAM_MASK).astype(np.int64)


def _settings_word(plan: Plan, index: tuple[IntArray, ...]) -> UInt64Array:
    """Hash of the plan's seed and of the varying keys with their values, ``(n_points,)``."""
    state = np.full(len(index[-1]), _word(plan.document.get("seed", 0)), dtype=np.uint64)
    for axis, along in zip(plan.axes, index, strict=False):
        for key, values in zip(axis.keys, axis.values, strict=True):
            distinct, which = np.unique(along, return_inverse=True)
            state = _mix(state ^ _words(key, values, distinct)[which])
    return state


def _mix(x: UInt64Array) -> UInt64Array:
    """Output function of SplitMix64; arithmetic modulo 2⁶⁴."""
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


def _words(key: str, values: Values, which: IntArray) -> UInt64Array:
    """One 64-bit word for each of the chosen values under its key."""
    name = np.array([_word(key)], dtype=np.uint64)
    if isinstance(values, np.ndarray):
        chosen = values[which]
        # −0.0 and 0.0 are the same setting.
        bits = (chosen + 0.0).view(np.uint64) if values.dtype.kind == "f" else chosen.astype(np.int64).view(np.uint64)
        return _mix(name ^ _mix(bits))
    return _mix(name ^ np.array([_word(plain(values[i])) for i in which.tolist()], dtype=np.uint64))


def _word(value: object) -> int:
    """First 64 bits of the SHA-256 of a value as JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
