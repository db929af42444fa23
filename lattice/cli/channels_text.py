"""The table of `lattice channels` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.cli.columns import aligned, direction, number
from lattice.cli.options import VERBOSE

if TYPE_CHECKING:
    from lattice.modes.modes import Modes

HEADER = ("channel", "modes", "", "m", "ΔM", "J·n̂/ħ", "ΔJ", "sum/THz", "difference/THz")
ROWS = 40  #: lines without -v


def channels_text(table: dict[str, Any], modes: Modes, level: int) -> str:
    """Return the channels as a table.

    Parameters
    ----------
    table : dict
        As from `lattice.observe.channel_table.channel_table`.
    modes : Modes
        What the indices count.
    level : int
        0: the channels nearest to resonance; 1: all of them.
    """
    found = table["channels"]
    shown = found if level >= VERBOSE else found[:ROWS]
    n = table["rotation_order"]
    known = not np.isnan(modes.frequency).any()
    head = [
        f"{modes.crystal.name}: {table['spacegroup']} (No. {modes.crystal.spacegroup.number}); "
        f"n̂ = {direction(table['axis'])}" + (f", m modulo {n}" if n > 1 else ", no rotation, so no m"),
        f"{len(found)} channels of order {table['order']} {_where(table)} are allowed by symmetry"
        + (f"; the {len(shown)} nearest to resonance (-v: all):" if len(shown) < len(found) else ":"),
        *([] if known else ["no force constants: displacement patterns stand in for modes, frequencies are unknown"]),
        "",
    ]
    tail = [
        "",
        "U: rotational Umklapp, ΔM ≠ 0; R: the output's J is opposite to that of its inputs without Umklapp;",
        "IR: light drives all inputs; Ra: the output is Raman active. ΔJ: real angular momentum that the crystal takes",
    ]
    sized = "forbidden_max" in table
    if sized:
        tail += [
            "",
            "|Φ|: coupling in eV/(Å√amu)³; what symmetry forbids is "
            f"{table['forbidden_max']:.1e} at most, order of indices {table['permutation_defect']:.1e}, "
            f"sum rule {table['sum_rule_defect']:.1e}",
        ]
    rows = [(*_row(channel), *_size(channel)) for channel in shown]
    return "\n".join([*head, *aligned([HEADER + (("|Φ|",) if sized else ()), *rows], left=3), *tail])


def _size(channel: dict[str, Any]) -> tuple[str, ...]:
    """The coupling of a channel where it is known."""
    return (f"{abs(complex(*channel['coupling_eV'])):.3e}",) if "coupling_eV" in channel else ()


def _where(table: dict[str, Any]) -> str:
    """Say at which wave vectors the modes are."""
    if "qpoints" not in table:
        return "among optical modes at Γ"
    return "a(q) · b(q') → c(q + q') with q, q', q + q' = " + ", ".join(map(direction, table["qpoints"]))


def _row(channel: dict[str, Any]) -> tuple[str, ...]:
    """One channel in words."""
    names = [f"{label}{_turn(j)}" for label, j in zip(channel["multiplets"], channel["J"], strict=True)]
    *inputs, output = map(str, channel["modes"])
    flags = (
        ("U", channel["umklapp"]),
        ("R", channel["umklapp"] is False and reverses(channel)),
        ("IR", channel["drivable"]),
        ("Ra", channel["detectable"]),
    )
    return (
        " · ".join(names[:-1]) + " → " + names[-1],
        " ".join(inputs) + " → " + output,
        " ".join(word for word, true in flags if true),
        "–" if channel["m"] is None else " ".join(number(m, "+.4g") for m in channel["m"]),
        number(channel["delta_m"], "+.4g"),
        " ".join(number(j, "+.2f") for j in channel["J"]),
        number(channel["delta_J"], "+.2f"),
        number(channel["detuning_THz"], "+.4f"),
        number(channel["detuning_difference_THz"], "+.4f"),
    )


def _turn(j: float | None) -> str:
    """Sense of turning about n̂."""
    return "" if j is None or abs(j) < 5e-3 else "₊" if j > 0 else "₋"


def reverses(channel: dict[str, Any]) -> bool:
    """Whether all inputs turn one way and the output turns the other way."""
    *inputs, output = channel["J"]
    if None in channel["J"] or abs(output) < 5e-3:
        return False
    return all(j * output < 0 and abs(j) >= 5e-3 for j in inputs)
