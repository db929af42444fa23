"""The field of pulses as Chebyshev sums on panels, so that the collocation kernel has it at any time.

The panels come from `Pulse.field` alone: one source for every shape. Their number is doubled until the sums agree with
the field to `AGREEMENT`; the knots of sampled fields are edges, so that their splines are met exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from lattice._kernels.collocation import CHEBYSHEV
from lattice.dynamics import pulse_shape
from lattice.dynamics.pulse import Pulse, total_field
from lattice.structure.crystal import FloatArray

AGREEMENT = 1e-13  #: of the peak of the field
_FADED = 1e-17  # of the largest envelope during the run: before and after, there is no field
_SMALLEST = 1e-300  # of the peak: no field at all
_PHASE = 1.5  # of the carrier in a panel at first
_FEATURE = 0.3  # of the shortest feature in a panel at first
_PHASE_IN_WINDOW = 4.0  # largest, of the carrier in a window of eight nodes
_MOST_HALVINGS = 6


@dataclass(frozen=True, slots=True, eq=False)
class FieldTable:
    """Field on panels.

    Attributes
    ----------
    edge : ndarray
        ``(n_panels + 1,)`` *ps*; before the first and after the last there is no field.
    coefficient : ndarray
        ``(n_panels, 3, 12)`` *MV/cm*, of T_k of the time scaled to (−1, 1).
    longest : ndarray
        ``(n_panels,)`` *ps*, longest window that eight nodes resolve.
    """

    edge: FloatArray
    coefficient: FloatArray
    longest: FloatArray


@lru_cache(maxsize=128)
def tabulate_field(pulses: tuple[Pulse, ...], duration: float) -> FieldTable:
    """Return the sum of the fields of `pulses` between 0 and `duration` *ps*."""
    spans = [_span(pulse, duration) for pulse in pulses]
    breaks = sorted({min(max(t, 0.0), duration) for span in spans for t in span} | _knots(pulses, duration))
    table = _empty_table()
    if len(breaks) < 2:
        return table
    for halvings in range(_MOST_HALVINGS + 1):
        edges, longest = _panels(pulses, spans, breaks, 0.5**halvings)
        table = FieldTable(edges, _coefficients(pulses, edges), longest)
        if _disagreement(table, pulses) <= AGREEMENT:
            break
    return table


def evaluate_table(table: FieldTable, t: FloatArray) -> FloatArray:
    """Field at `t` ``(n_times,)`` *ps* from the table, ``(n_times, 3)`` *MV/cm*."""
    out = np.zeros((len(t), 3))
    if len(table.longest) == 0:
        return out
    inside = (t >= table.edge[0]) & (t <= table.edge[-1])
    panel = np.clip(np.searchsorted(table.edge, t[inside], side="right") - 1, 0, len(table.longest) - 1)
    a, b = table.edge[panel], table.edge[panel + 1]
    angle = np.arccos(np.clip((2.0 * t[inside] - a - b) / (b - a), -1.0, 1.0))
    values = np.cos(np.arange(CHEBYSHEV) * angle[:, None])
    out[inside] = np.einsum("tk,tak->ta", values, table.coefficient[panel])
    return out


def _span(pulse: Pulse, duration: float) -> tuple[float, float]:
    """Times in *ps* between which the pulse does not vanish, beside its largest field from 0 to `duration`."""
    if pulse.samples is not None or pulse.center is None:
        return pulse.span()
    edge = pulse_shape.EDGE if pulse.edge is None else pulse.edge / pulse.duration
    nearest = (min(max(pulse.center, 0.0), duration) - pulse.center) / pulse.duration
    largest = float(pulse_shape.envelope(pulse.shape, np.array([nearest]), edge)[0])
    half = pulse_shape.reach(pulse.shape, edge, max(_FADED * largest, _SMALLEST)) * pulse.duration
    return pulse.center - half, pulse.center + half


def _knots(pulses: tuple[Pulse, ...], duration: float) -> set[float]:
    """Times of samples within the run."""
    found: set[float] = set()
    for pulse in pulses:
        if pulse.samples is not None and pulse.center is not None:
            time = pulse.samples.time + (pulse.center - pulse.samples.peak[0])
            found.update(time[(time > 0) & (time < duration)].tolist())
    return found


def _panels(
    pulses: tuple[Pulse, ...], spans: list[tuple[float, float]], breaks: list[float], shorter: float
) -> tuple[FloatArray, FloatArray]:
    """Edges and longest windows; panels are `shorter` than at first."""
    scales = [pulse.scales() for pulse in pulses]
    parts, longest = [np.array(breaks[:1])], []
    for begin, end in pairwise(breaks):
        active = [scale for scale, (a, b) in zip(scales, spans, strict=True) if a < end and b > begin]
        width = min([end - begin, *(shorter * min(_PHASE / rate, _FEATURE * feature) for rate, feature in active)])
        count = max(1, math.ceil((end - begin) / width - 1e-9))
        parts.append(np.append(begin + (end - begin) * np.arange(1, count) / count, end))
        window = min([math.inf, *(min(_PHASE_IN_WINDOW / rate, feature) for rate, feature in active)])
        longest += [window] * count
    return np.concatenate(parts), np.array(longest)


def _coefficients(pulses: tuple[Pulse, ...], edges: FloatArray) -> FloatArray:
    """Interpolate at Chebyshev points of the first kind, ``(n_panels, 3, 12)``."""
    angle = (np.arange(CHEBYSHEV) + 0.5) * np.pi / CHEBYSHEV
    times = 0.5 * (edges[:-1] + edges[1:])[:, None] + 0.5 * np.diff(edges)[:, None] * np.cos(angle)
    values = total_field(pulses, times.ravel()).reshape(*times.shape, 3)
    transform = np.cos(np.arange(CHEBYSHEV)[:, None] * angle) * 2.0 / CHEBYSHEV
    transform[0] *= 0.5
    return np.ascontiguousarray(values.transpose(0, 2, 1) @ transform.T)


def _disagreement(table: FieldTable, pulses: tuple[Pulse, ...]) -> float:
    """Largest difference from the field at two places of each panel, relative to the peak."""
    width = np.diff(table.edge)
    times = (table.edge[:-1] + np.array([[0.03], [0.46]]) * width).ravel()
    field = total_field(pulses, times)
    peak = max(float(np.abs(field).max()), float(np.abs(table.coefficient).max()))
    return float(np.abs(evaluate_table(table, times) - field).max()) / peak if peak > 0 else 0.0


def _empty_table() -> FieldTable:
    return FieldTable(np.zeros(1), np.zeros((0, 3, CHEBYSHEV)), np.zeros(0))
