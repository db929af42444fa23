"""The light pulse: a Gaussian envelope on a carrier with any polarisation in the plane ⟂ its axis.

E(t) = transmission · amplitude · g(t) · [x̂ cos(2πν(t − center) + phase) + helicity · ŷ sin(2πν(t − center) + phase)],
g(t) = exp(−2 ln2 (t − center)² / duration²). The intensity ∝ g² falls to one half at |t − center| = duration/2, so
`duration` is the FWHM of the intensity, and `amplitude` is the peak of the envelope of |E|. Helicity +1 turns
counter-clockwise seen from the tip of `axis`, −1 clockwise; |helicity| < 1 is an ellipse, 0 is linear along x̂.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.dynamics.table import checked_potential
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array, checked_number

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

CENTER_IN_DURATIONS = 2.5  #: default centre: the envelope starts at exp(−2 ln2 · 6.25) = 1.7e-4 of its peak
MAIN_AMPLITUDE = 0.3  #: MV/cm, field of the main job
MAIN_DURATION = 1.0  #: ps, duration of the main job
_LARGEST = 1e9  #: of frequency, duration and its inverse in THz and ps: no light in a crystal is near it
_LATEST = 1e12  #: ps, of center
_PARALLEL = 1e-6  #: sine below which two directions count as parallel


def _gaussian(s: FloatArray) -> FloatArray:
    """Envelope at s = (t − center)/duration: intensity FWHM 1."""
    return np.exp(-2.0 * math.log(2.0) * s * s)


_ENVELOPES: dict[str, Callable[[FloatArray], FloatArray]] = {"gaussian": _gaussian}


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
        Time of the envelope's peak, *ps*. None: 2.5 · duration.
    axis : tuple of float or None
        Propagation axis, Cartesian; stored as a unit vector. None: the potential's n̂ in `simulate`, z in `field`.
    shape : str
        Name of the envelope; known: ``gaussian``.
    transmission : float
        Field inside the crystal / field given, > 0. 1 where `amplitude` is the field inside; for a field measured
        outside give the Fresnel factor of the surface, e.g. 2/(1 + n) at normal incidence on index n.

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

    def __post_init__(self) -> None:
        for name in ("amplitude", "frequency", "duration", "helicity", "angle", "phase", "transmission"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        if self.center is None:
            object.__setattr__(self, "center", CENTER_IN_DURATIONS * self.duration)
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
        envelope = self.transmission * self.amplitude * _ENVELOPES[self.shape](delay / self.duration)
        angle = units.TWO_PI * self.frequency * delay + self.phase
        return (envelope * np.cos(angle))[:, None] * x + (self.helicity * envelope * np.sin(angle))[:, None] * y

    def polarisation_axes(self) -> tuple[FloatArray, FloatArray]:
        """Unit vectors x̂ (Cartesian x projected ⟂ axis, y if x ∥ axis, turned by `angle`), ŷ = n̂ × x̂; ``(3,)`` each."""
        n = np.array((0.0, 0.0, 1.0) if self.axis is None else self.axis)
        for start in np.eye(3)[:2]:
            x = start - n * (n @ start)
            if np.linalg.norm(x) > _PARALLEL:
                break
        x /= np.linalg.norm(x)
        x -= n * (n @ x)  # again: the first projection left round-off / sine where x is nearly parallel to the axis
        x /= np.linalg.norm(x)
        # Right angles are exact, so that a field along a mirror or two-fold direction has no component off it.
        c, s = _cos_sin_degrees(self.angle)
        x = c * x + s * np.cross(n, x)
        return x, np.cross(n, x)

    def about(self, axis: ArrayLike) -> Pulse:
        """Return the pulse with `axis` filled in where it was None; `axis` is ``(3,)``."""
        return self if self.axis is not None else replace(self, axis=_unit_tuple(axis))

    def parameters(self) -> dict[str, Any]:
        """Every parameter under its own name, as plain numbers and strings."""
        values = asdict(self)
        values["axis"] = None if self.axis is None else list(self.axis)
        return values


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
        ("center", abs(cast(float, pulse.center)) <= _LATEST, f"between ±{_LATEST:g} ps"),
    )
    for name, good, allowed in demands:
        if not good:
            raise InputError(
                f"The pulse's {name} is out of range", found=getattr(pulse, name), fix=f"give {name} {allowed}"
            )
    if not isinstance(pulse.shape, str) or pulse.shape not in _ENVELOPES:
        raise InputError(
            "The pulse has an unknown shape",
            found=repr(pulse.shape),
            fix=f"use one of: {', '.join(sorted(_ENVELOPES))}",
        )


def _cos_sin_degrees(angle: float) -> tuple[float, float]:
    """Cosine and sine of an angle in degrees, exact at multiples of 90°."""
    quarter, rest = divmod(math.fmod(angle, 360.0) + 45.0, 90.0)
    r = math.radians(rest - 45.0)
    c, s = math.cos(r), math.sin(r)
    return ((c, s), (-s, c), (-c, -s), (s, -c))[int(quarter) % 4]
