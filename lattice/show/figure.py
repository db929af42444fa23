"""The figure of a run: light, motion, angular momentum, spectra with the sense of rotation, and the ledger."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lattice.errors import InputError
from lattice.observe.multiplet_motion import by_response
from lattice.show.ledger import draw_ledger
from lattice.show.orbit import draw_orbit
from lattice.show.spectrum import draw_signed_spectra
from lattice.show.style import save_figure
from lattice.show.trajectory import draw_angular_momentum, draw_field, draw_motion

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from xarray import Dataset

NEEDED = ("E", "Q", "P", "L")
SIZE = (7.2, 6.2)  #: inches: two columns of a journal


def run_figure(run: Dataset, path: str | Path) -> None:
    """Draw a run and write the figure.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with E, Q, P and L.
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; written under a temporary name first.

    Raises
    ------
    InputError
        A quantity was not recorded, the ending is unknown, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    save_figure(draw_run(run), path)


def draw_run(run: Dataset) -> Figure:
    """Draw the field, the driven multiplet and its receiver, their L, orbits and signed spectra, and the ledger.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with E, Q, P and L.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot: it belongs to the caller alone.

    Raises
    ------
    InputError
        A quantity was not recorded.
    """
    from matplotlib.figure import Figure

    check_recorded([str(name) for name in run.data_vars])
    shown = by_response(run)[:2]
    figure = Figure(figsize=SIZE, layout="constrained")
    columns = figure.add_gridspec(1, 2, width_ratios=(1.3, 1.0))
    draw_times(figure, columns[0], run, shown)
    right = columns[1].subgridspec(3, 1, height_ratios=(1.0, 1.15, 1.3))
    orbits = right[0].subgridspec(1, 2)
    for tone, name in enumerate(shown):
        draw_orbit(figure.add_subplot(orbits[tone]), run, name, tone)
    draw_signed_spectra(figure.add_subplot(right[1]), run, shown)
    draw_ledger(figure.add_subplot(right[2]), run, shown)
    return figure


def check_recorded(quantities: Collection[str]) -> None:
    """Check that all that the figure needs is recorded, before or after the run.

    Raises
    ------
    InputError
        One of E, Q, P and L is missing.
    """
    missing = [name for name in NEEDED if name not in quantities]
    if missing:
        raise InputError(
            "The figure needs a quantity that is not recorded",
            found=f"no {', '.join(missing)}",
            fix='record all: quantities = ["Q", "P", "L", "E"]',
        )


def draw_times(figure: Figure, place: SubplotSpec, run: Dataset, shown: list[str]) -> None:
    """Stack the panels that share the time axis."""
    rows = place.subgridspec(len(shown) + 2, 1)
    axes = [figure.add_subplot(rows[i]) for i in range(len(shown) + 2)]
    draw_field(axes[0], run)
    for tone, name in enumerate(shown):
        draw_motion(axes[1 + tone], run, name, tone)
    draw_angular_momentum(axes[-1], run, shown)
    for ax in axes[:-1]:
        ax.sharex(axes[-1])
        ax.tick_params(labelbottom=False)
    if run.sizes["time"] > 1:
        axes[-1].set_xlim(float(run["time"].values[0]), float(run["time"].values[-1]))
    axes[-1].set_xlabel("time (ps)")
