"""Contraction of fourth-order force constants with displacement patterns."""

from __future__ import annotations

import numpy as np

from lattice.structure.crystal import FloatArray
from lattice.structure.quartic import QuarticForceConstants


def contract_quartic(patterns: FloatArray, constants: QuarticForceConstants) -> FloatArray:
    """Return Φ_abcd = Σ Φ_ijkl,αβγδ w_a,iα w_b,jβ w_c,kγ w_d,lδ, i over the cell and j, k, l over the supercell.

    Parameters
    ----------
    patterns : ndarray
        ``(n, n_atoms, 3)`` displacements of the atoms of one cell, *1/√amu*.
    constants : QuarticForceConstants

    Returns
    -------
    ndarray
        ``(n, n, n, n)`` *eV/(Å√amu)⁴*. Most of the work is one matrix product for each pair (i, j).
    """
    n, n_columns = len(patterns), constants.array.shape[1]
    repeated = np.tile(patterns, (1, len(constants.translations), 1))
    last = np.ascontiguousarray(repeated.transpose(1, 2, 0)).reshape(3 * n_columns, n)
    out = np.zeros((n, n, n, n))
    for i, slab in enumerate(constants.array):
        summed = np.zeros((3, n, n, n))
        for j, block in enumerate(slab):  # (k, l, α, β, γ, δ)
            over_l = block.transpose(0, 2, 3, 4, 1, 5).reshape(-1, 3 * n_columns) @ last
            by_k = over_l.reshape(n_columns, 3, 3, 3, n).transpose(1, 2, 4, 0, 3).reshape(-1, 3 * n_columns) @ last
            summed += np.einsum("xydc,by->xbcd", by_k.reshape(3, 3, n, n), repeated[:, j], optimize=True)
        out += np.tensordot(patterns[:, i], summed, axes=(1, 0))
    return out
