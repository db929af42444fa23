"""Cubic and quartic couplings at Γ from displaced structures.

The part of the force that is even in the displacement is −3 Σ T_abc Q_b Q_c c plus a fourth order, which two steps, s
and 2s, remove: (16 F(s) − F(2s))/12. One least-squares fit then gives all 40 cubic coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import harmonic
import invariants
import lines
import numpy as np
import patterns
import records
from invariants import MODES

Table = dict[str, Any]
SMALL = (
    *("u1x", "u2x", "u1z", "u2z", "g1y", "g2y", "g1z", "g2z"),
    *("eu1x_1", "u1x_u2x", "mix1", "mix2", "mix3", "mix4", "g1y_g2y"),
)
DOUBLE = {name: "eu1x_2" if name == "eu1x_1" else f"{name}_2" for name in SMALL}

UNTOUCHED = 1e-10  # eV/(Å√amu)³, round-off of the fit
TESTS = ("eu2x_1", "eg2y", "mix5", "eu1x_eg2y", "eu1y_eg2y", "generic")


@dataclass(frozen=True)
class Fit:
    """Coefficients and their standard errors (40,) in eV/(Å√amu)³, rms residual in eV/(Å√amu), equations, rank."""

    coefficient: np.ndarray
    error: np.ndarray
    residual: float
    equations: int
    rank: int


def fit(structures: list[records.Structure], rotation: np.ndarray) -> Fit:
    """Fit the 40 cubic coefficients to the even forces of `structures` by least squares.

    Raises
    ------
    ValueError
        The structures do not determine every coefficient.
    """
    tensors = invariants.cubic()
    rows = np.vstack([invariants.force_rows(tensors, rotation @ s.amplitude) for s in structures])
    force = np.concatenate([rotation @ s.even for s in structures])
    used = np.linalg.norm(rows, axis=1) > 1e-9 * np.linalg.norm(rows)  # the others vanish by symmetry on both sides
    rows, force = rows[used], force[used]
    coefficient, _, rank, _ = np.linalg.lstsq(rows, force, rcond=1e-8)
    if rank < len(tensors):
        raise ValueError(f"the structures determine {rank} of {len(tensors)} cubic couplings")
    residual = rows @ coefficient - force
    variance = float(residual @ residual) / (len(force) - rank)
    error = np.sqrt(np.diag(np.linalg.inv(rows.T @ rows)) * variance)
    return Fit(coefficient, error, float(np.sqrt(np.mean(residual**2))), len(force), int(rank))


def without_fourth_order(results: Path, name: str) -> records.Structure:
    """Return the structure with the fourth order of its even force removed by its double, or as it is without one.

    Raises
    ------
    ValueError
        The double is not at twice the displacement.
    """
    small = records.structure(results, name)
    if not records.has(results, DOUBLE[name]):
        return small
    large = records.structure(results, DOUBLE[name])
    if abs(large.amplitude - 2 * small.amplitude).max() > 1e-6:
        raise ValueError(f"{DOUBLE[name]} is not the double of {name}")
    return replace(small, even=(16 * small.even - large.even) / 12)


def mesh_change(results: Path, rotation: np.ndarray) -> dict[str, float]:
    """Return the change of couplings from the 4×4×4 to the 6×6×6 mesh where a structure of one mode gives it.

    The structures are E_u1 at Q = 2 along x and E_g2 at ±1 along y; the other modes move by less than 1 % of these.
    """
    change: dict[str, float] = {}
    tensors = invariants.cubic()
    for name, partner in (("eu1x_2", "Eu1x"), ("eg2y", "Eg2y")):
        if not records.has(results, f"k6_{name}", name):
            continue
        coarse = records.structure(results, name)
        dense = records.structure(results, f"k6_{name}", "k6_equilibrium")
        amplitude = np.zeros(len(MODES))
        amplitude[MODES.index(partner)] = (rotation @ coarse.amplitude)[MODES.index(partner)]
        rows = invariants.force_rows(tensors, amplitude)
        force = rotation @ (dense.even - coarse.even)
        for number, label in enumerate(tensors):
            column = rows[:, number]
            if abs(column).max() > 1e-9:
                change[label] = float(column @ force / (column @ column))
    return change


def cubic(results: Path, rotation: np.ndarray) -> Table:
    """Return value, errors and changes of the 40 cubic couplings, and how well the fit holds.

    `change_of_step` is from the fit at the small step alone to that with the fourth order removed where it can be; None
    for a coupling that no doubled structure touches.
    """
    small = fit([records.structure(results, name) for name in SMALL], rotation)
    final = fit([without_fourth_order(results, name) for name in SMALL], rotation)
    meshes = mesh_change(results, rotation)
    table = {}
    for number, label in enumerate(invariants.cubic()):
        change = float(final.coefficient[number] - small.coefficient[number])
        step = change if abs(change) > UNTOUCHED else None
        mesh = meshes.get(label)
        table[label] = {
            "value": float(final.coefficient[number]),
            "error": float(np.linalg.norm([final.error[number], step or 0.0, mesh or 0.0])),
            "error_of_fit": float(final.error[number]),
            "change_of_step": step,
            "change_of_mesh": mesh,
        }
    quality = {
        "equations": final.equations,
        "rank": final.rank,
        "rms_residual": final.residual,
        "rms_residual_small_step": small.residual,
        "with_double": [name for name in SMALL if records.has(results, DOUBLE[name])],
        "without_double": [name for name in SMALL if not records.has(results, DOUBLE[name])],
    }
    return {"couplings": table, "fit": quality}


def quartic(results: Path, found: dict[str, harmonic.Mode]) -> Table:
    """Return b of b|Q|⁴ of E_u1 and E_g2 in eV/(Å√amu)⁴ from −F/Q − K = 4b Q², and from the fit along the line.

    `value` is that of the fit where there is one, and `error` the difference of the two. Without a fit K still holds up
    to 4b s² of the small step s, and `error` is what that makes of b, the share s²/(Q² − s²).
    """
    rotation = harmonic.rotation(found)
    table = {}
    for name, member in (("Eu1x", "eu1x_2"), ("Eg2y", "eg2y")):
        mode, row = found[name[:3]], MODES.index(name)
        structure = records.structure(results, member)
        q, force = (rotation @ structure.amplitude)[row], (rotation @ structure.odd)[row]
        direct = float((-force / q - mode.curvature) / (4 * q**2))
        line = lines.fit(results, name[:2])
        step = np.linalg.norm(records.structure(results, f"{mode.names[0]}{name[-1]}").amplitude)
        fitted = direct if line is None else line.fourth_along(mode.vector)
        error = abs(direct) * step**2 / (q**2 - step**2) if line is None else abs(fitted - direct)
        table[f"{name[:3]}^4"] = {"value": fitted, "direct": direct, "error": float(error)}
    return table | cross(mixed(results, rotation))


def cross(found: Table) -> Table:
    """Return a and b of a |Q|² |P|² + b Re(Q² P*²), Q of E_u1 and P of E_g2, the two quartic invariants of these pairs.

    Along x and y of Q with P along y they give e = a − b and a + b. Values are means over the force on Q and that on P;
    the errors, half of what these differ by, hold the sixth order. Empty where an axis has not been computed.
    """
    if set(found) != {"x", "y"}:
        return {}
    roads = np.array([[found[axis][f"e_from_{force}_force"] for force in "gu"] for axis in "xy"])
    (ex, ey), (dx, dy) = roads.mean(axis=1), abs(roads[:, 0] - roads[:, 1]) / 2
    error = float(np.hypot(dx, dy) / 2)
    values = {"|Eu1|^2 |Eg2|^2": (ex + ey) / 2, "Re(Eu1^2 Eg2*^2)": (ey - ex) / 2}
    return {name: {"value": float(value), "error": error} for name, value in values.items()}


def mixed(results: Path, rotation: np.ndarray) -> Table:
    """Return e of e Q² P² (Q of E_u1 along x or y, P of E_g2 along y), and the cubic coupling c by two more roads.

    Of the force on P the part odd in P gives −2e Q² P, of that on Q the part even in P gives −2e Q P² beside the force
    of Q alone. c of c Im(Q² P) is ± the coefficient of Q² P: the force on Q odd in P, and the force on P even in P.
    """
    table: Table = {}
    line = lines.fit(results, "Eu")
    for axis, sign in (("x", 1), ("y", -1)):
        name = f"eu1{axis}_eg2y"
        if line is None or not records.has(results, name, "eg2y"):
            continue
        u, g = MODES.index(f"Eu1{axis}"), MODES.index("Eg2y")
        # The pair is (Q, ±P). Inversion makes the force on Q odd in P the even part of the structure, and so on.
        both, alone = records.structure(results, name), records.structure(results, "eg2y")
        q, p = (rotation @ both.amplitude)[[u, g]]
        pair = [patterns.COORDINATES.index(f"{pattern}{axis}") for pattern in patterns.BLOCKS["Eu"][:2]]
        without_p = np.zeros(len(MODES))
        without_p[pair] = line.force(both.amplitude[pair])  # the same along x and y up to the fourth order
        even, odd = rotation @ (both.even - alone.even), rotation @ (both.odd - alone.odd)
        table[axis] = {
            "e_from_g_force": float(-odd[g] / (2 * q**2 * p)),
            "e_from_u_force": float(-(odd - rotation @ without_p)[u] / (2 * q * p**2)),
            "c_from_u_force": float(-sign * even[u] / (2 * q * p)),
            "c_from_g_force": float(-sign * even[g] / q**2),
        }
    return table


def reach(results: Path, rotation: np.ndarray) -> dict[str, float]:
    """Return the largest |Q| along each multiplet, Å√amu, in the structures that the couplings rest on."""
    used = {*SMALL, *(DOUBLE[name] for name in SMALL), "eg2y"}
    structures = [records.structure(results, name) for name in sorted(used) if records.has(results, name)]
    amplitudes = abs(np.array([rotation @ structure.amplitude for structure in structures])).max(axis=0)
    largest: dict[str, float] = {}
    for name, amplitude in zip(MODES, amplitudes, strict=True):
        largest[name[:-1]] = max(float(amplitude), largest.get(name[:-1], 0.0))
    return largest


def tests(results: Path, rotation: np.ndarray, coefficient: np.ndarray) -> Table:
    """Return how the 40 couplings predict the even forces of the structures that the fit has not used, eV/(Å√amu).

    The difference holds the fourth order of the force, which grows with the square of the displacement.
    """
    table = {}
    tensors = invariants.cubic()
    for name in TESTS:
        if records.has(results, name):
            structure = records.structure(results, name)
            seen = rotation @ structure.even
            predicted = invariants.force_rows(tensors, rotation @ structure.amplitude) @ coefficient
            table[name] = {
                "displacement": float(np.linalg.norm(structure.amplitude)),
                "rms_force": float(np.sqrt(np.mean(seen**2))),
                "rms_difference": float(np.sqrt(np.mean((seen - predicted) ** 2))),
            }
    return table
