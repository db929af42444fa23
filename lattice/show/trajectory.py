"""Panels over time: the field, the coordinates of a multiplet, the angular momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.observe.multiplet_motion import along_axis, coordinates_of
from lattice.show.style import INK, LIGHT, PALE, STRONG, legend, note, signed, tidy, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset


def draw_field(ax: Axes, run: Dataset) -> None:
    """Draw the components of the field that are not zero, in MV/cm.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with E.
    """
    E = run["E"].values
    present = [component for component in range(3) if abs(E[:, component]).max() > 1e-6 * abs(E).max()]
    for component, colour in zip(present, (INK, "#888888", PALE), strict=False):
        ax.plot(run["time"].values, E[:, component], color=colour, linewidth=0.9, label=f"$E_{'xyz'[component]}$")
    zero_line(ax)
    tidy(ax, "light, inside the crystal")
    ax.set_ylabel("E (MV/cm)")
    if present:
        legend(ax, loc="upper right", ncols=3)


def draw_motion(ax: Axes, run: Dataset, multiplet: str, tone: int = 0) -> None:
    """Draw the real coordinates of one multiplet, in Å√amu.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with Q.
    multiplet : str
        Its label.
    tone : int
        Which of the two pairs of colours to use.
    """
    rows = coordinates_of(run, multiplet).tolist()
    for s, colour in zip(rows, (STRONG[tone], LIGHT[tone], PALE), strict=False):
        partner = str(run["mode"].values[s]).removeprefix(multiplet)
        label = f"$Q_{{{partner}}}$" if partner else "$Q$"
        ax.plot(run["time"].values, run["Q"].values[:, s], color=colour, linewidth=0.9, label=label)
    zero_line(ax)
    tidy(ax, f"{multiplet}, {float(run['frequency'].values[rows[0]]):.2f} THz")
    ax.set_ylabel("Q (Å amu$^{1/2}$)")
    legend(ax, loc="upper right", ncols=3)


def draw_angular_momentum(ax: Axes, run: Dataset, multiplets: Sequence[str]) -> None:
    """Draw the angular momentum along n̂ of one or two multiplets, in ħ per cell, with its largest value marked.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with L.
    multiplets : sequence of str
        Their labels; counter-clockwise about n̂ is positive.
    """
    names, times, L = run["multiplet"].values.tolist(), run["time"].values, along_axis(run, "L")
    for name, colour in zip(multiplets, STRONG, strict=False):
        values = L[:, names.index(name)]
        top = int(abs(values).argmax())
        if abs(values[top]) < GROSS_FLOOR:  # round-off would fill the panel
            ax.plot(times, 0.0 * times, color=colour, linewidth=1.2, label=f"{name}: none")
            continue
        ax.plot(times, values, color=colour, linewidth=1.2, label=name)
        place = (times[top], values[top])
        note(ax, f"{signed(values[top])} ħ", place, (6, 4 if values[top] > 0 else -6), color=colour, va="center")
    zero_line(ax)
    tidy(ax, "angular momentum along n̂")
    ax.margins(y=0.15)
    ax.set_ylabel("L (ħ per cell)")
    legend(ax, loc="upper right")
