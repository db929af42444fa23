"""How the grid of points is cut: one task is one block, a box of the grid, and one whole chunk of the store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lattice.structure.crystal import IntArray

Block = tuple[int, ...]
MANY_POINTS = 100_000  #: beyond it the store is made of few large files
PORTION = 2**21  #: numbers that are in memory at a time where everything is read (16 MiB, and some copies)
FEW_BLOCKS = 800  #: of a large sweep: each is two files
POINTS_OF_MANY_BLOCKS = 10_000  #: least points of a block where even `FEW_BLOCKS` would hold too many each
MOST_BLOCKS = 20_000  #: of any sweep: a scheduler hands out some hundreds in a second, to a thousand cores


@dataclass(frozen=True, slots=True)
class Layout:
    """A grid and its blocks.

    Attributes
    ----------
    shape : tuple of int
        Points along each dimension.
    block : tuple of int
        Points of a block along each dimension; blocks at the end of a dimension may be smaller.
    """

    shape: tuple[int, ...]
    block: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of blocks along each dimension."""
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block, strict=True))

    @property
    def n_points_in_all(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return math.prod(self.grid)

    def number(self, block: Block) -> int:
        """Number of a block, the last dimension fastest."""
        return int(np.ravel_multi_index(block, self.grid))

    def at(self, number: int) -> Block:
        """Position of a block from its number."""
        return tuple(int(i) for i in np.unravel_index(number, self.grid))

    def box(self, block: Block) -> tuple[slice, ...]:
        """Part of the grid that a block covers."""
        return tuple(slice(i * b, min((i + 1) * b, n)) for i, b, n in zip(block, self.block, self.shape, strict=True))

    def sizes(self, block: Block) -> tuple[int, ...]:
        """Points of a block along each dimension."""
        return tuple(part.stop - part.start for part in self.box(block))

    def points(self, block: Block) -> tuple[IntArray, ...]:
        """Indices of the points of a block along each dimension, ``(n_points,)`` each, the last dimension fastest."""
        along = [np.arange(part.start, part.stop) for part in self.box(block)]
        return tuple(grid.ravel() for grid in np.meshgrid(*along, indexing="ij"))

    def n_points(self, numbers: IntArray) -> IntArray:
        """Points of each of the blocks `numbers`."""
        total = np.ones(len(numbers), dtype=np.int64)
        for i, b, n in zip(np.unravel_index(numbers, self.grid), self.block, self.shape, strict=True):
            total *= np.minimum((i + 1) * b, n) - i * b
        return total

    def portions(self, width: int) -> Iterator[tuple[slice, ...]]:
        """Parts of the grid of at most `PORTION` numbers, `width` for each point, in the order of the points."""
        yield from _portions(self.shape, self.block, width)


def _portions(shape: tuple[int, ...], block: tuple[int, ...], width: int) -> Iterator[tuple[slice, ...]]:
    inner = math.prod(shape[1:]) * width
    if inner > PORTION and len(shape) > 1:
        for i in range(shape[0]):
            for rest in _portions(shape[1:], block[1:], width):
                yield (slice(i, i + 1), *rest)
        return
    rows = max(1, PORTION // max(1, inner))
    rows = max(rows - rows % block[0], min(rows, block[0]))  # whole blocks, where one fits
    for first in range(0, shape[0], rows):
        yield (slice(first, min(first + rows, shape[0])), *(slice(0, n) for n in shape[1:]))


def cut(shape: tuple[int, ...], points: int) -> Layout:
    """Cut a grid into boxes of at most `points` points, as even as the lengths allow.

    Parameters
    ----------
    shape : tuple of int
    points : int
        At least 1.
    """
    room, block = max(1, points), []
    for n in reversed(shape):
        count = -(-n // min(n, room))
        block.append(-(-n // count))
        room //= block[-1]
        room = max(1, room)
    return Layout(shape, tuple(reversed(block)))


def points_of_a_block(n_points: int, seconds_per_point: float, seconds: float) -> int:
    """Return how many points make a task of `seconds`; a large sweep has no more than `FEW_BLOCKS` of them.

    Beyond 10⁵ points a block has at least `n_points` / 800 points, or 10⁴ if that is less, and no sweep has more than
    `MOST_BLOCKS`: one of 10⁶ points is then fewer than 2000 files, one of 10⁹ about 4·10⁴, and its tasks last long
    enough to keep a thousand cores busy.
    """
    wanted = max(math.ceil(seconds / max(seconds_per_point, 1e-9)), -(-n_points // MOST_BLOCKS))
    if n_points > MANY_POINTS:
        wanted = max(wanted, min(-(-n_points // FEW_BLOCKS), POINTS_OF_MANY_BLOCKS))
    return min(wanted, n_points)
