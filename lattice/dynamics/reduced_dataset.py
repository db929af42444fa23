"""A reduced run as one labelled dataset: the quantities asked for, with the state of each trajectory's step control."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice.dynamics.build import build_info
from lattice.dynamics.dataset import AXES, SCHEMA, dependencies, plain
from lattice.dynamics.ensemble import Arrays, Ensemble
from lattice.dynamics.ensemble_steps import Outcome
from lattice.dynamics.integrate import DIVERGED
from lattice.dynamics.table import RESERVED
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    import xarray

_PER_MODE = ("trajectory", "mode")
_ANGULAR = ("trajectory", "multiplet", "axis")


class Collector:
    """Takes the results of the kernel chunk by chunk and keeps what was asked for, ``(n_trajectories, …)`` each."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.kept: dict[str, FloatArray] = {}

    def __call__(self, index: IntArray, found: Arrays) -> None:
        """Reduce the results of trajectories `index`."""
        with np.errstate(all="ignore"):  # the last numbers of trajectories that diverged
            reduced = {**self._motion(index, found), **self._angular(found), **self._lines(found)}
            if self.ensemble.observe.ledger:
                reduced |= self._ledger(index, found)
            if self.ensemble.observe.energy_ledger:
                reduced |= self._energy(index, found)
        bad = ~np.isfinite(found["Q_end"] + found["P_end"]).all(axis=1)
        for name, value in reduced.items():
            value[bad] = np.nan
            if name not in self.kept:
                self.kept[name] = np.empty((len(self.ensemble), *value.shape[1:]))
            self.kept[name][index] = value

    def _motion(self, index: IntArray, found: Arrays) -> Arrays:
        """Peaks, energies and signals."""
        asked, out = self.ensemble.observe.quantities, {}
        if "Q_peak" in asked:
            out["Q_peak"] = np.abs(found["Q_peak"])
        if "energy_mean" in asked:
            own = self.ensemble.changes.get("omega_squared")
            omega_squared = self.ensemble.table.omega_squared if own is None else own[index]
            out["energy_mean"] = found["P_square"] + omega_squared * found["Q_square"]
            out["energy_mean"] *= 0.5 / units.EV / len(self.ensemble.times.seen)
        if self.ensemble.observe.signals is not None:
            out["signal"] = np.ascontiguousarray(found["signal"].transpose(0, 2, 1))
        return out

    def _angular(self, found: Arrays) -> Arrays:
        """Angular momenta along x, y, z and n̂, in ħ."""
        ensemble, out = self.ensemble, {}
        asked, of = ensemble.observe.quantities, ensemble.forms.of
        for name, values in (("L_peak", found["form_peak"]), ("L_mean", found["form_sum"])):
            if name in asked:
                padded = np.concatenate([values, np.zeros((len(values), 1))], axis=1)  # −1 picks the zero
                L = padded[:, of] if name == "L_peak" else padded[:, of] / len(ensemble.times.seen)
                out[name], out[f"{name}_axial"] = L[..., :3], L[..., 3]
        if "L_final" in asked:
            L = ensemble.table.angular_momentum(found["Q_end"], found["P_end"])
            out["L_final"], out["L_final_axial"] = L, L @ ensemble.potential.axis
        return out

    def _lines(self, found: Arrays) -> Arrays:
        """Fourier amplitudes and the helicity of each pair at each line."""
        ensemble = self.ensemble
        if not len(ensemble.observe.frequencies):
            return {}
        sums = found["line_sum"]
        amplitude = sums[:, :, 0] + 1j * sums[:, :, 1]
        helicity = np.full((*amplitude.shape[:2], len(ensemble.table.multiplets)), np.nan)
        for x, y in enumerate(ensemble.potential.pair.tolist()):
            if y > x:
                # The amplitude at −ν is the conjugate of that at ν for each real coordinate.
                plus = np.abs(amplitude[..., x] + 1j * amplitude[..., y]) ** 2
                minus = np.abs(amplitude[..., x].conj() + 1j * amplitude[..., y].conj()) ** 2
                helicity[..., ensemble.table.multiplet_of[x]] = (plus - minus) / (plus + minus)
        parts = np.stack([amplitude.real, amplitude.imag], axis=-1)
        return {"amplitude": parts, "helicity": helicity}

    def _ledger(self, index: IntArray, found: Arrays) -> Arrays:
        """Rows of the ledger by multiplet, what the crystal takes, and L(duration) − L(0), in ħ."""
        ensemble, table = self.ensemble, self.ensemble.table
        booked = self._by_multiplet(found["ledger"])
        crystal = -booked.sum(axis=2)
        crystal[:, [i for i, row in enumerate(table.rows) if row in RESERVED and row != "harmonic"]] = 0.0
        change = table.angular_momentum(found["Q_end"], found["P_end"])
        change -= table.angular_momentum(ensemble.Q0[index], ensemble.P0[index])
        out = {"ledger": booked, "crystal": crystal, "L_change": change}
        if ensemble.observe.ledger_times is not None:
            out["ledger_series"] = self._by_multiplet(found["ledger_series"])
        return out

    def _by_multiplet(self, booked: FloatArray) -> FloatArray:
        """Changes of linked pairs ``(…, rows, links)`` as those of multiplets ``(…, rows, multiplets, 3)`` in ħ."""
        table = self.ensemble.table
        out = np.zeros((*booked.shape[:-1], len(table.multiplets), 3))
        for i, ends in enumerate(table.link_multiplet):
            part = booked[..., i, None] * (0.5 / units.HBAR * table.link_matrix[i])
            for a in ends:
                out[..., a, :] += part
        return out

    def _energy(self, index: IntArray, found: Arrays) -> Arrays:
        """Rows of the energy ledger by multiplet, the change of its ½ Σ (P² + ω² Q²), and how well the two agree."""
        ensemble, table = self.ensemble, self.ensemble.table
        own = ensemble.changes.get("omega_squared")
        omega_squared = table.omega_squared if own is None else own[index]
        Q, P, Q0, P0 = found["Q_end"], found["P_end"], ensemble.Q0[index], ensemble.P0[index]
        change = self._in_eV(0.5 * ((P * P + omega_squared * Q * Q) - (P0 * P0 + omega_squared * Q0 * Q0)))
        booked = self._in_eV(found["energy"])
        closure = energy_closure(booked, change)
        out = {"energy_ledger": booked, "energy_change": change, "energy_closure": closure}
        if ensemble.observe.ledger_times is not None:
            out["energy_series"] = self._in_eV(found["energy_series"])
        return out

    def _in_eV(self, energy: FloatArray) -> FloatArray:
        """Energies of coordinates ``(…, n)`` in amu Å²/ps² as those of multiplets; the same bits for any shape."""
        table = self.ensemble.table
        out = np.zeros((*energy.shape[:-1], len(table.multiplets)))
        for s, a in enumerate(table.multiplet_of):
            out[..., a] += energy[..., s]
        in_eV: FloatArray = out / units.EV
        return in_eV


def energy_closure(ledger: FloatArray, change: FloatArray) -> FloatArray:
    """Return max |ΔE − Σ rows| / Σ |rows|, ``(n,)``; NaN where nothing moves.

    Parameters
    ----------
    ledger : ndarray
        ``(n, n_channels, n_multiplets)`` eV.
    change : ndarray
        ``(n, n_multiplets)`` eV.
    """
    missed = np.abs(change - ledger.sum(axis=1)).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        closure: FloatArray = missed / np.abs(ledger).sum(axis=(1, 2))
    return closure


_VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("L_final", "L_peak", "L_mean", "L_change"), (_ANGULAR, "hbar")),
    **dict.fromkeys(("L_final_axial", "L_peak_axial", "L_mean_axial"), (_ANGULAR[:2], "hbar")),
    "Q_peak": (_PER_MODE, "Angstrom amu^(1/2)"),
    "energy_mean": (_PER_MODE, "eV"),
    "signal": (("trajectory", "signal_number", "signal_time"), "unit of the weights × Angstrom amu^(1/2)"),
    "amplitude": (("trajectory", "line", "mode", "part"), "Angstrom amu^(1/2) ps"),
    "helicity": (("trajectory", "line", "multiplet"), "1"),
    "ledger": (("trajectory", "channel", "multiplet", "axis"), "hbar"),
    "crystal": (("trajectory", "channel", "axis"), "hbar"),
    "ledger_series": (("trajectory", "time", "channel", "multiplet", "axis"), "hbar"),
    "energy_ledger": (("trajectory", "channel", "multiplet"), "eV"),
    "energy_change": (("trajectory", "multiplet"), "eV"),
    "energy_closure": (("trajectory",), "1"),
    "energy_series": (("trajectory", "time", "channel", "multiplet"), "eV"),
}


def reduced_dataset(
    ensemble: Ensemble, kept: dict[str, FloatArray], outcome: Outcome, numerics: dict[str, Any]
) -> xarray.Dataset:
    """Label the quantities of an ensemble; see `lattice.simulate_reduced` for what is in it."""
    import xarray

    table, times, observe = ensemble.table, ensemble.times, ensemble.observe
    status = outcome.status
    variables: dict[str, Any] = {
        name: (_VARIABLES[name][0], value, {"units": _VARIABLES[name][1]}) for name, value in kept.items()
    }
    variables |= {
        "status": (("trajectory",), status, {"units": "1"}),
        "step": (("trajectory",), times.interval / outcome.steps, {"units": "ps"}),
        "step_error": (
            ("trajectory",), np.where(status == DIVERGED, np.nan, outcome.step_error), {"units": "1"}
        ),
        "number": (("trajectory",), ensemble.number.astype(np.int64), {"units": "1"}),
        "rotation_axis": (("axis",), ensemble.potential.axis, {"units": "1", "long_name": "n̂ of helicity and L"}),
    }  # fmt: skip
    coords: dict[str, Any] = {
        "mode": ("mode", ensemble.potential.labels),
        "multiplet": ("multiplet", np.array(table.multiplets)),
        "axis": ("axis", np.array(AXES)),
    }
    if observe.books:
        coords["channel"] = ("channel", np.array(table.rows))
    if observe.ledger_times is not None:
        coords["time"] = ("time", observe.ledger_times, {"units": "ps"})
    if len(observe.frequencies):
        coords["line_frequency"] = ("line", observe.frequencies, {"units": "THz"})
        coords["part"] = ("part", np.array(["re", "im"]))
    if observe.signals is not None:
        asked = [times.n_intervals * times.interval] if observe.signal_times is None else observe.signal_times
        coords["signal_time"] = ("signal_time", np.asarray(asked), {"units": "ps"})
    attributes = {
        "schema": SCHEMA,
        "kind": "lattice reduced",
        "provenance": json.dumps(_provenance(ensemble, outcome, numerics), ensure_ascii=False, default=plain),
    }
    return xarray.Dataset(variables, coords, attributes)


def _provenance(ensemble: Ensemble, outcome: Outcome, numerics: dict[str, Any]) -> dict[str, Any]:
    """Where the numbers come from; no user, host or path of the machine."""
    import lattice

    measured = outcome.step_error[np.isfinite(outcome.step_error)]
    scheme = "half kick, exact Ornstein–Uhlenbeck step, half kick, order 2"
    return {
        "lattice": lattice.__version__,
        "schema": SCHEMA,
        "parameters": numerics | {"interval_ps": ensemble.times.interval},
        "step_error": float(measured.max()) if len(measured) else None,
        "step_error_measured": len(measured),
        "integrator": scheme if ensemble.bath else "Blanes–Moan SRKN14 splitting, order 6, exact damped-harmonic flow",
        "kernel": build_info(),
        "dependencies": dependencies(),
        "potential": dict(ensemble.potential.source),
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
