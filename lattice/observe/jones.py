"""Light through or from a crystal at normal incidence: Jones matrices, and how a change of ε changes them.

Conventions: fields exp(−iωt), so an absorbing crystal has Im ε > 0 and a wave along k̂ is exp(i k₀ n z). All matrices
act on the transverse components along (x̂, ŷ) with (x̂, ŷ, k̂) right-handed.

For a wave along k̂ only the transverse part of the impermeability matters: the two refractive indices are the roots of
X = (ε_⊥⊥ − ε_⊥k ε_k⊥/ε_kk), the inverse of the transverse block of ε⁻¹. Every geometry here is one analytic function
J = f(√X) of that 2 × 2 matrix, so a small change of ε changes J by the divided differences of f∘√ between the
eigenvalues of X (Daleckii and Krein): exact to first order, with absorption and with static birefringence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray

ComplexArray = NDArray[np.complex128]
Response = Callable[[ComplexArray], tuple[ComplexArray, ComplexArray]]
GEOMETRIES = ("transmission", "slab", "reflection")
CIRCULAR = 1e-8  #: (linear part of the intensity)² over its square: below it the azimuth of a field has no meaning
_EQUAL = 1e-7  #: of an eigenvalue: two that are closer count as one, where the derivative is better than the difference


def response(geometry: str, phase: float) -> Response:
    """Return f(n) of a geometry and its derivative df/dn.

    Parameters
    ----------
    geometry : str
        ``transmission``: exp(i φ n), the wave after one passage, without surfaces. ``slab``: transmission of a plate in
        vacuum, 4n e^{iφn}/[(1+n)² − (1−n)² e^{2iφn}], all reflections inside it added. ``reflection``: the amplitude
        (1 − n)/(1 + n) that a thick crystal reflects into vacuum.
    phase : float
        φ = k₀ d, rad; unused in ``reflection``.

    Returns
    -------
    callable
        n → (f, df/dn), both of the shape of n.

    Raises
    ------
    InputError
        If there is no such geometry.
    """
    if geometry == "transmission":
        return lambda n: (np.exp(1j * phase * n), 1j * phase * np.exp(1j * phase * n))
    if geometry == "reflection":
        return lambda n: ((1 - n) / (1 + n), -2 / (1 + n) ** 2)
    if geometry != "slab":
        raise InputError("There is no such geometry of a probe", found=geometry, fix=f"use {', '.join(GEOMETRIES)}")

    def plate(n: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        wave = np.exp(1j * phase * n)
        below = (1 + n) ** 2 - (1 - n) ** 2 * wave**2
        slope = 2 * (1 + n) + 2 * (1 - n) * wave**2 - (1 - n) ** 2 * 2j * phase * wave**2
        value = 4 * n * wave / below
        return value, (4 * wave + 4 * n * 1j * phase * wave) / below - value * slope / below

    return plate


def transverse(epsilon: ComplexArray, frame: FloatArray) -> ComplexArray:
    """Return X, whose eigenvalues are the squares of the refractive indices of waves along k̂.

    Parameters
    ----------
    epsilon : ndarray
        ``(3, 3)`` complex, symmetric relative permittivity, Cartesian.
    frame : ndarray
        ``(3, 3)``, rows x̂, ŷ, k̂.

    Returns
    -------
    ndarray
        ``(2, 2)`` complex, symmetric.
    """
    local = frame @ epsilon @ frame.T
    return np.asarray(local[:2, :2] - np.outer(local[:2, 2], local[2, :2]) / local[2, 2])


def transverse_change(epsilon: ComplexArray, change: ComplexArray, frame: FloatArray) -> ComplexArray:
    """Return the first-order change of `transverse` for changes of ε ``(..., 3, 3)``: ``(..., 2, 2)``.

    With t = ε_⊥k/ε_kk it is δε_⊥⊥ − t δε_k⊥ − δε_⊥k t + t δε_kk t.
    """
    local = frame @ epsilon @ frame.T
    lever = np.hstack([np.eye(2), -(local[:2, 2] / local[2, 2])[:, None]])
    return np.asarray(lever @ (frame @ change @ frame.T) @ lever.T)


def jones_matrix(square: ComplexArray, function: Response) -> ComplexArray:
    """Return J = f(√X) ``(2, 2)`` of the matrix `square` X."""
    values, vectors = _eigen(square)
    return np.asarray(vectors * function(np.sqrt(values))[0] @ np.linalg.inv(vectors))


def jones_change(square: ComplexArray, change: ComplexArray, function: Response) -> ComplexArray:
    """Return the first-order change of f(√X).

    Parameters
    ----------
    square : ndarray
        ``(2, 2)`` complex X.
    change : ndarray
        ``(..., 2, 2)`` complex δX.
    function : callable
        From `response`.

    Returns
    -------
    ndarray
        ``(..., 2, 2)`` complex: in the eigenvectors of X, δJ_ab = (f_a − f_b)/(X_a − X_b) δX_ab; for a = b and for
        equal eigenvalues the derivative.
    """
    values, vectors = _eigen(square)
    index = np.sqrt(values)  # the root with Re n > 0
    f, slope = function(index)
    slope = slope / (2 * index)
    gap = values[:, None] - values[None, :]
    near = np.abs(gap) < _EQUAL * np.abs(values).max()
    ratio = np.where(near, 0.5 * (slope[:, None] + slope), (f[:, None] - f) / np.where(near, 1.0, gap))
    inverse = np.linalg.inv(vectors)
    return np.asarray(vectors @ (ratio * (inverse @ change @ vectors)) @ inverse)


def _eigen(square: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Eigenvalues and eigenvectors of X; equal eigenvalues have the frame itself as eigenvectors."""
    scale = float(np.abs(square).max())
    if float(np.abs(square - np.eye(2) * np.trace(square) / 2).max()) < _EQUAL * scale:
        return np.full(2, np.trace(square) / 2), np.eye(2, dtype=np.complex128)
    values, vectors = np.linalg.eig(square)
    if abs(np.linalg.det(vectors)) < 1e-6:
        raise InputError(
            "The crystal has a singular optic axis along the probe: both waves have one polarisation",
            found=f"transverse permittivity {np.round(square, 4).tolist()}",
            fix="turn the direction of the probe a little",
        )
    return values, vectors


def small_angles(field: ComplexArray, change: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """Return the first-order change of azimuth and ellipticity angle, *rad*.

    Parameters
    ----------
    field : ndarray
        ``(..., 2)`` complex, the field without the change.
    change : ndarray
        ``(..., 2)`` complex, its change.

    Returns
    -------
    rotation, ellipticity : ndarray
        ``(...)``: of a field that is linear along p, with ŝ = k̂ × p̂, Re and Im of δE_s/E_p.

    Raises
    ------
    InputError
        If the field without the change is circular: it has no azimuth that could turn.
    """
    x, y, dx, dy = field[..., 0], field[..., 1], change[..., 0], change[..., 1]
    s1, s2 = np.abs(x) ** 2 - np.abs(y) ** 2, 2 * (x.conj() * y).real
    s0, s3 = np.abs(x) ** 2 + np.abs(y) ** 2, 2 * (x.conj() * y).imag
    ds0 = 2 * (x.conj() * dx + y.conj() * dy).real
    ds1 = 2 * (x.conj() * dx - y.conj() * dy).real
    cross = 2 * (dx.conj() * y + x.conj() * dy)
    linear = s1**2 + s2**2
    if (linear < CIRCULAR * s0**2).any():
        raise InputError(
            "The crystal at rest already makes the probe circular, so that its rotation has no meaning",
            found="static birefringence of a quarter wave",
            fix="take other probe angles, another thickness or direction",
        )
    rotation = 0.5 * (s1 * cross.real - s2 * ds1) / linear
    ellipticity = 0.5 * (cross.imag - s3 * ds0 / s0) / np.sqrt(linear)
    return np.asarray(rotation), np.asarray(ellipticity)
