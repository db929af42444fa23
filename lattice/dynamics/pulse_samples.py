"""A sampled field E(t): read from a text or netCDF file, interpolated so that the integrator sees a smooth function.

The samples, continued by zeros at both ends, are joined by a quintic spline (four continuous derivatives; its error
falls with the sixth power of the spacing). The field is zero further outside. How well the samples determine the field
is measured: the spline through every second sample is compared with the samples that it leaves out.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as entry
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.errors import FormatError, InputError
from lattice.structure import argument
from lattice.structure.array_file import check_array_file
from lattice.structure.crystal import FloatArray
from lattice.units import TWO_PI

LEAST = 16  #: samples; fewer describe no pulse
MOST = 1_000_000  #: samples, and no file is longer than `MAXIMUM_BYTES`
MAXIMUM_BYTES = 100_000_000
_LONGEST_LINE = 1000  # characters
NEAR_ZERO = 1e-2  #: of the peak: largest field at the first and the last sample
_ORDER = 5  # degree of the spline; an even number of derivatives is then free at both ends
_PADDING = 8  # zero samples at each end: the spline's ringing falls by 0.43 per sample
_QUIET = 1e-6  # of the largest Fourier amplitude: frequencies above which all are smaller do not limit the step


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A field in the plane ⟂ the axis of its pulse.

    Attributes
    ----------
    time : ndarray
        ``(n,)`` *ps*, ascending.
    field : ndarray
        ``(n, 2)`` *MV/cm*, along x̂ and ŷ of the pulse.
    file : str
        Name of the file that they come from, empty if none.

    Raises
    ------
    InputError
        If there are too few or too many samples, a number is not finite, the times do not ascend, nothing is larger
        than 0, or the field at one end is more than 1 % of its peak.
    """

    time: FloatArray
    field: FloatArray
    file: str = ""
    _spline: Any = entry(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        time, values = _checked(self.time, self.field)
        time.flags.writeable = values.flags.writeable = False
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "field", values)
        object.__setattr__(self, "file", str(self.file))
        object.__setattr__(self, "_spline", _spline(time, values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Samples) and (self.sha256, self.file) == (other.sha256, other.file)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def at(self, t: FloatArray) -> FloatArray:
        """Return the field at `t` ``(n_times,)`` *ps*: ``(n_times, 2)`` *MV/cm*, zero outside."""
        inside = (t >= self._spline.t[0]) & (t <= self._spline.t[-1])
        out = np.zeros((len(t), 2))
        out[inside] = self._spline(t[inside])
        return out

    @property
    def sha256(self) -> str:
        """Hash of times and fields as little-endian doubles, time first."""
        return hashlib.sha256(self.time.astype("<f8").tobytes() + self.field.astype("<f8").tobytes()).hexdigest()

    @property
    def peak(self) -> tuple[float, float]:
        """Time in *ps* and size in *MV/cm* of the largest |E| among the samples."""
        size = np.linalg.norm(self.field, axis=1)
        return float(self.time[np.argmax(size)]), float(size.max())

    def parameters(self) -> dict[str, Any]:
        """Everything as plain numbers and strings; `Samples` of these is the same."""
        return {"time": self.time.tolist(), "field": self.field.tolist(), "file": self.file, "sha256": self.sha256}


def samples_from(given: Samples | Mapping[str, Any]) -> Samples:
    """Return samples from their plain parameters, hash checked where there is one.

    Raises
    ------
    InputError
        If the parameters do not describe samples, or the hash is that of others.
    """
    if isinstance(given, Samples):
        return given
    if not isinstance(given, Mapping) or not {"time", "field"} <= set(given):
        raise InputError(
            "The pulse's samples must be Samples", found=type(given).__name__, fix="use lattice.read_samples(path)"
        )
    samples = Samples(given["time"], given["field"], given.get("file", ""))
    if given.get("sha256", samples.sha256) != samples.sha256:
        raise InputError(
            "The samples of a pulse are not those of their hash", found=samples.sha256, fix="read them from the source"
        )
    return samples


@argument.takes(path=argument.path)
def read_samples(path: str | os.PathLike[str]) -> Samples:
    """Read a sampled field.

    Parameters
    ----------
    path : path
        ``.nc``: netCDF-4 with the variables ``time`` (time) in *ps* and ``E`` (time) or (time, 2) in *MV/cm*; anything
        else: text with the columns time in *ps*, E along x̂ and, for any but linear polarisation, along ŷ in *MV/cm*,
        separated by blanks or commas, comments after ``#``.

    Returns
    -------
    Samples
        See there; times need not be even.

    Raises
    ------
    InputError
        If there is no such file, or its numbers are no pulse (see `Samples`).
    FormatError
        If it is not of this form.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("There is no such file of a sampled field", found=str(path), fix="check the path")
    if file.stat().st_size > MAXIMUM_BYTES:
        raise FormatError(
            "The sampled field is too long", found=f"{file.stat().st_size} bytes", fix="sample it coarser"
        )
    time, values = _read_netcdf(file) if file.suffix.lower() == ".nc" else _read_text(file)
    return Samples(time, values, file.name)


@lru_cache(maxsize=64)
def carrier(samples: Samples) -> tuple[float, float, float]:
    """Return what a sampled field shows: mean frequency, duration and highest angular frequency.

    Returns
    -------
    frequency : float
        *THz*, mean of |ν| over the power spectrum.
    duration : float
        *ps*, √(8 ln2) × the root-mean-square width of the intensity |E|²: the FWHM of a Gaussian.
    rate : float
        *rad/ps*, above which no Fourier amplitude is larger than 1e-6 of the largest.
    """
    step = float(np.diff(samples.time).min())
    start, end = float(samples.time[0]), float(samples.time[-1])
    n = min(math.ceil((end - start) / step) + 1, 2 * MOST)
    even = np.linspace(start - 8 * step, end + 8 * step, n + 16)
    values = samples.at(even)
    intensity = (values**2).sum(axis=1)
    centre = float((even * intensity).sum() / intensity.sum())
    width = math.sqrt(float(((even - centre) ** 2 * intensity).sum() / intensity.sum()))
    spectrum = np.sqrt((np.abs(np.fft.rfft(values, axis=0)) ** 2).sum(axis=1))
    frequency = np.fft.rfftfreq(len(even), float(even[1] - even[0]))
    highest = frequency[np.flatnonzero(spectrum > _QUIET * spectrum.max())[-1]]
    mean = float((frequency * spectrum**2).sum() / (spectrum**2).sum())
    return mean, math.sqrt(8.0 * math.log(2.0)) * width, TWO_PI * float(highest)


def interpolation_error(samples: Samples) -> float:
    """Return the estimated error of the interpolation over the peak of |E|.

    The spline through every second sample misses the samples between by some amount; with all samples the error is 2⁶
    times smaller where the field is smooth. With noise the amount itself is the noise, which no interpolation mends.
    """
    coarse = _spline(samples.time[::2], samples.field[::2])
    missed = np.linalg.norm(coarse(samples.time[1:-1:2]) - samples.field[1:-1:2], axis=1).max()
    return float(missed / samples.peak[1]) / 2**6


def _spline(time: FloatArray, values: FloatArray) -> Any:
    """Quintic spline through the samples and zeros at both ends, flat where it begins and ends."""
    from scipy.interpolate import make_interp_spline

    before = time[0] - (time[1] - time[0]) * np.arange(_PADDING, 0, -1)
    after = time[-1] + (time[-1] - time[-2]) * np.arange(1, _PADDING + 1)
    zeros = np.zeros((_PADDING, 2))
    flat = [(1, np.zeros(2)), (2, np.zeros(2))]
    times, all_values = np.concatenate([before, time, after]), np.concatenate([zeros, values, zeros])
    return make_interp_spline(times, all_values, k=_ORDER, bc_type=(flat, flat))


def _checked(time: ArrayLike, values: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Copies of times and fields, fields with two columns."""
    try:
        t, E = np.array(time, dtype=np.float64), np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("A sampled field must be numbers", found=error, fix="give times and fields") from error
    if E.ndim == 2 and E.shape[1] == 1:
        E = E[:, 0]
    if E.ndim == 1:
        E = np.stack([E, np.zeros_like(E)], axis=1)
    if t.ndim != 1 or E.shape != (len(t), 2) or not LEAST <= len(t) <= MOST:
        raise InputError(
            "A sampled field has the wrong shape",
            found=f"times {t.shape}, fields {E.shape}",
            fix=f"give {LEAST} to {MOST} times and for each the field along x̂ or along x̂ and ŷ",
        )
    if not (np.isfinite(t).all() and np.isfinite(E).all()):
        raise InputError("A sampled field is not finite", found="NaN or infinity", fix="give finite numbers")
    spacing = np.diff(t)
    if not (spacing > 0).all() or spacing.max() > 1e4 * spacing.min():
        raise InputError(
            "The times of a sampled field must ascend, without gaps",
            found=f"spacings from {spacing.min():g} to {spacing.max():g} ps",
            fix="sort the samples, drop double ones, resample long gaps",
        )
    size = np.linalg.norm(E, axis=1)
    if size.max() == 0:
        raise InputError("A sampled field is zero everywhere", found="no field", fix="give samples of a pulse")
    if max(size[0], size[-1]) > NEAR_ZERO * size.max():
        raise InputError(
            "A sampled field does not end near zero",
            found=f"|E| is {size[0] / size.max():.2g} of its peak at the first sample, "
            f"{size[-1] / size.max():.2g} at the last",
            fix=f"subtract the offset or multiply by a window: at both ends at most {NEAR_ZERO:g} of the peak",
        )
    return t, E


def _read_text(file: Path) -> tuple[FloatArray, FloatArray]:
    rows: list[list[float]] = []
    try:
        with file.open(encoding="utf-8") as lines:
            while line := lines.readline(_LONGEST_LINE + 1):
                words = line.partition("#")[0].replace(",", " ").split()
                if len(line) > _LONGEST_LINE or len(rows) > MOST:
                    raise FormatError(
                        f"{file.name} is too long for a table of a field",
                        found=f"line {len(rows) + 1} of {len(line)} characters",
                        fix=f"write at most {MOST} lines of {_LONGEST_LINE} characters",
                    )
                if words:
                    rows.append([float(word) for word in words])
        table = np.array(rows, dtype=np.float64, ndmin=2)
    except FormatError:
        raise
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{file.name} is not a table of numbers", found=error, fix="write time and field in columns"
        ) from error
    if table.shape[1] not in (2, 3):
        raise FormatError(
            f"{file.name} has the wrong number of columns", found=table.shape[1], fix="write time, E_x and perhaps E_y"
        )
    return table[:, 0], table[:, 1] if table.shape[1] == 2 else table[:, 1:]


def _read_netcdf(file: Path) -> tuple[FloatArray, FloatArray]:
    import h5netcdf

    check_array_file(file)
    try:
        with h5netcdf.File(file, "r") as data:
            for name, unit in (("time", "ps"), ("E", "MV/cm")):
                _check_variable(file.name, name, unit, data.variables)
            return np.asarray(data.variables["time"][...]), np.asarray(data.variables["E"][...])
    except FormatError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise FormatError(f"{file.name} is not a netCDF-4 file", found=error, fix="write netCDF-4 or text") from error


def _check_variable(file: str, name: str, unit: str, variables: Mapping[str, Any]) -> None:
    """Dimensions, size, type and unit of a variable, before it is read."""
    variable = variables.get(name)
    good = (
        variable is not None
        and variable.dimensions[:1] == ("time",)
        and variable.shape[0] <= MOST
        and (len(variable.shape) == 1 or (name == "E" and variable.shape[1:] in {(1,), (2,)}))
        and variable.dtype.kind in "fiu"
        and str(variable.attrs.get("units")) == unit
        and not {"scale_factor", "add_offset"} & set(variable.attrs)
    )
    if not good:
        found = "none" if variable is None else f"{variable.dimensions} {variable.shape} {dict(variable.attrs)}"
        raise FormatError(
            f"{file} lacks the variable {name} over time in {unit}",
            found=found,
            fix="write time (time) with units ps and E (time) or (time, 2) with units MV/cm, unpacked",
        )


SAMPLES = argument.kind(Samples, "a set of Samples", "read them: lattice.read_samples(path)")
