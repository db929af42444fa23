"""The circular gauge: a definite basis in every multiplet.

A multiplet is first split by pseudo-angular momentum m (eigenvalues of the rotation C_n), then by J·n̂ within equal m,
then by the reference operation; what is still free is fixed by the largest component. At Γ self-conjugate partners are
real and partners (+, −) conjugate, so that ε_± = (e_x ± i e_y)/√2 with e_x even under the reference operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur

from lattice.modes.modes import ComplexArray, angular_momentum_matrix
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from phonopy.phonon.symmetry_adapted_modes import LittleGroupOperation

_SAME = 1e-6  #: closeness of eigenvalues of a unitary or spin matrix, and of components that compete for "largest"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the gauge of one q-point refers to.

    Attributes
    ----------
    axis : ndarray or None
        ``(3,)`` n̂.
    order : int
        n, 1 where no rotation about n̂ leaves q invariant.
    rotate : callable or None
        Applies C_n about n̂ through the origin (translation phase split off) to columns ``(3 n_atoms, k)``.
    reflect : callable or None
        Applies the reference operation.
    real : bool
        Whether q = 0, where the dynamical matrix is real.
    translation_phase : complex
        exp(−2πi Rq·t) of C_n.
    """

    axis: FloatArray | None
    order: int
    rotate: Callable[[ComplexArray], ComplexArray] | None
    reflect: Callable[[ComplexArray], ComplexArray] | None
    real: bool
    translation_phase: complex = 1.0 + 0.0j


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner of a multiplet: its vector ``(3 n_atoms,)``, its m and the role that it plays in a pair."""

    vector: ComplexArray
    m: float
    sign: int  # +1, −1: of a pair; 0: without a partner


def rotation_about_origin(
    operation: LittleGroupOperation, qpoint: FloatArray
) -> Callable[[ComplexArray], ComplexArray]:
    """Return the action of a rotation on eigenvectors with its translation phase exp(−2πi Rq·t) split off."""
    phase = translation_phase(operation, qpoint)
    return lambda columns: operation.transform_vectors(columns) / phase


def translation_phase(operation: LittleGroupOperation, qpoint: FloatArray) -> complex:
    """Return exp(−2πi Rq·t) of an operation (R, t) of the little group."""
    rotated_q = qpoint @ np.linalg.inv(operation.rotation)
    return complex(np.exp(-2j * np.pi * rotated_q @ operation.translation))


def circular_partners(columns: ComplexArray, frame: Frame) -> list[Partner]:
    """Return the partners of one multiplet in the order m = 0, (+, −), n/2.

    Parameters
    ----------
    columns : ndarray
        ``(3 n_atoms, d)`` complex, any orthonormal basis of the multiplet.
    frame : Frame

    Returns
    -------
    list of Partner
        ``d`` orthonormal partners; the result does not depend on the basis that was given.
    """
    if frame.real:
        columns = _real_span(columns)
    partners: list[Partner] = []
    classes = _split_by_rotation(columns, frame)
    conjugates = {round(m, 6) for m, _ in classes}
    for m, space in sorted(classes, key=lambda c: (round(abs(c[0]), 6), -c[0])):
        self_conjugate = m == 0 or 2 * m == frame.order
        if not frame.real:
            paired = not self_conjugate and round(-m, 6) in conjugates
            partners += _at_finite_q(space, m, frame, paired, partners)
        elif self_conjugate:
            partners += _self_conjugate(space, m, frame)
        elif m > 0:
            partners += _conjugate_pairs(space, m, frame)
    return partners


def _real_span(columns: ComplexArray) -> ComplexArray:
    """Return real orthonormal columns of a space that is closed under conjugation.

    An eigensolver misses the closure by round-off over the distance to the next multiplet of the same irrep; the real
    span is right to the square of that.
    """
    left, _, _ = np.linalg.svd(np.hstack([columns.real, columns.imag]), full_matrices=False)
    return np.asarray(left[:, : columns.shape[1]], dtype=np.complex128)


def _split_by_rotation(columns: ComplexArray, frame: Frame) -> list[tuple[float, ComplexArray]]:
    """Split a multiplet into eigenspaces of C_n: (m, basis), m in (−n/2, n/2]; one class m = 0 without rotation."""
    if frame.rotate is None:
        return [(0.0, columns)]
    matrix = columns.conj().T @ frame.rotate(columns)
    triangular, vectors = schur(matrix, output="complex")
    m = -np.angle(np.diag(triangular)) * frame.order / (2 * np.pi)
    if frame.real:
        m = np.rint(m)
    m = np.where(m <= -frame.order / 2 + _SAME, m + frame.order, m)
    m = np.round(m, 9) + 0.0
    return [(value, columns @ vectors[:, group]) for value, group in _groups(m)]


def _groups(values: FloatArray) -> list[tuple[float, NDArray[np.intp]]]:
    """Return (value, positions) of values that agree within `_SAME`, in descending order."""
    order = np.argsort(-values, kind="stable")
    cuts = np.flatnonzero(-np.diff(values[order]) > _SAME) + 1
    return [(float(values[g].mean()), g) for g in np.split(order, cuts)]


def _split_by_spin(space: ComplexArray, axis: FloatArray | None) -> list[tuple[float, ComplexArray]]:
    """Split a space into eigenspaces of J·n̂, descending; one class J = 0 without an axis."""
    if axis is None or space.shape[1] == 1:
        return [(0.0, space)]
    vectors = space.T.reshape(space.shape[1], -1, 3)
    spin = np.einsum("x,xab->ab", axis, angular_momentum_matrix(vectors))
    values, rotation = np.linalg.eigh((spin + spin.conj().T) / 2)
    return [(value, space @ rotation[:, group]) for value, group in _groups(values)]


def _conjugate_pairs(space: ComplexArray, m: float, frame: Frame) -> list[Partner]:
    """Γ, 0 < m < n/2: partners ε_+ in the space, ε_− = ε_+* in that of −m."""
    found = []
    for _, subspace in _split_by_spin(space, frame.axis):
        for column in canonical_basis(subspace).T:
            found += _pair(column, m, -m, frame)
    return found


def _self_conjugate(space: ComplexArray, m: float, frame: Frame) -> list[Partner]:
    """Γ, m = 0, n/2 or no rotation: pairs of opposite J, real partners where J = 0."""
    real, pairs = [], []
    for spin, subspace in _split_by_spin(space, frame.axis):
        if spin > _SAME:
            for column in canonical_basis(subspace).T:
                pairs += _pair(column, m, m, frame)
        elif spin > -_SAME:
            real += [Partner(v.astype(complex), m, 0) for v in _real_basis(subspace, frame).T]
    return real + pairs if m == 0 else pairs + real


def _real_basis(space: ComplexArray, frame: Frame) -> FloatArray:
    """Return real columns of a space that is closed under conjugation: even under the reference operation, then odd."""
    basis = canonical_basis(space)
    if frame.reflect is not None and basis.shape[1] > 1:
        matrix = basis.conj().T @ frame.reflect(basis)
        values, vectors = np.linalg.eigh((matrix + matrix.conj().T) / 2)
        basis = np.hstack([canonical_basis(basis @ vectors[:, group]) for _, group in _groups(values)])
    return np.asarray(basis.real)


def _pair(plus: ComplexArray, m_plus: float, m_minus: float, frame: Frame) -> list[Partner]:
    """Fix the phase of ε_+ at Γ so that e_x = √2 Re ε_+ is even under the reference operation; ε_− = ε_+*."""
    overlap = 0.0 if frame.reflect is None else complex(plus @ frame.reflect(plus[:, None])[:, 0])  # ⟨ε_+*|σ ε_+⟩
    if abs(abs(overlap) - 1) < _SAME:
        plus = plus * np.exp(-0.5j * np.angle(overlap))
        x = np.sqrt(2.0) * plus.real
        plus = plus * np.sign(x[_largest(x)])
    return [Partner(plus, m_plus, +1), Partner(plus.conj(), m_minus, -1)]


def _at_finite_q(space: ComplexArray, m: float, frame: Frame, paired: bool, before: list[Partner]) -> list[Partner]:
    """Away from Γ: larger J first within equal m; ε_− is the image of ε_+ where the reference operation links them."""
    columns = [v for _, s in _split_by_spin(space, frame.axis) for v in canonical_basis(s).T]
    sign = int(np.sign(m)) if paired and len(columns) == 1 else 0
    if sign < 0 and frame.reflect is not None:
        image = frame.reflect(before[-1].vector[:, None])[:, 0]
        overlap = columns[0].conj() @ image
        if abs(abs(overlap) - 1) < _SAME:
            columns = [image]
    return [Partner(v, m, sign) for v in columns]


def canonical_basis(space: ComplexArray) -> ComplexArray:
    """Return an orthonormal basis that depends on a space alone, not on the basis that spans it.

    The columns are the normalised projections of unit vectors, the one of largest projection first (first within 1e-6);
    the component that was projected is real and positive. A space that is closed under conjugation has a real basis.

    Parameters
    ----------
    space : ndarray
        ``(3 n_atoms, k)`` complex, orthonormal columns.

    Returns
    -------
    ndarray
        ``(3 n_atoms, k)`` complex.
    """
    basis = np.empty_like(space)
    rest = space
    for k in range(space.shape[1]):
        coefficients = rest[_largest(np.linalg.norm(rest, axis=1))].conj()
        column = rest @ coefficients
        basis[:, k] = column / np.linalg.norm(column)
        # the orthogonal complement of the column within the rest
        _, _, rows = np.linalg.svd(coefficients[None].conj(), full_matrices=True)
        rest = rest @ rows[1:].conj().T
    return basis


def _largest(values: FloatArray) -> int:
    """Return the position of the component of largest magnitude, the first within 1e-6."""
    size = np.abs(values)
    return int(np.flatnonzero(size >= size.max() - _SAME)[0])
