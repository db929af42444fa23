"""Contraction of third-order force constants with displacement patterns, by the compiled kernel."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lattice._kernels import cubic as kernel
from lattice.errors import InputError
from lattice.modes.modes import ComplexArray
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.cubic import CubicForceConstants
from lattice.structure.cubic_files import read_cubic

FILE_OR_CONSTANTS = "give the path of a file, or force constants with their supercell"
#: The argument of public functions that `cubic_of` takes.
CUBIC = argument.kind(
    (CubicForceConstants, str, os.PathLike), "a set of third-order force constants", FILE_OR_CONSTANTS
)

Waves = Sequence[ComplexArray]


def cubic_of(
    fc3: CubicForceConstants | str | os.PathLike[str], crystal: Crystal, qpoints: Sequence[FloatArray] = ()
) -> CubicForceConstants:
    """Return third-order force constants, read where a path is given: for Γ and these wave vectors.

    Raises
    ------
    InputError
        If the file cannot be used, or they belong to another crystal.
    """
    constants = fc3 if isinstance(fc3, CubicForceConstants) else read_cubic(fc3, crystal, qpoints=qpoints)
    if len(constants.array) != crystal.n_atoms:
        raise InputError(
            "The third-order force constants belong to another crystal",
            found=f"{len(constants.array)} atoms, {crystal.n_atoms} in the crystal of the modes",
            fix="read them with the same crystal",
        )
    return constants


def contract_cubic(
    constants: CubicForceConstants, first: FloatArray, second: FloatArray, third: FloatArray
) -> FloatArray:
    """Return Σ Φ_ijk,αβγ u_a,iα v_b,jβ w_c,kγ, i over the home cell, j and k over the supercell.

    Parameters
    ----------
    constants : CubicForceConstants
    first : ndarray
        ``(n_first, n_atoms, 3)`` real displacements of the home cell, *1/√amu*.
    second, third : ndarray
        ``(n, n_cells · n_atoms, 3)``, of the atoms of the supercell, cell after cell in the order of
        ``constants.translations``.

    Returns
    -------
    ndarray
        ``(n_first, n_second, n_third)`` *eV/(Å√amu)³*.
    """
    n_atoms, n_cells = constants.array.shape[:2]
    n_columns = n_cells * n_atoms
    out = np.empty((len(first), len(second), len(third)))
    kernel.contract(
        constants.array.reshape(n_atoms, n_columns, n_columns, 27),
        np.ascontiguousarray(first),
        np.ascontiguousarray(second),
        np.ascontiguousarray(third.transpose(1, 2, 0)),
        np.empty((9, len(third))),
        np.empty((3, len(second) * len(third))),
        out,
    )
    return out


def bloch_patterns(
    crystal: Crystal, eigenvectors: ComplexArray, qpoint: FloatArray, translations: IntArray
) -> ComplexArray:
    """Return the displacements of waves in some cells: m_κ^(−½) ε_κ exp(2πi q·(T + x_κ)).

    Parameters
    ----------
    crystal : Crystal
    eigenvectors : ndarray
        ``(n, n_atoms, 3)`` complex, normalised in one cell, the phase of each atom's own position split off.
    qpoint : ndarray
        ``(3,)`` or ``(n, 3)``, of all waves or of each.
    translations : ndarray
        ``(n_cells, 3)`` int, of the cells, in units of the cell vectors.

    Returns
    -------
    ndarray
        ``(n, n_cells · n_atoms, 3)`` complex *1/√amu*, cell after cell.
    """
    q = np.broadcast_to(qpoint, (len(eigenvectors), 3))
    places = translations[:, None] + crystal.positions[None]  # (cell, atom, 3)
    phases = np.exp(2j * np.pi * np.einsum("nx,lkx->nlk", q, places))
    weighted = eigenvectors / np.sqrt(crystal.masses)[:, None]
    return np.asarray((phases[..., None] * weighted[:, None]).reshape(len(q), -1, 3))


def contract_waves(constants: CubicForceConstants, homes: Waves, columns: Waves) -> ComplexArray:
    """Return the same sum as `contract_cubic` for three sets of complex patterns.

    Parameters
    ----------
    constants : CubicForceConstants
    homes, columns : sequence of three ndarray
        Patterns in the home cell, ``(n, n_atoms, 3)``, and in all cells, ``(n, n_cells · n_atoms, 3)``; of `homes` the
        first is used, of `columns` the others.
    """
    sets = [homes[0], columns[1], columns[2]]
    halves = contract_cubic(constants, *(np.concatenate([z.real, z.imag]) for z in sets))
    shape = [part for z in sets for part in (2, len(z))]
    unit = np.array([1.0, 1.0j])
    return np.asarray(np.einsum("u,v,w,uavbwc->abc", unit, unit, unit, halves.reshape(shape), optimize=True))
