"""The table of `lattice modes` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.cli.columns import aligned, direction, number
from lattice.cli.options import VERBOSE
from lattice.units import INVERSE_CM_PER_THZ

if TYPE_CHECKING:
    from lattice.modes.modes import Modes

HEADER = ("mode", "multiplet", "irrep", "active", "ν/THz", "ν/cm⁻¹", "J·n̂/ħ", "m", "|Z⊥|", "|Z∥|")


def modes_text(table: dict[str, Any], modes: Modes, level: int) -> str:
    """Return the modes as a table, under what was loaded.

    Parameters
    ----------
    table : dict
        As from `lattice.observe.mode_table.mode_table`.
    modes : Modes
        That of the table.
    level : int
        −1 quiet, 0 normal, 1 with J as a vector and the reason for every unknown irrep.
    """
    axis = table["axis"]
    crystal = modes.crystal
    head = [
        f"{crystal.name}: {table['spacegroup']} (No. {crystal.spacegroup.number}), {crystal.n_atoms} atoms",
        *(f"  {line}" for line in crystal.found if not line.startswith("warning: ")),
        f"q = {direction(modes.qpoint.tolist())}; n̂ = {direction(axis)}, {table['rotation_order']}-fold there"
        + _phase(table)
        + (f"; m modulo {table['rotation_order']}" if table["rotation_order"] > 1 else "; no rotation, so no m"),
        "",
    ]
    rows = [HEADER, *(_row(mode, axis) for mode in table["modes"])]
    if modes.direction is not None:
        kinds = ["LO/TO", *(mode["polar"] or "" for mode in table["modes"])]
        rows = [(*row, kind) for row, kind in zip(rows, kinds, strict=True)]
    if "magnetic_moment_muN" in table["modes"][0]:
        along = ["μ/μ_N", *(direction(mode["magnetic_moment_muN"]) for mode in table["modes"])]
        rows = [(*row, words) for row, words in zip(rows, along, strict=True)]
    if level >= VERBOSE:
        vectors = ["J/ħ", *(direction(mode["J"]) for mode in table["modes"])]
        rows = [(*row, vector) for row, vector in zip(rows, vectors, strict=True)]
    tail = [
        "",
        "J: real angular momentum per phonon; m: pseudo-angular momentum; Z: mode charge in e/√amu along and ⟂ n̂",
    ]
    reasons = {m.label: m.irrep_reason for m in modes.multiplets if m.irrep is None and m.irrep_reason}
    tail += [f"irrep of {label} unknown: {reason}" for label, reason in reasons.items() if level >= VERBOSE]
    return "\n".join([*head, *aligned(rows, left=4), *tail])


def _phase(table: dict[str, Any]) -> str:
    """Say which phase of a screw's translation is split off, where there is one."""
    real, imaginary = table.get("translation_phase", (1.0, 0.0))
    degrees = np.degrees(np.arctan2(imaginary, real))
    return "" if abs(degrees) < 1e-6 else f" with the translation phase {degrees:+.3f}° split off"


def _row(mode: dict[str, Any], axis: list[float] | None) -> tuple[str, ...]:
    """One mode in words."""
    n = np.array(axis if axis is not None else (0.0, 0.0, 0.0))
    across = along = None
    if mode["mode_charge"] is not None:
        charge = np.array(mode["mode_charge"]) @ np.array([1.0, 1.0j])
        along = float(abs(charge @ n)) if axis is not None else None
        across = float(np.linalg.norm(charge - n * (charge @ n)))
    return (
        str(mode["index"]),
        mode["multiplet"],
        mode["irrep"] or "–",
        "+".join(word for word, active in (("IR", mode["ir_active"]), ("R", mode["raman_active"])) if active),
        number(mode["frequency_THz"], ".4f"),
        number(mode["frequency_THz"] * INVERSE_CM_PER_THZ, ".2f"),
        number(float(np.array(mode["J"]) @ n) if axis is not None else None, "+.4f"),
        number(mode["m"], "+.4g"),
        number(across, ".4f"),
        number(along, ".4f"),
    )
