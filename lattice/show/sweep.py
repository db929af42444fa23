"""Maps of a sweep: one number of every point over one or two of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.show.bands import colour_bar
from lattice.show.style import FONT, INK, LIGHT, SMALL, STRONG, legend, save_figure, tidy, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from xarray import DataArray, Dataset

    from lattice.structure.crystal import FloatArray

SIZE = (3.6, 2.9)  #: inches, of one map
PANELS = 2  #: multiplets that are drawn unless some are named
VALUES = (
    "L_peak",
    "L_mean",
    "L_final",
    "energy_mean",
    "helicity",
    "Q_peak",
    "ledger",
    "crystal",
    "step_error",
    "closure",
)
OWN = ("multiplet", "mode", "channel")  #: dimensions that are no axes of the plan
UNITS = {
    "L_peak": "peak L (ħ per cell)",
    "L_mean": "mean L (ħ per cell)",
    "L_final": "final L (ħ per cell)",
    "energy_mean": "mean energy (eV per cell)",
    "helicity": "helicity",
    "Q_peak": "peak |Q| (Å amu$^{1/2}$)",
    "ledger": "L received (ħ per cell)",
    "crystal": "L of the crystal (ħ per cell)",
    "step_error": "step error",
    "closure": "closure of the ledger",
}
AXIS_UNITS = {
    "amplitude": "MV/cm",
    "frequency": "THz",
    "linewidth": "THz",
    "duration": "ps",
    "center": "ps",
    "angle": "degrees",
    "phase": "rad",
    "chirp": "THz/ps",
    "rotation": "degrees/ps",
    "temperature": "K",
}


def sweep_figure(sweep: Dataset, path: str | Path, value: str = "L_peak", at: Mapping[str, Any] | None = None) -> None:
    """Draw a sweep and write the figure; parameters as in `draw_sweep_figure`.

    Raises
    ------
    InputError
        As from `draw_sweep_figure`, or the ending is unknown, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    save_figure(draw_sweep_figure(sweep, value, at), path)


def draw_sweep_figure(sweep: Dataset, value: str = "L_peak", at: Mapping[str, Any] | None = None) -> Figure:
    """Draw one number of a sweep: lines over its one axis, or maps over two.

    Parameters
    ----------
    sweep : xarray.Dataset
        From `lattice.open_sweep`, or a collected file.
    value : str
        One of `VALUES`.
    at : mapping, optional
        Dimension → value for multiplets, modes and channels (default: the two multiplets or modes, and the channel,
        with the largest numbers), and for axes beyond the two longest (default: their first value). Of numbers the
        nearest is taken. Repeats are averaged.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.

    Raises
    ------
    InputError
        The sweep has no such value, dimension or entry, or no axis.
    """
    from matplotlib.figure import Figure

    pieces, words = sweep_pieces(sweep, value, at)
    maps = len(plan_axes(next(iter(pieces.values())))) == 2
    panels = len(pieces) if maps else 1
    figure = Figure(figsize=(SIZE[0] * panels, SIZE[1]), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, panels))
    if maps:
        for ax, (name, piece) in zip(axes, pieces.items(), strict=True):
            image = draw_sweep_map(ax, piece, name)
            colour_bar(figure, image, ax, UNITS[value])
    else:
        draw_sweep_lines(axes[0], pieces)
        axes[0].set_ylabel(UNITS[value])
    if words:
        figure.suptitle(words, fontsize=SMALL, color=INK, x=0.01, ha="left")
    return figure


def sweep_pieces(sweep: Dataset, value: str, at: Mapping[str, Any] | None) -> tuple[dict[str, DataArray], str]:
    """Choose what is drawn: arrays over one or two axes of the plan, by name, and words on what was fixed.

    Parameters and errors are those of `draw_sweep_figure`.
    """
    if getattr(sweep, "attrs", {}).get("kind") != "lattice sweep":
        raise InputError("This is not a sweep", found=type(sweep).__name__, fix="give that of lattice.open_sweep")
    if value not in VALUES or value not in sweep:
        known = ", ".join(name for name in VALUES if name in sweep)
        raise InputError("The sweep has no such value", found=value, fix=f"use one of: {known}")
    array = sweep[value].load()
    fixed: list[str] = []
    for key, wanted in (at or {}).items():
        if key not in array.dims:
            raise InputError(
                "The sweep has no such dimension", found=key, fix=f"use one of: {', '.join(map(str, array.dims))}"
            )
        array = _chosen(array, key, wanted)
        if key not in OWN:
            fixed.append(f"{key} = {_plain(array[key].values[0])}")
    if not bool(array.notnull().any()):
        raise InputError("There is nothing to draw", found="no finished point", fix="go on with lattice sweep first")
    if "repeat" in array.dims:
        array = array.mean("repeat")
        fixed.append("mean of the repeats")
    array = _strongest(array, "channel", 1)
    axes = plan_axes(array)
    if not axes:
        raise InputError("The sweep has no axis left to draw over", found=fixed or "one point", fix="fix fewer axes")
    kept = sorted(axes, key=lambda name: -array.sizes[name])[:2]
    for name in axes:
        if name not in kept:
            fixed.append(f"{name} = {_plain(array[name].values[0])}")
            array = array.isel({name: slice(0, 1)})
    array = array.squeeze([d for d in array.dims if d not in kept and d not in OWN], drop=True)
    for name in kept:  # random axes come in any order
        array = array.sortby(name) if array[name].dtype.kind in "fiu" else array
    own = next((d for d in ("multiplet", "mode") if d in array.dims), None)
    channel = f", {array['channel'].values[0]}" if "channel" in array.dims else ""
    array = array.squeeze("channel", drop=True) if channel else array
    if own is None:
        return {channel.removeprefix(", "): array}, ", ".join(fixed)
    array = array if own in (at or {}) else _strongest(array, own, PANELS)
    names = array[own].values.tolist()
    return {f"{name}{channel}": array.isel({own: i}, drop=True) for i, name in enumerate(names)}, ", ".join(fixed)


def plan_axes(array: DataArray) -> list[str]:
    """Return the dimensions of an array that are axes of the plan, with more than one value, in their order."""
    return [str(d) for d in array.dims if d not in (*OWN, "repeat") and array.sizes[d] > 1]


def _chosen(array: DataArray, key: str, wanted: Any) -> DataArray:
    """Select entries of one dimension; of numbers the nearest."""
    values = array[key].values
    if values.dtype.kind in "fiu":
        try:
            number = float(wanted)
        except (TypeError, ValueError):
            raise InputError(
                f"{key} is a number", found=wanted, fix=f"from {values.min():g} to {values.max():g}"
            ) from None
        return array.isel({key: [int(np.argmin(np.abs(values - number)))]})
    names = [str(x) for x in values.tolist()]
    wanted_names = [str(wanted)] if isinstance(wanted, str) else [str(x) for x in wanted]
    unknown = [name for name in wanted_names if name not in names]
    if unknown:
        raise InputError(f"The sweep has no such {key}", found=unknown[0], fix=f"use one of: {', '.join(names)}")
    return array.isel({key: [names.index(name) for name in wanted_names]})


def _strongest(array: DataArray, key: str, count: int) -> DataArray:
    """Keep the entries with the largest numbers, in their own order."""
    if key not in array.dims:
        return array
    others = tuple(i for i, d in enumerate(array.dims) if d != key)
    size = np.abs(np.nan_to_num(array.values)).max(axis=others)
    kept = np.sort(np.argsort(-size, kind="stable")[:count])
    return array.isel({key: kept})


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def axis_words(name: str) -> str:
    """Return the name of an axis with its unit, as ``pulse.0.amplitude (MV/cm)``."""
    unit = AXIS_UNITS.get(name.rpartition(".")[2])
    return f"{name} ({unit})" if unit else name


def draw_sweep_map(ax: Axes, piece: DataArray, title: str = "") -> ScalarMappable:
    """Draw a map over two axes; points without a number stay white.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    piece : xarray.DataArray
        Two dimensions with coordinates, the longer across.
    title : str

    Returns
    -------
    matplotlib.cm.ScalarMappable
        Signed numbers: blue negative, white zero, red positive; others from dark to light.
    """
    across, up = sorted(plan_axes(piece), key=lambda name: -piece.sizes[name])
    values = piece.transpose(up, across).values
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    diverging = bool((finite < 0).any())
    x, y = _place(ax.xaxis, piece[across].values), _place(ax.yaxis, piece[up].values)
    image = ax.pcolormesh(
        _edges(x),
        _edges(y),
        np.ma.masked_invalid(values),
        cmap="RdBu_r" if diverging else "viridis",
        vmin=-largest if diverging else min(0.0, float(finite.min(initial=0.0))),
        vmax=largest,
        rasterized=values.size > 2500,
    )
    tidy(ax, title)
    ax.set_xlabel(axis_words(across))
    ax.set_ylabel(axis_words(up))
    for name, scale in ((across, ax.set_xscale), (up, ax.set_yscale)):
        if _logarithmic(piece[name].values):
            scale("log")
    return image


def draw_sweep_lines(ax: Axes, pieces: Mapping[str, DataArray]) -> None:
    """Draw numbers over one axis, one line for each piece.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    pieces : mapping
        Name → array of one dimension with its coordinate.
    """
    colours = [STRONG[0], STRONG[1], LIGHT[0], LIGHT[1]]
    for (name, piece), colour in zip(pieces.items(), colours * len(pieces), strict=False):
        (axis,) = plan_axes(piece)
        x = _place(ax.xaxis, piece[axis].values)
        ax.plot(x, piece.values, color=colour, linewidth=1.0, marker="o", markersize=2.5, label=name or None)
        ax.set_xlabel(axis_words(axis), fontsize=FONT)
        if _logarithmic(piece[axis].values):
            ax.set_xscale("log")
    zero_line(ax)
    tidy(ax)
    if any(pieces):
        legend(ax, loc="best")


def _place(axis: Any, values: Any) -> FloatArray:
    """Numbers along an axis; words are counted, and their names stand at the ticks."""
    if values.dtype.kind in "fiu":
        if len(values) <= 5:
            axis.set_ticks(values.astype(float), [f"{x:g}" for x in values.tolist()])
        return np.asarray(values, dtype=np.float64)
    axis.set_ticks(range(len(values)), [str(x) for x in values.tolist()])
    return np.arange(len(values), dtype=np.float64)


def _edges(points: FloatArray) -> FloatArray:
    """Borders of the fields around points: halfway between neighbours, of logarithmic points in the logarithm."""
    place = np.log(points) if _logarithmic(points) else points
    middle = 0.5 * (place[1:] + place[:-1])
    edges = np.concatenate([[1.5 * place[0] - 0.5 * place[1]], middle, [1.5 * place[-1] - 0.5 * place[-2]]])
    return np.exp(edges) if _logarithmic(points) else edges


def _logarithmic(values: Any) -> bool:
    """Whether values are evenly spaced in their logarithm and span more than a factor of 5."""
    if values.dtype.kind not in "fiu" or len(values) < 3 or values.min() <= 0 or values.max() < 5 * values.min():
        return False
    steps = np.diff(np.log(values.astype(float)))
    return bool(np.abs(steps - steps.mean()).max() < 1e-6 * abs(steps.mean()))
