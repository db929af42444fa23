"""The light pulse: an envelope on a carrier with any polarisation in the plane ⟂ its axis, or a sampled field.

With s = t − center, θ = 2π(ν s + ½ chirp s²) + phase, and the envelope g of `lattice.dynamics.pulse_shape`,

    E(t) = transmission · amplitude · g(s/duration) · [x̂ cos θ + helicity · ŷ sin θ].

The intensity ∝ g² falls to one half at |s| = duration/2, so `duration` is the FWHM of the intensity, and `amplitude` is
the peak of the envelope of |E|. Helicity +1 turns counter-clockwise seen from the tip of `axis`, −1 clockwise; between
lie ellipses, 0 is linear along x̂. The instantaneous frequency is ν + chirp · s. With `rotation` the frame (x̂, ŷ) turns
by rotation · s about `axis`: the ellipse turns in time.

``few_cycle`` is a pulse whose time integral vanishes, as that of any field which propagates: E = dF/dt of

    F(t) = transmission · amplitude/(2πν) · g(s/duration) · [x̂ sin θ − helicity · ŷ cos θ]   (F = −A, vector potential),

so `amplitude` is 2πν times the peak of the envelope of F. For many cycles this becomes ``gaussian``; for ν·duration ≪ 1
and phase 0 it is a half cycle between two lobes that take its area back, E → amplitude · (1 − 4 ln2 s²/duration²) g.

``sampled``: E(t) = transmission · amplitude/peak · [x̂ e_x + helicity · ŷ e_y](t − center + time of the peak) with the
samples (e_x, e_y) of `lattice.dynamics.pulse_samples`, their largest |e| and its time; helicity −1 is the mirror image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.dynamics import pulse_shape
from lattice.dynamics.pulse_samples import Samples, carrier, samples_from
from lattice.dynamics.table import checked_potential
from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array, checked_number

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential
from lattice.anharmonic.reach import MAIN_AMPLITUDE, MAIN_DURATION

_NUMBERS = ("amplitude", "frequency", "duration", "helicity", "angle", "phase", "transmission", "chirp", "rotation")
_LARGEST = 1e9  #: of frequency, duration and its inverse in THz and ps: no light in a crystal is near it
_LATEST = 1e12  #: ps, of center
_PARALLEL = 1e-6  #: sine below which two directions count as parallel


SAMPLED = "sampled"


@dataclass(frozen=True, slots=True)
class Pulse:
    """One light pulse.

    Attributes
    ----------
    amplitude : float
        Peak of the envelope of |E|, *MV/cm*, ≥ 0. Inside the crystal unless `transmission` says otherwise.
    frequency : float
        Carrier ν, *THz*, > 0.
    duration : float
        FWHM of the intensity, *ps*, > 0.
    helicity : float
        Signed axis ratio in [−1, 1]; +1 counter-clockwise about `axis`, 0 linear along x̂.
    angle : float
        Turn of x̂ about `axis`, *degrees*; counter-clockwise is positive.
    phase : float
        Carrier-envelope phase, *rad*.
    center : float
        Time of the envelope's peak, *ps*. None: where the pulse begins at time 0 with at most 1.7e-4 of its peak, for a
        Gaussian 2.5 · duration; for samples the time of their peak.
    axis : tuple of float or None
        Propagation axis, Cartesian; stored as a unit vector. None: the potential's n̂ in `simulate`, z in `field`.
    shape : str
        ``gaussian``, ``sech2`` (intensity sech²), ``flat_top`` (plateau with smooth edges), ``few_cycle`` (zero time
        integral), or ``sampled``.
    transmission : float
        Field inside the crystal / field given, > 0. 1 where `amplitude` is the field inside; for a field measured
        outside give the Fresnel factor of the surface, e.g. 2/(1 + n) at normal incidence on index n.
    chirp : float
        Change of the instantaneous frequency, *THz/ps*. The envelope stays.
    rotation : float
        Turn of the polarisation about `axis`, *degrees/ps*; counter-clockwise is positive.
    edge : float or None
        Only ``flat_top``: time in which |E| rises from 10 to 90 %, *ps*, at most duration/4. None: duration/10.
    samples : Samples or None
        Only ``sampled``: the field. `frequency` and `duration` are those of `lattice.dynamics.pulse_samples.carrier`,
        which `sampled_pulse` fills in; chirp and phase do not apply.

    Raises
    ------
    InputError
        If a number is not finite or out of its range, the axis has no direction, or the shape is unknown.
    """

    amplitude: float
    frequency: float
    duration: float
    helicity: float = field(default=1.0, kw_only=True)
    angle: float = field(default=0.0, kw_only=True)
    phase: float = field(default=0.0, kw_only=True)
    center: float | None = field(default=None, kw_only=True)
    axis: tuple[float, float, float] | None = field(default=None, kw_only=True)
    shape: str = field(default="gaussian", kw_only=True)
    transmission: float = field(default=1.0, kw_only=True)
    chirp: float = field(default=0.0, kw_only=True)
    rotation: float = field(default=0.0, kw_only=True)
    edge: float | None = field(default=None, kw_only=True)
    samples: Samples | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        if self.edge is not None:
            object.__setattr__(self, "edge", _finite("edge", self.edge))
        if self.samples is not None:
            object.__setattr__(self, "samples", samples_from(self.samples))
        argument.text(self.shape, "shape")
        if self.center is None:
            first = pulse_shape.default_center(self.shape, _edge(self)) * self.duration
            object.__setattr__(self, "center", first if self.samples is None else self.samples.peak[0])
        object.__setattr__(self, "center", _finite("center", self.center))
        if self.axis is not None:
            object.__setattr__(self, "axis", _unit_tuple(self.axis))
        _check_ranges(self)

    @np.errstate(over="ignore")  # far from the centre: the envelope is 0
    def field(self, t: ArrayLike) -> FloatArray:
        """Return the electric field inside the crystal.

        Parameters
        ----------
        t : array_like
            ``(n_times,)`` *ps*.

        Returns
        -------
        ndarray
            ``(n_times, 3)`` *MV/cm*, Cartesian.

        Raises
        ------
        InputError
            If `t` is neither a number nor a sequence of finite numbers.
        """
        delay = _checked_times(t) - cast(float, self.center)  # None is filled in by __post_init__
        x, y = self.polarisation_axes()
        along_x, along_y = _waveform(self, delay)
        if self.rotation:
            turn = np.radians(self.rotation) * delay
            c, s = np.cos(turn), np.sin(turn)
            along_x, along_y = c * along_x - s * along_y, s * along_x + c * along_y
        return along_x[:, None] * x + along_y[:, None] * y

    def polarisation_axes(self) -> tuple[FloatArray, FloatArray]:
        """Unit vectors x̂ (Cartesian x projected ⟂ axis, y if x ∥ axis, turned by `angle`), ŷ = n̂ × x̂; ``(3,)`` each."""
        return _frame((0.0, 0.0, 1.0) if self.axis is None else self.axis, self.angle)

    def about(self, axis: ArrayLike) -> Pulse:
        """Return the pulse with `axis` filled in where it was None; `axis` is ``(3,)``."""
        return self if self.axis is not None else replace(self, axis=_unit_tuple(axis))

    def parameters(self) -> dict[str, Any]:
        """Every parameter under its own name, as plain numbers and strings."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        values["axis"] = None if self.axis is None else list(self.axis)
        if self.samples is None:
            del values["samples"]
        else:
            values["samples"] = self.samples.parameters()
        return values

    def span(self) -> tuple[float, float]:
        """Times in *ps* before and after which the field is below 1e-4 of its peak (of samples: their ends)."""
        center = cast(float, self.center)
        if self.samples is not None:
            first = center - self.samples.peak[0]
            return first + float(self.samples.time[0]), first + float(self.samples.time[-1])
        half = pulse_shape.reach(self.shape, _edge(self)) * self.duration
        return center - half, center + half

    def scales(self) -> tuple[float, float]:
        """Return what limits a time step: the highest angular frequency in *rad/ps*, the shortest feature in *ps*.

        The feature is given as the duration of the Gaussian that changes as fast.
        """
        turning = math.radians(abs(self.rotation))
        if self.samples is not None:
            return carrier(self.samples)[2] + turning, self.duration
        half = pulse_shape.reach(self.shape, _edge(self)) * self.duration
        rate = units.TWO_PI * (self.frequency + abs(self.chirp) * half if self.chirp else self.frequency)
        return rate + turning, pulse_shape.feature(self.shape, _edge(self)) * self.duration


def default_pulse(potential: Potential, helicity: float = 1.0) -> Pulse:
    """Return the pulse of the main job: 0.3 MV/cm, 1 ps, resonant with the most polar pair in the plane ⟂ n̂.

    Parameters
    ----------
    potential : Potential
        Its `axis`, `pair`, `frequency` and `mode_charge` choose the carrier: the stable pair with the largest
        √(½ Σ_{x,y} |Z_⟂|²), Z_⟂ the part of the mode charge ⟂ n̂.
    helicity : float
        Signed axis ratio in [−1, 1].

    Raises
    ------
    InputError
        If no pair with ν > 0 couples to a field ⟂ n̂.
    """
    potential = checked_potential(potential)
    charge = potential.mode_charge - np.outer(potential.mode_charge @ potential.axis, potential.axis)
    best, best_charge = -1, 1e-9  # e/√amu; smaller is round-off of a symmetry zero
    for x, y in enumerate(potential.pair):
        strength = math.sqrt(0.5 * float(np.sum(charge[[x, y]] ** 2)))
        if y > x and potential.frequency[x] > 0 and strength > best_charge * (1 + 1e-9):
            best, best_charge = x, strength
    if best < 0:
        raise InputError(
            "The potential has no IR-active pair with a mode charge ⟂ its axis, so there is no default pulse",
            found=f"axis {potential.axis.tolist()}, pairs {int((potential.pair >= 0).sum()) // 2}",
            fix="give a pulse, or a potential with terms linear in Q and E (Born charges)",
        )
    axis = tuple(potential.axis.tolist())
    return Pulse(MAIN_AMPLITUDE, float(potential.frequency[best]), MAIN_DURATION, helicity=helicity, axis=axis)


def total_field(pulses: tuple[Pulse, ...], t: FloatArray) -> FloatArray:
    """Sum of the fields of all pulses, ``(n_times, 3)`` *MV/cm*, at `t` ``(n_times,)`` *ps*."""
    total = np.zeros((len(t), 3))
    for pulse in pulses:
        total += pulse.field(t)
    return total


def _edge(pulse: Pulse) -> float:
    """Edge of a flat top in durations."""
    return pulse_shape.EDGE if pulse.edge is None or pulse.duration <= 0 else pulse.edge / pulse.duration


@lru_cache(maxsize=256)
def _frame(axis: tuple[float, float, float], angle: float) -> tuple[FloatArray, FloatArray]:
    """x̂ and ŷ, see `Pulse.polarisation_axes`."""
    n = np.array(axis)
    for start in np.eye(3)[:2]:
        x = start - n * (n @ start)
        if np.linalg.norm(x) > _PARALLEL:
            break
    x /= np.linalg.norm(x)
    x -= n * (n @ x)  # again: the first projection left round-off / sine where x is nearly parallel to the axis
    x /= np.linalg.norm(x)
    # Right angles are exact, so that a field along a mirror or two-fold direction has no component off it.
    c, s = _cos_sin_degrees(angle)
    x = c * x + s * np.cross(n, x)
    y = np.cross(n, x)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def _waveform(pulse: Pulse, delay: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Field along the frame that turns with `rotation`, ``(n_times,)`` *MV/cm* each."""
    strength = pulse.transmission * pulse.amplitude
    if pulse.samples is not None:
        time, peak = pulse.samples.peak
        e_x, e_y = (strength / peak * pulse.samples.at(delay + time)).T
        return e_x, pulse.helicity * e_y
    envelope = strength * pulse_shape.envelope(pulse.shape, delay / pulse.duration, _edge(pulse))
    angle = units.TWO_PI * pulse.frequency * delay + pulse.phase
    if pulse.chirp:
        angle += 0.5 * units.TWO_PI * pulse.chirp * delay * delay
    c, s = np.cos(angle), np.sin(angle)
    if pulse.shape != "few_cycle":
        return envelope * c, pulse.helicity * envelope * s
    # Derivative of F: of its carrier, of its envelope, and of the frame if that turns, which keeps the area zero.
    omega = units.TWO_PI * pulse.frequency
    carrier_rate = envelope * (1.0 + pulse.chirp / pulse.frequency * delay)
    slope = strength / (omega * pulse.duration) * pulse_shape.gaussian_slope(delay / pulse.duration)
    frame = math.radians(pulse.rotation) / omega * envelope
    return (
        carrier_rate * c + slope * s + pulse.helicity * frame * c,
        pulse.helicity * (carrier_rate * s - slope * c) + frame * s,
    )


def _finite(name: str, value: object) -> float:
    return checked_number(value, f"The pulse's {name}", f"give {name} as a number")


def _checked_times(t: ArrayLike) -> FloatArray:
    fix = "give times in ps: one number, or a sequence of them"
    times = np.atleast_1d(checked_array(t, "The times of a field", fix))
    if times.ndim != 1:
        raise InputError("The times of a field are no sequence", found=f"shape {times.shape}", fix=fix)
    return times


def _unit_tuple(axis: ArrayLike) -> tuple[float, float, float]:
    fix = "give three finite numbers, not all zero"
    vector = checked_array(axis, "The pulse's axis", fix)
    length = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not math.isfinite(length) or length == 0.0:
        raise InputError("The pulse's axis must be a direction", found=repr(axis), fix=fix)
    if abs(length - 1.0) > 4 * np.finfo(float).eps:  # a unit vector keeps its bits
        vector = vector / length
    x, y, z = vector.tolist()
    return x, y, z


def _check_ranges(pulse: Pulse) -> None:
    demands = (
        ("amplitude", pulse.amplitude >= 0, "≥ 0 MV/cm; phase=π turns the field round"),
        ("frequency", 0 < pulse.frequency <= _LARGEST, f"in (0, {_LARGEST:g}] THz; helicity has the sense of rotation"),
        ("duration", 1 / _LARGEST <= pulse.duration <= _LARGEST, f"> 0 ps, from {1 / _LARGEST:g} to {_LARGEST:g}"),
        ("helicity", abs(pulse.helicity) <= 1, "in [−1, 1]"),
        ("transmission", pulse.transmission > 0, "> 0; 1 where amplitude is the field inside"),
        ("amplitude", math.isfinite(pulse.transmission * pulse.amplitude), "so that the field inside is finite"),
        ("chirp", abs(pulse.chirp) <= _LARGEST, f"between ±{_LARGEST:g} THz/ps"),
        ("rotation", abs(pulse.rotation) <= _LARGEST, f"between ±{_LARGEST:g} degrees/ps"),
        ("center", abs(cast(float, pulse.center)) <= _LATEST, f"between ±{_LATEST:g} ps"),
    )
    for name, good, allowed in demands:
        if not good:
            raise InputError(
                f"The pulse's {name} is out of range", found=getattr(pulse, name), fix=f"give {name} {allowed}"
            )
    known = (*pulse_shape.SHAPES, SAMPLED)
    if not isinstance(pulse.shape, str) or pulse.shape not in known:
        raise InputError(
            "The pulse has an unknown shape", found=repr(pulse.shape), fix=f"use one of: {', '.join(known)}"
        )
    _check_belongings(pulse)


def _check_belongings(pulse: Pulse) -> None:
    """What belongs to one shape only: the edge of a flat top, the samples of a sampled field."""
    if pulse.edge is not None:
        largest = pulse_shape.LARGEST_EDGE * pulse.duration
        if pulse.shape != "flat_top" or not 0 < pulse.edge <= largest:
            raise InputError(
                "The pulse's edge is out of range",
                found=f"edge {pulse.edge:g} ps of shape {pulse.shape!r}",
                fix=f'give it with shape="flat_top", > 0 and ≤ {largest:g} ps (duration/4)',
            )
    if (pulse.samples is not None) != (pulse.shape == SAMPLED):
        raise InputError(
            "The shape of a sampled pulse is sampled, and only that",
            found=f"shape {pulse.shape}, {'no ' if pulse.samples is None else ''}samples",
            fix="make it with lattice.sampled_pulse(lattice.read_samples(path)), or file = in a run file",
        )
    if pulse.samples is None:
        return
    frequency, duration, _ = carrier(pulse.samples)
    good = math.isclose(frequency, pulse.frequency, rel_tol=1e-6) and math.isclose(
        duration, pulse.duration, rel_tol=1e-6
    )
    if not good or pulse.chirp or pulse.phase:
        raise InputError(
            "A sampled pulse takes its frequency, duration, chirp and phase from the samples",
            found=f"{pulse.frequency:g} THz, {pulse.duration:g} ps, chirp {pulse.chirp:g}, phase {pulse.phase:g}",
            fix="make it with lattice.sampled_pulse",
        )


def _cos_sin_degrees(angle: float) -> tuple[float, float]:
    """Cosine and sine of an angle in degrees, exact at multiples of 90°."""
    quarter, rest = divmod(math.fmod(angle, 360.0) + 45.0, 90.0)
    r = math.radians(rest - 45.0)
    c, s = math.cos(r), math.sin(r)
    return ((c, s), (-s, c), (-c, -s), (s, -c))[int(quarter) % 4]


PULSE = argument.kind(Pulse, "a Pulse", "make one: lattice.Pulse(amplitude, frequency, duration)")
PULSES = argument.one_or_several(PULSE)
