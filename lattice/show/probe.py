"""What a probe sees of a run: two channels over time, signal over probe angle, spectra by sense of rotation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lattice.errors import InputError
from lattice.observe.spectrum import helicity, spectral_peak
from lattice.show.bands import colour_bar
from lattice.show.style import INK, LIGHT, PALE, SMALL, STRONG, legend, note, save_figure, signed, tidy, zero_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from xarray import Dataset

    from lattice.structure.crystal import FloatArray

SIZE = (7.2, 5.2)  #: inches: two columns of a journal
COLOURS = "RdBu_r"
FLOOR = 1e-4  #: of the largest power in a map: what is lower is drawn as that


def probe_figure(result: Dataset, path: str | Path) -> None:
    """Draw the signals of a probe and write the figure.

    Parameters
    ----------
    result : xarray.Dataset
        From `lattice.kerr`.
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``; written under a temporary name first.

    Raises
    ------
    InputError
        `result` is something else, the ending is unknown, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    save_figure(draw_probe(result), path)


def draw_probe(result: Dataset) -> Figure:
    """Draw the channels and the angles over time and, where a pair is seen, its signed spectrum and short-time map."""
    from matplotlib.figure import Figure

    if getattr(result, "attrs", {}).get("kind") != "lattice probe":
        raise InputError(
            "This is not the result of a probe", found=type(result).__name__, fix="give that of lattice.kerr"
        )
    figure = Figure(figsize=SIZE, layout="constrained")
    if "g" not in result:
        upper, lower = figure.subplots(2, 1, sharex=True)
        draw_channels(upper, result)
        _bar(figure, draw_angles(lower, result), lower, result)
        return figure
    axes = figure.subplots(2, 2, width_ratios=(1.4, 1.0))
    draw_channels(axes[0, 0], result)
    _bar(figure, draw_angles(axes[1, 0], result), axes[1, 0], result)
    draw_signed_power(axes[0, 1], result)
    colour_bar(figure, draw_short_time(axes[1, 1], result), axes[1, 1], "log₁₀ power (of the largest)")
    return figure


def shown_quantity(result: Dataset) -> str:
    """Return which of rotation and ellipticity is drawn: that of the channels, else the larger."""
    named = str(result.attrs.get("quantity", ""))
    return named or max(("rotation", "ellipticity"), key=lambda name: float(np.abs(result[name].values).max()))


def _scale(values: FloatArray) -> tuple[float, str]:
    """Factor and unit in which the largest value is easy to read."""
    largest = float(np.abs(values).max(initial=0.0))
    for factor, unit in ((1.0, "rad"), (1e3, "mrad"), (1e6, "µrad")):
        if largest * factor >= 1.0:
            return factor, unit
    return (1e9, "nrad") if largest > 0 else (1e6, "µrad")


def draw_channels(ax: Axes, result: Dataset) -> None:
    """Draw the signals at the probe angles 45° and 0° over time, in the stronger of rotation and ellipticity.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    result : xarray.Dataset
        From `lattice.kerr`.
    """
    quantity = shown_quantity(result)
    signals = result[f"source_{quantity}"].sum("source").values
    factor, unit = _scale(signals)
    angles = result["channel"].values
    for column, colour in ((1, STRONG[1]), (0, LIGHT[0])):
        words = f"θ = {angles[column]:g}°"
        if "g" in result:
            words += f" ({result.attrs['multiplet']}{'yx'[column]})"
        ax.plot(result["time"].values, factor * signals[:, column], color=colour, linewidth=0.9, label=words)
    if "electronic" in result["source"].values:
        part = result[f"source_{quantity}"].sel(source="electronic").values[:, 1]
        ax.plot(result["time"].values, factor * part, color=INK, linewidth=0.7, label="electronic, 45°")
    zero_line(ax)
    tidy(ax, f"{quantity} of the probe")
    ax.set_xlabel("time (ps)")
    ax.set_ylabel(f"{quantity} ({unit})")
    ax.set_xlim(float(result["time"].values[0]), float(result["time"].values[-1]))
    legend(ax, loc="best")


def draw_angles(ax: Axes, result: Dataset) -> ScalarMappable:
    """Draw the signal over time (across) and probe angle (up), blue negative, red positive, around its largest value.

    Where a pair is seen only eight of its periods are shown: a rotating pair gives stripes that lean.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        For a colour bar in the unit of `angle_unit`.
    """
    values = result[shown_quantity(result)].values
    factor, _ = _scale(values)
    largest = max(float(np.abs(values).max()) * factor, 1e-300)
    angles = result["angle"].values
    # The signal repeats after 180°: the first angle closes the map.
    around = np.append(angles, angles[0] + 180.0) if len(angles) > 1 else angles
    closed = np.column_stack([values, values[:, 0]]) if len(angles) > 1 else values
    order, near = np.argsort(around), _near_peak(result, values)
    image = ax.pcolormesh(
        result["time"].values[near],
        around[order],
        factor * closed[near][:, order].T,
        cmap=COLOURS,
        vmin=-largest,
        vmax=largest,
        shading="gouraud" if len(around) > 1 else "nearest",
        rasterized=True,
    )
    tidy(ax, "signal against probe angle")
    ax.set_xlabel("time (ps)")
    ax.set_ylabel("probe angle θ (degrees)")
    if np.ptp(around) >= 90:
        ax.set_yticks(np.arange(0, 181, 45))
    return image


def _near_peak(result: Dataset, values: FloatArray) -> slice:
    """Eight periods of the pair about the time of the largest signal; all times where there is none."""
    peak = spectral_peak(result["frequency"].values, result["power"].values) if "g" in result else None
    times = result["time"].values
    if not peak or len(times) < 3:
        return slice(None)
    half = max(2, round(4.0 / (peak * float(times[1] - times[0]))))
    middle = int(np.argmax(np.abs(values).max(axis=1)))
    return slice(max(0, middle - half), middle + half + 1)


def angle_unit(result: Dataset) -> str:
    """Return the words for the colour bar of `draw_angles`."""
    quantity = shown_quantity(result)
    return f"{quantity} ({_scale(result[quantity].values)[1]})"


def draw_signed_power(ax: Axes, result: Dataset) -> None:
    """Draw the power of g_x + i g_y at signed frequencies, scaled to its peak; positive: counter-clockwise about n̂.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    result : xarray.Dataset
        From `lattice.kerr`, with a pair.
    """
    frequency, power = result["frequency"].values, result["power"].values
    scaled = power / power.max() if power.max() > 0 else power
    limit = _limit(result)
    inside = np.abs(frequency) <= limit
    ax.fill_between(frequency[inside], scaled[inside], color=STRONG[1], alpha=0.3, linewidth=0)
    ax.plot(frequency[inside], scaled[inside], color=STRONG[1], linewidth=1.0)
    ax.axvline(0.0, color=PALE, linewidth=0.6, zorder=0)
    tidy(ax, f"spectrum of the two channels, {result.attrs['multiplet']}")
    ax.set(xlim=(-limit, limit), ylim=(0.0, 1.15), xlabel="signed frequency (THz)", ylabel="power (of its peak)")
    sense, peak = helicity(frequency, power), spectral_peak(frequency, power)
    if sense is not None and peak:
        place = (-limit if sense > 0 else limit, 1.08)
        side = "left" if sense > 0 else "right"
        words = f"{peak:.3f} THz\nhelicity {signed(sense, '.3f')}"
        note(ax, words, place, (4 if sense > 0 else -4, 0), va="top", ha=side, color=STRONG[1])
    for left, side, sign in ((0.02, "left", "↻"), (0.98, "right", "↺")):
        ax.text(left, 0.06, sign, transform=ax.transAxes, fontsize=SMALL + 4, ha=side, color=INK)


def draw_short_time(ax: Axes, result: Dataset) -> ScalarMappable:
    """Draw the short-time spectrum over time (across) and signed frequency (up), on a logarithmic scale.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        For a colour bar: log₁₀ of the power against its largest value, cut at −4.
    """
    limit = _limit(result)
    inside = np.abs(result["map_frequency"].values) <= limit
    power = result["map_power"].values[:, inside]
    largest = float(power.max())
    shown = np.log10(np.maximum(power / largest, FLOOR)) if largest > 0 else np.full(power.shape, np.log10(FLOOR))
    image = ax.pcolormesh(
        result["centre"].values,
        result["map_frequency"].values[inside],
        shown.T,
        cmap="viridis",
        vmin=np.log10(FLOOR),
        vmax=0.0,
        shading="nearest",
        rasterized=True,
    )
    ax.axhline(0.0, color=PALE, linewidth=0.6)
    tidy(ax, f"window of {result['map_power'].attrs['window_ps']:.2g} ps")
    ax.set_xlabel("time (ps)")
    ax.set_ylabel("signed frequency (THz)")
    return image


def _limit(result: Dataset) -> float:
    """Frequency up to which spectra are drawn: twice the strongest line."""
    peak = spectral_peak(result["frequency"].values, result["power"].values)
    largest = float(result["frequency"].values.max())
    return min(2.0 * peak, largest) if peak else largest


def _bar(figure: Figure, image: ScalarMappable, ax: Axes, result: Dataset) -> None:
    colour_bar(figure, image, ax, angle_unit(result))
