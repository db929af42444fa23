"""Panel over frequency: the two senses of rotation, one upwards and one downwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lattice.observe.multiplet_motion import (
    is_resolved,
    multiplet_helicity,
    multiplet_peak,
    multiplet_spectrum,
    rotating_pair,
)
from lattice.show.style import SMALL, STRONG, note, signed, tidy, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

VISIBLE = 1e-3  #: of the peak: a line that is lower lies on the axis


def draw_signed_spectra(ax: Axes, run: Dataset, multiplets: Sequence[str]) -> None:
    """Draw the spectra of one or two multiplets, each scaled to its peak: counter-clockwise power up, clockwise down.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with Q.
    multiplets : sequence of str
        Their labels. A singlet has no sense of rotation, and the same line up and down.
    """
    rows = np.isin(run["mode_multiplet"].values, list(multiplets))
    largest = 1.5 * float(np.abs(run["frequency"].values[rows]).max())
    resolved = [name for name in multiplets if is_resolved(run, name)]
    for name, colour in zip(resolved, STRONG, strict=False):
        frequency, power = multiplet_spectrum(run, name)
        scaled = power / power.max() if power.max() > 0 else power
        for sense in (1, -1):
            side = (sense * frequency >= 0) & (np.abs(frequency) <= largest)
            ax.fill_between(sense * frequency[side], sense * scaled[side], color=colour, alpha=0.3, linewidth=0)
            visible = side & (scaled > VISIBLE)
            ax.plot(sense * frequency[visible], sense * scaled[visible], color=colour, linewidth=1.0)
        _note_peak(ax, run, name, colour)
    if not resolved:
        ax.text(0.5, 0.5, "record too short or too coarse", transform=ax.transAxes, ha="center", fontsize=SMALL)
    zero_line(ax)
    tidy(ax, "spectrum by sense of rotation")
    ax.set_xlim(0.0, largest)
    ax.set_ylim(-1.2, 1.2)
    ax.set_yticks([-0.6, 0.6], ["clockwise", "counter-\nclockwise"], rotation=90, va="center", fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("frequency (THz)")


def _note_peak(ax: Axes, run: Dataset, name: str, colour: str) -> None:
    """Write the peak and the helicity of a multiplet beside its line."""
    peak, helicity = multiplet_peak(run, name), multiplet_helicity(run, name)
    if peak is None:
        return
    words = f"{name}\n{peak:.3f} THz"
    if rotating_pair(run, name) is not None and helicity is not None:
        words += f"\nhelicity {signed(helicity, '.3f')}"
    note(ax, words, (peak, 0.75 if (helicity or 0.0) >= 0 else -0.75), (7, 0), color=colour, va="center")
