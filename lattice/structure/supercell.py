"""Supercells: which atom of the cell, in which of its copies, every atom of a supercell is.

Everything is integer arithmetic on cell translations, so no result depends on the order in which a program lists atoms.
"""

from __future__ import annotations

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray

LARGEST_ENTRY = 10_000  # of a supercell matrix; products of three entries stay exact in 64 bits


def integer_matrix(values: object, what: str) -> IntArray:
    """Return a ``(3, 3)`` integer matrix with a non-zero determinant.

    Parameters
    ----------
    values : array_like
        ``(3, 3)``, numbers that are integers to 1e-3.
    what : str
        Name of the matrix for the message.

    Raises
    ------
    InputError
        If the shape is wrong, an entry is not an integer, or the determinant is zero.
    """
    fix = "give a 3×3 matrix of whole numbers whose determinant is not zero"
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} is not a matrix of numbers", found=values, fix=fix) from None
    if matrix.shape == (3,):
        matrix = np.diag(matrix)
    if matrix.shape != (3, 3):
        raise InputError(f"{what} is not a 3×3 matrix", found=f"shape {matrix.shape}", fix=fix)
    if not (np.abs(matrix) < LARGEST_ENTRY).all() or np.abs(matrix - np.rint(matrix)).max() > 1e-3:
        raise InputError(f"{what} is not made of whole numbers", found=matrix.tolist(), fix=fix)
    integers = np.rint(matrix).astype(np.int64)
    if determinant(integers) == 0:
        raise InputError(f"{what} has the determinant zero", found=integers.tolist(), fix=fix)
    return integers


def determinant(matrix: IntArray) -> int:
    """Return the exact determinant of a ``(3, 3)`` integer matrix."""
    return int(matrix[0] @ np.cross(matrix[1], matrix[2]))


def _adjugate(matrix: IntArray) -> IntArray:
    """Return the integer matrix A with ``matrix @ A = det · 1``."""
    return np.stack(
        [np.cross(matrix[1], matrix[2]), np.cross(matrix[2], matrix[0]), np.cross(matrix[0], matrix[1])], axis=1
    )


def wrap_translations(vectors: IntArray, supercell_matrix: IntArray) -> IntArray:
    """Bring cell translations into the home supercell.

    Parameters
    ----------
    vectors : ndarray
        ``(..., 3)`` int, in units of the cell vectors.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.

    Returns
    -------
    ndarray
        ``(..., 3)`` int, congruent modulo the supercell, with fractional coordinates of the supercell in [0, 1).
    """
    size = abs(determinant(supercell_matrix))
    scaled = (vectors @ _adjugate(supercell_matrix)) * np.sign(determinant(supercell_matrix))
    wrapped: IntArray = (scaled % size) @ supercell_matrix // size
    return wrapped


def cell_translations(supercell_matrix: IntArray) -> IntArray:
    """Return all translations of the cell within the supercell.

    Parameters
    ----------
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.

    Returns
    -------
    ndarray
        ``(n_cells, 3)`` int, in units of the cell vectors; (0, 0, 0) first, then in ascending order.
    """
    size = abs(determinant(supercell_matrix))
    cells = np.zeros((1, 3), dtype=np.int64)
    for axis in range(3):
        steps = np.zeros((size, 3), dtype=np.int64)
        steps[:, axis] = np.arange(size)
        steps = np.unique(wrap_translations(steps, supercell_matrix), axis=0)
        sums = (cells[:, None, :] + steps[None, :, :]).reshape(-1, 3)
        cells = np.unique(wrap_translations(sums, supercell_matrix), axis=0)
    home = (cells == 0).all(axis=1)
    return np.concatenate([cells[home], cells[~home]])


def translation_index(vectors: IntArray, translations: IntArray, supercell_matrix: IntArray) -> IntArray:
    """Return the index in ``translations`` of each vector, modulo the supercell.

    Parameters
    ----------
    vectors : ndarray
        ``(..., 3)`` int, in units of the cell vectors.
    translations : ndarray
        ``(n_cells, 3)`` int, one representative of every cell, in any order.
    supercell_matrix : ndarray
        ``(3, 3)`` int, rows are the supercell vectors in units of the cell vectors.

    Returns
    -------
    ndarray
        ``(...)`` int.
    """
    wrapped = wrap_translations(vectors, supercell_matrix)
    reference = wrap_translations(translations, supercell_matrix)
    corner = reference.min(axis=0)
    extent = reference.max(axis=0) - corner + 1
    table = np.full(extent, -1, dtype=np.int64)
    table[tuple((reference - corner).T)] = np.arange(len(reference))
    index: IntArray = table[tuple(np.moveaxis(wrapped - corner, -1, 0))]
    return index


def locate_atoms(
    points: FloatArray, cell: FloatArray, positions: FloatArray, symprec: float
) -> tuple[IntArray, IntArray]:
    """Find for every point the atom of the cell and the copy of the cell that it is.

    Parameters
    ----------
    points : ndarray
        ``(n_points, 3)`` Cartesian, *Å*.
    cell : ndarray
        ``(3, 3)`` *Å*, rows are the cell vectors.
    positions : ndarray
        ``(n_atoms, 3)`` fractional.
    symprec : float
        Largest distance in *Å* at which a point is an atom.

    Returns
    -------
    atoms : ndarray
        ``(n_points,)`` int.
    translations : ndarray
        ``(n_points, 3)`` int, in units of the cell vectors.

    Raises
    ------
    InputError
        If a point is no atom of the crystal.
    """
    fractional = points @ np.linalg.inv(cell)
    atoms = np.empty(len(points), dtype=np.int64)
    translations = np.empty((len(points), 3), dtype=np.int64)
    for index, point in enumerate(fractional):
        difference = point - positions
        whole = np.rint(difference)
        distance = np.linalg.norm((difference - whole) @ cell, axis=1)
        nearest = int(np.argmin(distance))
        if distance[nearest] > symprec:
            raise InputError(
                "An atom of the supercell is not a copy of an atom of the cell",
                found=f"supercell atom {index + 1} is {distance[nearest]:.2g} Å away from the nearest copy",
                fix="give the supercell that belongs to this cell, or a larger symprec",
            )
        atoms[index] = nearest
        translations[index] = whole[nearest]
    return atoms, translations


def supercell_matrix_between(cell: FloatArray, supercell: FloatArray, symprec: float) -> IntArray:
    """Return the integer matrix S with ``supercell = S @ cell``.

    Raises
    ------
    InputError
        If the supercell is not made of whole cells to ``symprec`` Å.
    """
    matrix = supercell @ np.linalg.inv(cell)
    if np.abs(np.rint(matrix) @ cell - supercell).max() > max(symprec, 1e-8 * np.abs(supercell).max()):
        raise InputError(
            "The supercell is not made of whole cells",
            found=np.round(matrix, 4).tolist(),
            fix="give the cell from which the supercell was built",
        )
    return integer_matrix(matrix, "The supercell matrix")
