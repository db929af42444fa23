"""Symmetry-adapted displacement patterns at Γ of a structure whose force constants are not known.

They stand in for modes wherever symmetry alone decides: irreps, m, activity, selection rules. Frequencies are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lattice.modes.axis import checked_direction, default_axis
from lattice.modes.modes import Modes, angular_momentum_matrix, real_coordinates
from lattice.modes.representation import cell_of, representation
from lattice.modes.solve import generic_symmetric, little_group, modes_of_matrix, without_translations
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.phonopy_object import phonopy_from_crystal

_SAME = 1e-5  #: ħ; J among the patterns of one row of an irrep


@argument.takes(crystal=argument.crystal)
def solve_patterns(crystal: Crystal, *, axis: Sequence[float] | None = None) -> Modes:
    """Return displacement patterns at Γ, grouped by irrep, of a structure without force constants.

    The patterns are orthonormal, carry the irreps of the modes, and are orthogonal to translations. Patterns of one
    irrep are not unique: any orthogonal mixture of them is as good, so that what such a mixture changes is NaN.

    Parameters
    ----------
    crystal : Crystal
        Force constants, if any, are not used.
    axis : sequence of float, optional
        Cartesian direction of n̂; default: the rotation axis of highest order of the point group.

    Returns
    -------
    Modes
        ``frequency`` is NaN but for translations (0); ``J`` is NaN where symmetry does not fix it; ``mode_charge`` is
        None. Patterns of one irrep follow each other, and partners of one row transform alike.

    Notes
    -----
    J of a row of an irrep is fixed if the angular momentum along each axis, restricted to all optical patterns of that
    row, is a multiple of the identity; the modes of any force constants then have that J.
    """
    n_axis = default_axis(crystal) if axis is None else checked_direction(axis, "axis")
    primitive = phonopy_from_crystal(replace(crystal, force_constants=None)).primitive
    gamma = np.zeros(3)
    operations = little_group(crystal, gamma, primitive)
    n = 3 * crystal.n_atoms
    generic = generic_symmetric((n, n), operations)
    matrix = without_translations(crystal, generic.real)
    patterns = _by_irrep(modes_of_matrix(crystal, gamma, matrix, primitive, n_axis))
    return _with_fixed_spin(patterns)


def _by_irrep(modes: Modes) -> Modes:
    """Sort the patterns by irrep, translations first, and forget the frequencies of the auxiliary matrix."""
    order = sorted(modes.multiplets, key=lambda x: (not x.acoustic, x.irrep or "", x.label))
    indices = [i for multiplet in order for i in multiplet.indices]
    place = {old: new for new, old in enumerate(indices)}
    multiplets = tuple(
        replace(x, indices=tuple(place[i] for i in x.indices), frequency=0.0 if x.acoustic else np.nan) for x in order
    )
    return replace(
        modes,
        frequency=np.array([x.frequency for x in multiplets for _ in x.indices]),
        eigenvectors=modes.eigenvectors[indices],
        multiplets=multiplets,
        m=modes.m[indices],
        J=modes.J[indices],
        mode_charge=None,
        pair=np.array([place.get(int(modes.pair[i]), -1) for i in indices]),
    )


def _with_fixed_spin(modes: Modes) -> Modes:
    """Make partners of one row transform alike, and keep J only where symmetry fixes it."""
    real = real_coordinates(modes)
    full, _ = representation(real, cell_of(modes.crystal), modes.crystal.spacegroup)
    blocks = {x.label: full[np.ix_(range(len(full)), x.indices, x.indices)] for x in modes.multiplets}
    eigenvectors = np.array(modes.eigenvectors)
    spin = np.array(modes.J)
    families: list[list[Any]] = []
    for multiplet in (x for x in modes.multiplets if not x.acoustic):
        matrices = blocks[multiplet.label]
        for family in families:
            first = blocks[family[0].label]
            if _characters_agree(first, matrices):
                rows = list(multiplet.indices)
                turned = _intertwiner(matrices, first).T @ real[rows].reshape(len(rows), -1)
                eigenvectors[rows] = _circular(turned, modes.pair[rows] - rows[0]).reshape(eigenvectors[rows].shape)
                family.append(multiplet)
                break
        else:
            families.append([multiplet])
    for family in families:
        # ⟨tr² D⟩ is 1 for a real irrep, whose copies mix by real numbers; 2 for a pair of complex-conjugate ones.
        real_mixing = bool((np.trace(blocks[family[0].label], axis1=1, axis2=2) ** 2).mean() < 1.5)
        for row in range(len(family[0].indices)):
            members = [x.indices[row] for x in family]
            spin[members] = _common_spin(eigenvectors[members], real_mixing)
    return replace(modes, eigenvectors=eigenvectors, J=spin)


def _characters_agree(first: FloatArray, second: FloatArray) -> bool:
    """Whether two representations have the same characters."""
    if first.shape != second.shape:
        return False
    return bool(np.abs(np.trace(first, axis1=1, axis2=2) - np.trace(second, axis1=1, axis2=2)).max() < 1e-3)


def _intertwiner(matrices: FloatArray, first: FloatArray) -> FloatArray:
    """Return the orthogonal A with ``matrices[g] @ A = A @ first[g]``; columns ``e @ A`` transform like the first."""
    d = first.shape[1]
    seeds = [np.eye(d), *np.random.default_rng(0).standard_normal((4, d, d))]
    averages = [np.einsum("gab,bc,gdc->ad", matrices, seed, first) / len(first) for seed in seeds]
    best = max(averages, key=lambda a: float(np.linalg.svd(a, compute_uv=False).min()))
    left, _, right = np.linalg.svd(best)
    return np.asarray(left @ right)


def _circular(real: FloatArray, pair: Any) -> Any:
    """Return circular partners of real rows: ε_± = (e_x ± i e_y)/√2 for a pair, the row itself otherwise."""
    rows = real.astype(np.complex128)
    for x, y in enumerate(pair):
        if y > x:
            rows[x] = (real[x] + 1j * real[y]) / np.sqrt(2.0)
            rows[y] = rows[x].conj()
    return rows


def _common_spin(vectors: Any, real_mixing: bool) -> FloatArray:
    """Return J of all modes that vectors of one row may make, each component NaN where it is not one number."""
    spin = angular_momentum_matrix(vectors)
    value = np.einsum("xaa->x", spin).real / len(vectors)
    defect = spin - value[:, None, None] * np.eye(len(vectors))
    if real_mixing:  # the imaginary, antisymmetric part has no expectation value in a real combination
        defect = defect.real
    return np.where(np.abs(defect).max(axis=(1, 2)) < _SAME, value, np.nan)
