"""The path of a pair in its own plane: which way it turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice.observe.multiplet_motion import multiplet_helicity, multiplet_peak, rotating_pair
from lattice.show.style import FONT, INK, PALE, STRONG, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

CIRCULAR = 0.5  #: |helicity| from which the title shows a sense of rotation


def draw_orbit(ax: Axes, run: Dataset, multiplet: str, tone: int = 0) -> None:
    """Draw (Q_x, Q_y) of a pair seen from the tip of n̂; the period before the largest |Q| is strong, with an arrow.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    run : xarray.Dataset
        One trajectory with Q.
    multiplet : str
        Label of a pair; nothing but the title is drawn for a singlet.
    tone : int
        Which of the two colours to use.
    """
    pair, peak, helicity = (
        rotating_pair(run, multiplet),
        multiplet_peak(run, multiplet),
        multiplet_helicity(run, multiplet),
    )
    sense = "" if helicity is None or abs(helicity) < CIRCULAR else (" ↺" if helicity > 0 else " ↻")
    tidy(ax, f"{multiplet}{sense}")
    if pair is None or not peak:
        ax.set_axis_off()
        return
    x, y = run["Q"].values[:, list(pair)].T
    end = int(np.argmax(np.hypot(x, y)))
    step = float(run["time"].values[1] - run["time"].values[0])
    part = slice(max(0, end - round(1.0 / (peak * step))), end + 1)
    ax.plot(x, y, color=PALE, linewidth=0.3)
    ax.plot(x[part], y[part], color=STRONG[tone], linewidth=1.4)
    arrow = {"arrowstyle": "-|>", "color": STRONG[tone], "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (x[end], y[end]), (x[end - 1], y[end - 1]), arrowprops=arrow)
    radius = 1.25 * float(np.hypot(x, y).max())
    ax.set(xlim=(-radius, radius), ylim=(-radius, radius), aspect="equal")
    ax.locator_params(nbins=2, symmetric=True)
    ax.set_xlabel("$Q_x$ (Å amu$^{1/2}$)", fontsize=FONT, color=INK)
    ax.set_ylabel("$Q_y$", fontsize=FONT, color=INK)
