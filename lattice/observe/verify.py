"""Independent re-computation of a run from its file alone: with SciPy and NumPy, without the kernel that made it.

Bounds. β = max(10 · max(rtol, step error), 1e-8): the accuracy that a run promises (1e-7 at the default rtol of 1e-8),
not finer than DOP853 at its tolerance of 1e-11 is trusted. Differences are relative:

- Q, P (β): to the largest of the multiplet, at least 1e-6 of the largest of the run;
- L (10 β): to the size of L, the largest Σ |Q_s M_st P_t| of a multiplet: a linear motion has size without L;
- ledger, crystal, L_change, in total and over time (10 β): to the gross transfer Σ |rows| or the size of L, whichever
  is larger; the energy ledger likewise to Σ |rows| or the largest ½ Σ (P² + ω² Q²);
- numbers of the report (10 β, times how much weaker than the rest a multiplet moves or a channel transfers);
- what stored numbers determine, as L from Q and P: round-off, 1e-12; closure 1e-9.

`VERIFIED`, `GIVEN` and `NAMED` together name every variable of a file; one that is in neither is told.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.integrate import DIVERGED, SCALE_FLOOR
from lattice.dynamics.ledger import GROSS_FLOOR, channel_summary
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.runfile import checksum, read_run
from lattice.dynamics.simulate import RTOL_RANGE
from lattice.dynamics.stored_potential import potential_of_run
from lattice.dynamics.twin import Twin, TwinBook, book_twin, integrate_twin, twin_of_run
from lattice.errors import InputError, IntegrationError, SchemaError
from lattice.observe.comparison import Check, compare, compare_number, whether
from lattice.observe.consistency import (
    ENERGY,
    ROUND_OFF,
    SIZE,
    TRANSFER,
    channels_of,
    crystal_of,
    gross_energy,
    gross_transfer,
    size_of_energy,
    size_of_L,
    stored_checks,
)
from lattice.observe.report import run_report
from lattice.observe.verdict import CLOSURE
from lattice.structure.bundled import bundled_file
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

FINEST = 1e-8  #: of β
#: Variables that are computed → the check that judges each.
VERIFIED = {
    "time": "time from the record",
    "Q": "Q",
    "P": "P",
    "L": "L",
    "E": "E from the pulses",
    "L_change": "L_change",
    "ledger": "ledger",
    "crystal": "crystal",
    "ledger_series": "ledger_series",
    "energy_change": "energy_change",
    "energy_ledger": "energy_ledger",
    "energy_series": "energy_series",
    "status": "status from the step error",
    "message": "message of the status",
    "step": "step within the recorded intervals",
    "step_error": "step error of the provenance",
    "mode_charge": "mode charge from the terms",
    "angular_momentum": "M from the eigenvectors",
}
#: Variables from which a run starts, or which describe its crystal: nothing else in the file determines them.
GIVEN = (
    frozenset(("frequency", "linewidth", "mode", "mode_multiplet", "mode_number", "irrep", "pair", "amplitude_range"))
    | frozenset(("coefficient", "mode_index", "field_axis", "term_channel", "raman"))
    | frozenset(("initial_Q", "initial_P", "rotation_axis", "axis"))
    | frozenset(("eigenvector", "cell", "position", "mass", "species"))
)
LOOSE = 1e-4  #: with a step error beyond this a comparison says little
FINITE = ("frequency", "linewidth", "coefficient", "initial_Q", "initial_P")  #: of the given ones
NAMED = frozenset(("channel", "multiplet"))  #: names that the terms and the modes fix; a run with others is refused
#: Entries of the report's rows that are given, not computed.
GIVEN_OF_ROWS = frozenset(("multiplet", "irrep", "frequency_THz", "linewidth_THz"))


def verify_run(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Compute a run again and compare.

    Parameters
    ----------
    path : path
        Written by `lattice run -o` or `save_run`.

    Returns
    -------
    dict
        `file`, `ok` (no check failed), `reintegrated` (whether the motion was computed again), `checks`: list of
        {`quantity`, `difference`, `bound`, `relative_to` (what 1 means), `ok`}, `differs` (quantities whose check
        failed), `warnings` (what could not be checked, and why). Of ensembles every trajectory is checked, its number
        before the quantity.

    Raises
    ------
    InputError
        If there is no such file.
    FormatError, SchemaError
        If it is not a run.
    """
    run, written = read_run(path)
    _check_terms(run)
    checks, warnings = _hashes(run, written)
    unknown = sorted({str(name) for name in run.variables} - set(VERIFIED) - GIVEN - NAMED)
    warnings += [f"{name} was not verified: this version does not know it" for name in unknown]
    checks.append(_step_error(run))
    checks += [whether(f"{name}: finite", bool(np.isfinite(run[name].values).all())) for name in FINITE if name in run]
    members = range(run.sizes["trajectory"]) if "trajectory" in run.dims else [None]
    reintegrated = True
    for number in members:
        one = run if number is None else run.isel(trajectory=number, drop=True)
        prefix = "" if number is None else f"{number}: "
        try:
            pulses = [Pulse(**keys) for keys in json.loads(run.attrs["pulses"])[number or 0]]
        except (InputError, TypeError, KeyError, IndexError) as error:
            checks.append(whether(f"{prefix}pulses", False))
            warnings.append(f"{prefix}the pulses of the file cannot be used: {str(error).splitlines()[0]}")
            reintegrated = False
            continue
        found = stored_checks(one, pulses, _parameters(run))
        again, said = _again(one, pulses)
        reintegrated &= not said
        warnings += [f"{prefix}{words}" for words in said]
        if float(one["step_error"]) > LOOSE:
            warnings.append(
                f"{prefix}the step error is {float(one['step_error']):.1e}: numbers were compared to ten times that"
            )
        checks += [check | {"quantity": prefix + check["quantity"]} for check in found + again]
    differs = [check["quantity"] for check in checks if not check["ok"]]
    head = {"file": Path(path).name, "ok": not differs, "reintegrated": reintegrated}
    return head | {"checks": checks, "differs": differs, "warnings": warnings}


def _check_terms(run: Dataset) -> None:
    """What the schema does not say: M is there, names and factors of terms fit, parameters are numbers."""
    bad = [] if "angular_momentum" in run else ["no angular_momentum"]
    names = {"channel": channels_of(run), "multiplet": list(dict.fromkeys(run["mode_multiplet"].values.tolist()))}
    bad += [f"{name} {run[name].values.tolist()}" for name, own in names.items() if run[name].values.tolist() != own]
    for name, end in (("mode_index", run.sizes["mode"]), ("field_axis", 3)):
        values = run[name].values
        if values.size and not -1 <= values.min() <= values.max() < end:
            bad.append(f"{name} from {values.min()} to {values.max()}")
    parameters = _parameters(run)
    low, high = RTOL_RANGE
    for name, smallest, largest in (("duration_ps", 0, math.inf), ("temperature_K", 0, math.inf), ("rtol", low, high)):
        value = parameters.get(name)
        if not isinstance(value, (int, float)) or not smallest <= value <= largest or value == math.inf:
            bad.append(f"{name} {parameters.get(name)!r}")
    kept = parameters.get("record", {"every": 1.0, "start": 0.0})  # files of version 0.1.0 may have none
    try:
        Record(kept["every"], start=kept["start"]).count(parameters["duration_ps"])
    except (InputError, TypeError, KeyError) as error:
        bad.append(f"record {kept!r}: {str(error).splitlines()[0]}")
    if bad:
        raise SchemaError("The run cannot be computed again", found=", ".join(bad), fix="run it again")


def _parameters(run: Dataset) -> dict[str, Any]:
    """Parameters of the run."""
    provenance = json.loads(run.attrs["provenance"])
    found = provenance.get("parameters") if isinstance(provenance, dict) else None
    return found if isinstance(found, dict) else {}


def _hashes(run: Dataset, written: str | None) -> tuple[list[Check], list[str]]:
    """The checksum of the file, and the bundled inputs as they are now."""
    checks, warnings = [], []
    if written is None:
        warnings.append("the file has no checksum: it was not written by this version")
    else:
        checks.append(whether("checksum of the file", written == checksum(run)))
    for name, recorded in json.loads(run.attrs["provenance"]).get("inputs", {}).items():
        source, _, file = str(name).partition("/")
        main = bundled_file(source)
        today = None if main is None or not file else main.parent / Path(file).name
        if today is None or not today.is_file():
            warnings.append(f"the input {name} is not a bundled one: its hash was not checked")
        elif _sha256(today) != recorded:
            warnings.append(f"the input {name} is not the one of today any more: running again gives another result")
        else:
            checks.append(whether(f"hash of the input {name}", True))
    return checks, warnings


def _step_error(run: Dataset) -> Check:
    """The largest step error, which the provenance repeats."""
    errors = run["step_error"].values
    largest = float(np.nanmax(errors)) if np.isfinite(errors).any() else None
    repeated = json.loads(run.attrs["provenance"]).get("step_error")
    return compare_number("step error of the provenance", largest, repeated, ROUND_OFF, 0.0)


def _hindrance(run: Dataset) -> str | None:
    """Return why the motion cannot be computed again, if so."""
    kelvin = _parameters(run)["temperature_K"]
    left = "only what stored numbers say about each other"
    if "full_potential" in json.loads(run.attrs["provenance"]):
        return f"the forces were those of a calculator: the motion was not computed again, {left}"
    if kelvin > 0:
        return (
            f"at {kelvin:g} K the random force cannot be drawn again without the kernel: motion and ledger were not "
            f"computed again, {left}"
        )
    return "the run diverged: there is no motion to compare with" if int(run["status"]) == DIVERGED else None


def _again(run: Dataset, pulses: list[Pulse]) -> tuple[list[Check], list[str]]:
    """The motion and all that follows from it, computed again; or why not."""
    parameters, hindrance = _parameters(run), _hindrance(run)
    if hindrance is not None:
        return [], [hindrance]
    initial, said = _initial(run)
    if initial is None:
        return [], said
    if not all(np.isfinite(values).all() for values in initial):
        return [whether("state at time 0", False)], [
            "the state at time 0 is not finite: there is nothing to start from"
        ]
    twin, duration = twin_of_run(run), float(parameters["duration_ps"])
    stored = run["Q"].values if "Q" in run else np.zeros(0)
    scale = float(np.abs(stored[np.isfinite(stored)]).max(initial=0.0))
    try:
        motion = integrate_twin(twin, pulses, duration, initial, scale or 1e-2)
    except IntegrationError as error:
        return [whether("motion", False)], [f"{error.what}: {error.found}"]
    booked = book_twin(twin, pulses, duration, motion, run["time"].values if "ledger_series" in run else ())
    other = _recomputed(run, twin, motion, booked, duration)
    beta = max(10.0 * max(parameters["rtol"], float(run["step_error"])), FINEST)
    return _compare(run, other, beta), []


def _initial(run: Dataset) -> tuple[tuple[FloatArray, FloatArray] | None, list[str]]:
    """State at time 0."""
    state = None
    if "initial_Q" in run and "initial_P" in run:
        state = run["initial_Q"].values, run["initial_P"].values
    elif "Q" in run and "P" in run and float(run["time"][0]) == 0.0:
        state = run["Q"].values[0], run["P"].values[0]
    if state is not None:
        return state, []
    return None, ["the file does not hold the state at time 0: the motion was not computed again"]


def _recomputed(run: Dataset, twin: Twin, motion: Any, booked: TwinBook, duration: float) -> Dataset:
    """The run with the motion and the books of the twin; what it did not record is added, but Q and P only."""
    Q, P = motion(run["time"].values)
    ends = motion([0.0, duration])
    L, energy = twin.angular_momentum(*ends), twin.energy(*ends)
    names = run["channel"].values.tolist()
    ledger = _rows(names, booked, booked.ledger)
    values = {
        "Q": Q,
        "P": P,
        "L": twin.angular_momentum(Q, P),
        "L_change": L[1] - L[0],
        "ledger": ledger,
        "crystal": crystal_of(ledger, names),
        "energy_change": energy[1] - energy[0],
        "energy_ledger": _rows(names, booked, booked.energy),
        "ledger_series": _rows(names, booked, booked.ledger_series, 1),
        "energy_series": _rows(names, booked, booked.energy_series, 1),
    }
    per_mode = {name: (("time", "mode"), values.pop(name)) for name in ("Q", "P")}
    return run.assign(per_mode | {name: (run[name].dims, new) for name, new in values.items() if name in run})


def _rows(names: list[str], booked: TwinBook, values: FloatArray, axis: int = 0) -> FloatArray:
    """Values by the twin's rows as values by the channels of the run; what no force acts through got nothing."""
    shape = list(values.shape)
    shape[axis] = len(names)
    out = np.zeros(shape)
    for i, name in enumerate(booked.names):
        if name in names:
            place: Any = (slice(None),) * axis
            out[(*place, names.index(name))] = values[(*place, i)]
    return out


def _compare(run: Dataset, other: Dataset, beta: float) -> list[Check]:
    """Stored against recomputed."""
    checks = []
    Q, P = other["Q"].values, other["P"].values
    size, energy = size_of_L(run, Q, P), size_of_energy(twin_of_run(run), Q, P)
    for name in ("Q", "P"):
        if name in run:
            scale = _multiplet_scale(run, np.abs(other[name].values).max(axis=0))
            stored, again = (data[name].values / scale for data in (run, other))
            checks.append(compare(name, stored, again, beta, "its multiplet", 1.0))
    book = TRANSFER, max(gross_transfer(run), size)
    works = ENERGY, max(gross_energy(run), energy)
    scales = {"L": (SIZE, size), **dict.fromkeys(("L_change", "ledger", "crystal", "ledger_series"), book)}
    scales |= dict.fromkeys(("energy_change", "energy_ledger", "energy_series"), works)
    for name, (words, number) in scales.items():
        if name in run:
            checks.append(compare(name, run[name].values, other[name].values, 10 * beta, words, number))
    if "Q" in run and "P" in run and "L" in run:
        checks += _report_checks(run, other, 10 * beta, size)
    return checks


def _report_checks(run: Dataset, other: Dataset, bound: float, size: float) -> list[Check]:
    """Every number of the report that is computed, and the beginning of its verdict."""
    potential = potential_of_run(run)
    stored, again = (run_report(data, potential) for data in (run, other))
    checks = []
    Q = np.abs(run["Q"].values).max(axis=0)
    for first, second in zip(stored["multiplets"], again["multiplets"], strict=True):
        label = first["multiplet"]
        moved = Q[run["mode_multiplet"].values == label].max()
        weak = max(1.0, SCALE_FLOOR * Q.max() / moved) if moved > 0 else 1.0
        pairs = {name: (first[name], second[name]) for name in first if name not in GIVEN_OF_ROWS}
        species = pairs.pop("peak_displacement_A")[0] or {}
        pairs |= {f"displacement of {a}": (u, second["peak_displacement_A"][a]) for a, u in species.items()}
        for name, (a, b) in pairs.items():
            least = {"helicity": 1.0, "peak_L_hbar": size}.get(name, GROSS_FLOOR)
            checks.append(compare_number(f"{name.removesuffix('_hbar')} of {label}", a, b, bound * weak, least))
    verdicts = [report["verdict"].split(":")[0] for report in (stored, again)]
    return [*checks, *_summary_checks(run, other, bound, size), whether("verdict", verdicts[0] == verdicts[1])]


def _summary_checks(run: Dataset, other: Dataset, bound: float, size: float) -> list[Check]:
    """The channel from driver to receiver."""
    stored, again = channel_summary(run), channel_summary(other)
    names = ("driver", "receiver", "channel")
    checks = [whether("channel of the report", all(stored[name] == again[name] for name in names))]
    gross = max(gross_transfer(run), size)
    for name in ("source_hbar", "transferred_hbar", "crystal_hbar"):
        quantity = f"{name.removesuffix('_hbar')} of {stored['channel']}"
        checks.append(compare_number(quantity, stored[name], again[name], bound, gross))
    checks.append(compare_number("closure", stored["closure"], again["closure"], CLOSURE, 1.0))
    if stored["ratio"] is None:
        return checks
    weak = gross / (abs(stored["source_hbar"]) + abs(stored["transferred_hbar"]))
    if bound * weak < 1.0:  # else the transfer is not known, and the ratio of two of them means nothing
        for name in ("ratio", "crystal_per_quantum"):
            quantity = f"{name} of {stored['channel']}"
            checks.append(compare_number(quantity, stored[name], again[name], bound * max(1.0, weak), 1.0))
    return checks


def _multiplet_scale(run: Dataset, largest: FloatArray) -> FloatArray:
    """Scale of each coordinate: largest of its multiplet, at least 1e-6 of all; 1 where nothing moves."""
    names = run["mode_multiplet"].values
    scale = np.array([largest[names == name].max() for name in names])
    scale = np.maximum(scale, SCALE_FLOOR * largest.max())
    return np.where(scale > 0, scale, 1.0)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
