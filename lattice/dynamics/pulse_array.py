"""Many pulses at once: every parameter of `Pulse` as an array over trajectories, and grids of delays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lattice import units
from lattice.dynamics import pulse_shape
from lattice.dynamics.pulse import PULSES, SAMPLED, Pulse, _unit_tuple
from lattice.dynamics.pulse_samples import Samples, carrier, samples_from
from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, IntArray, frozen_array
from lattice.structure.number import checked_array

_NUMBERS = (
    "amplitude", "frequency", "duration", "helicity", "angle", "phase", "center", "transmission", "chirp", "rotation",
    "edge",
)  # fmt: skip
_OPTIONAL = ("center", "edge")
_LATE = 0.1  # durations by which a pulse may begin before time 0, where its default centre leaves a few 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class PulseArray:
    """One pulse for each trajectory; units, signs, ranges and defaults are those of `Pulse`.

    Attributes
    ----------
    amplitude, frequency, duration, helicity, angle, phase, center, transmission, chirp, rotation, edge : ndarray
        ``(n,)``, given as a number or an array each, broadcast against each other. `center` None: the default of each.
        `edge` is NaN where the shape has none.
    axis : ndarray or None
        ``(3,)`` or ``(n, 3)``, unit vectors; None: the potential's n̂.
    shape : ndarray of str
        ``(n,)``, given as one name or an array of names.
    samples : Samples or None
        Only ``sampled``: the field, the same for all.

    Raises
    ------
    InputError
        If the arrays do not fit together, or one of the pulses is none.
    """

    amplitude: FloatArray
    frequency: FloatArray
    duration: FloatArray
    helicity: FloatArray = field(default=cast(Any, 1.0), kw_only=True)
    angle: FloatArray = field(default=cast(Any, 0.0), kw_only=True)
    phase: FloatArray = field(default=cast(Any, 0.0), kw_only=True)
    center: FloatArray = field(default=cast(Any, None), kw_only=True)
    axis: FloatArray | None = field(default=None, kw_only=True)
    shape: NDArray[np.str_] = field(default=cast(Any, "gaussian"), kw_only=True)
    transmission: FloatArray = field(default=cast(Any, 1.0), kw_only=True)
    chirp: FloatArray = field(default=cast(Any, 0.0), kw_only=True)
    rotation: FloatArray = field(default=cast(Any, 0.0), kw_only=True)
    edge: FloatArray = field(default=cast(Any, None), kw_only=True)
    samples: Samples | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _NUMBERS}
        given = {name: np.nan if name in _OPTIONAL and x is None else x for name, x in given.items()}
        fix = "give a number, or one for each trajectory"
        arrays = [
            frozen_array(x) if name in _OPTIONAL else checked_array(x, f"The {name} of the pulses", fix)
            for name, x in given.items()
        ]
        arrays += [np.asarray(self.shape, dtype=np.str_)]
        axis = None if self.axis is None else checked_array(self.axis, "The axis of the pulses", "give (3,) or (n, 3)")
        if axis is not None and axis.shape[-1:] != (3,):
            raise InputError("The axis of the pulses", found=f"shape {axis.shape}", fix="give (3,) or (n, 3)")
        if axis is not None:
            arrays += [np.zeros(axis.shape[:-1])]
        try:
            arrays = [np.atleast_1d(x) for x in np.broadcast_arrays(*arrays)]
        except ValueError as error:
            raise InputError("The parameters of the pulses do not fit together", found=error, fix=fix) from error
        if arrays[0].ndim != 1 or not arrays[0].size:
            raise InputError("The parameters of pulses are lists", found=f"shape {arrays[0].shape}", fix=fix)
        for name, x in zip((*_NUMBERS, "shape"), arrays, strict=False):
            object.__setattr__(self, name, _frozen(x))
        if self.samples is not None:
            object.__setattr__(self, "samples", samples_from(self.samples))
        object.__setattr__(self, "axis", None if axis is None else _unit_axes(axis, len(self)))
        object.__setattr__(self, "center", _frozen(_centers(self)))
        _check(self)

    def __len__(self) -> int:
        return len(self.amplitude)

    def __iter__(self) -> Iterator[Pulse]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Pulse:
        """Return the pulse of one trajectory."""
        value: dict[str, Any] = {name: float(getattr(self, name)[i]) for name in _NUMBERS}
        value["edge"] = None if np.isnan(value["edge"]) else value["edge"]
        if self.axis is not None:
            value["axis"] = tuple((self.axis if self.axis.ndim == 1 else self.axis[i]).tolist())
        return Pulse(**value, shape=str(self.shape[i]), samples=self.samples if self.shape[i] == SAMPLED else None)

    def take(self, index: IntArray) -> PulseArray:
        """Return the pulses `index` of these, ``(k,)`` int."""
        value = {name: getattr(self, name)[index] for name in (*_NUMBERS, "shape")}
        axis = self.axis[index] if self.axis is not None and self.axis.ndim == 2 else self.axis
        return PulseArray(**value, axis=axis, samples=self.samples)

    @classmethod
    def of(cls, pulses: Sequence[Pulse]) -> PulseArray:
        """Return the array of some pulses, all with an axis or none, and all sampled ones with the same samples."""
        value: dict[str, Any] = {name: [getattr(p, name) for p in pulses] for name in (*_NUMBERS, "shape")}
        value["edge"] = [np.nan if x is None else x for x in value["edge"]]
        axes = [p.axis for p in pulses]
        samples = list(dict.fromkeys(p.samples for p in pulses if p.samples is not None))
        if len(samples) > 1 or (None in axes and len(set(axes)) > 1):
            raise InputError(
                "The pulses of an array have different samples, or some have an axis and some have none",
                found=f"{len(samples)} samples",
                fix="give each its own PulseArray, and all an axis",
            )
        axis = None if not axes or None in axes else np.array(axes if len(set(axes)) > 1 else axes[0])
        return cls(**value, axis=axis, samples=samples[0] if samples else None)

    def edges(self) -> FloatArray:
        """Edge of a flat top in durations, ``(n,)``."""
        return np.where(np.isnan(self.edge), pulse_shape.EDGE, self.edge / self.duration)

    def reach(self, level: float = pulse_shape.FADED) -> tuple[FloatArray, FloatArray]:
        """Times after the centre, *ps*, outside which the field is below `level` of its peak, ``(n,)`` each."""
        before, after = np.empty((2, len(self)))
        for shape, edge, where in self._kinds():
            half = pulse_shape.reach(shape, edge, level) if shape != SAMPLED else 0.0
            after[where] = half * self.duration[where]
            before[where] = -after[where]
            if self.samples is not None and shape == SAMPLED:
                knots = self.samples._spline.t
                before[where], after[where] = knots[0] - self.samples.peak[0], knots[-1] - self.samples.peak[0]
        return before, after

    def scales(self) -> tuple[FloatArray, FloatArray]:
        """Highest angular frequency in *rad/ps* and shortest feature in *ps*, as `Pulse.scales`, ``(n,)`` each."""
        rate, feature = units.TWO_PI * self.frequency + np.radians(np.abs(self.rotation)), np.array(self.duration)
        for shape, edge, where in self._kinds():
            if self.samples is not None and shape == SAMPLED:
                rate[where] = carrier(self.samples)[2] + np.radians(np.abs(self.rotation[where]))
                continue
            half = pulse_shape.reach(shape, edge) * self.duration[where]
            rate[where] += units.TWO_PI * np.abs(self.chirp[where]) * half
            feature[where] *= pulse_shape.feature(shape, edge)
        return rate, feature

    def _kinds(self) -> Iterator[tuple[str, Any, NDArray[np.bool_]]]:
        """Shapes that occur, their edges ``(k,)`` and where they are, ``(n,)`` bool."""
        for shape in np.unique(self.shape):
            where = self.shape == shape
            yield str(shape), self.edges()[where], where


@argument.takes(pulses=PULSES)
def delay_grid(pulses: Sequence[Pulse], *delays: ArrayLike) -> tuple[PulseArray, ...]:
    """Return pulses for `simulate_reduced` with every combination of delays: pump–pump scans, 2D spectra.

    Parameters
    ----------
    pulses : sequence of Pulse
        Two or more; the centres of all but the first are replaced.
    *delays : array_like
        One array in *ps* for each pulse after the first: its centre after that of the first, negative before it.

    Returns
    -------
    tuple of PulseArray
        One for each pulse, over the product of the delays: trajectory (i, j, …) in C order, so results reshape to
        ``(len(delays[0]), len(delays[1]), …)``.

    Raises
    ------
    InputError
        If the numbers do not match, or a pulse would begin before time 0.
    """
    given = tuple(pulses)
    if len(given) < 2 or len(delays) != len(given) - 1 or not all(isinstance(p, Pulse) for p in given):
        raise InputError(
            "A grid of delays needs one array of delays for each pulse after the first",
            found=f"{len(given)} pulses, {len(delays)} arrays",
            fix="give delay_grid((first, second), delays)",
        )
    arrays = [checked_array(x, "The delays", "give ps").ravel() for x in delays]
    if not all(x.size for x in arrays):
        raise InputError("A list of delays is empty", found=f"{[x.size for x in arrays]} delays", fix="give ps")
    grid = [x.ravel() for x in np.meshgrid(*arrays, indexing="ij")]
    out = [PulseArray.of([given[0]]).take(np.zeros(len(grid[0]), dtype=np.int64))]
    for pulse, delay in zip(given[1:], grid, strict=True):
        value = {entry.name: getattr(pulse, entry.name) for entry in fields(pulse)}
        value["center"] = cast(float, given[0].center) + delay
        later = PulseArray(**value)
        begin = later.center + later.reach()[0] + _LATE * later.duration
        if (begin < 0).any():
            raise InputError(
                "A delayed pulse would begin before time 0",
                found=f"delay {delay[np.argmin(begin)]:g} ps",
                fix="give the first pulse a later center",
            )
        out.append(later)
    return tuple(out)


def _frozen(x: Any) -> Any:
    out = np.array(x)
    out.flags.writeable = False
    return out


def _unit_axes(axis: FloatArray, n: int) -> FloatArray:
    """Unit vectors, ``(3,)`` or ``(n, 3)``."""
    if axis.ndim == 1:
        return cast(FloatArray, _frozen(_unit_tuple(axis)))
    rows = [_unit_tuple(row) for row in axis] if len(axis) == n else [_unit_tuple(axis[0])] * n
    return cast(FloatArray, _frozen(rows))


def _centers(pulses: PulseArray) -> FloatArray:
    """Centres, the default ones filled in."""
    center = np.array(pulses.center)
    missing = np.isnan(center)
    if not missing.any() or not (pulses.duration > 0).all():
        return center
    for shape, edge, where in pulses._kinds():
        if shape == SAMPLED:
            default: Any = 0.0 if pulses.samples is None else pulses.samples.peak[0]
        else:
            default = pulse_shape.default_center(shape, edge) * pulses.duration[where]
        center[where] = np.where(missing[where], default, center[where])
    return center


def _check(pulses: PulseArray) -> None:
    """Ask `Pulse` what is wrong with the first pulse that is none, and with those at the ends of every range."""
    suspects = {0, *(int(f(getattr(pulses, name))) for name in _NUMBERS for f in (np.argmin, np.argmax))}
    suspects |= {int(np.argmax(pulses.transmission * pulses.amplitude))}
    largest = np.where(np.isnan(pulses.edge), -1.0, pulses.edge / np.where(pulses.duration > 0, pulses.duration, 1.0))
    suspects |= {int(np.argmax(largest)), *(int(i) for i in np.unique(pulses.shape, return_index=True)[1])}
    odd = np.flatnonzero(~np.isnan(pulses.edge) & (pulses.shape != "flat_top"))
    sampled = pulses.shape == SAMPLED
    odd = np.concatenate([odd, np.flatnonzero(sampled & ((pulses.chirp != 0) | (pulses.phase != 0)))])
    for i in sorted(suspects | {int(i) for i in odd[:1]}):
        try:
            pulses[i]
        except InputError as error:
            raise InputError(f"{error.what} (pulse {i} of an array)", found=error.found, fix=error.fix) from error
    if pulses.samples is not None and not sampled.any():
        raise InputError("Samples belong to the shape sampled", found="other shapes", fix='give shape="sampled"')
