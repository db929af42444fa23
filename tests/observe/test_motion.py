"""Displacements and nearest-neighbour distances."""

import numpy as np
import pytest

from lattice.observe.motion import nearest_neighbours


@pytest.mark.parametrize(
    ("cell", "positions", "distance"),
    [
        (np.eye(3) * 4.0, [[0, 0, 0]], 4.0),
        ((np.ones((3, 3)) - np.eye(3)) * 2.7, [[0, 0, 0], [0.25, 0.25, 0.25]], 2.7 * np.sqrt(3) / 2),
        ((np.ones((3, 3)) - np.eye(3)) * 2.7, [[0, 0, 0]], 2.7 * np.sqrt(2)),
        # The same cubic crystal in a very skewed cell: the nearest image is many cell vectors away.
        ([[1, 0, 0], [7, 1, 0], [-5, 9, 1]], [[0.9, 0.1, 0.3]], 1.0),
    ],
)
def test_distances_that_are_known(cell, positions, distance):
    assert nearest_neighbours(cell, positions) == pytest.approx(distance)


def test_distances_do_not_depend_on_the_choice_of_cell_or_origin():
    rng = np.random.default_rng(1)
    cell = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    positions = rng.random((4, 3))
    change = np.array([[1, 2, 0], [0, 1, -3], [0, 0, 1]])
    reference = nearest_neighbours(cell, positions)
    moved = (positions + rng.normal(size=3)) @ np.linalg.inv(change)
    assert nearest_neighbours(change @ cell, moved) == pytest.approx(reference, abs=1e-12)
