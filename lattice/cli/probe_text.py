"""The report of `lattice probe` for people."""

from __future__ import annotations

import textwrap
from typing import Any

from lattice.cli.columns import aligned, direction, number

WIDTH = 110


def probe_text(report: dict[str, Any]) -> str:
    """Return the report as text; parameters as from `lattice.observe.probe_report.probe_report`."""
    probe = report["probe"]
    x, _, k = probe["frame"]
    place = "" if probe["geometry"] == "reflection" else f" of {probe['thickness']:g} Å"
    lines = [
        f"probe: {probe['photon_energy']:g} eV, {1e3 * probe['duration']:g} fs, {probe['geometry']}{place}, along "
        f"{direction(k)}; angles from x̂ = {direction(x)}",
        f"Raman tensors: {report['raman_source']}",
        "",
        *_sources(report),
        "",
    ]
    if report["multiplet"] is not None:
        gx, gy = (f"{x:.3g}" for x in report["peak_g"])
        lines += [
            f"45° and 0° give {report['multiplet']} by {report['quantity']}: peak |g_x| {gx}, |g_y| {gy} Å√amu,",
            f"line at {number(report['spectral_peak_THz'], '.3f')} THz, helicity {number(report['helicity'], '+.3f')}",
        ]
    else:
        lines.append("no pair is seen in the two channels")
    return "\n".join([*lines, *_mechanism(report["mechanism"])])


def _sources(report: dict[str, Any]) -> list[str]:
    """Peak angles by source, largest first."""
    rows = [["peak at 45° and 0°", "rotation (µrad)", "ellipticity (µrad)"]]
    both = ("peak_rotation_rad", "peak_ellipticity_rad")
    order = sorted(report["sources"], key=lambda row: -max(row[key] for key in both))
    largest = max((row[key] for row in order for key in both), default=0.0)
    rows += [
        [row["source"], *(f"{1e6 * row[key]:.4g}" for key in both)]
        for row in order
        if max(row[key] for key in both) > 1e-6 * largest
    ]
    rows.append(["all together, any angle", *(f"{1e6 * report[key]:.4g}" for key in both)])
    return aligned(rows)


def _mechanism(found: dict[str, Any] | None) -> list[str]:
    """Table of the paths and the verdict."""
    if found is None:
        return []
    rows = [["path", "share", "|g| alone (Å√amu)", "delay (ps)", "duration (ps)", "force (THz)", "late work"]]
    rows += [
        [
            name,
            number(path["share"], ".3f"),
            f"{path['peak_amplitude']:.3g}",
            number(path["delay_ps"], ".2f"),
            number(path["duration_ps"], ".2f"),
            number(path["force_THz"], ".3f"),
            number(path["late_work_share"], ".3f"),
        ]
        for name, path in found["paths"].items()
    ]
    absent = f" (not in the potential: {', '.join(found['absent'])})" if found["absent"] else ""
    legend = (
        "share: part of the motion that the force of the path makes, they add up to 1; late work: part of the path's "
        "own work that it does after the light"
    )
    return ["", *aligned(rows), *textwrap.wrap(legend, WIDTH), *textwrap.wrap(found["verdict"] + absent, WIDTH)]
