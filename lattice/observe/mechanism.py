"""Which path drives a Raman mode: phononic (through other modes), photonic (Q E E) or mixed (Q Q E).

Three-fold pattern and reversal of the sense are the same for all three. What tells them apart is when the force acts:
the photonic force ∝ E E and the mixed one ∝ E u end with the light, the phononic one ∝ u u goes on while u rings. So
the energy that the mode receives after the light has gone, which its motion alone shows, is the observable:

    late work = W(end) − W(off) + Γ ∫_off^end P² dt,   W = ½ Σ (P² + ω² Q²) of the mode.

The share of a path is decided by the equation of motion: g̈ + Γġ + ω²g = F is linear in the force, so g is the sum of
the responses g_p to the force of each path along the recorded motion, and the share of p is ⟨g_p, g⟩/⟨g, g⟩.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice.anharmonic.paths import PATHS, path_of_terms
from lattice.dynamics.ledger import channel_summary
from lattice.errors import InputError
from lattice.observe.multiplet_motion import coordinates_of, rotating_pair
from lattice.observe.spectrum import MIN_SAMPLES, helicity, signed_spectrum, spectral_peak
from lattice.observe.term_forces import term_forces
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

DARK = 1e-2  #: of the peak |E|: the light has gone when it is and stays below
LATE = 0.02  #: of the peak energy: late work that is not to be mistaken for the tail of the pulse
CLOSURE = 1e-2  #: residual beyond which the shares do not explain the motion
_NODES = 4  #: Gauss nodes in a recording interval
_WIDTH = math.sqrt(8.0 * math.log(2.0))  #: FWHM of a Gaussian over its standard deviation
_NEEDED = ("Q", "P", "E")


def mechanism(run: Dataset, multiplet: str | None = None) -> dict[str, Any]:
    """Return the shares of the paths that drive one multiplet, and the observable that tells them apart.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q, P and E, recorded from time 0.
    multiplet : str, optional
        The driven mode; default: the receiver at twice the frequency of the infrared mode that light drives.

    Returns
    -------
    dict
        - `multiplet`;
        - `paths`: name → {`share` (sums to 1; None where nothing moves), `peak_amplitude` (Å√amu, of its response
          alone), `peak_force` (Å√amu/ps²), `delay_ps` (mean time of F² after that of E⁴), `duration_ps` (FWHM of the
          Gaussian with the spread of F²), `force_THz` (absolute peak of its spectrum), `force_helicity`,
          `late_work_share` (part of its work done after the light)}, for each path with terms for the multiplet;
        - `absent`: paths for which the potential has no term: unknown, not zero;
        - `light_off_ps`: |E| is below 1 % of its peak from here on; `late_drive` = late work of the motion alone /
          largest energy of the multiplet; None where the light is not over or nothing moves;
        - `residual`: rms of what the responses leave unexplained, relative to g (noise of a bath, or a coarse record);
        - `verdict`: one sentence.

    Raises
    ------
    InputError
        If a quantity was not recorded from time 0, there is no receiver, or the label is unknown.
    """
    _check(run)
    name = _chosen(run, multiplet)
    rows = coordinates_of(run, name)
    times, Q, P = run["time"].values, run["Q"].values[:, rows], run["P"].values[:, rows]
    kinds = path_of_terms(run["mode_index"].values, run["field_axis"].values)
    forces = term_forces(run, np.array([PATHS.index(kind) for kind in kinds.tolist()], dtype=np.int64), len(PATHS))
    present = [p for p in PATHS if (np.isin(run["mode_index"].values[kinds == p], rows)).any()]
    omega = units.TWO_PI * float(run["frequency"].values[rows[0]])
    gamma = units.TWO_PI * float(run["linewidth"].values[rows[0]])
    driven = {p: _response(times, forces[PATHS.index(p)][:, rows], omega, gamma) for p in present}
    free = _response(times, np.zeros_like(Q), omega, gamma, Q[0], P[0])
    total = np.sum([*driven.values(), np.zeros_like(Q)], axis=0)
    size = float((total**2).sum())
    off = _light_off(run)
    E = run["E"].values
    paths = {
        p: {"share": float((g * total).sum() / size) if size > 0 else None, "peak_amplitude": _peak(g)}
        | _force_facts(run, name, forces[PATHS.index(p)][:, rows], P, off, _mean_time(times, (E**2).sum(axis=1) ** 2))
        for p, g in driven.items()
    }
    left = float(np.sqrt(((Q - free - total) ** 2).sum()))
    scale = float(np.sqrt((Q**2).sum()))
    result = {
        "multiplet": name,
        "paths": paths,
        "absent": [p for p in PATHS[:3] if p not in present],
        "light_off_ps": off,
        "late_drive": late_drive(times, Q, P, omega, gamma, off),
        "residual": left / scale if scale > 0 else None,
    }
    return result | {"verdict": _verdict(result)}


def late_drive(
    times: FloatArray, Q: FloatArray, P: FloatArray, omega: float, gamma: float, off: float | None
) -> float | None:
    """Return the energy that a multiplet receives after the light, relative to its largest energy.

    Parameters
    ----------
    times : ndarray
        ``(n_times,)`` *ps*, evenly spaced.
    Q, P : ndarray
        ``(n_times, k)`` of its coordinates.
    omega, gamma : float
        *rad/ps* and *1/ps*.
    off : float or None
        Time from which there is no light, *ps*.

    Returns
    -------
    float or None
        (W(end) − W(off) + Γ ∫ P² dt)/max W; 0 for any force that ends with the light; None where nothing moves or the
        light is not over.
    """
    energy = 0.5 * (P**2 + omega * abs(omega) * Q**2).sum(axis=1)
    if off is None or not energy.max() > 0:
        return None
    from scipy.interpolate import CubicSpline

    start = int(np.searchsorted(times, off))
    if start > len(times) - 2:
        return None
    lost = float(CubicSpline(times, gamma * (P**2).sum(axis=1)).integrate(times[start], times[-1]))
    return float((energy[-1] - energy[start] + lost) / energy.max())


def _check(run: Dataset) -> None:
    """Refuse what does not hold the motion from its beginning."""
    if getattr(run, "attrs", {}).get("kind") != "lattice run" or "trajectory" in run.dims:
        raise InputError("The mechanism is that of one trajectory", found=type(run).__name__, fix="give one run")
    missing = [name for name in _NEEDED if name not in run]
    if missing or run["time"].values[0] != 0 or len(run["time"]) < MIN_SAMPLES:
        raise InputError(
            "The mechanism needs the motion from its beginning",
            found=f"no {', '.join(missing)}"
            if missing
            else f"{len(run['time'])} times from {run['time'].values[0]:g} ps",
            fix='record start = 0 and quantities = ["Q", "P", "L", "E"]',
        )
    if not np.isfinite(run["Q"].values).all():
        raise InputError("A run that diverged has no mechanism", found=run["message"].item(), fix="take another run")


def _chosen(run: Dataset, multiplet: str | None) -> str:
    """The multiplet asked for, or the receiver of the run."""
    name = channel_summary(run)["receiver"] if multiplet is None else multiplet
    if name is None:
        raise InputError(
            "The run has no receiver at twice the driven frequency",
            found="no cubic channel from the driven multiplet",
            fix=f"name a multiplet: {', '.join(run['multiplet'].values.tolist())}",
        )
    return str(name)


def _response(
    times: FloatArray,
    force: FloatArray,
    omega: float,
    gamma: float,
    Q0: FloatArray | None = None,
    P0: FloatArray | None = None,
) -> FloatArray:
    """Solve g̈ + Γġ + ω²g = F for recorded forces ``(n_times, k)`` from rest or (Q0, P0).

    Between recorded times the force is a quintic spline and the oscillator is moved exactly.
    """
    from scipy.interpolate import make_interp_spline
    from scipy.linalg import expm

    step = float(times[1] - times[0])
    motion = np.array([[0.0, 1.0], [-omega * abs(omega), -gamma]])
    whole = expm(motion * step)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    kick = np.zeros((len(times) - 1, 2, force.shape[1]))
    spline = make_interp_spline(times, force, k=5)
    for node, weight in zip(0.5 * (nodes + 1.0), weights, strict=True):
        part = expm(motion * step * (1.0 - node))[:, 1] * (0.5 * weight * step)
        kick += part[:, None] * spline(times[:-1] + node * step)[:, None, :]
    state = np.zeros((2, force.shape[1]))
    if Q0 is not None and P0 is not None:
        state = np.stack([Q0, P0])
    out = np.empty(force.shape)
    out[0] = state[0]
    for i, push in enumerate(kick):
        state = whole @ state + push
        out[i + 1] = state[0]
    return out


def _force_facts(
    run: Dataset, name: str, force: FloatArray, P: FloatArray, off: float | None, light: float | None
) -> dict[str, Any]:
    """Size, timing and spectrum of the force of one path ``(n_times, k)``."""
    times, square = run["time"].values, (force**2).sum(axis=1)
    mean = _mean_time(times, square)
    spread = None if mean is None else math.sqrt(float(((times - mean) ** 2 * square).sum() / square.sum()))
    members = coordinates_of(run, name).tolist()
    pair = rotating_pair(run, name)
    x, y = (0, None) if pair is None else (members.index(pair[0]), members.index(pair[1]))
    spectrum = signed_spectrum(times, force[:, x], None if y is None else force[:, y])
    work = (force * P).sum(axis=1)
    late = None if off is None else float(work[times >= off].sum())
    all_work = float(work.sum())
    return {
        "peak_force": _peak(force),
        "delay_ps": None if mean is None or light is None else mean - light,
        "duration_ps": None if spread is None else _WIDTH * spread,
        "force_THz": spectral_peak(*spectrum),
        "force_helicity": None if y is None else helicity(*spectrum),
        "late_work_share": None if late is None or not abs(all_work) > 0 else late / all_work,
    }


def _mean_time(times: FloatArray, weight: FloatArray) -> float | None:
    """Mean time under a weight, None where it vanishes."""
    total = float(weight.sum())
    return float((times * weight).sum() / total) if total > 0 else None


def _peak(values: FloatArray) -> float:
    """Largest length of a vector over time."""
    return float(np.sqrt((values**2).sum(axis=1)).max())


def _light_off(run: Dataset) -> float | None:
    """Time from which |E| stays below `DARK` of its peak; None where there is no light or it is not over."""
    size = np.linalg.norm(run["E"].values, axis=1)
    if not size.max() > 0:
        return None
    last = int(np.flatnonzero(size > DARK * size.max())[-1])
    return float(run["time"].values[last + 1]) if last + 1 < len(size) - 1 else None


def _verdict(found: dict[str, Any]) -> str:
    """One sentence on the strongest path and on what the motion alone says."""
    shares = {name: path["share"] for name, path in found["paths"].items() if path["share"] is not None}
    if not shares:
        return f"{found['multiplet']} is driven by nothing"
    first = max(shares, key=lambda name: abs(shares[name]))
    words = f"{found['multiplet']} is driven by the {first} path, share {shares[first]:.3f}"
    if found["residual"] is not None and found["residual"] > CLOSURE:
        return words + f"; but {100 * found['residual']:.0f} % of its motion is not explained by the recorded forces"
    late = found["late_drive"]
    if late is None:
        return words + "; the run ends with the light, so the motion alone does not tell the paths apart"
    if abs(late) > LATE:
        return words + f"; it exchanges {100 * late:+.0f} % of its peak energy after the light: that is phononic"
    return words + f"; it exchanges {100 * late:+.1f} % of its peak energy after the light: no sign of a phononic path"
