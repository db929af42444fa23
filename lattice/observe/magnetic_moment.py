"""Magnetic moments of phonons from the motion of Born charges."""

from __future__ import annotations

import numpy as np
from scipy import constants

from lattice.errors import InputError
from lattice.modes.modes import MODES, SPIN_ONE, Modes
from lattice.structure import argument
from lattice.structure.crystal import FloatArray

PROTON_MASS = constants.m_p / constants.atomic_mass  #: amu


@argument.takes(modes=MODES)
def magnetic_moment(modes: Modes) -> FloatArray:
    """Return the magnetic moment of each mode, per phonon.

    An atom whose displacement u carries the current Z* u̇ has the moment ½ u × Z* u̇, symmetrised in u and u̇:
    μ = ½ (Tr Z* − Z*ᵀ) l/(2m), which is e Z* l/(2m) for an isotropic charge; l is the angular momentum of the atom.

    Parameters
    ----------
    modes : Modes
        Of a crystal with Born charges, at any q, as circular partners.

    Returns
    -------
    ndarray
        ``(n_modes, 3)`` *μ_N* (nuclear magnetons eħ/2m_p) per phonon, positive along the angular momentum of a
        positive charge. NaN where the eigenvectors are not fixed (patterns without force constants).

    Raises
    ------
    InputError
        If the crystal has no Born charges.

    References
    ----------
    D. M. Juraschek and N. A. Spaldin, Phys. Rev. Materials 3, 064405 (2019), eqs. (4)–(6), for isotropic charges.
    """
    crystal = modes.crystal
    if crystal.born_charges is None:
        raise InputError(
            "Magnetic moments of phonons need Born charges",
            found=f"{crystal.name or 'a crystal'} without them",
            fix="give born= or put a BORN file beside the structure",
        )
    vectors = modes.eigenvectors
    spin = np.einsum("ska,xab,skb->skx", vectors.conj(), SPIN_ONE, vectors, optimize=True).real  # ħ, per atom
    trace = np.trace(crystal.born_charges, axis1=1, axis2=2)
    gyration = (trace[:, None, None] * np.eye(3) - np.swapaxes(crystal.born_charges, 1, 2)) / 2
    moment = np.einsum("kxy,sky,k->sx", gyration, spin, PROTON_MASS / crystal.masses)
    unknown = np.isnan(modes.frequency) | np.isnan(modes.J).any(axis=1)
    return np.where(unknown[:, None], np.nan, moment)
