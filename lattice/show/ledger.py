"""Panel of the ledger: who received angular momentum, by channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.observe.multiplet_motion import along_axis
from lattice.show.style import CRYSTAL, INK, SMALL, STRONG, legend, signed, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

SHOWN = 0.01  #: of the largest entry: smaller channels are not drawn
POWERS = str.maketrans("234", "²³⁴")


def draw_ledger(ax: Axes, run: Dataset, multiplets: Sequence[str]) -> None:
    """Draw what each channel gave to one or two multiplets and to the crystal along n̂, in ħ per cell.

    Channels whose every bar is below 1 % of the largest are left out.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with its ledger.
    multiplets : sequence of str
        Their labels; a positive bar is angular momentum received, counter-clockwise about n̂.
    """
    names, channels = run["multiplet"].values.tolist(), run["channel"].values.tolist()
    table = along_axis(run, "ledger")[:, [names.index(name) for name in multiplets]]
    table = np.column_stack([table, along_axis(run, "crystal")])
    largest = np.abs(table).max()
    rows = np.flatnonzero(np.abs(table).max(axis=1) > max(SHOWN * largest, GROSS_FLOOR))
    columns = [*zip(multiplets, STRONG, strict=False), ("crystal", CRYSTAL)]
    height = 0.8 / len(columns)
    for column, (name, colour) in enumerate(columns):
        places = np.arange(len(rows)) + (column - (len(columns) - 1) / 2) * height
        bars = ax.barh(places, table[rows, column], height * 0.9, color=colour, label=name)
        words = [signed(value) if abs(value) > SHOWN * SHOWN * largest else "" for value in table[rows, column]]
        ax.bar_label(bars, words, padding=2, fontsize=SMALL - 0.5, color=INK)
    tidy(ax, "angular momentum received along n̂")
    ax.axvline(0.0, color=INK, linewidth=0.6)
    ax.set_yticks(range(len(rows)), [_words(channels[row]) for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.25)
    ax.set_xlabel("ΔL (ħ per cell)")
    if len(rows):
        legend(ax, loc="best")
    else:
        ax.text(
            0.5,
            0.5,
            "nothing was exchanged" if np.isfinite(run["ledger"].values).all() else "not known: the motion diverged",
            transform=ax.transAxes,
            ha="center",
            fontsize=SMALL,
            color=INK,
            backgroundcolor="white",
        )


def _words(channel: str) -> str:
    """Name of a channel on two lines at most, with true powers: ``Eu(1)^2 Eg(2)`` → Eu(1)² Eg(2)."""
    head, *tail = channel.split("^")
    powered = head + "".join(part[:1].translate(POWERS) + part[1:] for part in tail)
    return powered if len(powered) <= 14 else powered[::-1].replace(" ", "\n", 1)[::-1]
