"""The figure of a fit: couplings with their errors, what the fit leaves of the forces, and the step-size scan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.show.style import CRYSTAL, INK, PALE, SMALL, STRONG, legend, save_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lattice.anharmonic.potential import Potential

SIZE = (7.2, 2.9)  #: inches: two columns of a journal
COLOURS = {3: STRONG[0], 4: STRONG[1], 5: CRYSTAL, 6: INK}  #: of the orders
FLOOR = 1e-12  #: of the largest coupling; what is smaller is drawn there


def fit_figure(potential: Potential, path: str | Path) -> None:
    """Draw the fit of a potential and write the figure.

    Parameters
    ----------
    potential : Potential
        From `lattice.fit_potential` or `lattice.read_forces`.
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    InputError
        If the potential was not fitted to forces, the ending is unknown, or the folder does not exist.
    """
    save_figure(draw_fit(potential), path)


def draw_fit(potential: Potential) -> Figure:
    """Draw couplings, residual and step-size scan side by side.

    Parameters
    ----------
    potential : Potential

    Raises
    ------
    InputError
        If the potential was not fitted to forces.
    """
    from matplotlib.figure import Figure

    report = fit_report(potential)
    figure = Figure(figsize=SIZE, layout="constrained")
    draw_couplings(figure.add_subplot(1, 3, 1), report)
    draw_residual(figure.add_subplot(1, 3, 2), report)
    draw_steps(figure.add_subplot(1, 3, 3), report)
    return figure


def fit_report(potential: Potential) -> dict[str, Any]:
    """Return the report of the fit.

    Raises
    ------
    InputError
        If the potential was not fitted to forces.
    """
    report = potential.source.get("fit")
    if not report or not report.get("scan"):
        raise InputError(
            "The potential has no report of a fit",
            found=str(potential.source.get("couplings", "couplings of unknown origin"))[:80],
            fix="fit it to forces: `lattice couple --calculator` or --read-forces",
        )
    return dict(report)


def draw_couplings(ax: Axes, report: dict[str, Any]) -> None:
    """Draw |coupling| in descending order for each order, its error, and the largest force that symmetry forbids.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    report : dict
        As from `fit_report`; couplings in *eV/(Å√amu)^k*, so orders are not to be compared with each other.
    """
    tidy(ax, "couplings and errors")
    for order, entries in _by_order(report).items():
        size = np.array([abs(x["coefficient"]) for x in entries])
        descending = np.argsort(-size)
        floor = FLOOR * size.max(initial=1e-300)
        places = np.arange(1, len(size) + 1)
        error = np.array([x["error"] for x in entries])[descending]
        colour = COLOURS[order]
        ax.plot(places, np.maximum(size[descending], floor), ".", color=colour, ms=3, label=f"order {order}")
        ax.plot(places, np.maximum(error, floor), "_", color=colour, ms=4, alpha=0.6)
        forbidden = report["forbidden"].get(str(order))
        if forbidden:
            ax.axhline(forbidden, color=colour, linewidth=0.7, linestyle=":")
    ax.set_yscale("log")
    ax.tick_params(which="minor", labelsize=SMALL - 1)
    ax.set_xlabel("number of the coupling")
    ax.set_ylabel("eV/(Å√amu)ᵏ; – error, ⋯ forbidden")
    legend(ax, loc="best")


def draw_residual(ax: Axes, report: dict[str, Any]) -> None:
    """Draw the rms anharmonic force and what the fit leaves of it, against the length of Q.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    report : dict
        As from `fit_report`.
    """
    tidy(ax, "forces and residual")
    amplitude = [row["amplitude"] for row in report["scan"]]
    for key, colour, words in (
        ("anharmonic", STRONG[0], "anharmonic force"),
        ("residual", STRONG[1], "left by the fit"),
    ):
        values = np.maximum([row[key] for row in report["scan"]], np.finfo(float).tiny)
        ax.plot(amplitude, values, "o-", color=colour, ms=3, linewidth=0.9, label=words)
    ax.set_yscale("log")
    ax.tick_params(which="minor", labelsize=SMALL - 1)
    ax.set_xlabel("|Q| (Å√amu)")
    ax.set_ylabel("rms force (eV/Å)")
    legend(ax, loc="best")


def draw_steps(ax: Axes, report: dict[str, Any]) -> None:
    """Draw how much each coupling changes when the largest amplitude is left out, against its size.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    report : dict
        As from `fit_report`. Lines mark a change by the whole, a hundredth and a ten-thousandth of the coupling.
    """
    tidy(ax, "step-size scan")
    sizes = []
    for order, entries in _by_order(report).items():
        size = np.array([abs(x["coefficient"]) for x in entries])
        step = np.array([abs(x["step"]) for x in entries])
        floor = FLOOR * size.max(initial=1e-300)
        ax.plot(np.maximum(size, floor), np.maximum(step, floor), ".", color=COLOURS[order], ms=3)
        sizes += size[size > floor].tolist()
    if sizes:
        ends = np.array([min(sizes), max(sizes)])
        for share, words in ((1.0, "100 %"), (1e-2, "1 %"), (1e-4, "0.01 %")):
            ax.plot(ends, share * ends, color=PALE, linewidth=0.6, zorder=0)
            ax.annotate(words, (ends[1], share * ends[1]), fontsize=SMALL - 1, color=INK, ha="right", va="bottom")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.tick_params(which="minor", labelsize=SMALL - 1)
    ax.set_xlabel("|coupling|")
    ax.set_ylabel("change without the largest |Q|")


def _by_order(report: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Return the invariants by order, which is the sum of the powers in their names."""
    found: dict[int, list[dict[str, Any]]] = {}
    for entry in report["invariants"]:
        words = str(entry["name"]).split(" #")[0].split()
        order = sum(int(word.partition("^")[2] or 1) for word in words)
        found.setdefault(order, []).append(entry)
    return found
