"""Modes at many q-points of one crystal: short-range part in the kernel, dipole–dipole part from phonopy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lattice import units
from lattice.modes.arguments import checked_q
from lattice.modes.axis import default_axis
from lattice.modes.batch import ShortRange, short_range, solve_matrices, solve_short_range
from lattice.modes.degenerate import definite_angular_momentum, degenerate_groups
from lattice.modes.modes import ComplexArray
from lattice.modes.solve import without_translations
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.phonopy_object import phonopy_from_crystal

BLOCK = 512  #: q-points whose eigenvectors are held at a time
_N_TRANSLATIONS = 3


@dataclass(frozen=True, slots=True, eq=False)
class BandModes:
    """Modes at a list of q-points in ascending frequency.

    Attributes
    ----------
    qpoints : ndarray
        ``(n_q, 3)``.
    frequency : ndarray
        ``(n_q, n_modes)`` *THz*, negative if imaginary.
    J : ndarray
        ``(n_q, n_modes, 3)`` *ħ per phonon*, degenerate modes in the circular gauge
        (`lattice.modes.degenerate.definite_angular_momentum`).
    group : ndarray
        ``(n_q, n_modes)`` int: modes of one q-point with the same number are degenerate.
    eigenvectors : ndarray
        ``(n_q, n_modes, 3 n_atoms)`` complex, phonopy's convention; degenerate ones in no particular gauge.
        ``(n_q, 0, 3 n_atoms)`` where not asked for.
    """

    qpoints: FloatArray
    frequency: FloatArray
    J: FloatArray
    group: IntArray
    eigenvectors: ComplexArray


class Dispersion:
    """Solver for one crystal at any number of q-points.

    Equal to phonopy's ``run_mesh`` with the crystal's Born charges (Gonze–Lee) where it has them, except that at Γ
    translations of the whole crystal are projected out, so that acoustic frequencies are exactly zero there.

    Parameters
    ----------
    crystal : Crystal
        With force constants.
    axis : ndarray, optional
        Unit vector n̂ of the circular gauge; default: the rotation axis of highest order.
    n_threads : int
        Threads of the kernel; the result is the same on any number, to the bit.

    Raises
    ------
    InputError
        If there are no force constants.
    """

    def __init__(self, crystal: Crystal, *, axis: FloatArray | None = None, n_threads: int = 1) -> None:
        checked_q(crystal, (0.0, 0.0, 0.0))
        self.crystal = crystal
        self.axis = default_axis(crystal) if axis is None else axis
        self.n_threads = n_threads
        polar = crystal.born_charges is not None and crystal.dielectric is not None
        self.long_range = "gonze-lee" if polar else "none"
        phonon = phonopy_from_crystal(crystal, with_nac=polar)
        self._polar_matrix: Any = phonon.dynamical_matrix if polar else None
        self._constants: ShortRange | None = None if polar else short_range(phonon)

    def blocks(self, qpoints: FloatArray, *, eigenvectors: bool = False) -> Iterator[BandModes]:
        """Solve a list of q-points, at most `BLOCK` at a time.

        Parameters
        ----------
        qpoints : ndarray
            ``(n_q, 3)`` in units of the reciprocal cell vectors.
        eigenvectors : bool
            Whether to return eigenvectors; writing them to memory takes a quarter of the time.

        Raises
        ------
        InputError
            If the force constants are those of a single cell and a q-point is not Γ.
        """
        away = qpoints[qpoints.any(axis=1)]
        if len(away):
            checked_q(self.crystal, away[0].tolist())
        for first in range(0, len(qpoints), BLOCK):
            yield self._solve(qpoints[first : first + BLOCK], eigenvectors)

    def _solve(self, qpoints: FloatArray, eigenvectors: bool) -> BandModes:
        """Solve one block; degenerate modes once more, with the eigenvectors that their gauge needs."""
        value, vectors, J = self._raw(qpoints, eigenvectors)
        groups = degenerate_groups(value)
        rows = np.flatnonzero((np.diff(groups, axis=1) == 0).any(axis=1))
        if len(rows):
            basis, spin = (vectors[rows], J[rows]) if vectors.shape[1] else self._raw(qpoints[rows], True)[1:]
            J[rows] = definite_angular_momentum(spin, basis, groups[rows], self.axis)
        frequency = np.sign(value) * np.sqrt(np.abs(value)) * units.THZ_PER_ROOT_EV
        return BandModes(qpoints, frequency, J, groups, vectors)

    def _raw(self, qpoints: FloatArray, eigenvectors: bool) -> tuple[FloatArray, ComplexArray, FloatArray]:
        """Return ω² in eV/(Å² amu), eigenvectors and J in the basis of the eigensolver."""
        if self._constants is not None:
            batch = solve_short_range(self._constants, qpoints, eigenvectors=eigenvectors, n_threads=self.n_threads)
        else:
            from phonopy.harmonic.dynamical_matrix import get_dynamical_matrices_at_qpoints

            matrices = get_dynamical_matrices_at_qpoints(self._polar_matrix, np.array(qpoints, order="C"))
            batch = solve_matrices(matrices, n_threads=self.n_threads)  # the matrices take far longer than the rest
        at_gamma = ~qpoints.any(axis=1)
        if at_gamma.any():
            value, vectors, J = _modes_at_gamma(self.crystal)
            batch.eigenvalue[at_gamma], batch.J[at_gamma] = value, J
            batch.eigenvectors[at_gamma] = vectors[: batch.eigenvectors.shape[1]]
        return batch.eigenvalue, batch.eigenvectors, batch.J


def _modes_at_gamma(crystal: Crystal) -> tuple[FloatArray, ComplexArray, FloatArray]:
    """Return ω² ``(n,)``, eigenvectors and J at Γ; translations are projected out and have ω = 0."""
    assert crystal.force_constants is not None  # checked by the caller
    n = 3 * crystal.n_atoms
    weight = np.sqrt(crystal.masses)
    blocks = crystal.force_constants.array.sum(axis=1) / (weight[:, None] * weight[None])[:, :, None, None]
    matrix = blocks.transpose(0, 2, 1, 3).reshape(n, n)
    batch = solve_matrices(without_translations(crystal, (matrix + matrix.T) / 2)[None])
    value = batch.eigenvalue[0].copy()
    value[-_N_TRANSLATIONS:] = 0.0  # they lie above the spectrum there
    order = np.argsort(value, kind="stable")
    return value[order], batch.eigenvectors[0][order], batch.J[0][order]
