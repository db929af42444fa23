"""The report of a run: plain numbers and sentences, as they are printed and written to JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.integrate import DIVERGED
from lattice.dynamics.ledger import channel_summary, ledger
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.pulse_samples import interpolation_error, samples_from
from lattice.observe.motion import peak_displacements, relative_displacement
from lattice.observe.multiplet_motion import (
    coordinates_of,
    is_resolved,
    longest_interval,
    multiplet_helicity,
    multiplet_peak,
    peak_angular_momentum,
)
from lattice.observe.selection import select
from lattice.observe.verdict import largest_step_error, verdict

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.anharmonic.potential import Potential

FAR = 0.1  #: of the nearest-neighbour distance: beyond it an expansion in displacements is not to be trusted
LATE = 0.25  #: durations before time 0 at which a pulse may be at 1e-4 of its peak (at the default centre: 0.08)
ROUGH = 1e-4  #: of the peak: estimated error of the interpolation of a sampled field that is told
OTHER_FREQUENCY = 0.01  #: of the frequency: a calculator that differs more is not the source of the potential
LOOSE_FORCE = 1e-3  #: eV/Å; undisplaced atoms with larger forces are not at rest
OUTSIDE_MOTION = 1e-3  #: Å, of atoms outside the coordinates of a potential
LEDGER_KEYS = (
    "channel",
    "source_hbar",
    "transferred_hbar",
    "crystal_hbar",
    "ratio",
    "crystal_per_quantum",
    "closure",
)


def run_report(run: Dataset, potential: Potential) -> dict[str, Any]:
    """Return what a run shows.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory; what needs Q, P or L is None where they were not recorded.
    potential : Potential
        That of the run; its crystal and eigenvectors give m.

    Returns
    -------
    dict
        `pulse` (its parameters, of samples only their number, peak, file and hash; a list for several), `axis`,
        `multiplets` in the order of the potential
        (see `multiplet_row`), `ledger` (see `lattice.dynamics.ledger.channel_summary`), `step_error` (None if not
        finite), `verdict` (see `lattice.observe.verdict`), `warnings` (sentences).
    """
    rows = {name: multiplet_row(run, name) for name in run["multiplet"].values.tolist()}
    summary = summary_of(run)
    pulses = [_without_numbers(pulse) for pulse in json.loads(run.attrs["pulses"])[0]]
    step_error = float(run["step_error"])
    return {
        "pulse": pulses[0] if len(pulses) == 1 else pulses,
        "axis": [float(x) + 0.0 for x in run["rotation_axis"].values],
        "multiplets": list(rows.values()),
        "ledger": {key: summary[key] for key in LEDGER_KEYS},
        "step_error": step_error if np.isfinite(step_error) else None,
        "verdict": verdict(rows, summary, select(potential, rows, summary), run),
        "warnings": cautions(run),
    }


def _without_numbers(pulse: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a pulse; of samples what names them."""
    if "samples" not in pulse:
        return pulse
    samples = samples_from(pulse["samples"])
    time, field = samples.peak
    named = {"count": len(samples.time), "peak_time": time, "peak_field": field}
    return pulse | {"samples": named | {"file": samples.file, "sha256": samples.sha256}}


def summary_of(run: Dataset) -> dict[str, Any]:
    """Return `channel_summary`; all but the closure is None where Q and P, which name the driver, were not recorded."""
    if "Q" in run and "P" in run:
        return channel_summary(run)
    closure = float(ledger(run)["closure_axial"])
    return dict.fromkeys(("driver", "receiver", *LEDGER_KEYS)) | {"closure": closure if np.isfinite(closure) else None}


def multiplet_row(run: Dataset, name: str) -> dict[str, Any]:
    """Return what one multiplet did.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    name : str
        Label of the multiplet.

    Returns
    -------
    dict
        `multiplet`, `irrep` (None if unknown), `frequency_THz`, `linewidth_THz`, `peak_L_hbar` (signed, along n̂, at its
        largest), `peak_displacement_A` (species → Å, over its atoms and all times; None without eigenvectors),
        `helicity` (in [−1, 1], + counter-clockwise about n̂; None for singlets), `spectral_peak_THz` (absolute; 0: a
        static displacement). Both are None where nothing moves and where the record does not resolve the motion.
    """
    first = int(coordinates_of(run, name)[0])
    return {
        "multiplet": name,
        "irrep": str(run["irrep"].values[first]) or None,
        "frequency_THz": float(run["frequency"].values[first]),
        "linewidth_THz": float(run["linewidth"].values[first]),
        "peak_L_hbar": peak_angular_momentum(run, name) if "L" in run else None,
        "peak_displacement_A": peak_displacements(run, name),
        "helicity": multiplet_helicity(run, name) if "Q" in run else None,
        "spectral_peak_THz": multiplet_peak(run, name) if "Q" in run else None,
    }


def cautions(run: Dataset) -> list[str]:
    """Return what makes a result less than certain: one sentence each, in the order of weight.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.

    Returns
    -------
    list of str
        A run that did not end well; a step error above 1e-5 (1e-3 in a thermal bath); a record that does not resolve
        the motion; an atom that moves more than 10 % of the distance to its nearest neighbour; a coordinate beyond the
        range in which the couplings were determined; an imaginary frequency; a pulse that is not over at the end, or
        has begun before; samples of a field too coarse for its interpolation.
    """
    found = []
    if int(run["status"]):
        found.append(f"the run did not end well: {run['message'].item()}")
    if int(run["status"]) != DIVERGED and not float(run["step_error"]) <= largest_step_error(run):
        found.append(f"the step error is {float(run['step_error']):.1e}: lower rtol")
    blurred = [n for n in run["multiplet"].values.tolist() if "Q" in run and not is_resolved(run, n)]
    if blurred:
        finest = min(longest_interval(run, name) for name in blurred)
        found.append(
            f"the record is too short or too coarse for the spectra of {', '.join(blurred)}: they need eight samples,"
            f" record.every = {0.9 * finest:.2g} ps or less"
        )
    relative = relative_displacement(run)
    if relative is not None and relative[2] > FAR:
        found.append(
            f"an atom moves by {relative[0]:.2f} Å, {100 * relative[2]:.0f} % of the distance to its nearest neighbour;"
            " an expansion in displacements is not to be trusted beyond 10 %"
        )
    return found + _calculator_and_potential(run) + _beyond_range(run) + _frequencies_and_pulses(run)


def _calculator_and_potential(run: Dataset) -> list[str]:
    """What makes a run with a calculator's forces incomparable with the potential."""
    full = json.loads(run.attrs["provenance"]).get("full_potential")
    if full is None:
        return []
    found, names = [], run["mode_multiplet"].values
    used = {name: float(run["frequency"].values[names == name][0]) for name in full["frequency_THz"]}
    away = [
        f"{name} {own:.3f} instead of {used[name]:.3f} THz"
        for name, own in full["frequency_THz"].items()
        if abs(own - used[name]) > OTHER_FREQUENCY * abs(used[name])
    ]
    if away:
        found.append(f"the calculator has other frequencies than the potential: {', '.join(away)}")
    if full["rest_force_eV_A"] > LOOSE_FORCE:
        found.append(
            f"the calculator pulls the undisplaced atoms with up to {full['rest_force_eV_A']:.2g} eV/Å; "
            "this force was taken off"
        )
    if full["outside_A"] > OUTSIDE_MOTION:
        found.append(f"atoms move by up to {full['outside_A']:.3g} Å outside the coordinates of the potential")
    return found


def _beyond_range(run: Dataset) -> list[str]:
    """One sentence with every multiplet that left the range of its couplings."""
    if "amplitude_range" not in run or "Q" not in run:
        return []
    beyond: dict[str, float] = {}
    for s, (largest, limit) in enumerate(
        zip(np.abs(run["Q"].values).max(axis=0), run["amplitude_range"].values, strict=True)
    ):
        if largest > limit:  # an unknown range is NaN and is never left
            name = str(run["mode_multiplet"].values[s])
            beyond[name] = max(beyond.get(name, 0.0), float(largest / limit))
    if not beyond:
        return []
    words = ", ".join(f"{name} by a factor {factor:.2f}" for name, factor in beyond.items())
    return [f"beyond the amplitudes at which the couplings were determined: {words}"]


def _frequencies_and_pulses(run: Dataset) -> list[str]:
    """Unstable coordinates, and pulses that are cut off."""
    found = []
    unstable = run["mode_multiplet"].values[run["frequency"].values < 0].tolist()
    if unstable:
        found.append(f"imaginary frequencies: {', '.join(dict.fromkeys(unstable))}")
    end = json.loads(run.attrs["provenance"])["parameters"]["duration_ps"]
    for i, pulse in enumerate(json.loads(run.attrs["pulses"])[0]):
        if pulse["center"] + pulse["duration"] > end:
            found.append(f"pulse {i} is not over at the end of the run: make it longer than {end:g} ps")
        if Pulse(**pulse).span()[0] < -LATE * pulse["duration"]:
            found.append(f"pulse {i} begins before time 0, and the run with its field: give a later center")
        if "samples" in pulse and (error := interpolation_error(samples_from(pulse["samples"]))) > ROUGH:
            found.append(f"the samples of pulse {i} determine its field only to {error:.1e} of its peak: sample finer")
    return found
