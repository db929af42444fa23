"""Bands coloured by a component of J, and the density of modes over frequency and J."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import InputError
from lattice.show.style import FONT, INK, PALE, SMALL, STRONG, save_figure, tidy, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from xarray import Dataset

    from lattice.structure.crystal import FloatArray, IntArray

SIZE = (7.2, 3.8)  #: inches: two columns of a journal
COLOURS = "RdBu_r"  #: diverging, white in the middle
_SMALLEST_RANGE = 1e-3  #: ħ; where no mode has more, the scale is that of one quantum


def checked_component(component: str) -> str:
    """Return the component of J to draw.

    Raises
    ------
    InputError
        If it is none of x, y, z.
    """
    if component not in ("x", "y", "z"):
        raise InputError("A component of J is x, y or z", found=component, fix="use z")
    return component


def draw_bands(ax: Axes, bands: Dataset, component: str = "z") -> ScalarMappable:
    """Draw the bands of a path, coloured by a component of J: blue negative, white zero, red positive.

    Degenerate bands lie on one another and get one colour, the mean of their J, which does not depend on the gauge.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    bands : xarray.Dataset
        From `solve_path`.
    component : str
        ``x``, ``y`` or ``z``.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        For a colour bar in ħ; the scale is symmetric about zero.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    J = _group_mean(bands["J"].sel(axis=checked_component(component)).values, bands["degenerate_group"].values)
    largest = float(np.abs(J).max())
    norm = Normalize(-largest, largest) if largest > _SMALLEST_RANGE else Normalize(-1.0, 1.0)
    lines, values = _band_lines(bands, J)
    # A dark line underneath keeps white, J = 0, visible on white paper.
    ax.add_collection(LineCollection(lines, colors=INK, linewidths=1.9, capstyle="round"))
    coloured = LineCollection(lines, cmap=COLOURS, norm=norm, linewidths=1.3, capstyle="round")
    coloured.set_array(values)
    ax.add_collection(coloured)
    ax.autoscale_view()
    frequency = bands["frequency"].values
    margin = 0.03 * float(np.ptp(frequency))
    ax.set_ylim(min(0.0, float(frequency.min()) - margin), float(frequency.max()) + margin)
    _mark_corners(ax, bands)
    zero_line(ax)
    tidy(ax, f"{bands.attrs['crystal']}: angular momentum of the modes")
    ax.set_ylabel("frequency (THz)")
    return ScalarMappable(norm=norm, cmap=COLOURS)


def _group_mean(J: FloatArray, group: IntArray) -> FloatArray:
    """Return ``(n_q, n_modes)``: the mean over each degenerate group in place of its members."""
    same = (group[:, :, None] == group[:, None, :]).astype(float)
    return np.asarray(np.einsum("qst,qt->qs", same, J) / same.sum(axis=2))


def _band_lines(bands: Dataset, J: FloatArray) -> tuple[list[FloatArray], FloatArray]:
    """Return pieces of lines ``(2, 2)`` between neighbours of one band and the mean J of each."""
    order = np.argsort(bands["band"].values, axis=1)
    frequency = np.take_along_axis(bands["frequency"].values, order, axis=1)
    spin = np.take_along_axis(J, order, axis=1)
    distance = np.broadcast_to(bands["distance"].values[:, None], frequency.shape)
    points = np.stack([distance, frequency], axis=2)
    joined = np.diff(bands["segment"].values) == 0
    lines = np.stack([points[:-1][joined], points[1:][joined]], axis=2).reshape(-1, 2, 2)
    return list(lines), ((spin[:-1] + spin[1:]) / 2)[joined].ravel()


def _mark_corners(ax: Axes, bands: Dataset) -> None:
    """Draw a line and a name at every corner; where a gap is, both names."""
    names: dict[float, list[str]] = {}
    for distance, label in zip(bands["distance"].values, bands["label"].values, strict=True):
        if label and str(label) not in names.setdefault(round(float(distance), 9), []):
            names[round(float(distance), 9)].append(str(label))
    for place in names:
        ax.axvline(place, color=PALE, linewidth=0.6, zorder=0)
    ax.set_xticks(list(names), ["|".join(group) for group in names.values()], fontsize=SMALL)
    ax.set_xlim(min(names), max(names))


def draw_angular_momentum_dos(ax: Axes, density: Dataset, component: str = "z") -> ScalarMappable:
    """Draw the density of modes over a component of J (across) and frequency (up), on a logarithmic scale.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    density : xarray.Dataset
        From `angular_momentum_dos`.
    component : str
        ``x``, ``y`` or ``z``.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        For a colour bar in 1/(THz ħ) per cell. Below a thousandth of the largest density nothing is drawn.
    """
    from matplotlib.colors import LogNorm

    values = density["density"].sel(axis=checked_component(component)).values
    largest = float(values.max())
    shown = np.ma.masked_less(values, 1e-3 * largest)
    image = ax.pcolormesh(
        density["J"].values, density["frequency"].values, shown, cmap="viridis_r", norm=LogNorm(1e-3 * largest, largest)
    )
    ax.axvline(0.0, color=PALE, linewidth=0.6, zorder=0)
    tidy(ax, "modes by angular momentum")
    ax.set_xlabel(f"$J_{component}$ (ħ)")
    return image


def draw_dos(ax: Axes, density: Dataset) -> None:
    """Draw the density of modes (across) over frequency (up)."""
    ax.fill_betweenx(density["frequency"].values, density["dos"].values, color=STRONG[0], alpha=0.3, linewidth=0)
    ax.plot(density["dos"].values, density["frequency"].values, color=STRONG[0], linewidth=1.0)
    tidy(ax, "all modes")
    ax.set_xlim(left=0.0)
    ax.set_xlabel("density (1/THz per cell)")
    ax.set_ylabel("frequency (THz)")


def bands_figure(bands: Dataset, path: str | Path, component: str = "z") -> None:
    """Draw a path and write the figure.

    Parameters
    ----------
    bands : xarray.Dataset
        From `solve_path`.
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; written under a temporary name first.
    component : str
        Component of J that gives the colour.

    Raises
    ------
    InputError
        The ending or the component is unknown, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    ax = figure.add_subplot()
    colour_bar(figure, draw_bands(ax, bands, component), ax, f"$J_{component}$ (ħ)")
    save_figure(figure, path)


def mesh_figure(density: Dataset, path: str | Path, component: str = "z") -> None:
    """Draw the density of modes over frequency, and over frequency and J, and write the figure.

    Parameters and errors are those of `bands_figure`; `density` is from `angular_momentum_dos`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.0, 1.6))
    draw_dos(left, density)
    image = draw_angular_momentum_dos(right, density, component)
    colour_bar(figure, image, right, "density (1/(THz ħ) per cell)")
    frequency = density["frequency"].values
    left.set_ylim(float(frequency[0]), float(frequency[-1]))
    save_figure(figure, path)


def colour_bar(figure: Figure, mappable: ScalarMappable, ax: Axes, label: str) -> None:
    """Add a thin colour bar with a label in small print."""
    bar = figure.colorbar(mappable, ax=ax, pad=0.01, aspect=30)
    bar.set_label(label, fontsize=FONT)
    bar.ax.tick_params(labelsize=SMALL, width=0.6, length=2.5)
    bar.outline.set_linewidth(0.6)
