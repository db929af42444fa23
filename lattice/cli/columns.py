"""Plain tables: columns of words, aligned."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lattice.cli.colour import paint

ROUND_OFF = 1e-12


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
    """Return a number in a format, a dash for None and NaN; a sign before nothing but zeros is dropped."""
    if value is None or math.isnan(value):
        return "–"
    words = format(value, form)
    return words.replace("-", "").replace("+", "") if float(words) == 0 else words


def row_of_numbers(values: Sequence[float | None]) -> tuple[str, ...]:
    """Return signed numbers with six decimals, or with four digits where six decimals show less than three of any.

    What is below 1e-12 of a unit is round-off, and shown as zero.
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if not ROUND_OFF < largest < 1e-4:
        return tuple(number(value, "+.6f") for value in values)
    clean = (0.0 if value is not None and abs(value) < ROUND_OFF else value for value in values)
    return tuple("0" if value == 0 else number(value, "+.3e") for value in clean)


def direction(vector: Sequence[float] | None) -> str:
    """Return a unit vector as ``[0 0 1]`` or with three decimals."""
    if vector is None:
        return "none"
    return "[" + " ".join(f"{x + 0.0:.3f}".rstrip("0").rstrip(".").replace("-0", "0", x > -5e-4) for x in vector) + "]"
