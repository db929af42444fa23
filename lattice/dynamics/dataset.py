"""The run as one labelled dataset that stands alone: trajectories, ledger, pulses, potential and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice._kernels import trajectory as kernel
from lattice.anharmonic.potential import Potential
from lattice.dynamics import integrate as integration
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.table import RESERVED, Table
from lattice.modes.batch import instruction_set
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    import xarray

SCHEMA = 1
AXES = ["x", "y", "z"]
Variables = dict[str, tuple[tuple[str, ...], Any, dict[str, str]]]


def run_dataset(
    potential: Potential,
    table: Table,
    pulses: Sequence[tuple[Pulse, ...]],
    times: FloatArray,
    quantities: tuple[str, ...],
    solution: integration.Solution,
    initial: tuple[FloatArray, FloatArray],
    numerics: Mapping[str, Any],
    *,
    single: bool = False,
) -> xarray.Dataset:
    """Label an integrated ensemble, or its one trajectory if `single`.

    Returns
    -------
    xarray.Dataset
        With the leading dimension ``trajectory`` (not if `single`) on everything that differs between trajectories:

        - ``Q``, ``P`` (time, mode) Å√amu, Å√amu/ps; ``L`` (time, multiplet, axis) ħ; ``E`` (time, axis) MV/cm:
          as far as recorded;
        - ``initial_Q``, ``initial_P`` (mode): the state at time 0;
        - ``L_change`` (multiplet, axis) ħ: L(duration) − L(0);
        - ``ledger`` (channel, multiplet, axis) ħ: totals over the whole run, channels ``light`` (one Q, one E),
          ``light2`` (other terms with fields), one per anharmonic channel, ``harmonic``, ``damping``, ``noise``;
        - ``energy_change`` (multiplet) eV: change of ½ Σ (P² + ω² Q²) of the multiplet over the run;
        - ``energy_ledger`` (channel, multiplet) eV: how much of it came through each channel; the row ``harmonic`` is
          0, because the restoring forces only exchange the two parts of this energy (with a calculator and velocity
          Verlet it is the error of the step in that exchange);
        - ``ledger_series`` (time, channel, multiplet, axis) ħ and ``energy_series`` (time, channel, multiplet) eV: both
          ledgers from time 0 to each recorded time, where recorded;
        - ``crystal`` (channel, axis) ħ: what the crystal takes, minus the sum over multiplets of the anharmonic and
          harmonic rows; 0 for the channels whose counterpart is the field or the bath;
        - ``status`` int (0 ok, 1 diverged, 2 step error above rtol), ``message`` its sentence, ``step`` ps (of the
          splitting the step, of the collocation the shortest window) and ``step_error`` (relative, see
          `lattice.dynamics.integrate` and `lattice.dynamics.collocate`).

        Without ``trajectory``: the potential (frequency, linewidth, eigenvectors, terms…) and the crystal, where known.
        Attribute ``provenance``: one JSON object. Attribute ``pulses``: JSON, a list of pulses for each trajectory.
    """
    import xarray

    with np.errstate(over="ignore", invalid="ignore"):  # the last numbers before a divergence
        change = table.angular_momentum(solution.Q_end, solution.P_end) - table.angular_momentum(*initial)
        energy = (table.energy(solution.Q_end, solution.P_end) - table.energy(*initial)) / units.EV
        series = _series(table, pulses, times, quantities, solution)
    booked, works = solution.ledger / units.HBAR, solution.energy / units.EV
    failed = solution.status == integration.DIVERGED
    for values in (booked, change, works, energy):
        values[failed] = np.nan
    step_error = np.where(failed, np.nan, solution.step_error)
    crystal = -booked.sum(axis=2)
    crystal[:, [i for i, row in enumerate(table.rows) if row in RESERVED and row != "harmonic"]] = 0.0
    message = np.array([integration.STATUS_TEXT[int(s)] for s in solution.status])
    variables: Variables = {
        **series,
        "initial_Q": (("trajectory", "mode"), initial[0], {"units": "Angstrom amu^(1/2)"}),
        "initial_P": (("trajectory", "mode"), initial[1], {"units": "Angstrom amu^(1/2) ps^-1"}),
        "L_change": (("trajectory", "multiplet", "axis"), change, {"units": "hbar", "long_name": "L(duration) − L(0)"}),
        "ledger": (("trajectory", "channel", "multiplet", "axis"), booked, {"units": "hbar"}),
        "energy_change": (("trajectory", "multiplet"), energy, {"units": "eV", "long_name": "½ Σ (P² + ω² Q²)"}),
        "crystal": (("trajectory", "channel", "axis"), crystal, {"units": "hbar"}),
        "status": (("trajectory",), solution.status, {"units": "1"}),
        "message": (("trajectory",), message, {"units": ""}),
        "step": (("trajectory",), solution.step, {"units": "ps"}),
        "step_error": (("trajectory",), step_error, {"units": "1"}),
    }
    if works.shape[1]:
        variables["energy_ledger"] = (("trajectory", "channel", "multiplet"), works, {"units": "eV"})
    if single:
        variables = {name: _first(*variable) for name, variable in variables.items()}
    given, names = _of_potential(potential, table.multiplets, table.rows)
    coords = {"time": ("time", times, {"units": "ps"}), **names}
    attributes = {
        "schema": SCHEMA,
        "kind": "lattice run",
        "pulses": json.dumps([[pulse.parameters() for pulse in group] for group in pulses], ensure_ascii=False),
        "provenance": json.dumps(_provenance(potential, solution, numerics), ensure_ascii=False, default=plain),
    }
    return xarray.Dataset({**variables, **given}, coords, attributes)


@lru_cache(maxsize=16)
def _of_potential(
    potential: Potential, multiplets: tuple[str, ...], rows: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables and coordinates that all runs of a potential share; kept, because indices of names are slow to make."""
    import xarray

    names = {"mode": potential.labels, "multiplet": np.array(multiplets), "channel": np.array(rows)}
    names["axis"] = np.array(AXES)
    coords = xarray.Dataset(coords={name: (name, values) for name, values in names.items()}).variables
    given = {name: xarray.Variable(*parts) for name, parts in _potential_variables(potential).items()}
    return given, {str(name): variable for name, variable in coords.items()}


def _first(
    dims: tuple[str, ...], values: Any, attributes: dict[str, str]
) -> tuple[tuple[str, ...], Any, dict[str, str]]:
    """The variable of the first trajectory."""
    return (dims[1:], values[0], attributes) if dims[0] == "trajectory" else (dims, values, attributes)


def _series(
    table: Table,
    pulses: Sequence[tuple[Pulse, ...]],
    times: FloatArray,
    quantities: tuple[str, ...],
    solution: integration.Solution,
) -> Variables:
    """Variables over time, those that were asked for."""
    out: Variables = {}
    per_mode = ("trajectory", "time", "mode")
    if "Q" in quantities:
        out["Q"] = (per_mode, solution.Q, {"units": "Angstrom amu^(1/2)"})
    if "P" in quantities:
        out["P"] = (per_mode, solution.P, {"units": "Angstrom amu^(1/2) ps^-1"})
    if "L" in quantities:
        L = table.angular_momentum(solution.Q, solution.P)
        out["L"] = (("trajectory", "time", "multiplet", "axis"), L, {"units": "hbar"})
    if "E" in quantities:
        E = np.stack([total_field(group, times) for group in pulses])
        out["E"] = (("trajectory", "time", "axis"), E, {"units": "MV/cm", "long_name": "field inside the crystal"})
    if "ledger" in quantities:
        place = ("trajectory", "time", "channel", "multiplet")
        out["ledger_series"] = ((*place, "axis"), solution.ledger_series / units.HBAR, {"units": "hbar"})
        out["energy_series"] = (place, solution.energy_series / units.EV, {"units": "eV"})
    return out


def _potential_variables(potential: Potential) -> Variables:
    """The potential and, where known, its crystal."""
    out: Variables = {
        "rotation_axis": (("axis",), potential.axis, {"units": "1", "long_name": "n̂ of helicity and L"}),
        "frequency": (("mode",), potential.frequency, {"units": "THz"}),
        "linewidth": (("mode",), potential.linewidth, {"units": "THz"}),
        "mode_multiplet": (("mode",), potential.multiplet, {"units": ""}),
        "mode_number": (("mode",), potential.mode_numbers, {"units": "1"}),
        "irrep": (("mode",), potential.irreps, {"units": ""}),
        "pair": (("mode",), potential.pair, {"units": "1", "long_name": "partner of an (x, y) pair, −1 for none"}),
        "mode_charge": (("mode", "axis"), potential.mode_charge, {"units": "e amu^(-1/2)"}),
        "angular_momentum": (("axis", "mode", "mode_partner"), potential.angular_momentum, {"units": "1"}),
        "coefficient": (("term",), potential.coefficient, {"units": "eV (Angstrom amu^(1/2))^-k (MV/cm)^-j"}),
        "mode_index": (("term", "mode_factor"), potential.mode_index, {"units": "1"}),
        "field_axis": (("term", "field_factor"), potential.field_axis, {"units": "1"}),
        "term_channel": (("term",), potential.channel, {"units": ""}),
    }
    if potential.amplitude_range is not None:
        out["amplitude_range"] = (("mode",), potential.amplitude_range, {"units": "Angstrom amu^(1/2)"})
    if potential.raman is not None:
        parts = np.stack([potential.raman.real, potential.raman.imag], axis=-1)
        out["raman"] = (("mode", "axis", "axis_column", "part"), parts, {"units": "Angstrom^-1 amu^(-1/2)"})
    if potential.eigenvectors is not None:
        out["eigenvector"] = (("mode", "atom", "axis"), potential.eigenvectors, {"units": "1"})
    if potential.crystal is not None:
        crystal = potential.crystal
        out["cell"] = (("cell_vector", "axis"), crystal.cell, {"units": "Angstrom"})
        out["position"] = (("atom", "cell_vector"), crystal.positions, {"units": "1", "long_name": "fractional"})
        out["mass"] = (("atom",), crystal.masses, {"units": "amu"})
        out["species"] = (("atom",), np.array(crystal.species), {"units": ""})
    return out


def _provenance(potential: Potential, solution: integration.Solution, numerics: Mapping[str, Any]) -> dict[str, Any]:
    """Where the numbers come from; no user, host or path of the machine."""
    import lattice

    finite = solution.step_error[np.isfinite(solution.step_error)]
    return {
        "lattice": lattice.__version__,
        "schema": SCHEMA,
        "parameters": dict(numerics),
        "step_error": float(finite.max()) if len(finite) else None,
        "integrator": integration.describe(numerics["method"], numerics["temperature_K"] > 0),
        "kernel": kernel.build_info() | {"isa": instruction_set()},
        "dependencies": dependencies(),
        "potential": dict(potential.source),
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def plain(value: object) -> object:
    """Numbers and arrays of NumPy, and read-only mappings, as JSON knows them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@cache
def dependencies() -> dict[str, str]:
    """Versions of the packages that made a result."""
    found = {}
    for name in ("numpy", "scipy", "xarray", "h5netcdf"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
