"""The run as a film: atoms on their paths, and the angular momentum with a cursor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.stored_potential import potential_of_run
from lattice.errors import InputError, MissingDependency
from lattice.observe.motion import displacements
from lattice.observe.multiplet_motion import along_axis, by_response, multiplet_peak
from lattice.show.block import block_of_crystal
from lattice.show.modes import LARGEST, SIZE_OF_ATOM, view
from lattice.show.style import FONT, INK, PALE, SMALL, STRONG, tidy, zero_line
from lattice.structure.complete_file import complete_file
from lattice.structure.species import appearance_of_species

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from xarray import Dataset

    from lattice.structure.crystal import FloatArray, IntArray

FILMS = (".gif", ".mp4")
SIZE = (6.4, 3.0)  #: inches
RESOLUTION = 110  #: dots per inch
RATE = 25  #: frames per second
PER_PERIOD = 12  #: frames in one period of the driven multiplet
MOST = 200  #: frames: 8 s
TRAIL = 12  #: frames of the path that are drawn behind each atom


def write_animation(run: Dataset, path: str | os.PathLike[str], *, frames: int = MOST) -> None:
    """Write a film of a run as GIF or MP4.

    The film covers the time around the largest motion, at twelve frames for a period of the multiplet that moves most;
    displacements are enlarged so that the largest is 0.8 Å, which the picture says.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with Q, P and L, of a potential with its crystal.
    path : path
        Ends in ``.gif`` (written with Pillow) or ``.mp4`` (needs the program ffmpeg).
    frames : int
        At most so many, ≥ 2.

    Raises
    ------
    InputError
        The run does not hold the motion of atoms, or nothing moves; the ending is unknown.
    MissingDependency
        A film is to be an MP4 and there is no ffmpeg.
    LatticeError
        The file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FILMS or frames < 2:
        raise InputError("A film cannot be written so", found=f"{path}, {frames} frames", fix="end it in .gif or .mp4")
    writer = _writer(suffix)
    figure, draw, chosen = _scene(run, frames)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout of the first frame serves all
    with complete_file(path) as temporary, writer.saving(figure, str(temporary), dpi=RESOLUTION):
        for i in range(len(chosen)):
            draw(i)
            writer.grab_frame()


def _writer(suffix: str) -> Any:
    """Writer of a film, or an error before any frame is drawn."""
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if suffix == ".gif":
        return PillowWriter(fps=RATE)
    if not FFMpegWriter.isAvailable():
        raise MissingDependency(
            "An MP4 needs the program ffmpeg", found="no ffmpeg on the path", fix="install ffmpeg, or write a .gif"
        )
    return FFMpegWriter(fps=RATE, extra_args=["-f", "mp4", "-pix_fmt", "yuv420p"])


def frame_numbers(run: Dataset, most: int) -> IntArray:
    """Return which recorded times are shown ``(n_frames,)``: around the largest motion, evenly spaced."""
    first = by_response(run)[0]
    peak = multiplet_peak(run, first) or float(np.abs(run["frequency"].values).max())
    times = run["time"].values
    step = float(times[1] - times[0])
    stride = max(1, int(1.0 / (PER_PERIOD * max(peak, 1e-3) * step)))
    middle = int(np.argmax((run["Q"].values ** 2).sum(axis=1)))
    length = min(len(times), most * stride)
    start = min(max(0, middle - length // 2), len(times) - length)
    return np.arange(start, start + length, stride, dtype=np.int64)


def _scene(run: Dataset, most: int) -> tuple[Figure, Callable[[int], None], IntArray]:
    """Figure, the function that draws frame i, and the frames."""
    from matplotlib.figure import Figure

    moved, crystal = displacements(run), potential_of_run(run).crystal
    if moved is None or crystal is None or any(name not in run for name in ("P", "L")) or len(run["time"]) < 2:
        raise InputError(
            "A film needs the motion of atoms",
            found="no Q, P or L, no eigenvectors, no crystal, or one time",
            fix='record quantities = ["Q", "P", "L", "E"], and use a potential with its crystal',
        )
    largest = float(np.linalg.norm(moved, axis=2).max())
    if not (np.isfinite(largest) and largest > 0):
        raise InputError(
            "Nothing moves in this run", found=f"largest displacement {largest} Å", fix="drive it with light"
        )
    chosen = frame_numbers(run, most)
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.6))
    axis = run["rotation_axis"].values
    flat, _ = view(axis)
    radii = np.array([appearance_of_species(name)[0] for name in crystal.species])
    block = block_of_crystal(crystal.cell, crystal.positions, radii, axis)
    places = block.basis @ flat.T
    paths = places + LARGEST / largest * moved[chosen] @ flat.T
    clock = left.set_title("", fontsize=SMALL, color=INK)
    discs, trails = _atoms(left, places, radii, crystal.species)
    left.set_xlabel(f"displacements × {LARGEST / largest:.0f}, n̂ up", fontsize=SMALL)
    cursor = _angular_momentum(right, run, chosen)
    times = run["time"].values[chosen]

    def draw(i: int) -> None:
        discs.set_offsets(paths[i])
        for atom, trail in enumerate(trails):
            trail.set_data(*paths[max(0, i - TRAIL) : i + 1, atom].T)
        cursor.set_xdata([times[i], times[i]])
        clock.set_text(f"{times[i]:.2f} ps")

    return figure, draw, chosen


def _atoms(ax: Axes, places: FloatArray, radii: FloatArray, species: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """Discs of the atoms and the lines behind them."""
    colours = [appearance_of_species(name)[1] for name in species]
    trails = [ax.plot([], [], color=INK, linewidth=0.9, zorder=3)[0] for _ in species]
    x, y = places.T
    discs = ax.scatter(x, y, s=2 * SIZE_OF_ATOM * radii, c=colours, edgecolors=INK, linewidths=0.4, zorder=2)
    low, high = places.min(axis=0) - 1.5 * LARGEST, places.max(axis=0) + 1.5 * LARGEST
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_color(PALE)
    return discs, trails


def _angular_momentum(ax: Axes, run: Dataset, chosen: IntArray) -> Any:
    """L·n̂ of the driven multiplet and its receiver over the whole run, and a cursor."""
    names, L = run["multiplet"].values.tolist(), along_axis(run, "L")
    for name, colour in zip(by_response(run)[:2], STRONG, strict=False):
        ax.plot(run["time"].values, L[:, names.index(name)], color=colour, linewidth=1.2, label=name)
    zero_line(ax)
    tidy(ax, "angular momentum along n̂")
    ax.set_xlabel("time (ps)", fontsize=FONT)
    ax.set_ylabel("L (ħ per cell)")
    ax.legend(fontsize=SMALL, frameon=False, loc="upper right")
    return ax.axvline(float(run["time"].values[chosen[0]]), color=INK, linewidth=0.8)
