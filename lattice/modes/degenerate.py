"""Angular momentum of degenerate modes, independent of the basis in which an eigensolver returns them."""

from __future__ import annotations

import numpy as np

from lattice.modes.modes import ComplexArray, angular_momentum_matrix
from lattice.structure.crystal import FloatArray, IntArray

CLOSE = 1e-7  #: of the largest |eigenvalue| at a q-point: closer modes are degenerate (Ewald sums split them by 1e-8)
_SAME_SPIN = 1e-6  #: ħ


def degenerate_groups(eigenvalue: FloatArray) -> IntArray:
    """Number the groups of modes that coincide.

    Parameters
    ----------
    eigenvalue : ndarray
        ``(n_q, n)`` ascending.

    Returns
    -------
    ndarray
        ``(n_q, n)`` int: 0 for the lowest group of each q-point, one more for each next.
    """
    scale = np.abs(eigenvalue).max(axis=1, keepdims=True, initial=0.0)
    groups: IntArray = np.zeros(eigenvalue.shape, dtype=np.int64)
    groups[:, 1:] = np.cumsum(np.diff(eigenvalue, axis=1) > CLOSE * scale, axis=1)
    return groups


def definite_angular_momentum(
    J: FloatArray, eigenvectors: ComplexArray, groups: IntArray, axis: FloatArray | None
) -> FloatArray:
    """Return J with that of degenerate modes taken in the circular gauge.

    In a degenerate group J·n̂ is diagonalised, larger first. A rotation about n̂ commutes with J·n̂, so these are the
    circular partners of `solve_modes`, whose components across n̂ vanish. Where J·n̂ does not tell modes apart, or there
    is no axis, each gets the mean of J over them: the trace is all that does not depend on the basis.

    Parameters
    ----------
    J : ndarray
        ``(n_q, n, 3)`` *ħ*, of the modes as they are.
    eigenvectors : ndarray
        ``(n_q, n, n)`` complex ``[q, mode, component]``.
    groups : ndarray
        ``(n_q, n)`` int, from `degenerate_groups`.
    axis : ndarray or None
        ``(3,)`` unit vector n̂.

    Returns
    -------
    ndarray
        ``(n_q, n, 3)`` *ħ*; the same array where nothing is degenerate.
    """
    n_q, n = groups.shape
    first = np.ones((n_q, n), dtype=bool)
    first[:, 1:] = np.diff(groups, axis=1) > 0
    starts = np.flatnonzero(first)
    sizes = np.diff(np.append(starts, n_q * n))
    if (sizes == 1).all():
        return J
    result = J.copy()
    flat, vectors = result.reshape(-1, 3), eigenvectors.reshape(n_q * n, -1, 3)
    for size in np.unique(sizes[sizes > 1]):
        members = starts[sizes == size][:, None] + np.arange(size)
        for rows in members:
            flat[rows] = _partner_spins(angular_momentum_matrix(vectors[rows]), axis)
    return result


def _partner_spins(matrices: ComplexArray, axis: FloatArray | None) -> FloatArray:
    """Return J ``(k, 3)`` of the partners from the matrices ``(3, k, k)`` of a degenerate group."""
    k = matrices.shape[1]
    mean = np.trace(matrices, axis1=1, axis2=2).real / k
    if axis is None:
        return np.tile(mean, (k, 1))
    along = np.einsum("x,xab->ab", axis, matrices)
    values, rotation = np.linalg.eigh(along)
    values, rotation = values[::-1], rotation[:, ::-1]
    spins = np.einsum("ap,xab,bp->px", rotation.conj(), matrices, rotation).real
    cuts = np.flatnonzero(values[:-1] - values[1:] > _SAME_SPIN) + 1
    for same in np.split(np.arange(k), cuts):
        spins[same] = spins[same].mean(axis=0)
    return np.asarray(spins)
