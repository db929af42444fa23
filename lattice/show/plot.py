"""Single plots of a run: its trajectory, its spectra, its ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import InputError
from lattice.observe.multiplet_motion import along_axis, by_response
from lattice.show.figure import draw_times
from lattice.show.ledger import draw_ledger
from lattice.show.spectrum import draw_signed_spectra
from lattice.show.style import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset

#: kind → what must be recorded, size in inches (one column of a journal; time series are higher)
PLOTS: dict[str, tuple[tuple[str, ...], tuple[float, float]]] = {
    "trajectory": (("E", "Q", "P", "L"), (4.6, 5.6)),
    "spectrum": (("Q", "P"), (4.6, 2.8)),
    "ledger": ((), (4.6, 3.2)),
}


def plot_run(run: Dataset, kind: str, path: str | Path) -> None:
    """Draw one plot of a run and write it.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    kind : {"trajectory", "spectrum", "ledger"}
        What to draw, of the driven multiplet and its receiver.
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; written under a temporary name first.

    Raises
    ------
    InputError
        An unknown kind, a quantity that was not recorded, a run that diverged, or an unknown ending.
    LatticeError
        The file cannot be written.
    """
    save_figure(draw_plot(run, kind), path)


def draw_plot(run: Dataset, kind: str) -> Figure:
    """Draw one plot of a run; parameters and errors as in `plot_run`."""
    from matplotlib.figure import Figure

    if kind not in PLOTS:
        raise InputError("There is no such plot", found=kind, fix=f"use one of: {', '.join(PLOTS)}")
    needed, size = PLOTS[kind]
    missing = [name for name in needed if name not in run]
    if missing:
        raise InputError(
            f"The plot {kind} needs a quantity that was not recorded",
            found=f"no {', '.join(missing)}",
            fix='record all: quantities = ["Q", "P", "L", "E"]',
        )
    if not np.isfinite(run["ledger"].values).all():
        raise InputError("A run that diverged cannot be drawn", found=run["message"].item(), fix="draw another run")
    figure = Figure(figsize=size, layout="constrained")
    shown = _shown(run)
    if kind == "trajectory":
        draw_times(figure, figure.add_gridspec(1, 1)[0], run, shown)
    elif kind == "spectrum":
        draw_signed_spectra(figure.add_subplot(), run, shown)
    else:
        draw_ledger(figure.add_subplot(), run, shown)
    return figure


def _shown(run: Dataset) -> list[str]:
    """Driven multiplet and receiver; where these are not known the two that exchanged most along n̂."""
    if "Q" in run and "P" in run:
        return by_response(run)[:2]
    exchanged = np.abs(along_axis(run, "ledger")).sum(axis=0)
    return [str(run["multiplet"].values[i]) for i in np.argsort(-exchanged, kind="stable")[:2]]
