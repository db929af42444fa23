"""The report of `lattice run` for people: at most 25 lines."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.cli.book_text import along_xyz
from lattice.cli.colour import paint
from lattice.cli.columns import aligned, direction, number, row_of_numbers
from lattice.cli.options import VERBOSE
from lattice.dynamics.full_motion import EXCHANGE
from lattice.observe.book import ledger_report
from lattice.observe.motion import relative_displacement
from lattice.observe.multiplet_motion import along_axis, by_response
from lattice.observe.report import summary_of

if TYPE_CHECKING:
    from xarray import Dataset

WIDTH = 110
SHOWN_PULSES = 2
SHOWN_MULTIPLETS = 8  #: of more, the seven that respond most and one line for the others


def run_text(report: dict[str, Any], run: Dataset, level: int) -> str:
    """Return the report as text.

    Parameters
    ----------
    report : dict
        As from `lattice.observe.report.run_report`.
    run : xarray.Dataset
        The trajectory.
    level : int
        −1 quiet, 0 normal, 1 with every multiplet and every channel along x, y and z.
    """
    summary = summary_of(run)
    order = by_response(run) if "Q" in run and "P" in run else run["multiplet"].values.tolist()
    blocks = [
        _head(report, run),
        _multiplets(report, order, level),
        _ledger(run, summary, order),
        _end(report, run, summary),
    ]
    if level >= VERBOSE:
        blocks.append(["", *along_xyz(ledger_report(run)["rows"])])
    return (
        "\n\n".join("\n".join(block) for block in blocks[:3]) + "\n" + "\n".join(line for b in blocks[3:] for line in b)
    )


def _head(report: dict[str, Any], run: Dataset) -> list[str]:
    """What was loaded, the light, the run."""
    provenance = json.loads(run.attrs["provenance"])
    source, parameters = provenance["potential"], provenance["parameters"]
    lines = [
        f"{source.get('file', 'potential')}: {run.sizes['mode']} coordinates in {run.sizes['multiplet']} multiplets, "
        f"{run.sizes['term']} terms; frequencies {source.get('frequencies', 'as given')}; symmetry "
        f"{source.get('symmetry', 'not checked')}"
    ]
    pulses = report["pulse"] if isinstance(report["pulse"], list) else [report["pulse"]]
    lines += [_light(pulse) for pulse in pulses[:SHOWN_PULSES]]
    if len(pulses) > SHOWN_PULSES:
        lines[-1] += f"; and {len(pulses) - SHOWN_PULSES} more pulses"
    lines.append(
        f"run: {parameters['duration_ps']:g} ps at {parameters['temperature_K']:g} K in steps of "
        f"{1e3 * float(run['step']):.3g} fs, step error {number(report['step_error'], '.1e')}, ledger closes to "
        f"{number(report['ledger']['closure'], '.1e')}; n̂ = {direction(report['axis'])}, + is counter-clockwise"
    )
    full = provenance.get("full_potential")
    if full is not None:
        cells = "×".join(map(str, full["supercell"]))
        lines.append(f"forces by {full['calculator'].split()[0]}: {full['force_calls']} calls, {cells} cells")
    return lines


def _light(pulse: dict[str, Any]) -> str:
    """One line on one pulse."""
    field = "MV/cm inside" if pulse["transmission"] == 1 else f"MV/cm outside × {pulse['transmission']:g}"
    form = "" if pulse["shape"] == "gaussian" else f"{pulse['shape']}, "
    sense = f"helicity {pulse['helicity']:+g}"
    if "samples" in pulse:
        sense = f"E_y × {pulse['helicity']:+g}"
        form = f"{pulse['samples']['count']} samples of {pulse['samples']['file'] or 'a field'}, "
    turns = "".join(
        f"{name} {pulse[name]:+g} {unit}, " for name, unit in (("chirp", "THz/ps"), ("rotation", "°/ps")) if pulse[name]
    )
    return (
        f"light: {form}{pulse['amplitude']:g} {field}, {pulse['frequency']:g} THz, "
        f"{pulse['duration']:g} ps (FWHM of intensity), {sense}, {turns}"
        f"angle {pulse['angle']:g}°, peak at {pulse['center']:g} ps, along {direction(pulse['axis'])}"
    )


def _multiplets(report: dict[str, Any], order: list[str], level: int) -> list[str]:
    """What each multiplet did; the driven and the responding one first."""
    rows = {row["multiplet"]: row for row in report["multiplets"]}
    shown = order if len(order) <= SHOWN_MULTIPLETS or level >= VERBOSE else order[: SHOWN_MULTIPLETS - 1]
    species = list(next(iter(rows.values()))["peak_displacement_A"] or ())
    header = ("multiplet", "ν/THz", "FWHM/THz", *(f"{name}/Å" for name in species), "peak L/ħ", "helicity", "line/THz")
    table = [header]
    for name in shown:
        row = rows[name]
        table.append((
            name,
            number(row["frequency_THz"], ".3f"),
            number(row["linewidth_THz"], ".3f"),
            *(number(row["peak_displacement_A"][key], ".5f") for key in species),
            number(row["peak_L_hbar"], "+.5f"),
            number(row["helicity"], "+.4f"),
            number(row["spectral_peak_THz"], ".3f"),
        ))  # fmt: skip
    lines = aligned(table)
    if len(shown) < len(order):
        lines.append(f"and {len(order) - len(shown)} multiplets that move less (-v shows them)")
    return lines


def _ledger(run: Dataset, summary: dict[str, Any], order: list[str]) -> list[str]:
    """Light, exchange, damping: who received what along n̂."""
    channels, names = run["channel"].values.tolist(), run["multiplet"].values.tolist()
    table, crystal = along_axis(run, "ledger"), along_axis(run, "crystal")
    hot = table[channels.index("noise")].any()
    main = [names.index(name) for name in order[:2]]
    rest = [i for i in range(len(names)) if i not in main]
    groups = {
        "light": [i for i, c in enumerate(channels) if c in {"light", "light2"}],
        "exchange": [i for i, c in enumerate(channels) if c not in {"light", "light2", "damping", "noise"}],
        f"  {summary['channel']}": [i for i, c in enumerate(channels) if c == summary["channel"]],
        "  not in the potential": [i for i, c in enumerate(channels) if c == EXCHANGE],
        "damping" if not hot else "damping + noise": [i for i, c in enumerate(channels) if c in {"damping", "noise"}],
    }
    rows = [("received along n̂ (ħ per cell)", *(names[i] for i in main), "others", "crystal")]
    for label, group in groups.items():
        if group:
            received = table[group].sum(axis=0)
            cells = [*(received[i] for i in main), received[rest].sum(), crystal[group].sum()]
            rows.append((label, *row_of_numbers([float(cell) for cell in cells])))
    return aligned(rows)


def _end(report: dict[str, Any], run: Dataset, summary: dict[str, Any]) -> list[str]:
    """The ratio per quantum, closure, the largest displacement, the verdict."""
    lines = []
    if summary["ratio"] is not None:
        sense = np.sign(summary["crystal_hbar"])
        lines.append(
            f"per quantum of {summary['receiver']}: {summary['driver']} gives {sense * summary['ratio']:+.6f} ħ, "
            f"{summary['receiver']} gets {-sense:+.0f} ħ, the crystal takes "
            f"{sense * summary['crystal_per_quantum']:+.6f} ħ"
        )
    relative = relative_displacement(run)
    if relative is not None:
        lines.append(
            f"largest displacement {relative[0]:.4f} Å, {100 * relative[2]:.1f} % of the distance {relative[1]:.3f} Å "
            "to the nearest neighbour"
        )
    role = "good" if report["verdict"].startswith("1 + 1 = -1: ") else "warning"
    return lines + [paint(line, role) for line in textwrap.wrap(report["verdict"], WIDTH)]
