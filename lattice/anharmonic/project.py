"""Cubic and quartic couplings of Γ modes from third- and fourth-order force constants."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, permutations
from math import factorial
from typing import Any

import numpy as np

from lattice.anharmonic.assemble import Rows, potential_from_rows
from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.cubic_tensor import CUBIC, FILE_OR_CONSTANTS, contract_cubic, cubic_of
from lattice.anharmonic.invariants import Invariant, find_invariants
from lattice.anharmonic.potential import Potential
from lattice.anharmonic.quartic_tensor import contract_quartic
from lattice.errors import InputError, SymmetryError
from lattice.modes.modes import MODES, Modes
from lattice.structure import argument
from lattice.structure.crystal import FloatArray
from lattice.structure.cubic import CubicForceConstants
from lattice.structure.number import checked_linewidth
from lattice.structure.quartic import QuarticForceConstants
from lattice.structure.quartic_files import read_quartic

LARGEST_DEFECT = 0.3  #: of the largest coupling; beyond, atoms were paired up wrongly
FORBIDDEN = 0.01  #: of the largest force constant: symmetry may forbid all couplings asked for, and leave only errors

Monomial = tuple[int, ...]

_QUARTIC = argument.kind(
    (QuarticForceConstants, str, os.PathLike), "a set of fourth-order force constants", FILE_OR_CONSTANTS
)


@argument.takes(
    modes=MODES,
    fc3=CUBIC,
    fc4=argument.optional(_QUARTIC),
    multiplets=argument.optional(argument.words),
    linewidth=argument.number,
)
def project_potential(
    modes: Modes,
    fc3: CubicForceConstants | str | os.PathLike[str],
    *,
    fc4: QuarticForceConstants | str | os.PathLike[str] | None = None,
    multiplets: Sequence[str] | None = None,
    linewidth: float = 0.0,
) -> Potential:
    """Project third-order force constants onto Γ modes: V₃ = (1/3!) Σ Φ_abc Q_a Q_b Q_c, each monomial once.

    Φ_abc = Σ Φ_ijk,αβγ e_a,iα e_b,jβ e_c,kγ / √(m_i m_j m_k), i over the cell, j and k over the supercell; of fourth
    order likewise, V₄ = (1/4!) Σ Φ_abcd Q_a Q_b Q_c Q_d. The result is averaged over the point group; what that changes
    is reported.

    Parameters
    ----------
    modes : Modes
        At Γ.
    fc3 : CubicForceConstants or path
        Path of phono3py's ``fc3.hdf5`` or ShengBTE's ``FORCE_CONSTANTS_3RD``, see
        `lattice.structure.cubic_files.read_cubic`.
    fc4 : QuarticForceConstants or path, optional
        Path of phono3py's ``fc4.hdf5``, see `lattice.structure.quartic_files.read_quartic`.
    multiplets : sequence of str, optional
        Labels of the multiplets among which couplings are wanted; default: all optical ones.
    linewidth : float
        *THz*, of every mode.

    Returns
    -------
    Potential
        ``source["error"]``: how much each term changed by the average over the group and over the order of indices: a
        lower bound of its error, since the step of the force constants is not known. ``source["projection"]``, in
        *eV/(Å√amu)³*: ``forbidden``: by order, the largest change of a term; ``permutation_defect``: largest difference
        of Φ_abc between orders of indices; ``sum_rule_defect``: largest Φ with a translation of the crystal among a, b,
        c. With `fc4` also ``permutation_defect_4`` and ``sum_rule_defect_4``, in *eV/(Å√amu)⁴*.

    Raises
    ------
    InputError
        If the file cannot be used or belongs to another crystal.
    SymmetryError
        If the couplings do not have the symmetry of the crystal at all.
    """
    linewidth = checked_linewidth(linewidth)
    coordinates = gamma_coordinates(modes, multiplets)
    constants = cubic_of(fc3, modes.crystal)
    parts = [_of_order(coordinates, project_tensor(coordinates, constants), np.abs(constants.array).max())]
    supercell = constants.source
    if fc4 is not None:
        quartic = fc4 if isinstance(fc4, QuarticForceConstants) else read_quartic(fc4, modes.crystal)
        if len(quartic.array) != modes.crystal.n_atoms:
            raise InputError(
                "The fourth-order force constants belong to another crystal",
                found=f"{len(quartic.array)} atoms, {modes.crystal.n_atoms} in the crystal of the modes",
                fix="read them with the same crystal",
            )
        tensor = contract_quartic(_patterns(coordinates), quartic)
        parts.append(_of_order(coordinates, tensor, np.abs(quartic.array).max()))
        supercell = "; ".join(filter(None, (supercell, quartic.source)))
    return _potential(coordinates, parts, supercell, float(linewidth))


@dataclass(frozen=True, slots=True, eq=False)
class _Projection:
    """Couplings of one order, averaged over the group, and the defects of what they were projected from.

    Attributes
    ----------
    invariants : tuple of Invariant
    coefficient : ndarray
        ``(n_invariants,)``.
    projected : dict
        Monomial → coefficient after the average.
    change, spread : dict
        Monomial → by how much the average changed it, and how much Φ depends on the order of indices.
    sum_rule : float
        Largest Φ with a translation among its indices.
    """

    invariants: tuple[Invariant, ...]
    coefficient: FloatArray
    projected: dict[Monomial, float]
    change: dict[Monomial, float]
    spread: dict[Monomial, float]
    sum_rule: float


def _of_order(coordinates: Coordinates, tensor: FloatArray, constant: float) -> _Projection:
    """Average Φ, its last three indices translations, over the group; `constant`: the largest force constant."""
    n, order = coordinates.n, tensor.ndim
    raw, spread = _monomials(tensor[(slice(n),) * order])
    invariants = find_invariants(coordinates, [order])
    coefficient, projected = _averaged(invariants, raw)
    change = {m: abs(value - projected.get(m, 0.0)) for m, value in raw.items()}
    defect, largest = max(*change.values(), *spread.values()), max(map(abs, projected.values()), default=0.0)
    scale = FORBIDDEN * constant / float(coordinates.crystal.masses.min()) ** (order / 2)
    if defect > LARGEST_DEFECT * max(largest, scale):
        raise SymmetryError(
            f"The {'third' if order == 3 else 'fourth'}-order force constants do not have the symmetry of the crystal",
            found=f"defect {defect:.2e}, largest coupling {largest:.2e} eV/(Å√amu)^{order}",
            fix=f"put the phono3py_disp.yaml of this calculation beside fc{order}.hdf5: its atoms may be in another "
            "order",
        )
    return _Projection(invariants, coefficient, projected, change, spread, _sum_rule_defect(tensor, n))


def _patterns(coordinates: Coordinates) -> FloatArray:
    """Return displacements ``(n + 3, n_atoms, 3)`` *1/√amu* of the coordinates and of three translations."""
    masses = coordinates.crystal.masses
    translations = np.broadcast_to(np.eye(3)[:, None] / np.sqrt(masses.sum()), (3, len(masses), 3))
    weighted = coordinates.eigenvectors / np.sqrt(masses)[:, None]
    return np.ascontiguousarray(np.concatenate([weighted, translations]))


def project_tensor(coordinates: Coordinates, constants: CubicForceConstants) -> FloatArray:
    """Return Φ_abc ``(n + 3, n + 3, n + 3)`` *eV/(Å√amu)³*; the last three indices are translations of the crystal."""
    patterns = _patterns(coordinates)
    repeated = np.tile(patterns, (1, len(constants.translations), 1))
    return contract_cubic(constants, patterns, repeated, repeated)


def _monomials(tensor: FloatArray) -> tuple[dict[Monomial, float], dict[Monomial, float]]:
    """Return the coefficient of each monomial, and by how much Φ depends on the order of its indices."""
    raw: dict[Monomial, float] = {}
    spread: dict[Monomial, float] = {}
    for monomial in combinations_with_replacement(range(len(tensor)), tensor.ndim):
        values = [float(tensor[order]) for order in set(permutations(monomial))]  # V sums over ordered indices
        raw[monomial] = sum(values) / factorial(tensor.ndim)
        spread[monomial] = max(values) - min(values)
    return raw, spread


def _averaged(invariants: Sequence[Invariant], raw: dict[Monomial, float]) -> tuple[FloatArray, dict[Monomial, float]]:
    """Average a polynomial over the group: its projection on the invariants.

    The projection is orthogonal for the scalar product Σ c_m c'_m Π(powers!) / k!, which orthogonal transformations of
    Q leave unchanged; so it is the mean over the group.
    """
    coefficient = np.zeros(len(invariants))
    projected: dict[Monomial, float] = {}
    channels: dict[str, list[int]] = defaultdict(list)
    for i, invariant in enumerate(invariants):
        channels[invariant.channel].append(i)
    for members in channels.values():
        keys = sorted({tuple(m) for i in members for m in invariants[i].mode_index.tolist()})
        place = {key: k for k, key in enumerate(keys)}
        table = np.zeros((len(keys), len(members)))
        for column, i in enumerate(members):
            for m, c in zip(invariants[i].mode_index.tolist(), invariants[i].coefficient.tolist(), strict=True):
                table[place[tuple(m)], column] = c
        weight = np.sqrt([np.prod([factorial(m.count(s)) for s in set(m)]) for m in keys])
        value = np.array([raw[m] for m in keys])
        solved = np.linalg.lstsq(table * weight[:, None], value * weight, rcond=None)[0]
        coefficient[members] = solved
        projected |= dict(zip(keys, (table @ solved).tolist(), strict=True))
    return coefficient, projected


def _sum_rule_defect(tensor: FloatArray, n: int) -> float:
    """Return the largest |Φ| with a translation among its indices."""
    return float(max(np.abs(np.moveaxis(tensor, axis, 0)[n:]).max() for axis in range(tensor.ndim)))


def _potential(coordinates: Coordinates, parts: Sequence[_Projection], supercell: str, linewidth: float) -> Potential:
    """Assemble the potential with the change of each term as its error."""
    report: dict[str, Any] = {"supercell": supercell, "forbidden": {}, "invariants": []}
    modes: list[Monomial] = []
    channel: list[str] = []
    coefficient: list[float] = []
    errors: list[float] = []
    for order, part in enumerate(parts, 3):
        ending = "" if order == 3 else f"_{order}"
        report["forbidden"][str(order)] = max(part.change.values())
        report[f"permutation_defect{ending}"] = max(part.spread.values())
        report[f"sum_rule_defect{ending}"] = part.sum_rule
        error = {m: float(np.hypot(part.change[m], part.spread[m])) for m in part.projected}
        owner = {tuple(m): x.channel for x in part.invariants for m in x.mode_index.tolist()}
        modes += part.projected
        channel += [owner[m] for m in part.projected]
        coefficient += part.projected.values()
        errors += [error[m] for m in part.projected]
        report["invariants"] += [
            {"name": x.name, "coefficient": float(c), "error": max(error[tuple(m)] for m in x.mode_index.tolist())}
            for x, c in zip(part.invariants, part.coefficient, strict=True)
        ]
    words = "third-order" if len(parts) == 1 else "third- and fourth-order"
    source = {
        "couplings": f"projected from {words} force constants ({supercell or 'given as an array'})",
        "structure": "; ".join(coordinates.crystal.found),
        "projection": report,
    }
    rows = Rows(tuple(modes), tuple(channel), np.array(coefficient), np.array(errors))
    return potential_from_rows(coordinates, rows, linewidth=linewidth, amplitude_range=None, source=source)
