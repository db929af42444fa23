"""Independent re-computation of a run from its file alone: with SciPy and NumPy, without the kernel that made it.

Bounds. β = max(10 · max(rtol, step error), 1e-8): the accuracy that a run promises (1e-7 at the default rtol of 1e-8),
not finer than DOP853 at its tolerance of 1e-11 is trusted. Differences are relative:

- Q, P (β): to the largest of the multiplet, at least 1e-6 of the largest of the run;
- L (10 β): to the size of L, the largest Σ |Q_s M_st P_t| of a multiplet: a linear motion has size without L;
- ledger, crystal, L_change (10 β): to the gross transfer Σ |rows| or the size of L, whichever is larger;
- numbers of the report (10 β, times how much weaker than the rest a multiplet moves or a channel transfers);
- what stored numbers determine, as L from Q and P: round-off, 1e-12; closure 1e-9.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.integrate import DIVERGED, SCALE_FLOOR
from lattice.dynamics.ledger import GROSS_FLOOR, channel_summary
from lattice.dynamics.pulse import Pulse, total_field
from lattice.dynamics.runfile import checksum, read_run
from lattice.dynamics.table import DAMPING, LIGHT, LIGHT2, NOISE
from lattice.dynamics.twin import Twin, book_twin, integrate_twin, twin_of_run
from lattice.errors import InputError, IntegrationError, SchemaError
from lattice.observe.report import multiplet_row
from lattice.observe.verdict import CLOSURE
from lattice.structure.bundled import bundled_file
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from xarray import Dataset

Check = dict[str, Any]
OUTSIDE = (LIGHT, LIGHT2, DAMPING, NOISE)  #: rows whose counterpart is the field or the bath, not the crystal
SIZE, TRANSFER = "size of L", "transfer or size of L"
ITSELF = "itself"  #: of the single numbers of the report
FINEST = 1e-8  #: of β
ROUND_OFF = 1e-12  #: bound where stored numbers determine another
REPORTED = ("peak_L_hbar", "helicity", "spectral_peak_THz")


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
    members = range(run.sizes["trajectory"]) if "trajectory" in run.dims else [None]
    reintegrated = True
    for number in members:
        one = run if number is None else run.isel(trajectory=number, drop=True)
        prefix = "" if number is None else f"{number}: "
        try:
            pulses = [Pulse(**keys) for keys in json.loads(run.attrs["pulses"])[number or 0]]
        except (InputError, TypeError, KeyError, IndexError) as error:
            checks.append(_verdict(f"{prefix}pulses", False))
            warnings.append(f"{prefix}the pulses of the file cannot be used: {str(error).splitlines()[0]}")
            reintegrated = False
            continue
        found = _stored(one, pulses)
        again, said = _again(one, pulses)
        reintegrated &= not said
        warnings += [f"{prefix}{words}" for words in said]
        checks += [check | {"quantity": prefix + check["quantity"]} for check in found + again]
    differs = [check["quantity"] for check in checks if not check["ok"]]
    head = {"file": Path(path).name, "ok": not differs, "reintegrated": reintegrated}
    return head | {"checks": checks, "differs": differs, "warnings": warnings}


def _check_terms(run: Dataset) -> None:
    """What the schema does not say: the matrix of L is there, factors of terms exist, parameters are numbers."""
    bad = [] if "angular_momentum" in run else ["no angular_momentum"]
    for name, end in (("mode_index", run.sizes["mode"]), ("field_axis", 3)):
        values = run[name].values
        if values.size and not -1 <= values.min() <= values.max() < end:
            bad.append(f"{name} from {values.min()} to {values.max()}")
    parameters = _parameters(run)
    for name in ("duration_ps", "temperature_K", "rtol"):
        if not isinstance(parameters.get(name), (int, float)) or not 0 <= parameters[name] < math.inf:
            bad.append(f"{name} {parameters.get(name)!r}")
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
        checks.append(_verdict("checksum of the file", written == checksum(run)))
    for name, recorded in json.loads(run.attrs["provenance"]).get("inputs", {}).items():
        source, _, file = str(name).partition("/")
        main = bundled_file(source)
        today = None if main is None or not file else main.parent / Path(file).name
        if today is None or not today.is_file():
            warnings.append(f"the input {name} is not at hand: its hash was not checked")
        elif _sha256(today) != recorded:
            warnings.append(f"the input {name} is not the one of today any more: running again gives another result")
        else:
            checks.append(_verdict(f"hash of the input {name}", True))
    return checks, warnings


def _stored(run: Dataset, pulses: list[Pulse]) -> list[Check]:
    """What stored numbers say about each other."""
    twin, checks = twin_of_run(run), []
    rows, change = run["ledger"].values, run["L_change"].values
    size = _size(run, run["Q"].values, run["P"].values) if "Q" in run and "P" in run else 0.0
    gross = max(_gross(run), size)
    if "E" in run:
        E = total_field(tuple(pulses), run["time"].values)
        checks.append(_check("E from the pulses", run["E"].values, E, ROUND_OFF, "largest |E|"))
    if all(name in run for name in ("Q", "P", "L")):
        L = twin.angular_momentum(run["Q"].values, run["P"].values)
        checks.append(_check("L from Q and P", run["L"].values, L, ROUND_OFF, SIZE, size))
    names = run["channel"].values.tolist()
    crystal = -rows.sum(axis=1)
    crystal[[name in OUTSIDE for name in names]] = 0.0
    checks.append(_check("crystal from the ledger", run["crystal"].values, crystal, ROUND_OFF, TRANSFER, gross))
    checks.append(_check("closure of the ledger", change, rows.sum(axis=0), CLOSURE, TRANSFER, gross))
    linear = _mode_charge(run)
    checks.append(_check("mode charge from the terms", run["mode_charge"].values, linear, ROUND_OFF, "largest charge"))
    if "eigenvector" in run:
        e = run["eigenvector"].values
        M = np.stack([np.cross(a, b).sum(axis=-2) for a in e for b in [e]]).transpose(2, 0, 1)
        checks.append(_check("M from the eigenvectors", run["angular_momentum"].values, M, ROUND_OFF, "1", 1.0))
    return checks


def _again(run: Dataset, pulses: list[Pulse]) -> tuple[list[Check], list[str]]:
    """The motion and all that follows from it, computed again; or why not."""
    parameters = _parameters(run)
    if "full_potential" in json.loads(run.attrs["provenance"]):
        return [], [
            "the forces were those of a calculator: the motion was not computed again, only what stored numbers say "
            "about each other"
        ]
    if parameters["temperature_K"] > 0:
        return [], [
            f"at {parameters['temperature_K']:g} K the random force cannot be drawn again without the kernel: motion "
            "and ledger were not computed again, only what stored numbers say about each other"
        ]
    if int(run["status"]) == DIVERGED:
        return [], ["the run diverged: there is no motion to compare with"]
    initial, said = _initial(run)
    if initial is None:
        return [], said
    twin, duration = twin_of_run(run), float(parameters["duration_ps"])
    scale = float(np.abs(run["Q"].values).max()) if "Q" in run else 0.0
    try:
        motion = integrate_twin(twin, pulses, duration, initial, scale or 1e-2)
    except IntegrationError as error:
        return [_verdict("motion", False)], [f"{error.what}: {error.found}"]
    booked = book_twin(twin, pulses, duration, motion)
    other = _recomputed(run, twin, motion, booked, duration)
    beta = max(10.0 * max(parameters["rtol"], float(run["step_error"])), FINEST)
    return _compare(run, other, beta), []


def _initial(run: Dataset) -> tuple[tuple[FloatArray, FloatArray] | None, list[str]]:
    """State at time 0."""
    if "initial_Q" in run and "initial_P" in run:
        return (run["initial_Q"].values, run["initial_P"].values), []
    if "Q" in run and "P" in run and float(run["time"][0]) == 0.0:
        return (run["Q"].values[0], run["P"].values[0]), []
    return None, ["the file does not hold the state at time 0: the motion was not computed again"]


def _recomputed(
    run: Dataset, twin: Twin, motion: Any, booked: dict[str, FloatArray], duration: float
) -> dict[str, Any]:
    """The run with the motion and the book of the twin."""
    Q, P = motion(run["time"].values)
    ends = twin.angular_momentum(*motion([0.0, duration]))
    names = run["channel"].values.tolist()
    nothing = np.zeros_like(run["L_change"].values)
    ledger = np.stack([booked.get(name, nothing) for name in names])
    crystal = -ledger.sum(axis=1)
    crystal[[name in OUTSIDE for name in names]] = 0.0
    values = {"Q": Q, "P": P, "L": twin.angular_momentum(Q, P), "ledger": ledger, "crystal": crystal}
    values["L_change"] = ends[1] - ends[0]
    kept = {name: (run[name].dims, new, run[name].attrs) for name, new in values.items() if name in run}
    return {"run": run.assign(kept), **values}


def _compare(run: Dataset, other: dict[str, Any], beta: float) -> list[Check]:
    """Stored against recomputed."""
    checks = []
    size = _size(run, other["Q"], other["P"])
    for name in ("Q", "P"):
        if name in run:
            scale = _multiplet_scale(run, np.abs(other[name]).max(axis=0))
            checks.append(_check(name, run[name].values / scale, other[name] / scale, beta, "its multiplet", 1.0))
    if "L" in run:
        checks.append(_check("L", run["L"].values, other["L"], 10 * beta, SIZE, size))
    for name in ("L_change", "ledger", "crystal"):
        checks.append(_check(name, run[name].values, other[name], 10 * beta, TRANSFER, max(_gross(run), size)))
    if "Q" in run and "P" in run and "L" in run:
        checks += _report_checks(run, other["run"], 10 * beta, size)
    return checks


def _report_checks(run: Dataset, other: Dataset, bound: float, size: float) -> list[Check]:
    """Numbers of the report of each multiplet, and of the channel from driver to receiver."""
    checks = []
    Q = np.abs(run["Q"].values).max(axis=0)
    for label in run["multiplet"].values.tolist():
        moved = Q[run["mode_multiplet"].values == label].max()
        weak = max(1.0, SCALE_FLOOR * Q.max() / moved) if moved > 0 else 1.0
        first, second = multiplet_row(run, label), multiplet_row(other, label)
        species = first["peak_displacement_A"] or {}
        pairs = {name: (first[name], second[name]) for name in REPORTED}
        pairs |= {f"displacement of {a}": (u, second["peak_displacement_A"][a]) for a, u in species.items()}
        for name, (a, b) in pairs.items():
            least = {"helicity": 1.0, "peak_L_hbar": size}.get(name, GROSS_FLOOR)
            checks.append(_number(f"{name.removesuffix('_hbar')} of {label}", a, b, bound * weak, least))
    stored, again = channel_summary(run), channel_summary(other)
    if stored["ratio"] is None:
        return checks
    through = abs(stored["source_hbar"]) + abs(stored["transferred_hbar"])
    weak = max(_gross(run), size) / through
    if bound * weak < 1.0:  # else the transfer is not known, and the ratio of two of them means nothing
        for name in ("ratio", "crystal_per_quantum"):
            quantity = f"{name} of {stored['channel']}"
            checks.append(_number(quantity, stored[name], again[name], bound * max(1.0, weak), 1.0))
    return checks


def _number(quantity: str, stored: float | None, again: float | None, bound: float, least: float) -> Check:
    """Compare two plain numbers, relative to the larger or to `least`; None agrees with None only."""
    if stored is None or again is None:
        return _verdict(quantity, stored is again) | {"relative_to": ITSELF}
    return _check(quantity, stored, again, bound, ITSELF, max(abs(stored), abs(again), least))


def _check(quantity: str, stored: Any, again: Any, bound: float, relative_to: str, scale: float | None = None) -> Check:
    """Compare two arrays; a number that is not finite, as after a divergence, agrees only with the same."""
    a, b = np.asarray(stored, dtype=float), np.asarray(again, dtype=float)
    size = float(np.nanmax(np.abs(b), initial=0.0)) if scale is None else scale
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.abs(np.where(same, 0.0, a) - np.where(same, 0.0, b))
    largest = float(gap.max(initial=0.0))
    difference = largest / size if size > 0 else (0.0 if largest == 0 else math.inf)
    finite = math.isfinite(difference)
    return {
        "quantity": quantity,
        "difference": difference if finite else None,
        "bound": bound,
        "relative_to": relative_to,
        "ok": finite and difference <= bound,
    }


def _verdict(quantity: str, ok: bool) -> Check:
    """A check that has no size."""
    return {"quantity": quantity, "difference": None, "bound": None, "relative_to": None, "ok": ok}


def _gross(run: Dataset) -> float:
    """Σ |rows| along the axis where it is largest, at least `GROSS_FLOOR`; *ħ*."""
    return max(float(np.nan_to_num(np.abs(run["ledger"].values).sum(axis=(0, 1))).max()), GROSS_FLOOR)


def _multiplet_scale(run: Dataset, largest: FloatArray) -> FloatArray:
    """Scale of each coordinate: largest of its multiplet, at least 1e-6 of all; 1 where nothing moves."""
    names = run["mode_multiplet"].values
    scale = np.array([largest[names == name].max() for name in names])
    scale = np.maximum(scale, SCALE_FLOOR * largest.max())
    return np.where(scale > 0, scale, 1.0)


def _size(run: Dataset, Q: FloatArray, P: FloatArray) -> float:
    """Largest Σ |Q_s M_st P_t| of a multiplet over all times, *ħ*: what L would be if nothing in it cancelled."""
    twin = twin_of_run(run)
    absolute = replace(twin, matrix=np.abs(twin.matrix))
    return float(np.nanmax(absolute.angular_momentum(np.abs(Q), np.abs(P)), initial=0.0))


def _mode_charge(run: Dataset) -> FloatArray:
    """Mode charge from the terms with one Q and one E: c = −0.01 Z."""
    charge = np.zeros(run["mode_charge"].shape)
    for c, q, e in zip(run["coefficient"].values, run["mode_index"].values, run["field_axis"].values, strict=True):
        if (q >= 0).sum() == 1 and (e >= 0).sum() == 1:
            charge[q[q >= 0][0], e[e >= 0][0]] -= 100.0 * c
    return charge


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
