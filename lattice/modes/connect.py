"""Bands: which mode of one q-point continues as which mode of the next."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from lattice.modes.modes import ComplexArray
from lattice.structure.crystal import FloatArray, IntArray

_FORBIDDEN = 10.0  #: more than any overlap: modes of unequal m belong to different bands
_NEARNESS = 1e-3  #: weight of the frequencies, which decide only where overlaps are equal
_SAME_M = 0.25


def connect_bands(
    eigenvectors: ComplexArray, frequency: FloatArray, m: FloatArray, order: IntArray, piece: IntArray
) -> IntArray:
    """Number the bands along a path so that they go on through crossings.

    Between neighbours the assignment with the largest sum of squared overlaps |ε†(q) ε(q')|² is taken. Modes of
    different symmetry under what leaves both q-points invariant are orthogonal, so symmetry is respected wherever it
    tells bands apart; where m is known at both, it must agree too.

    Parameters
    ----------
    eigenvectors : ndarray
        ``(n_q, n, 3 n_atoms)`` complex, with the phase of each atom's own position split off (phonopy's convention),
        so that they are smooth functions of q.
    frequency : ndarray
        ``(n_q, n)`` *THz*.
    m : ndarray
        ``(n_q, n)``, NaN where there is none.
    order : ndarray
        ``(n_q,)`` int, order of the axis at each q.
    piece : ndarray
        ``(n_q,)`` int, number of the connected piece; in each, bands are numbered anew, in ascending frequency.

    Returns
    -------
    ndarray
        ``(n_q, n)`` int: the band of each mode.
    """
    n_q, n = frequency.shape
    span = max(float(np.ptp(frequency)), 1e-12)
    band: IntArray = np.empty((n_q, n), dtype=np.int64)
    for q in range(n_q):
        if q == 0 or piece[q] != piece[q - 1]:
            band[q] = np.arange(n)
            continue
        overlap = np.abs(eigenvectors[q - 1].conj() @ eigenvectors[q].T) ** 2
        cost = _NEARNESS * np.abs(frequency[q - 1][:, None] - frequency[q][None]) / span - overlap
        if order[q] == order[q - 1] > 1:
            difference = np.abs(m[q - 1][:, None] - m[q][None]) % order[q]
            cost = cost + _FORBIDDEN * (np.minimum(difference, order[q] - difference) > _SAME_M)
        before, after = linear_sum_assignment(cost)
        band[q, after] = band[q - 1, before]
    return band
