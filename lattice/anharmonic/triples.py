"""Complex couplings Φ(q₁ν₁, q₂ν₂, q₃ν₃) of phonons at three wave vectors, from third-order force constants."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from lattice.anharmonic.cubic_tensor import CUBIC, bloch_patterns, contract_cubic, contract_waves, cubic_of
from lattice.anharmonic.line_channels import check_alike, triple_operations
from lattice.errors import InputError
from lattice.modes.modes import MODES, ComplexArray, Modes
from lattice.structure import argument
from lattice.structure.commensurate import commensurate_q, q_text, same_wave
from lattice.structure.crystal import Crystal, FloatArray, IntArray
from lattice.structure.cubic import CubicForceConstants

HOME = np.zeros((1, 3), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class TripleCouplings:
    """Couplings of the modes at three wave vectors that add up to a reciprocal lattice vector G.

    In a crystal of N cells, u_lκ = (N m_κ)^(−½) Σ_qν Q_qν ε_κ(qν) exp(2πi q·(T_l + x_κ)) with Q_−q = Q_q*, and
    V₃ = (1/3!) N^(−½) Σ Φ(q₁ν₁, q₂ν₂, q₃ν₃) Q_q₁ν₁ Q_q₂ν₂ Q_q₃ν₃ over all ordered triples with q₁ + q₂ + q₃ = G.

    Attributes
    ----------
    modes : tuple of Modes
        At q₁, q₂ and q₃.
    array : ndarray
        ``(n, n, n)`` complex *eV/(Å√amu)³*, over all modes in their circular gauge, averaged over the space group and
        the order of indices; Φ(−q) with the conjugate eigenvectors is the complex conjugate.
    error : ndarray
        ``(n, n, n)`` *eV/(Å√amu)³*, by how much the averages changed each: a lower bound of its error.
    umklapp : ndarray
        ``(3,)`` int, G in units of the reciprocal cell vectors.
    symmetry_defect, permutation_defect, sum_rule_defect : float
        *eV/(Å√amu)³*: largest change by the average over the group (what it forbids is at most this large before);
        largest difference of Φ between orders of indices; largest coupling of a translation of the crystal with modes
        at ±q₁, ±q₂ or ±q₃.
    source : str
        Where the force constants were read.
    """

    modes: tuple[Modes, Modes, Modes]
    array: ComplexArray
    error: FloatArray
    umklapp: IntArray
    symmetry_defect: float
    permutation_defect: float
    sum_rule_defect: float
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("array", "error", "umklapp"):
            getattr(self, name).setflags(write=False)


@argument.takes(a=MODES, b=MODES, c=MODES, fc3=CUBIC)
def project_triple(a: Modes, b: Modes, c: Modes, fc3: CubicForceConstants | str | os.PathLike[str]) -> TripleCouplings:
    """Project third-order force constants on modes at three wave vectors: phono3py's Φ(q, q', q'') without its ħ/2ω.

    Φ(q₁ν₁, q₂ν₂, q₃ν₃) = Σ Φ_ijk,αβγ ε₁,iα ε₂,jβ ε₃,kγ exp(2πi (q₁·r_i + q₂·r_j + q₃·r_k)) / √(m_i m_j m_k), i over
    the cell, j and k over the supercell, r the positions of the atoms themselves, as in the eigenvectors of `Modes`.

    Parameters
    ----------
    a, b, c : Modes
        Of one crystal at q₁, q₂ and q₃, each of which the supercell of the force constants holds; q₁ + q₂ + q₃ is a
        reciprocal lattice vector. A mode at −q is ε(q)*: `lattice.solve_modes` at −q chooses phases of its own.
    fc3 : CubicForceConstants or path
        As in `lattice.project_potential`.

    Returns
    -------
    TripleCouplings

    Raises
    ------
    InputError
        If a wave vector is not commensurate with the supercell, they do not add up, the modes are not of one crystal,
        or the file cannot be used.

    References
    ----------
    L. Chaput, A. Togo, I. Tanaka and G. Hug, Phys. Rev. B 84, 094302 (2011), eq. (9); A. Togo, L. Chaput and I. Tanaka,
    Phys. Rev. B 91, 094306 (2015).
    """
    check_alike((a, b, c), "a triple")
    constants = cubic_of(fc3, a.crystal, [modes.qpoint for modes in (a, b, c)])
    waves = [commensurate_q(modes.qpoint, constants.supercell_matrix) for modes in (a, b, c)]
    total = waves[0] + waves[1] + waves[2]
    if not same_wave(total, np.zeros(3)):
        raise InputError(
            "The wave vectors of a triple do not add up to a reciprocal lattice vector",
            found=f"{', '.join(q_text(q) for q in waves)}: sum {q_text(total)}",
            fix=f"take {q_text(-waves[0] - waves[1])} as the third",
        )
    vectors = [modes.eigenvectors for modes in (a, b, c)]
    orders = _all_orders(a.crystal, constants, waves, vectors)
    raw = orders.mean(axis=0)
    spread = np.abs(orders - raw).max(axis=0)
    averaged = average_triple(a.crystal, waves, vectors, raw)
    change = np.abs(averaged - raw)
    return TripleCouplings(
        modes=(a, b, c),
        array=averaged,
        error=np.hypot(change, spread),
        umklapp=np.rint(total).astype(np.int64),
        symmetry_defect=float(change.max()),
        permutation_defect=float(max(np.abs(x - y).max() for x in orders for y in orders)),
        sum_rule_defect=max(_sum_rule_defect(a.crystal, constants, q, e) for q, e in zip(waves, vectors, strict=True)),
        source=constants.source,
    )


def _all_orders(
    crystal: Crystal, constants: CubicForceConstants, waves: list[FloatArray], vectors: list[ComplexArray]
) -> ComplexArray:
    """Return Φ ``(6, n, n, n)`` for all orders of the three modes: which is in the home cell, which comes last."""
    homes = [bloch_patterns(crystal, e, q, HOME) for e, q in zip(vectors, waves, strict=True)]
    columns = [bloch_patterns(crystal, e, q, constants.translations) for e, q in zip(vectors, waves, strict=True)]
    found = []
    for order in permutations(range(3)):
        tensor = contract_waves(constants, [homes[i] for i in order], [columns[i] for i in order])
        found.append(tensor.transpose(np.argsort(order)))
    return np.array(found)


def average_triple(
    crystal: Crystal, waves: list[FloatArray], vectors: list[ComplexArray], tensor: ComplexArray
) -> ComplexArray:
    """Average Φ over the operations of the space group that take the three waves to themselves or to one another.

    Φ(T v₁, T v₂, T v₃) = Φ(v₁, v₂, v₃): with the matrices M_i of T between the waves, what operation and permutation π
    make of Φ is Σ_y Π_i M_i[y_i, x_π(i)] Φ_y.
    """
    total, count = np.zeros_like(tensor), 0
    for matrices, order in triple_operations(crystal, waves, vectors):
        turned = np.einsum("ia,jb,kc,ijk->abc", *matrices, tensor, optimize=True)
        total += turned.transpose(np.argsort(order))
        count += 1
    return np.asarray(total / count)


def _sum_rule_defect(
    crystal: Crystal, constants: CubicForceConstants, qpoint: FloatArray, vectors: ComplexArray
) -> float:
    """Return the largest |Φ(translation, qν, −qν')| with the translation first or last."""
    shift = np.broadcast_to(np.eye(3)[:, None] / np.sqrt(crystal.masses.sum()), (3, crystal.n_atoms, 3))
    shifts = np.tile(shift, (1, len(constants.translations), 1))
    halves = [
        np.concatenate([z.real, z.imag])
        for z in (bloch_patterns(crystal, vectors, qpoint, t) for t in (HOME, constants.translations))
    ]
    found = (
        contract_cubic(constants, shift, halves[1], halves[1]),
        contract_cubic(constants, halves[0], halves[1], shifts).transpose(2, 0, 1),
    )
    unit = np.array([1.0, 1.0j])
    n = len(vectors)
    return float(
        max(
            np.abs(np.einsum("u,v,xuavb->xab", unit, unit.conj(), t.reshape(3, 2, n, 2, n), optimize=True)).max()
            for t in found
        )
    )
