"""The probe pulse: its photon energy, duration, direction, and how it meets the crystal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.dynamics.pulse import Pulse
from lattice.errors import InputError
from lattice.modes.axis import checked_direction, reference_direction
from lattice.observe.jones import GEOMETRIES, Response, response
from lattice.structure import argument
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_number
from lattice.structure.symmetry import find_spacegroup

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

ComplexArray = NDArray[np.complex128]
Signal = TypeVar("Signal", FloatArray, ComplexArray)
Direction = tuple[float, float, float]
_TAIL = 1e-6  #: of the peak of the probe's intensity: where its average over time ends
_PER_WIDTH = 2.0  #: samples in a standard deviation: the sum over a Gaussian is then exact to 1e-17
_MOST_REFINED = 2**23  #: samples
_SYMPREC = 1e-4  #: Å, that of the check of a potential


@dataclass(frozen=True, slots=True)
class Probe:
    """A weak pulse that reads ε of the crystal at normal incidence.

    Attributes
    ----------
    photon_energy : float
        *eV*, > 0.
    duration : float
        FWHM of its intensity (a Gaussian), *ps*, ≥ 0; 0: instantaneous.
    direction : tuple of float or None
        k̂, Cartesian; stored as a unit vector. None: n̂ of the run.
    epsilon : complex, (3, 3) nested tuple, or None
        Relative permittivity at the photon energy, Im ≥ 0 where light is absorbed; a number stands for an isotropic
        crystal. None: unknown, 1 is taken, which leaves the scale of the angles open.
    geometry : str
        ``transmission`` (one passage, surfaces left out), ``slab`` (plate in vacuum with all its reflections) or
        ``reflection`` (from a thick crystal).
    thickness : float
        *Å*, > 0, of the part of the crystal that moves; unused in ``reflection``.
    reference : tuple of float or None
        Direction from which probe angles count, Cartesian; None: x̂ of the gauge.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    photon_energy: float = 1.55
    duration: float = 0.05
    direction: Direction | None = None
    epsilon: Any = None
    geometry: str = "transmission"
    thickness: float = 100.0
    reference: Direction | None = None

    def __post_init__(self) -> None:
        for name, least in (("photon_energy", 0.0), ("duration", -1.0), ("thickness", 0.0)):
            value = checked_number(getattr(self, name), f"The probe's {name}", f"give {name} as a number")
            if not value > least or value < 0:
                raise InputError(f"The probe's {name} is out of range", found=value, fix="give a number > 0")
            object.__setattr__(self, name, value)
        for name in ("direction", "reference"):
            if getattr(self, name) is not None:
                unit = checked_direction(getattr(self, name), f"probe's {name}")
                object.__setattr__(self, name, tuple(unit.tolist()))
        if not isinstance(self.geometry, str) or self.geometry not in GEOMETRIES:
            raise InputError("There is no such geometry of a probe", found=self.geometry, fix=f"use {_names()}")
        object.__setattr__(self, "epsilon", _checked_epsilon(self.epsilon))
        if self.geometry == "reflection" and self.epsilon is None:
            raise InputError(
                "A reflected probe needs the permittivity of the crystal",
                found="epsilon None",
                fix="give epsilon at the photon energy, e.g. (5.0 + 1.5j)**2",
            )

    def permittivity(self) -> ComplexArray:
        """Return ε ``(3, 3)``; 1 where it is unknown."""
        return np.eye(3, dtype=np.complex128) if self.epsilon is None else np.array(self.epsilon, dtype=np.complex128)

    def response(self) -> Response:
        """Return f(n) of the geometry and its derivative, see `lattice.observe.jones.response`."""
        return response(self.geometry, units.WAVENUMBER_PER_EV * self.photon_energy * self.thickness)

    def parameters(self) -> dict[str, Any]:
        """Every parameter as plain numbers and strings; ε as rows of [re, im]."""
        values: dict[str, Any] = {
            name: getattr(self, name) for name in ("photon_energy", "duration", "geometry", "thickness")
        }
        for name in ("direction", "reference"):
            values[name] = None if getattr(self, name) is None else list(getattr(self, name))
        known = None if self.epsilon is None else [[[x.real, x.imag] for x in row] for row in self.epsilon]
        return values | {"epsilon": known}


def _names() -> str:
    return ", ".join(GEOMETRIES)


def _checked_epsilon(value: Any) -> tuple[tuple[complex, ...], ...] | None:
    """Rows of a symmetric permittivity, None where it is unknown."""
    if value is None:
        return None
    fix = "give a number, or a symmetric 3×3 matrix, ≠ 0, with Im ≥ 0"
    try:
        array = np.array(value, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise InputError("The probe's epsilon is no number or matrix", found=repr(value), fix=fix) from None
    if array.ndim == 0:
        array = array * np.eye(3)
    if array.shape != (3, 3) or not np.isfinite(array).all() or np.abs(array - array.T).max() > 1e-9 * abs(array).max():
        raise InputError("The probe's epsilon cannot be used", found=repr(value), fix=fix)
    if abs(np.linalg.det(array)) < 1e-12 or np.linalg.eigvalsh(array.imag).min() < -1e-9 * abs(array).max():
        raise InputError("The probe's epsilon is singular or has gain", found=repr(value), fix=fix)
    return tuple(tuple(complex(x) for x in row) for row in array)


def probe_frame(probe: Probe, potential: Potential) -> FloatArray:
    """Return rows x̂, ŷ, k̂ ``(3, 3)``: probe angles count from x̂ towards ŷ = k̂ × x̂.

    x̂ is the probe's `reference`, else that of the gauge (the direction that the reference operation of the crystal
    leaves fixed), projected ⟂ k̂. Where there is none, or it lies along k̂, x̂ is that of a pulse along k̂: Cartesian x
    projected ⟂ k̂, y if x ∥ k̂.

    Raises
    ------
    InputError
        If `reference` lies along k̂.
    """
    k = potential.axis if probe.direction is None else np.array(probe.direction)
    wanted = gauge_direction(potential) if probe.reference is None else np.array(probe.reference)
    flat = np.zeros(3) if wanted is None else wanted - k * (wanted @ k)
    if np.linalg.norm(flat) < 1e-6:
        if probe.reference is not None:
            what = "Probe angles cannot count from the direction of the probe"
            raise InputError(what, found=probe.reference, fix="give a reference across the direction")
        flat = Pulse(1.0, 1.0, 1.0, axis=tuple(k.tolist())).polarisation_axes()[0]
    x = flat / np.linalg.norm(flat)
    return np.array([x, np.cross(k, x), k])


def gauge_direction(potential: Potential) -> FloatArray | None:
    """Return x̂ of the gauge ``(3,)``, which the reference operation leaves fixed; None without crystal or operation."""
    if potential.crystal is None:
        return None
    cell = potential.crystal.to_cell()
    found = reference_direction(find_spacegroup(cell, _SYMPREC).rotations, potential.axis, potential.crystal.cell)
    return None if found is None else found[1]


def probe_average(times: FloatArray, values: Signal, duration: float) -> tuple[FloatArray, Signal]:
    """Average a signal over the intensity of the probe: ∫ I(t' − t) s(t') dt' / ∫ I dt'.

    Parameters
    ----------
    times : ndarray
        ``(n_times,)`` *ps*, evenly spaced.
    values : ndarray
        ``(n_times, ...)`` real or complex.
    duration : float
        FWHM of the intensity, *ps*.

    Returns
    -------
    times : ndarray
        Those at which the whole probe (to 1e-6 of its peak) lies inside the record.
    values : ndarray
        The averages there. Where the record has fewer than two samples in a standard deviation of the probe, a cubic
        spline through it is sampled finer.

    Raises
    ------
    InputError
        If the record is shorter than the probe, or would need too many samples.
    """
    signal: Any = values
    if duration == 0 or len(times) < 2:
        return times, signal
    step = float(times[1] - times[0])
    sigma = duration / math.sqrt(8.0 * math.log(2.0))
    reach = sigma * math.sqrt(2.0 * math.log(1.0 / _TAIL))
    if times[-1] - times[0] < 2.0 * reach + step:
        raise InputError(
            "The record is shorter than the probe pulse",
            found=f"{times[-1] - times[0]:g} ps of record, probe of {duration:g} ps",
            fix="run longer, or give a shorter probe",
        )
    finer = max(1, math.ceil(_PER_WIDTH * step / sigma))
    if finer * len(times) > _MOST_REFINED:
        raise InputError("The probe pulse is too short for this record", found=f"{duration:g} ps", fix="give 0 ps")
    if finer > 1:
        from scipy.interpolate import CubicSpline

        fine = times[0] + step / finer * np.arange(finer * (len(times) - 1) + 1)
        signal = CubicSpline(times, signal, axis=0)(fine)
    half = math.ceil(reach * finer / step)
    weight = np.exp(-0.5 * (np.arange(-half, half + 1) * step / finer / sigma) ** 2)
    weight /= weight.sum()
    cut = math.ceil(half / finer)
    places = np.arange(cut, len(times) - cut) * finer
    total = sum(w * signal[places + offset] for w, offset in zip(weight, range(-half, half + 1), strict=True))
    return times[cut : len(times) - cut], total


PROBE = argument.kind(Probe, "a Probe", "make one: lattice.Probe()")
