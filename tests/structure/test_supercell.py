"""Cell translations within a supercell: group identities, exact in integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lattice.errors import InputError
from lattice.structure.supercell import (
    cell_translations,
    determinant,
    integer_matrix,
    locate_atoms,
    supercell_matrix_between,
    translation_index,
    wrap_translations,
)

entries = st.integers(-4, 4)
matrices = (
    st.lists(entries, min_size=9, max_size=9)
    .map(lambda values: np.array(values, dtype=np.int64).reshape(3, 3))
    .filter(lambda matrix: 0 < abs(determinant(matrix)) <= 60)
)
vectors = st.lists(st.integers(-50, 50), min_size=3, max_size=3).map(lambda values: np.array(values, dtype=np.int64))


@settings(deadline=None, max_examples=60)
@given(matrices)
def test_the_supercell_holds_det_cells_each_once(matrix):
    translations = cell_translations(matrix)
    assert len(translations) == abs(determinant(matrix))
    assert (translations[0] == 0).all()
    index = translation_index(translations, translations, matrix)
    assert (index == np.arange(len(translations))).all()


@settings(deadline=None, max_examples=60)
@given(matrices, vectors, vectors)
def test_wrapping_is_a_homomorphism_onto_the_quotient(matrix, first, second):
    wrapped = wrap_translations(first, matrix)
    steps = (first - wrapped) @ np.linalg.inv(matrix)
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    assert (wrap_translations(wrapped, matrix) == wrapped).all()
    assert (wrap_translations(first + second @ matrix, matrix) == wrapped).all()
    both = wrap_translations(wrapped + wrap_translations(second, matrix), matrix)
    assert (both == wrap_translations(first + second, matrix)).all()
    fractional = wrapped @ np.linalg.inv(matrix)
    assert fractional.min() > -1e-9
    assert fractional.max() < 1 - 1e-9


@settings(deadline=None, max_examples=40)
@given(matrices, vectors)
def test_the_index_finds_the_congruent_cell_in_any_order(matrix, vector):
    translations = cell_translations(matrix)[::-1] + np.array([3, -2, 5]) @ matrix
    found = translations[translation_index(vector, translations, matrix)]
    steps = (vector - found) @ np.linalg.inv(matrix)
    assert np.abs(steps - np.rint(steps)).max() < 1e-9


def test_the_determinant_is_exact():
    matrix = np.array([[10**6, 1, 0], [0, 10**6, 1], [1, 0, 10**5]])
    assert determinant(matrix) == 10**17 + 1


def test_atoms_are_located_with_their_cell():
    cell = np.array([[4.0, 0.3, 0.0], [-1.0, 5.0, 0.2], [0.1, 0.0, 6.0]])
    positions = np.array([[0.0, 0.0, 0.0], [0.3, 1.4, -0.2]])
    rng = np.random.default_rng(2)
    atoms, copies = rng.integers(0, 2, 30), rng.integers(-9, 9, (30, 3))
    points = (positions[atoms] + copies) @ cell
    found_atoms, found_copies = locate_atoms(points, cell, positions, 1e-5)
    assert (found_atoms == atoms).all()
    assert (found_copies == copies).all()
    with pytest.raises(InputError, match="not a copy"):
        locate_atoms(points + 0.01, cell, positions, 1e-5)


def test_the_matrix_between_cells_is_recovered():
    cell = np.array([[4.0, 0.3, 0.0], [-1.0, 5.0, 0.2], [0.1, 0.0, 6.0]])
    matrix = np.array([[1, -1, 0], [2, 1, 0], [0, 1, 3]])
    assert (supercell_matrix_between(cell, matrix @ cell, 1e-5) == matrix).all()
    with pytest.raises(InputError, match="whole cells"):
        supercell_matrix_between(cell, 1.1 * cell, 1e-5)


@pytest.mark.parametrize(
    "values", [np.zeros((3, 3)), np.eye(3) * 1.5, [[1, 2], [3, 4]], "two", [[np.nan] * 3] * 3, [2, 0, 2], np.eye(4)]
)
def test_what_is_no_supercell_matrix_is_refused(values):
    with pytest.raises(InputError):
        integer_matrix(values, "The matrix")


def test_three_numbers_are_a_diagonal():
    assert (integer_matrix([2, 3, 4], "The matrix") == np.diag([2, 3, 4])).all()
