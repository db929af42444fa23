"""Cubic couplings of Γ modes from third-order force constants."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations_with_replacement, permutations
from math import factorial
from typing import Any

import numpy as np

from lattice._kernels import cubic as kernel
from lattice.anharmonic.assemble import Rows, potential_from_rows
from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.invariants import Invariant, find_invariants
from lattice.anharmonic.potential import Potential
from lattice.errors import InputError, SymmetryError
from lattice.modes.modes import Modes
from lattice.structure.crystal import FloatArray
from lattice.structure.cubic import CubicForceConstants
from lattice.structure.cubic_files import read_cubic

LARGEST_DEFECT = 0.3  #: of the largest coupling; beyond, atoms were paired up wrongly

Monomial = tuple[int, int, int]


def project_potential(
    modes: Modes,
    fc3: CubicForceConstants | str | os.PathLike[str],
    *,
    multiplets: Sequence[str] | None = None,
    linewidth: float = 0.0,
) -> Potential:
    """Project third-order force constants onto Γ modes: V₃ = (1/3!) Σ Φ_abc Q_a Q_b Q_c, each monomial once.

    Φ_abc = Σ Φ_ijk,αβγ e_a,iα e_b,jβ e_c,kγ / √(m_i m_j m_k), i over the cell, j and k over the supercell. The result
    is averaged over the point group; what that changes is reported.

    Parameters
    ----------
    modes : Modes
        At Γ.
    fc3 : CubicForceConstants or path
        Path of phono3py's ``fc3.hdf5`` or ShengBTE's ``FORCE_CONSTANTS_3RD``, see
        `lattice.structure.cubic_files.read_cubic`.
    multiplets : sequence of str, optional
        Labels of the multiplets among which couplings are wanted; default: all optical ones.
    linewidth : float
        *THz*, of every mode.

    Returns
    -------
    Potential
        ``source["error"]``: how much each term changed by the average over the group and over the order of indices: a
        lower bound of its error, since the step of the force constants is not known. ``source["projection"]``, in
        *eV/(Å√amu)³*: ``forbidden``: the largest change of a term; ``permutation_defect``: largest difference of Φ_abc
        between orders of indices; ``sum_rule_defect``: largest Φ with a translation of the crystal among a, b, c.

    Raises
    ------
    InputError
        If the file cannot be used or belongs to another crystal.
    SymmetryError
        If the couplings do not have the symmetry of the crystal at all.
    """
    if not (isinstance(linewidth, int | float) and np.isfinite(linewidth) and linewidth >= 0):
        raise InputError("This is no linewidth", found=linewidth, fix="give a number of THz, 0 or larger")
    coordinates = gamma_coordinates(modes, multiplets)
    constants = fc3 if isinstance(fc3, CubicForceConstants) else read_cubic(fc3, modes.crystal)
    if len(constants.array) != modes.crystal.n_atoms:
        raise InputError(
            "The third-order force constants belong to another crystal",
            found=f"{len(constants.array)} atoms, {modes.crystal.n_atoms} in the crystal of the modes",
            fix="read them with the same crystal",
        )
    tensor = project_tensor(coordinates, constants)
    n = coordinates.n
    optical = tensor[:n, :n, :n]
    raw, spread = _monomials(optical)
    invariants = find_invariants(coordinates, [3])
    coefficient, projected = _averaged(invariants, raw)
    change = {m: abs(value - projected.get(m, 0.0)) for m, value in raw.items()}
    report: dict[str, Any] = {
        "forbidden": {"3": max(change.values())},
        "permutation_defect": max(spread.values()),
        "sum_rule_defect": _sum_rule_defect(tensor, n),
        "supercell": constants.source,
        "invariants": [],
    }
    largest = max((abs(c) for c in projected.values()), default=0.0)
    if max(report["forbidden"]["3"], report["permutation_defect"]) > LARGEST_DEFECT * max(largest, 1e-300) > 0:
        raise SymmetryError(
            "The third-order force constants do not have the symmetry of the crystal",
            found=f"defect {report['forbidden']['3']:.2e}, largest coupling {largest:.2e} eV/(Å√amu)³",
            fix="put the phono3py_disp.yaml of this calculation beside fc3.hdf5: its atoms may be in another order",
        )
    return _potential(coordinates, invariants, coefficient, projected, (change, spread), report, float(linewidth))


def project_tensor(coordinates: Coordinates, constants: CubicForceConstants) -> FloatArray:
    """Return Φ_abc ``(n + 3, n + 3, n + 3)`` *eV/(Å√amu)³*; the last three indices are translations of the crystal."""
    crystal = coordinates.crystal
    n_atoms, n_cells = constants.array.shape[:2]
    translations = np.broadcast_to(np.eye(3)[:, None] / np.sqrt(crystal.masses.sum()), (3, n_atoms, 3))
    weighted = coordinates.eigenvectors / np.sqrt(crystal.masses)[:, None]
    patterns = np.ascontiguousarray(np.concatenate([weighted, translations]))
    repeated = np.ascontiguousarray(np.tile(patterns, (1, n_cells, 1)))
    size, n_columns = len(patterns), n_cells * n_atoms
    out = np.empty((size, size, size))
    kernel.contract(
        constants.array.reshape(n_atoms, n_columns, n_columns, 27),
        patterns,
        repeated,
        np.ascontiguousarray(repeated.transpose(1, 2, 0)),
        np.empty((9, size)),
        np.empty((3, size * size)),
        out,
    )
    return out


def _monomials(tensor: FloatArray) -> tuple[dict[Monomial, float], dict[Monomial, float]]:
    """Return the coefficient of each monomial, and by how much Φ depends on the order of its indices."""
    raw: dict[Monomial, float] = {}
    spread: dict[Monomial, float] = {}
    for monomial in combinations_with_replacement(range(len(tensor)), 3):
        values = [float(tensor[order]) for order in set(permutations(monomial))]  # V₃ sums over ordered triples
        a, b, c = monomial
        raw[a, b, c] = sum(values) / factorial(3)
        spread[a, b, c] = max(values) - min(values)
    return raw, spread


def _averaged(invariants: Sequence[Invariant], raw: dict[Monomial, float]) -> tuple[FloatArray, dict[Monomial, float]]:
    """Average a polynomial over the group: its projection on the invariants.

    The projection is orthogonal for the scalar product Σ c_m c'_m Π(powers!) / 3!, which orthogonal transformations of
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
    """Return the largest |Φ_abc| with a translation among a, b, c."""
    return float(max(np.abs(tensor[n:]).max(), np.abs(tensor[:, n:]).max(), np.abs(tensor[:, :, n:]).max()))


def _potential(
    coordinates: Coordinates,
    invariants: Sequence[Invariant],
    coefficient: FloatArray,
    projected: dict[Monomial, float],
    defects: tuple[dict[Monomial, float], dict[Monomial, float]],
    report: dict[str, Any],
    linewidth: float,
) -> Potential:
    """Assemble the potential with the change of each term as its error."""
    change, spread = defects
    error = {m: float(np.hypot(change[m], spread[m])) for m in projected}
    owner = {tuple(m): x.channel for x in invariants for m in x.mode_index.tolist()}
    rows = Rows(
        tuple(projected),
        tuple(owner[m] for m in projected),
        np.array(list(projected.values())),
        np.array([error[m] for m in projected]),
    )
    report["invariants"] = [
        {"name": x.name, "coefficient": float(c), "error": max(error[tuple(m)] for m in x.mode_index.tolist())}
        for x, c in zip(invariants, coefficient, strict=True)
    ]
    source = {
        "couplings": f"projected from third-order force constants ({report['supercell'] or 'given as an array'})",
        "structure": "; ".join(coordinates.crystal.found),
        "projection": report,
    }
    return potential_from_rows(coordinates, rows, linewidth=linewidth, amplitude_range=None, source=source)
