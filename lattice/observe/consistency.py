"""What the stored numbers of a run say about each other, without its motion being computed again.

All of this holds for any run: one in a bath, one with the forces of a calculator, one that diverged.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.full_motion import EXCHANGE
from lattice.dynamics.full_potential import FINEST as FINEST_FULL
from lattice.dynamics.integrate import BATH_RTOL, DIVERGED, OK, STATUS_TEXT, UNRESOLVED
from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.record import Record
from lattice.dynamics.table import DAMPING, HARMONIC, LIGHT, LIGHT2, NOISE
from lattice.dynamics.twin import Twin, twin_of_run
from lattice.observe.comparison import Check, compare, whether
from lattice.observe.verdict import CLOSURE
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

OUTSIDE = (LIGHT, LIGHT2, DAMPING, NOISE)  #: rows whose counterpart is the field or the bath, not the crystal
ROUND_OFF = 1e-12  #: bound where stored numbers determine another
SIZE, TRANSFER, ENERGY = "size of L", "transfer or size of L", "transfer or size of the energy"
_GRID = 1e-6  # of 1: how far the number of steps in an interval may be from a whole one
_END = 1e-9  # of the duration: how far the last recorded time may be from it


def stored_checks(run: Dataset, pulses: list[Pulse], parameters: dict[str, Any]) -> list[Check]:
    """Compare what is stored of one trajectory with what the rest of it says.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    pulses : list of Pulse
        Its light.
    parameters : dict
        Those of the provenance.

    Returns
    -------
    list of dict
        As from `lattice.observe.comparison.compare`.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # the last numbers before a divergence
        found = [*_table_checks(run), *_course_checks(run, parameters)]
        if "E" in run:
            E = total_field(tuple(pulses), run["time"].values)
            found.append(compare("E from the pulses", run["E"].values, E, ROUND_OFF, "largest |E|"))
        return [*found, *_book_checks(run), *_motion_checks(run, parameters)]


def _table_checks(run: Dataset) -> list[Check]:
    """What the terms and the eigenvectors determine."""
    charge = mode_charge(run)
    checks = [compare("mode charge from the terms", run["mode_charge"].values, charge, ROUND_OFF, "largest charge")]
    if "eigenvector" in run:
        e = run["eigenvector"].values
        M = np.stack([np.cross(a, b).sum(axis=-2) for a in e for b in [e]]).transpose(2, 0, 1)
        checks.append(compare("M from the eigenvectors", run["angular_momentum"].values, M, ROUND_OFF, "1", 1.0))
    return checks


def _course_checks(run: Dataset, parameters: dict[str, Any]) -> list[Check]:
    """Recorded times, steps, and what became of the run."""
    status, error, step = int(run["status"]), float(run["step_error"]), float(run["step"])
    expected = DIVERGED if math.isnan(error) else OK if error <= _error_bound(run, parameters) else UNRESOLVED
    time, end = run["time"].values, float(parameters["duration_ps"])
    checks = [
        whether("status from the step error", status == expected),
        whether("message of the status", run["message"].item() == STATUS_TEXT.get(status)),
    ]
    kept = parameters.get("record")
    if not isinstance(kept, dict):
        return checks
    record = Record(kept["every"], start=kept["start"])
    intervals = (min(record.every, end), record.every, record.start, end - float(time[-1]))
    fits = any(_is_whole(a / step) or _is_whole(step / a) for a in intervals if a > _END * end) if step > 0 else False
    checks.append(compare("time from the record", time, record.times(end), ROUND_OFF, "duration", end))
    return [*checks, whether("step within the recorded intervals", fits)]


def _is_whole(ratio: float) -> bool:
    """Whether a number is 1, 2, 3 … to rounding."""
    return ratio > 0.5 and abs(ratio - round(ratio)) <= max(_GRID, 1e-14 * ratio)


def _error_bound(run: Dataset, parameters: dict[str, Any]) -> float:
    """Step error up to which a run counts as resolved."""
    rtol = float(parameters["rtol"])
    if "full_potential" in json.loads(run.attrs["provenance"]):
        return max(rtol, FINEST_FULL)
    return max(rtol, BATH_RTOL) if parameters["temperature_K"] > 0 else rtol


def _book_checks(run: Dataset) -> list[Check]:
    """Both ledgers within themselves."""
    rows, size = run["ledger"].values, _stored_size(run)
    gross, names = max(gross_transfer(run), size), run["channel"].values.tolist()
    change = run["L_change"].values
    checks = [
        compare("crystal from the ledger", run["crystal"].values, crystal_of(rows, names), ROUND_OFF, TRANSFER, gross),
        compare("closure of the ledger", change, rows.sum(axis=0), CLOSURE, TRANSFER, gross),
    ]
    if "energy_ledger" in run and "energy_change" in run:
        works, change = run["energy_ledger"].values, run["energy_change"].values
        least = max(gross_energy(run), _stored_energy(run))
        checks.append(compare("closure of the energy ledger", change, works.sum(axis=0), CLOSURE, ENERGY, least))
    return checks


def _motion_checks(run: Dataset, parameters: dict[str, Any]) -> list[Check]:
    """L, the changes and the ledgers over time, from Q and P."""
    if "Q" not in run or "P" not in run:
        return []
    twin, (Q, P) = twin_of_run(run), (run["Q"].values, run["P"].values)
    time, checks = run["time"].values, []
    L, energy = twin.angular_momentum(Q, P), twin.energy(Q, P)
    if "L" in run:
        checks.append(compare("L from Q and P", run["L"].values, L, ROUND_OFF, SIZE, size_of_L(run, Q, P)))
    if "initial_Q" not in run or "initial_P" not in run:
        return checks
    start = run["initial_Q"].values, run["initial_P"].values
    if time[0] == 0:
        first = np.stack([Q[0], P[0]])
        checks.append(compare("state at time 0", np.stack(start), first, ROUND_OFF, "largest Q or P"))
    at_end = abs(time[-1] - parameters["duration_ps"]) <= _END * parameters["duration_ps"]
    gross = max(gross_transfer(run), _stored_size(run)), max(gross_energy(run), _stored_energy(run))
    checks += _series_checks(run, "L_change", "ledger", L - twin.angular_momentum(*start), at_end, (TRANSFER, gross[0]))
    checks += _series_checks(
        run, "energy_change", "energy_ledger", energy - twin.energy(*start), at_end, (ENERGY, gross[1])
    )
    return checks


def _series_checks(
    run: Dataset, change: str, total: str, gain: FloatArray, at_end: bool, relative: tuple[str, float]
) -> list[Check]:
    """One ledger over time, and the change over the run, against what multiplets gained up to each recorded time."""
    checks, series = [], f"{total.removesuffix('_ledger')}_series"
    if at_end and change in run:
        checks.append(compare(f"{change} from Q and P", run[change].values, gain[-1], CLOSURE, *relative))
    if series not in run:
        return checks
    kept = run[series].values
    checks.append(compare(f"closure of {series}", kept.sum(axis=1), gain, CLOSURE, *relative))
    if run["time"].values[0] == 0:
        nothing = np.where(np.isnan(kept[0]), np.nan, 0.0)
        checks.append(compare(f"begin of {series}", kept[0], nothing, ROUND_OFF, *relative))
    if at_end:
        checks.append(compare(f"end of {series}", kept[-1], run[total].values, CLOSURE, *relative))
    return checks


def channels_of(run: Dataset) -> list[str]:
    """Return the rows that the ledger of a run must have."""
    dark = run["term_channel"].values[(run["field_axis"].values < 0).all(axis=1)].tolist()
    full = [EXCHANGE] if "full_potential" in json.loads(run.attrs["provenance"]) else []
    return [LIGHT, LIGHT2, *dict.fromkeys(dark), *full, HARMONIC, DAMPING, NOISE]


def crystal_of(rows: FloatArray, names: list[str]) -> FloatArray:
    """Return what the crystal takes, ``(n_channels, 3)`` *ħ*: minus the anharmonic and harmonic rows of the ledger."""
    crystal: FloatArray = -rows.sum(axis=1)
    crystal[[name in OUTSIDE for name in names]] = 0.0
    return crystal


def gross_transfer(run: Dataset) -> float:
    """Σ |rows| along the axis where it is largest, at least `GROSS_FLOOR`; *ħ*."""
    return max(float(np.nan_to_num(np.abs(run["ledger"].values).sum(axis=(0, 1))).max()), GROSS_FLOOR)


def gross_energy(run: Dataset) -> float:
    """Σ |rows| of the energy ledger in *eV*; 0 without one."""
    return float(np.nan_to_num(np.abs(run["energy_ledger"].values).sum())) if "energy_ledger" in run else 0.0


def size_of_L(run: Dataset, Q: FloatArray, P: FloatArray) -> float:
    """Largest Σ |Q_s M_st P_t| of a multiplet over all times, *ħ*: what L would be if nothing in it cancelled."""
    twin = twin_of_run(run)
    absolute = replace(twin, matrix=np.abs(twin.matrix))
    return float(np.nanmax(absolute.angular_momentum(np.abs(Q), np.abs(P)), initial=0.0))


def size_of_energy(twin: Twin, Q: FloatArray, P: FloatArray) -> float:
    """Largest ½ Σ (P² + |ω²| Q²) of all coordinates over all times, *eV*."""
    absolute = replace(twin, omega_squared=np.abs(twin.omega_squared))
    return float(np.nanmax(absolute.energy(Q, P).sum(axis=-1), initial=0.0))


def _stored_size(run: Dataset) -> float:
    """`size_of_L` of the stored motion; 0 where it was not recorded."""
    return size_of_L(run, run["Q"].values, run["P"].values) if "Q" in run and "P" in run else 0.0


def _stored_energy(run: Dataset) -> float:
    """`size_of_energy` of the stored motion; 0 where it was not recorded."""
    return size_of_energy(twin_of_run(run), run["Q"].values, run["P"].values) if "Q" in run and "P" in run else 0.0


def mode_charge(run: Dataset) -> FloatArray:
    """Mode charge from the terms with one Q and one E: c = −0.01 Z."""
    charge = np.zeros(run["mode_charge"].shape)
    for c, q, e in zip(run["coefficient"].values, run["mode_index"].values, run["field_axis"].values, strict=True):
        if (q >= 0).sum() == 1 and (e >= 0).sum() == 1:
            charge[q[q >= 0][0], e[e >= 0][0]] -= 100.0 * c
    return charge
