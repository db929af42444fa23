"""Blocks of a grid: they cover it once, and their number stays small."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lattice.study.layout import cut, points_of_a_block

SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


@settings(deadline=None)
@given(SHAPES, st.integers(1, 200))
def test_blocks_cover_every_point_once_and_none_is_too_large(shape, points):
    layout = cut(shape, points)
    seen = np.zeros(shape, dtype=int)
    for number in range(layout.n_blocks):
        block = layout.at(number)
        assert layout.number(block) == number
        index = layout.points(block)
        seen[index] += 1
        assert len(index[0]) == math.prod(layout.sizes(block)) <= points
        assert np.array_equal(np.ravel_multi_index(index, shape), np.sort(np.ravel_multi_index(index, shape)))
    assert (seen == 1).all()
    assert layout.n_points(np.arange(layout.n_blocks)).sum() == math.prod(shape)


@settings(deadline=None)
@given(SHAPES, st.integers(1, 50), st.integers(1, 30))
def test_portions_follow_the_order_of_the_points(shape, points, width):
    import lattice.study.layout as module

    before, module.PORTION = module.PORTION, 64
    try:
        numbers = np.arange(math.prod(shape)).reshape(shape)
        parts = [numbers[part] for part in cut(shape, points).portions(width)]
    finally:
        module.PORTION = before
    assert np.concatenate([part.ravel() for part in parts]).tolist() == list(range(numbers.size))
    inner_is_cut = len(shape) > 1 or width <= 64
    assert not inner_is_cut or all(part.size * width <= 64 or part.shape[-1] == 1 or part.size == 1 for part in parts)


def test_the_number_of_files_of_a_large_sweep_is_bounded():
    for n, seconds_per_point in ((10**6, 1e-2), (10**6, 1e-5), (10**9, 1e-5), (10**9, 1e-2)):
        layout = cut((n, 1), points_of_a_block(n, seconds_per_point, 2.0))
        # two files for each block, and the metadata
        assert 2 * layout.n_blocks + 20 <= (1999 if n == 10**6 else 40_020)
    assert points_of_a_block(1000, 10.0, 2.0) == 1
    assert points_of_a_block(1000, 1e-9, 2.0) == 1000
