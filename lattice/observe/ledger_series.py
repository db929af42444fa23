"""The ledger against time, from the recorded motion: a second road to the book that the integrator keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice import units
from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.dynamics.table import DAMPING, HARMONIC, LIGHT, LIGHT2, NOISE
from lattice.observe.multiplet_motion import along_axis
from lattice.observe.term_forces import term_forces
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    from xarray import Dataset

AGREEMENT = 1e-2  #: of the gross transfer: how far the series may end from the book and still be shown


def ledger_series(run: Dataset) -> FloatArray | None:
    """Return what each multiplet had received through each channel up to each recorded time, along n̂.

    The torque of channel c on multiplet a is τ_a = ½ Σ_{s∈a} [Q_s (M F)_s + (Q M)_s F_s] with F = −∂V_c/∂Q, for damping
    F = −Γ P, for the row ``harmonic`` F = −ω² Q. It is integrated over the recorded times with a cubic spline, so it is
    as good as the record is dense.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.

    Returns
    -------
    ndarray or None
        ``(n_times, n_channels, n_multiplets)`` *ħ per cell*, 0 at the first recorded time. None where it cannot be had:
        Q, P or E was not recorded from t = 0 to the end, the path is one in a thermal bath, or the record is so coarse
        that an entry misses the integrator's book by more than 1 % of the gross transfer.
    """
    if any(name not in run for name in ("Q", "P", "E")) or len(run["time"]) < 4 or run["time"].values[0] != 0:
        return None
    book = along_axis(run, "ledger")
    channels = run["channel"].values.tolist()
    if not np.isfinite(book).all() or (NOISE in channels and np.abs(book[channels.index(NOISE)]).max() > 0):
        return None
    from scipy.interpolate import CubicSpline

    torque = _torques(run, channels) / units.HBAR
    received: FloatArray = CubicSpline(run["time"].values, torque, axis=0).antiderivative()(run["time"].values)
    gross = np.abs(book).sum()
    if np.abs(received[-1] - book).max() > AGREEMENT * gross and gross > GROSS_FLOOR:
        return None
    return received


def _torques(run: Dataset, channels: list[str]) -> FloatArray:
    """Torques along n̂, ``(n_times, n_channels, n_multiplets)`` amu Å²/ps²."""
    Q, P = run["Q"].values, run["P"].values
    matrix = np.tensordot(run["rotation_axis"].values, run["angular_momentum"].values, axes=1)
    omega = units.TWO_PI * run["frequency"].values
    member = run["mode_multiplet"].values[:, None] == run["multiplet"].values[None, :]
    arm = Q @ matrix
    forces = term_forces(run, _row_of_term(run, channels), len(channels))
    forces[channels.index(DAMPING)] = -units.TWO_PI * run["linewidth"].values * P
    forces[channels.index(HARMONIC)] = -omega * np.abs(omega) * Q
    torque = np.empty((len(Q), len(channels), member.shape[1]))
    for row, force in enumerate(forces):
        torque[:, row] = 0.5 * (Q * (force @ matrix.T) + arm * force) @ member
    return torque


def _row_of_term(run: Dataset, channels: list[str]) -> IntArray:
    """Row of the ledger of each term."""
    n_q, n_e = ((run[name].values >= 0).sum(axis=1) for name in ("mode_index", "field_axis"))
    names = np.where(n_e == 0, run["term_channel"].values, np.where((n_q == 1) & (n_e == 1), LIGHT, LIGHT2))
    return np.array([channels.index(name) for name in names.tolist()], dtype=np.int64)
