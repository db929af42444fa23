"""The counter-based generator against the published test vectors, and the normal numbers made of it."""

import numpy as np
import pytest
from scipy import stats

from lattice._kernels import trajectory as kernel

# Random123 1.14, kat_vectors, philox4x32 10 rounds: counter, key, result.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), VECTORS)
def test_published_vectors(counter, key, expected):
    out = np.zeros(4, np.uint32)
    kernel.philox(words(counter), *words(key).tolist(), out)
    np.testing.assert_array_equal(out, words(expected))


def draw(seed, trajectory, index, n_modes=3):
    out = np.empty((n_modes, 2))
    kernel.normals(seed, trajectory, index, out)
    return out


def test_numbers_are_normal_and_independent():
    x = np.array([draw(7, t, i) for t in range(40) for i in range(250)]).reshape(-1, 6)
    for column in x.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    correlation = np.corrcoef(x.T) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(x))


def test_every_part_of_the_counter_and_key_matters():
    base = draw(7, 1, 5)
    np.testing.assert_array_equal(base, draw(7, 1, 5))
    others = [draw(8, 1, 5), draw(7 + 2**32, 1, 5), draw(7, 2, 5), draw(7, 1, 6), draw(7, 1, 5 + 2**32)]
    assert all((other != base).all() for other in others)
    assert len(np.unique(base)) == base.size
