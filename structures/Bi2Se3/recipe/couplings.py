"""Cubic and quartic couplings at Γ from displaced structures.

The part of the force that is even in the displacement is −3 Σ T_abc Q_b Q_c c plus a fourth order, which two steps, s
and 2s, remove: (16 F(s) − F(2s))/12. One least-squares fit then gives all 40 cubic coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import invariants
import numpy as np
import records
from invariants import MODES

Table = dict[str, Any]
SMALL = (
    *("u1x", "u2x", "u1z", "u2z", "g1y", "g2y", "g1z", "g2z"),
    *("eu1x_1", "u1x_u2x", "mix1", "mix2", "mix3", "mix4", "g1y_g2y"),
)
DOUBLE = {name: "eu1x_2" if name == "eu1x_1" else f"{name}_2" for name in SMALL}


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
    """Return the structure with the fourth order of its even force removed by its double."""
    small, large = records.structure(results, name), records.structure(results, DOUBLE[name])
    if abs(large.amplitude - 2 * small.amplitude).max() > 1e-6:
        raise ValueError(f"{DOUBLE[name]} is not the double of {name}")
    return records.Structure(name, small.amplitude, (16 * small.even - large.even) / 12, small.odd)


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

    Without the doubled structures the value is that of the small step and `change_of_step` is None.
    """
    small = fit([records.structure(results, name) for name in SMALL], rotation)
    doubled = records.has(results, *DOUBLE.values())
    final = fit([without_fourth_order(results, name) for name in SMALL], rotation) if doubled else small
    meshes = mesh_change(results, rotation)
    table = {}
    for number, label in enumerate(invariants.cubic()):
        step = float(small.coefficient[number] - final.coefficient[number]) if doubled else None
        mesh = meshes.get(label)
        parts = [final.error[number], step or 0.0, mesh or 0.0]
        table[label] = {
            "value": float(final.coefficient[number]),
            "error": float(np.linalg.norm(parts)),
            "error_of_fit": float(final.error[number]),
            "change_of_step": step,
            "change_of_mesh": mesh,
        }
    quality = {"equations": final.equations, "rank": final.rank, "rms_residual": final.residual, "doubled": doubled}
    return {"couplings": table, "fit": quality}


LINES = {
    "Eu": ("x", ("u1x", "u2x", "u1x_2", "u2x_2", "u1x_u2x", "u1x_u2x_2", "eu1x_1", "eu1x_2", "eu2x_1")),
    "Eg": ("y", ("g1y", "g2y", "g1y_2", "g2y_2", "g1y_g2y", "g1y_g2y_2", "eg2y")),
}
FOURTH, SIXTH = (2, 4), (2, 4, 6)


def _powers(orders: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(order - b, b) for order in orders for b in range(order + 1)]


def _line_rows(amplitude: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
    """Return the forces (2, n) of the unit monomials Q1^a Q2^b at `amplitude` (2,)."""
    first, second = amplitude
    powers = _powers(orders)
    rows = np.zeros((2, len(powers)))
    for number, (a, b) in enumerate(powers):
        rows[0, number] = -a * first ** (a - 1) * second**b if a else 0.0
        rows[1, number] = -b * first**a * second ** (b - 1) if b else 0.0
    return rows


def line_fit(results: Path, rotation: np.ndarray, label: str, orders: tuple[int, ...]) -> np.ndarray:
    """Return c of V = Σ c Q1^a Q2^b, two modes `label` along one line, fitted to the odd forces; order: a + b, then b.

    Raises
    ------
    ValueError
        The structures do not determine every coefficient.
    """
    axis, names = LINES[label]
    columns = rotation[[MODES.index(f"{label}{number}{axis}") for number in (1, 2)]]
    structures = [records.structure(results, name) for name in names]
    rows = np.vstack([_line_rows(columns @ s.amplitude, orders) for s in structures])
    force = np.concatenate([columns @ s.odd for s in structures])
    coefficient, _, rank, _ = np.linalg.lstsq(rows, force, rcond=1e-10)
    if rank < rows.shape[1]:
        raise ValueError(f"the structures determine {rank} of {rows.shape[1]} coefficients of {label}")
    return np.asarray(coefficient)


DIRECT = {"Eu1": ("x", ("eu1x_1", "eu1x_2")), "Eg2": ("y", ("eg2y",))}


def quartic(results: Path, rotation: np.ndarray, curvatures: dict[str, float]) -> Table:
    """Return b of b|Q|⁴ of E_u1 and E_g2 in eV/(Å√amu)⁴ by two roads; the error is their difference.

    First the fit along the line, with the sixth order for E_u (the structures of E_g hold the fourth only). Second
    −F/Q − K = 4b Q² (+ 6d Q⁴) from the structures with this mode alone and the curvature K of the harmonic blocks.
    """
    table = {}
    for name, (axis, names) in DIRECT.items():
        label, number = name[:2], int(name[2])
        if not records.has(results, *LINES[label][1]):
            continue
        orders = SIXTH if label == "Eu" else FOURTH
        position = _powers(orders).index((4, 0) if number == 1 else (0, 4))
        fitted = float(line_fit(results, rotation, label, orders)[position])
        row = MODES.index(f"{name}{axis}")
        structures = [records.structure(results, member) for member in names]
        q = np.array([rotation[row] @ s.amplitude for s in structures])
        force = np.array([rotation[row] @ s.odd for s in structures])
        powers = np.array([(2 * n + 2) * q ** (2 * n) for n in range(1, len(names) + 1)]).T
        direct = float(np.linalg.solve(powers, -force / q - curvatures[name])[0])
        table[f"{name}^4"] = {"value": fitted, "direct": direct, "error": abs(fitted - direct)}
    return table


def mixed(results: Path, rotation: np.ndarray) -> Table:
    """Return e of e Q² P² (Q of E_u1 along x or y, P of E_g2 along y), and the cubic coupling c by two more roads.

    Of the force on P the part odd in P gives −2e Q² P, of that on Q the part even in P gives −2e Q P² beside the force
    of Q alone. c of c Im(Q² P) is ± the coefficient of Q² P: the force on Q odd in P, and the force on P even in P.
    """
    table: Table = {}
    for axis, sign in (("x", 1), ("y", -1)):
        name = f"eu1{axis}_eg2y"
        if not records.has(results, name, "eg2y", *LINES["Eu"][1]):
            continue
        u, g = MODES.index(f"Eu1{axis}"), MODES.index("Eg2y")
        # The pair is (Q, ±P). Inversion makes the force on Q odd in P the even part of the structure, and so on.
        both, alone = records.structure(results, name), records.structure(results, "eg2y")
        amplitude = rotation @ both.amplitude
        q, p = amplitude[u], amplitude[g]
        even, odd = rotation @ (both.even - alone.even), rotation @ (both.odd - alone.odd)
        line = _line_rows(amplitude[[u, MODES.index(f"Eu2{axis}")]], SIXTH) @ line_fit(results, rotation, "Eu", SIXTH)
        table[axis] = {
            "e_from_g_force": float(-odd[g] / (2 * q**2 * p)),
            "e_from_u_force": float(-(odd[u] - line[0]) / (2 * q * p**2)),
            "c_from_u_force": float(-sign * even[u] / (2 * q * p)),
            "c_from_g_force": float(-sign * even[g] / q**2),
        }
    return table


def generic_test(results: Path, rotation: np.ndarray, coefficient: np.ndarray) -> dict[str, float] | None:
    """Return how the 40 couplings predict the even force of a structure without symmetry that no fit has used."""
    if not records.has(results, "generic"):
        return None
    structure = records.structure(results, "generic")
    seen = rotation @ structure.even
    predicted = invariants.force_rows(invariants.cubic(), rotation @ structure.amplitude) @ coefficient
    return {
        "rms_force": float(np.sqrt(np.mean(seen**2))),
        "rms_difference": float(np.sqrt(np.mean((seen - predicted) ** 2))),
    }
