"""Colours and manners of every figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lattice.errors import InputError
from lattice.structure.complete_file import complete_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any colour vision: a strong and a light tone for the two partners of each
# multiplet in turn, and one colour that only the crystal has.
STRONG = ("#0072B2", "#D55E00")
LIGHT = ("#56B4E9", "#E69F00")
CRYSTAL = "#009E73"
INK, PALE = "#222222", "#BBBBBB"

#: what matplotlib shall leave out of a file of each ending, so that the same figure has the same bytes at any time
_LEFT_OUT: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
FORMATS = tuple(_LEFT_OUT)
FONT = 8.0  #: points, of labels; ticks, legends and notes are one smaller
SMALL = FONT - 1.0
RESOLUTION = 220  #: dots per inch of a PNG


def tidy(ax: Axes, title: str = "") -> None:
    """Give Axes the common look: no box, thin lines, small print, the title at the left."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_linewidth(0.6)
    ax.tick_params(labelsize=SMALL, width=0.6, length=2.5, colors=INK)
    ax.xaxis.label.set_fontsize(FONT)
    ax.yaxis.label.set_fontsize(FONT)
    ax.set_title(title, loc="left", fontsize=FONT, color=INK)


def zero_line(ax: Axes) -> None:
    """Draw a pale line at zero behind everything."""
    ax.axhline(0.0, color=PALE, linewidth=0.6, zorder=0)


def note(ax: Axes, words: str, place: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Write small print at an offset in points from a place in data coordinates."""
    ax.annotate(words, place, xytext=offset, textcoords="offset points", fontsize=SMALL, **style)


def legend(ax: Axes, **where: Any) -> None:
    """Add a small legend without a frame."""
    ax.legend(fontsize=SMALL, frameon=False, handlelength=1.2, borderaxespad=0.2, columnspacing=1.2, **where)


def signed(value: float, digits: str = "#.3g") -> str:
    """Return a number with its sign, with a true minus; no sign where every digit is zero."""
    words = f"{value:+{digits}}".rstrip(".")
    return (words if float(words) else words[1:]).replace("-", "−")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure under a temporary name and rename it: a file that exists is complete.

    The same figure gives the same bytes at any time.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        Ends in ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    InputError
        Another ending, or a folder that does not exist.
    LatticeError
        The file cannot be written.
    """
    from matplotlib import rc_context

    left_out = _LEFT_OUT.get(Path(path).suffix.lower())
    if left_out is None:
        raise InputError("A figure has an unknown ending", found=str(path), fix=f"end it in {', '.join(FORMATS)}")
    with complete_file(path) as temporary, rc_context({"svg.hashsalt": "lattice"}):  # else its identifiers are drawn
        figure.savefig(temporary, dpi=RESOLUTION, metadata=left_out)
