"""The reports of `lattice bands` and `lattice mesh` for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from lattice.cli.columns import aligned, direction, number
from lattice.cli.options import VERBOSE

HEADER = ("point", "q", "n", "ν lowest/THz", "ν highest/THz", "largest |J|/ħ", "largest |J·n̂|/ħ", "m")


def bands_text(table: dict[str, Any], level: int) -> str:
    """Return the corners of a path as a table, with level 1 all its points, and where J is largest."""
    corners = [point for point in table["points"] if point["label"] is not None]
    shown = [p for i, p in enumerate(corners) if i == 0 or p["label"] != corners[i - 1]["label"]]
    if level >= VERBOSE:
        shown = table["points"]
    return "\n".join(
        [
            f"{table['crystal']}: {table['spacegroup']}, {len(table['points'])} points, {_long_range(table)}",
            f"n̂ = {direction(table['axis'])}; n: order of the rotation about it that leaves q invariant, at Γ "
            "the direction of the path too",
            "",
            *aligned([HEADER, *(_corner(point, table["axis"]) for point in shown)], left=2),
            "",
            _largest(table),
        ]
    )


def mesh_text(table: dict[str, Any]) -> str:
    """Return what a mesh holds in a few lines."""
    lowest, highest = table["frequency_THz"]
    mesh = " × ".join(map(str, table["mesh"]))
    return "\n".join(
        [
            f"{table['crystal']}: {table['spacegroup']}, {_long_range(table)}",
            f"mesh {mesh}: {table['points']} points, {table['irreducible_points']} of them solved, "
            "the others by the point group and time reversal",
            f"frequencies {number(lowest, '.4f')} to {number(highest, '.4f')} THz",
            _largest(table),
            f"total J: null ({table['total_J_reason']})",
        ]
    )


def _long_range(table: dict[str, Any]) -> str:
    words = {"none": "no dipole–dipole part", "gonze-lee": "dipole–dipole part of Gonze and Lee"}
    return words[table["long_range"]]


def _largest(table: dict[str, Any]) -> str:
    """Where the angular momentum is largest."""
    where = table["largest_J"]
    size = float(np.linalg.norm(where["J"]))
    towards = "" if where["towards"] is None else f" (approached along the path to {direction(where['towards'])})"
    return (
        f"largest |J| = {size:.4f} ħ at q = {direction(where['q'])}{towards}, mode {where['mode']}, "
        f"{where['frequency_THz']:.4f} THz: J = {direction(where['J'])}"
    )


def _corner(point: dict[str, Any], axis: list[float] | None) -> tuple[str, ...]:
    """One corner in words."""
    J = np.array([mode["J"] for mode in point["modes"]])
    frequencies = [mode["frequency_THz"] for mode in point["modes"]]
    found = sorted({mode["m"] for mode in point["modes"] if mode["m"] is not None})
    return (
        point["label"] or "",
        direction(point["q"]),
        str(point["rotation_order"]),
        number(min(frequencies), ".4f"),
        number(max(frequencies), ".4f"),
        number(float(np.linalg.norm(J, axis=1).max()), ".4f"),
        number(None if axis is None else float(np.abs(J @ np.array(axis)).max()), ".4f"),
        " ".join(f"{m:+.3g}" if m else "0" for m in found) or "–",
    )
