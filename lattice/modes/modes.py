"""Modes at one q-point, grouped in multiplets, in a definite gauge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattice.errors import InputError
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray, IntArray, frozen_array

ComplexArray = NDArray[np.complex128]

#: (𝓜_α)_βγ = −i ε_αβγ, the spin-1 matrices that give the angular momentum of a complex displacement, in ħ.
SPIN_ONE: ComplexArray = -1j * np.array(
    [
        [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
        [[0, 0, -1], [0, 0, 0], [1, 0, 0]],
        [[0, 1, 0], [-1, 0, 0], [0, 0, 0]],
    ]
)


@dataclass(frozen=True, slots=True)
class Multiplet:
    """Modes that symmetry (the little group of q with time reversal) makes degenerate.

    Attributes
    ----------
    label : str
        ``Eu(1)``: irrep and rank by frequency among the optical multiplets; ``Eu(ac)``: acoustic at Γ.
    irrep : str or None
        Mulliken symbol, away from Γ that of the little co-group; None where unknown, and `irrep_reason` says why.
    indices : tuple of int
        Positions of the modes, consecutive.
    frequency : float
        *THz*, negative if imaginary.
    acoustic : bool
        Whether it is a translation of the whole crystal.
    ir_active, raman_active : bool
        First-order activity by symmetry; always False away from Γ and for translations.
    irrep_reason : str
        Why `irrep` is None, else empty.
    """

    label: str
    irrep: str | None
    indices: tuple[int, ...]
    frequency: float
    acoustic: bool
    ir_active: bool
    raman_active: bool
    irrep_reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Modes at a q-point in ascending frequency, degenerate ones as circular partners.

    Attributes
    ----------
    crystal : Crystal
    qpoint : ndarray
        ``(3,)`` in units of the reciprocal cell vectors.
    axis : ndarray or None
        ``(3,)`` unit vector n̂, None where the point group has no rotation axis and none was given.
    rotation_order : int
        Order n of the axis in the little group of q; 1: no rotation about it.
    frequency : ndarray
        ``(n_modes,)`` *THz*, negative if imaginary.
    eigenvectors : ndarray
        ``(n_modes, n_atoms, 3)`` complex, mass-weighted and orthonormal, in phonopy's convention (the phase
        exp(iq·x) of each atom's own position split off).
    multiplets : tuple of Multiplet
    m : ndarray
        ``(n_modes,)`` pseudo-angular momentum about n̂ in (−n/2, n/2], T(C_n) ε = exp(−2πi m/n) ε; NaN without an axis.
    J : ndarray
        ``(n_modes, 3)`` *ħ per phonon*, real angular momentum of each circular partner.
    mode_charge : ndarray or None
        ``(n_modes, 3)`` complex *e/√amu* at Γ, None without Born charges or away from Γ.
    pair : ndarray
        ``(n_modes,)`` int; for partners (+, −) at (i, i+1) each names the other, −1 for modes without a partner.
    long_range : str
        How the dipole–dipole part entered: ``none``, ``gonze-lee`` or ``wang`` (with the direction at Γ).
    direction : ndarray or None
        ``(3,)`` Cartesian unit vector from which Γ was approached with the non-analytic term, None without.
    translation_phase : complex
        exp(−2πi Rq·t) of the rotation C_n or screw that defines m: T(screw) ε = exp(−2πi m/n) × this × ε. 1 at Γ, for a
        rotation without translation, and without an axis.
    """

    crystal: Crystal
    qpoint: FloatArray
    axis: FloatArray | None
    rotation_order: int
    frequency: FloatArray
    eigenvectors: ComplexArray
    multiplets: tuple[Multiplet, ...]
    m: FloatArray
    J: FloatArray
    mode_charge: ComplexArray | None
    pair: IntArray
    long_range: str = "none"
    direction: FloatArray | None = None
    translation_phase: complex = 1.0 + 0.0j

    def __post_init__(self) -> None:
        for name, dtype in (
            ("qpoint", np.float64),
            ("axis", np.float64),
            ("frequency", np.float64),
            ("eigenvectors", np.complex128),
            ("m", np.float64),
            ("J", np.float64),
            ("mode_charge", np.complex128),
            ("pair", np.int64),
            ("direction", np.float64),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen_array(getattr(self, name), dtype))

    @property
    def n_modes(self) -> int:
        """Number of modes, 3 × the number of atoms."""
        return len(self.frequency)

    @property
    def at_gamma(self) -> bool:
        """Whether q = 0."""
        return not self.qpoint.any()

    def spin_matrix(self, label: str) -> ComplexArray:
        """Return the Hermitian matrices of J among the partners of a multiplet.

        Parameters
        ----------
        label : str

        Returns
        -------
        ndarray
            ``(3, d, d)`` complex, *ħ*, as from `angular_momentum_matrix`; the diagonals are the rows of `J`.

        Raises
        ------
        InputError
            If there is no multiplet of that label.
        """
        return angular_momentum_matrix(self.eigenvectors[list(self.multiplet(label).indices)])

    def multiplet(self, label: str) -> Multiplet:
        """Return a multiplet by its label.

        Raises
        ------
        InputError
            If there is none of that label.
        """
        for candidate in self.multiplets:
            if candidate.label == label:
                return candidate
        raise InputError(
            "There is no such multiplet",
            found=label,
            fix="use one of " + ", ".join(x.label for x in self.multiplets),
        )


def angular_momentum_matrix(eigenvectors: ComplexArray) -> ComplexArray:
    """Return the Hermitian matrices of the angular momentum among modes at one q.

    Parameters
    ----------
    eigenvectors : ndarray
        ``(k, n_atoms, 3)`` complex.

    Returns
    -------
    ndarray
        ``(3, k, k)`` complex, *ħ*: ε_a† 𝓜_α ε_b with (𝓜_α)_βγ = −i ε_αβγ on each atom. The diagonal is J_α of each
        mode; for z it is Σ_κ 2 Im(ε*_κx ε_κy).

    References
    ----------
    L. Zhang and Q. Niu, Phys. Rev. Lett. 112, 085503 (2014), eq. (4).
    """
    return np.asarray(np.einsum("aki,xij,bkj->xab", eigenvectors.conj(), SPIN_ONE, eigenvectors, optimize=True))


def real_coordinates(modes: Modes) -> FloatArray:
    """Return the real eigenvectors at Γ, in the order of the modes.

    Parameters
    ----------
    modes : Modes
        At Γ, where the gauge makes self-conjugate modes real and partners conjugate: ε_± = (e_x ± i e_y)/√2.

    Returns
    -------
    ndarray
        ``(n_modes, n_atoms, 3)`` real; a pair (+, −) at (i, i+1) becomes (x, y).

    Raises
    ------
    InputError
        If the modes are not at Γ.
    """
    if not modes.at_gamma:
        raise InputError(
            "Real coordinates exist only at Γ", found=f"q = {modes.qpoint}", fix="solve the modes at q = 0"
        )
    real = modes.eigenvectors.real.copy()
    for plus, minus in enumerate(modes.pair):
        if minus > plus:
            real[plus] = np.sqrt(2.0) * modes.eigenvectors[plus].real
            real[minus] = np.sqrt(2.0) * modes.eigenvectors[plus].imag
    return real


MODES = argument.kind(Modes, "a set of Modes", "solve them: lattice.solve_modes(crystal)")
