"""What a probe pulse sees of a run: the rotation and ellipticity of its polarisation against time and probe angle.

To first order δε(t) = Σ_s R_s Q_s(t) + p·E(t) + K:E(t)E(t), seen through `lattice.observe.jones` and averaged over the
probe's intensity. Rotation is positive from x̂ towards ŷ = k̂ × x̂, ellipticity where the field turns counter-clockwise
about k̂; both are changes, in *rad*. For an isotropic crystal and a probe linear along p̂, with ŝ = k̂ × p̂,

    rotation + i ellipticity = g ŝ·δε·p̂,   g = i k₀d/(2n) (transmission),   1/(n(n² − 1)) (reflection),

so that a transparent crystal in transmission gives ellipticity alone. For a pair g of Bi2Se3's E_g kind, and p̂ at the
angle θ from the gauge's x̂, the signal is ∝ g_x sin 2θ + g_y cos 2θ: at 45° and 0° the two coordinates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.anharmonic.raman import raman_forms, raman_from_constants, raman_from_terms
from lattice.dynamics.ledger import channel_summary
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.stored_potential import potential_of_run
from lattice.errors import InputError
from lattice.observe.jones import jones_change, jones_matrix, small_angles, transverse, transverse_change
from lattice.observe.multiplet_motion import rotating_pair
from lattice.observe.probe import PROBE, Probe, probe_average, probe_frame
from lattice.observe.spectrum import short_time_spectrum, signed_spectrum
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, frozen_array
from lattice.structure.number import checked_array

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.anharmonic.potential import ComplexArray, Potential

SCHEMA = 1
DEFAULT_PROBE = Probe()
ANGLES = tuple(range(0, 180, 15))  #: degrees
CHANNELS = (0.0, 45.0)  #: degrees: the two probe angles that give a pair
KINDS = ("rotation", "ellipticity")
ELECTRONIC = "electronic"
FLOOR = 1e-9  #: of the larger of rotation and ellipticity: what is smaller is round-off of a zero by symmetry
PERIODS = 5.0  #: of the slowest shown coordinate in the window of the short-time spectrum


@dataclass(frozen=True, slots=True, eq=False)
class Optics:
    """What one run and probe fix: frame, permittivity and the response to each change of ε.

    Attributes
    ----------
    frame : ndarray
        ``(3, 3)`` rows x̂, ŷ, k̂.
    probe : Probe
    """

    frame: FloatArray
    probe: Probe

    def angles(self, change: ComplexArray, degrees: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return rotation and ellipticity ``(..., n_angles)`` in *rad* for changes of ε ``(..., 3, 3)``."""
        epsilon, function = self.probe.permittivity(), self.probe.response()
        square = transverse(epsilon, self.frame)
        polarisation = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
        before = polarisation @ jones_matrix(square, function).T
        moved = jones_change(square, transverse_change(epsilon, change, self.frame), function)
        return small_angles(before, np.einsum("...ab,tb->...ta", moved, polarisation))


@argument.takes(probe=PROBE, multiplet=argument.optional(argument.text), window=argument.optional(argument.number))
def kerr(
    run: Dataset,
    probe: Probe = DEFAULT_PROBE,
    *,
    raman: ArrayLike | Mapping[str, complex] | None = None,
    pockels: ArrayLike | None = None,
    kerr: ArrayLike | None = None,
    angles: ArrayLike = ANGLES,
    multiplet: str | None = None,
    window: float | None = None,
) -> Dataset:
    """Compute what a probe pulse sees of a run.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q.
    probe : Probe
        Photon energy, duration, direction, permittivity, geometry.
    raman : array_like, mapping or None
        ``(n, 3, 3)`` ∂ε/∂Q in *1/(Å√amu)*; or names of forms (`lattice.anharmonic.raman.raman_forms`) → constants.
        None: the tensors of the run's potential; else those that its terms Q E E stand for; else every allowed form
        with the constant 1, which leaves the scale open and says so in the warnings.
    pockels, kerr : array_like, optional
        ``(3, 3, 3)`` *(MV/cm)⁻¹* and ``(3, 3, 3, 3)`` *(MV/cm)⁻²*: the instantaneous electronic part of δε, see
        `lattice.anharmonic.field_forms`.
    angles : array_like
        ``(n_angles,)`` probe angles θ in *degrees* from x̂ towards ŷ (`lattice.observe.probe.probe_frame`).
    multiplet : str, optional
        The pair whose (g_x, g_y) the two channels are taken for; default: the receiver of the run, else the pair that
        is seen most.
    window : float, optional
        FWHM of the window of the short-time spectrum, *ps*; default: five periods of the multiplet.

    Returns
    -------
    xarray.Dataset
        - ``rotation``, ``ellipticity`` (time, angle) *rad*, at the times at which the probe lies inside the record;
        - ``source_rotation``, ``source_ellipticity`` (source, time, channel) *rad*: the part of each multiplet and of
          the electronic background, at the probe angles 0° and 45° (channel);
        - ``response`` (mode, angle, kind) *rad/(Å√amu)*: rotation and ellipticity of each coordinate;
        - ``g`` (time, partner) *Å√amu*: the apparent coordinates of `multiplet` from the two channels, as if it alone
          were seen, with the stronger of rotation and ellipticity (attribute ``quantity``); its signed ``power``
          (frequency) and ``map_power`` (centre, map_frequency), *Å² amu ps²*. Missing where no pair is seen.

        Attributes ``probe``, ``raman_source``, ``warnings`` (JSON) and ``multiplet``.

    Raises
    ------
    InputError
        The run has no Q or is an ensemble, a tensor has the wrong shape, a name is unknown, or the record is shorter
        than the probe.
    """
    _check(run)
    potential = potential_of_run(run)
    tensors, source, warnings = _raman(potential, raman)
    if probe.epsilon is None:
        warnings.append("the permittivity at the photon energy is not known: 1 is taken, and the scale is open")
    optics = Optics(probe_frame(probe, potential), probe)
    degrees = np.atleast_1d(checked_array(angles, "The angles", "give degrees").ravel())
    background = _background(run, pockels, kerr)
    times, out = _signals(run, potential, optics, tensors, background, degrees)
    parts = np.stack([out[f"source_{name}"][1] for name in KINDS], axis=-1)
    chosen, quantity = _pair(run, potential, multiplet, parts), None
    found = None if chosen is None else _coordinates(optics, tensors, rotating_pair(run, chosen), parts.sum(axis=0))
    if found is None and multiplet is not None:
        raise InputError(
            f"The two channels do not tell the coordinates of {multiplet} apart",
            found="Raman tensors without the components that this probe sees",
            fix="choose another direction of the probe or another multiplet",
        )
    if found is not None:
        g, quantity = found
        frequency = float(run["frequency"].values[run["mode_multiplet"].values == chosen][0])
        out |= _spectra(times, g, frequency, window)
    return _labelled(out, run, times, degrees, background is not None).assign_attrs(
        kind="lattice probe",
        schema=SCHEMA,
        probe=json.dumps(probe.parameters() | {"frame": optics.frame.tolist()}),
        raman_source=source,
        multiplet=chosen if quantity else "",
        quantity=quantity or "",
        warnings=json.dumps(warnings, ensure_ascii=False),
    )


def _signals(
    run: Dataset,
    potential: Potential,
    optics: Optics,
    tensors: ComplexArray,
    background: ComplexArray | None,
    degrees: FloatArray,
) -> tuple[FloatArray, dict[str, Any]]:
    """Times, and the variables of rotation and ellipticity: all together, by source, and per coordinate."""
    channels = np.array(CHANNELS)
    times, Q = probe_average(run["time"].values, run["Q"].values, optics.probe.duration)
    responses = np.stack(optics.angles(tensors, degrees), axis=-1)
    totals = np.einsum("ts,sak->tak", Q, responses)
    by_source = _by_source(potential, Q, np.stack(optics.angles(tensors, channels), axis=-1))
    if background is not None:
        _, smooth = probe_average(run["time"].values, background, optics.probe.duration)
        totals = totals + np.stack(optics.angles(smooth, degrees), axis=-1)
        by_source = [*by_source, np.stack(optics.angles(smooth, channels), axis=-1)]
    parts = np.stack(by_source)
    out: dict[str, Any] = {"response": (("mode", "angle", "kind"), responses, {"units": "rad Angstrom^-1 amu^(-1/2)"})}
    for k, name in enumerate(KINDS):
        out[name] = (("time", "angle"), totals[..., k], {"units": "rad"})
        out[f"source_{name}"] = (("source", "time", "channel"), parts[..., k], {"units": "rad"})
    return times, out


def _check(run: Dataset) -> None:
    """Refuse what is not one trajectory with Q."""
    if getattr(run, "attrs", {}).get("kind") != "lattice run" or "trajectory" in run.dims:
        raise InputError(
            "A probe looks at one trajectory",
            found=f"{type(run).__name__} with dimensions {dict(getattr(run, 'sizes', {}))}",
            fix="give a run of `lattice.simulate`, or run.isel(trajectory=0) of an ensemble",
        )
    if "Q" not in run or not np.isfinite(run["Q"].values).all():
        raise InputError(
            "A probe needs the motion of the modes",
            found="no Q, or a run that diverged",
            fix='record quantities = ["Q", "P", "L", "E"]',
        )


def _raman(potential: Potential, given: Any) -> tuple[ComplexArray, str, list[str]]:
    """Raman tensors, where they come from, and what is to be said about them."""
    if isinstance(given, Mapping):
        return raman_from_constants(potential, given), "constants given", []
    if given is not None:
        array = frozen_array(given, np.complex128)
        if array.shape != (potential.n_modes, 3, 3) or not np.isfinite(array).all():
            raise InputError(
                "The Raman tensors do not fit the run",
                found=f"shape {array.shape}",
                fix=f"give finite numbers ({potential.n_modes}, 3, 3)",
            )
        return array, "tensors given", []
    if potential.raman is not None:
        return np.asarray(potential.raman), "potential", []
    terms = raman_from_terms(potential)
    if terms is not None:
        return terms, "terms Q E E of the potential", []
    free = [form.name for form in raman_forms(potential)]
    words = (
        f"no Raman tensors are known: the constants {', '.join(free)} are all taken as 1 1/(Å√amu), the scale is open"
    )
    return raman_from_constants(potential, dict.fromkeys(free, 1.0)), "forms allowed by symmetry", [words]


def _background(run: Dataset, pockels: ArrayLike | None, kerr: ArrayLike | None) -> ComplexArray | None:
    """Instantaneous δε(t) ``(n_times, 3, 3)`` of the field of the run's pulses."""
    total: ComplexArray | None = None
    if pockels is None and kerr is None:
        return None
    E = _field(run)
    for name, given, rank in (("pockels", pockels, 3), ("kerr", kerr, 4)):
        if given is None:
            continue
        tensor = frozen_array(given, np.complex128)
        if tensor.shape != (3,) * rank or np.abs(tensor - tensor.swapaxes(0, 1)).max() > 1e-9 * np.abs(tensor).max():
            raise InputError(
                f"The {name} tensor cannot be used",
                found=f"shape {tensor.shape}",
                fix=f"give {(3,) * rank}, symmetric in the first two indices",
            )
        part = np.einsum("ijk,tk->tij", tensor, E) if rank == 3 else np.einsum("ijkl,tk,tl->tij", tensor, E, E)
        total = part if total is None else total + part
    return total


def _field(run: Dataset) -> FloatArray:
    """Field of the run at the recorded times ``(n_times, 3)``, recorded or from its pulses."""
    if "E" in run:
        return np.asarray(run["E"].values)
    groups = json.loads(run.attrs["pulses"])
    if len(groups) != 1:
        raise InputError(
            "The electronic background needs the field of this trajectory",
            found="one of an ensemble, without E",
            fix='record quantities = ["Q", "E"]',
        )
    return total_field(tuple(Pulse(**pulse) for pulse in groups[0]), run["time"].values)


def _by_source(potential: Potential, Q: FloatArray, responses: FloatArray) -> list[FloatArray]:
    """Signals of each multiplet ``(n_times, n_channels, 2)``."""
    rows = [potential.multiplet == name for name in potential.multiplets]
    return [np.einsum("ts,sak->tak", Q[:, chosen], responses[chosen]) for chosen in rows]


def _pair(run: Dataset, potential: Potential, multiplet: str | None, parts: FloatArray) -> str | None:
    """The pair that is reported: the one asked for, else the receiver, else the one that is seen most."""
    names = list(potential.multiplets)
    if multiplet is not None:
        if rotating_pair(run, multiplet) is None:
            raise InputError("A singlet has no (g_x, g_y)", found=multiplet, fix="name a pair, or leave it out")
        return multiplet
    size = np.abs(parts[: len(names)]).max(axis=(1, 2, 3))
    receiver = channel_summary(run)["receiver"] if "P" in run else None
    seen = [n for n, s in zip(names, size, strict=True) if rotating_pair(run, n) is not None and s > FLOOR * size.max()]
    if receiver in seen:
        return str(receiver)
    return max(seen, key=lambda name: float(size[names.index(name)]), default=None)


def _coordinates(
    optics: Optics, tensors: ComplexArray, pair: tuple[int, int] | None, signals: FloatArray
) -> tuple[FloatArray, str] | None:
    """Invert the two channels ``(n_times, 2, 2)`` for a pair, with the quantity that shows it better."""
    assert pair is not None
    responses = np.stack(optics.angles(tensors[list(pair)], np.array(CHANNELS)), axis=-1)  # (partner, channel, kind)
    sizes = [float(np.linalg.svd(responses[..., k], compute_uv=False)[-1]) for k in (0, 1)]
    best = int(np.argmax(sizes))
    if sizes[best] <= FLOOR * float(np.abs(responses).max(initial=0.0)) or sizes[best] == 0:
        return None
    g = np.linalg.solve(responses[..., best].T, signals[..., best].T).T
    return np.asarray(g, dtype=np.float64), KINDS[best]


def _spectra(times: FloatArray, g: FloatArray, frequency: float, window: float | None) -> dict[str, Any]:
    """Apparent coordinates and their signed spectra."""
    unit = {"units": "Angstrom^2 amu ps^2"}
    nu, power = signed_spectrum(times, g[:, 0], g[:, 1])
    length, step = float(times[-1] - times[0]), float(times[1] - times[0])
    width = min(max(PERIODS / abs(frequency), 4.0 * step), length) if window is None else window
    centre, map_nu, map_power = short_time_spectrum(times, g[:, 0], g[:, 1], window=width)
    return {
        "g": (("time", "partner"), g, {"units": "Angstrom amu^(1/2)"}),
        "frequency": ("frequency", nu, {"units": "THz", "long_name": "positive: counter-clockwise about n̂"}),
        "power": ("frequency", power, unit),
        "centre": ("centre", centre, {"units": "ps"}),
        "map_frequency": ("map_frequency", map_nu, {"units": "THz"}),
        "map_power": (("centre", "map_frequency"), map_power, unit | {"window_ps": width}),
        "partner": ("partner", np.array(["x", "y"])),
    }


def _labelled(out: dict[str, Any], run: Dataset, times: FloatArray, degrees: FloatArray, electronic: bool) -> Dataset:
    """Dataset with its coordinates."""
    import xarray

    names = [*dict.fromkeys(run["mode_multiplet"].values.tolist()), *([ELECTRONIC] if electronic else [])]
    coords = {
        "time": ("time", times, {"units": "ps"}),
        "angle": ("angle", degrees, {"units": "degree"}),
        "channel": ("channel", np.array(CHANNELS), {"units": "degree"}),
        "source": ("source", np.array(names)),
        "mode": ("mode", run["mode"].values),
        "kind": ("kind", np.array(KINDS)),
    }
    return xarray.Dataset(out, coords)
