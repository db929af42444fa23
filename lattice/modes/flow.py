"""How fast modes carry angular momentum: frequency and J_α v_β at many q-points."""

from __future__ import annotations

from typing import Any

import numpy as np

from lattice import units
from lattice.modes.modes import ComplexArray, angular_momentum_matrix
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.phonopy_object import phonopy_from_crystal

_STEP = 1e-4  #: rad/Å; central differences of D(q), error below 1e-6 of the velocity for cells up to 30 Å
_DEGENERATE = 1e-4  #: THz
STILL = 1e-3  #: THz; slower modes have no velocity that could be told from noise


class Flow:
    """The product J_α v_β of the modes of one crystal.

    In a degenerate set the basis that a perturbation along β selects diagonalises the velocity along β, and the sum of
    J_α v_β over the set is Tr J_α V_β in any basis. Each member of the set is given its share.

    Parameters
    ----------
    crystal : Crystal
        With force constants of a supercell.
    nac_method : {"gonze-lee", "wang", "none"}
    """

    def __init__(self, crystal: Crystal, nac_method: str = "gonze-lee") -> None:
        polar = nac_method != "none" and crystal.born_charges is not None and crystal.dielectric is not None
        phonon = phonopy_from_crystal(crystal, with_nac=polar, nac_method=nac_method)
        self._matrix: Any = phonon.dynamical_matrix
        self._cell = np.array(crystal.cell)

    def dynamical_matrix(self, qpoint: FloatArray) -> ComplexArray:
        """Return D(q) ``(3 n_atoms, 3 n_atoms)`` in *eV/(Å² amu)*, phonopy's convention, Hermitian."""
        self._matrix.run(qpoint)
        matrix = np.array(self._matrix.dynamical_matrix, dtype=np.complex128)
        return np.asarray((matrix + matrix.conj().T) / 2)

    def gradient(self, qpoint: FloatArray) -> ComplexArray:
        """Return ∂D/∂k_β ``(3, 3 n_atoms, 3 n_atoms)`` in *eV/(Å amu)*, k in rad/Å, Cartesian."""
        steps = _STEP / units.TWO_PI * self._cell  # (3, 3): row i is cell vector i; q_i = k·a_i/2π
        return np.array(
            [
                (self.dynamical_matrix(qpoint + step) - self.dynamical_matrix(qpoint - step)) / (2 * _STEP)
                for step in steps.T
            ]
        )

    def at(self, qpoint: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the frequencies and the flow of angular momentum at one q-point other than Γ.

        Parameters
        ----------
        qpoint : ndarray
            ``(3,)`` in units of the reciprocal cell vectors.

        Returns
        -------
        frequency : ndarray
            ``(n_modes,)`` *THz*, ascending, negative if imaginary.
        flow : ndarray
            ``(n_modes, 3, 3)`` *ħ Å/ps*: J_α v_β; NaN for modes below `STILL`, imaginary ones included.
        """
        curvature, vectors = np.linalg.eigh(self.dynamical_matrix(qpoint))
        frequency = np.array([units.frequency_from_curvature(float(x)) for x in curvature])
        slope = np.einsum("ia,bij,jc->bac", vectors.conj(), self.gradient(qpoint), vectors, optimize=True)
        spin = angular_momentum_matrix(vectors.T.reshape(len(vectors), -1, 3))
        flow = np.full((len(frequency), 3, 3), np.nan)
        cuts = np.flatnonzero(np.diff(frequency) > _DEGENERATE) + 1
        for group in np.split(np.arange(len(frequency)), cuts):
            nu = float(frequency[group].mean())
            if nu < STILL:
                continue
            # ω² = D: v = (∂D/∂k) / 2ω, D in rad²/ps² after multiplication by EV
            rows, columns = np.ix_(group, group)
            total = np.einsum("xab,yba->xy", spin[:, rows, columns], slope[:, rows, columns]).real
            flow[group] = total * units.EV / (2 * (units.TWO_PI * nu)) / len(group)
        return frequency, flow
