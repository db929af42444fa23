"""Plain tables: columns of words, aligned."""

from __future__ import annotations

from collections.abc import Sequence

from lattice.cli.colour import paint


def aligned(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return one line for each row, columns two blanks apart.

    Parameters
    ----------
    rows : sequence of sequence of str
        All of one length; the first is the header.
    left : int
        How many columns are aligned at the left; the others, numbers, at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return [paint(lines[0], "heading"), *lines[1:]]


def number(value: float | None, form: str) -> str:
    """Return a number in a format, a dash for None; a sign that stands before nothing but zeros is dropped."""
    if value is None:
        return "–"
    words = format(value, form)
    return words.replace("-", "").replace("+", "") if float(words) == 0 else words


def direction(vector: Sequence[float] | None) -> str:
    """Return a unit vector as ``[0 0 1]`` or with three decimals."""
    if vector is None:
        return "none"
    return "[" + " ".join(f"{x + 0.0:.3f}".rstrip("0").rstrip(".").replace("-0", "0", x > -5e-4) for x in vector) + "]"
