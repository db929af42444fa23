"""Couplings that describe the forces best over a range of motion, instead of the expansion at rest.

The expansion of a potential at rest says little about motions as large as the scale on which its derivatives change.
For a run the polynomial has to be right where the run goes: here all couplings are fitted together, by least squares,
to the anharmonic part of the forces at displacements up to that range. The harmonic constants are those at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lattice import units
from lattice.anharmonic.assemble import potential_from_rows, rows_of_invariants
from lattice.anharmonic.bounds import with_bounds
from lattice.anharmonic.coordinates import Coordinates
from lattice.anharmonic.fit_forces import OrderFit, fit_order, rms_force, scan_of, with_frequencies
from lattice.anharmonic.fit_plan import DISPLACEMENT, FitPlan, plan_fit
from lattice.anharmonic.harmonic import hessian_of
from lattice.anharmonic.invariants import Invariant, find_invariants
from lattice.anharmonic.potential import Potential
from lattice.anharmonic.rays import Rays, amplitudes_needed, gradient_table
from lattice.anharmonic.reach import driven_directions, pulse_reach
from lattice.errors import FitError
from lattice.structure.crystal import FloatArray

MARGIN = 1.1  #: an anharmonic mode may go farther than a harmonic one


@dataclass(frozen=True, slots=True, eq=False)
class HarmonicFit:
    """Harmonic constants at rest, from a few small displacements.

    Attributes
    ----------
    coordinates : Coordinates
        Those of the crystal's force constants, or of the harmonic constants found.
    hessian : ndarray
        ``(n, n)`` *eV/(Å² amu)*, by the forces.
    plan : FitPlan
    condition : float
    forbidden : float
        Largest harmonic force that symmetry forbids, *eV/(Å√amu)²*.
    """

    coordinates: Coordinates
    hessian: FloatArray
    plan: FitPlan
    condition: float
    forbidden: float


def harmonic_fit(plan: FitPlan, forces: FloatArray) -> HarmonicFit:
    """Fit the harmonic constants to the forces ``(n_fit + n_check, n_atoms, 3)`` *eV/Å* of a plan of order 2."""
    coordinates, rays = plan.coordinates, plan.rays
    if not plan.has_frequencies:
        coordinates, rays = with_frequencies(plan, coordinates.generalised_forces(forces))
    projected = coordinates.generalised_forces(forces)
    fit = fit_order(rays, projected, 2, find_invariants(coordinates, [2]))
    hessian = hessian_of(fit.invariants, fit.coefficient, coordinates.n)
    return HarmonicFit(coordinates, hessian, plan, plan.condition[2], rays.forbidden(projected, 2))


def plan_range(
    harmonic: HarmonicFit,
    *,
    multiplets: Sequence[str] | None,
    order: int,
    reach: float | None,
    max_condition: float,
) -> FitPlan:
    """Choose the displacements of a fit over a range.

    Parameters
    ----------
    harmonic : HarmonicFit
    multiplets, order, max_condition
        As in `fit_potential`.
    reach : float or None
        Largest |Q| in *Å√amu*; None: 1.1 times what the main job's pulse reaches, at least that of
        0.01 Å root-mean-square displacement.
    """
    modes = harmonic.coordinates.modes
    if reach is None:
        smallest = DISPLACEMENT * float(np.sqrt(modes.crystal.masses.sum()))
        reach = max([smallest, *(MARGIN * q for q in pulse_reach(harmonic.coordinates).values())])
    count = amplitudes_needed(order)
    plan = plan_fit(
        modes.crystal,
        modes=modes,
        multiplets=multiplets,
        order=order,
        amplitudes=(np.arange(1, count + 1) / count * reach).tolist(),
        max_condition=max_condition,
    )
    rays = plan.rays
    directions = np.concatenate([rays.directions, driven_directions(plan.coordinates)])
    return replace(plan, rays=Rays(directions, rays.amplitudes, rays.images, rays.image_matrices))


def potential_over_range(
    harmonic: HarmonicFit, plan: FitPlan, forces: FloatArray, *, linewidth: float, source: dict[str, Any]
) -> Potential:
    """Fit all couplings together to the anharmonic part of the forces of a plan.

    Parameters
    ----------
    harmonic : HarmonicFit
    plan : FitPlan
        From `plan_range`.
    forces : ndarray
        ``(n_fit + n_check, n_atoms, 3)`` *eV/Å*.
    linewidth : float
        *THz*.
    source : dict
        What else shall stand in the provenance.

    Returns
    -------
    Potential
        ``source["fit"]`` is the report, see `fit_potential`.

    Raises
    ------
    FitError
        If the displacements do not determine the couplings.
    """
    coordinates, rays = plan.coordinates, plan.rays
    turn = np.einsum("ska,tka->st", coordinates.eigenvectors, harmonic.coordinates.eigenvectors)
    hessian = turn @ harmonic.hessian @ turn.T
    points = rays.points()[1 : rays.n_fit]
    projected = coordinates.generalised_forces(forces)
    anharmonic = projected[1 : rays.n_fit] - projected[0] + points @ hessian
    invariants = find_invariants(coordinates, range(3, plan.order + 1))
    fit, condition = _least_squares(invariants, points, anharmonic, rays)
    rows = rows_of_invariants(fit.invariants, fit.coefficient, [fit.statistical, fit.step[None]])
    left = anharmonic + _table(invariants, points) @ fit.coefficient
    report = _report(harmonic, plan, forces, hessian, fit, condition)
    report["residual"] = rms_force(coordinates, left)
    report["anharmonic"] = rms_force(coordinates, anharmonic)
    report["scan"] = scan_of(coordinates, rays, anharmonic, left)
    return with_bounds(
        potential_from_rows(
            coordinates,
            rows,
            linewidth=linewidth,
            amplitude_range=_range(coordinates, points),
            source={**source, "fit": report},
        )
    )


def _table(invariants: Sequence[Invariant], points: FloatArray) -> FloatArray:
    """Return ∂I/∂Q_s of invariants of several orders, ascending, ``(n_points, n, n_invariants)``."""
    orders = sorted({x.degree[0] for x in invariants})
    parts = [gradient_table([x for x in invariants if x.degree[0] == p], points) for p in orders]
    return np.concatenate([np.zeros((*points.shape, 0)), *parts], axis=2)


def _least_squares(
    invariants: tuple[Invariant, ...], points: FloatArray, forces: FloatArray, rays: Rays
) -> tuple[OrderFit, float]:
    """Fit the coefficients, and once more without the largest amplitude; and the condition number, columns scaled."""
    if not invariants:
        return OrderFit((), np.empty(0), np.empty((0, 0)), np.empty(0)), 1.0
    table = -_table(invariants, points)
    smaller = np.repeat(np.arange(len(points) // 2) % len(rays.amplitudes) < len(rays.amplitudes) - 1, 2)
    coefficient, factor, condition = _solved(table, forces)
    fewer, _, _ = _solved(table[smaller], forces[smaller])
    return OrderFit(invariants, coefficient, factor, coefficient - fewer), condition


def _solved(table: FloatArray, forces: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, rows S with covariance SᵀS from the residual, and the condition number."""
    matrix, measured = table.reshape(-1, table.shape[2]), forces.ravel()
    length = np.linalg.norm(matrix, axis=0)
    left, singular, right = np.linalg.svd(matrix / np.where(length > 0, length, 1.0), full_matrices=False)
    if len(matrix) < matrix.shape[1] or singular[-1] < 1e-10 * singular[0]:
        raise FitError(
            "The displacements do not determine the couplings",
            found=f"{len(matrix)} forces for {matrix.shape[1]} couplings",
            fix="allow a smaller condition number, or choose fewer multiplets",
        )
    coefficient = (right.T / singular) @ (left.T @ measured) / length
    spare = max(len(matrix) - matrix.shape[1], 1)
    sigma = float(np.linalg.norm(matrix @ coefficient - measured)) / np.sqrt(spare)
    return coefficient, sigma * (right / singular[:, None]) / length, float(singular[0] / singular[-1])


def _range(coordinates: Coordinates, points: FloatArray) -> FloatArray:
    """Return for each coordinate the largest length of Q within its multiplet, ``(n,)`` *Å√amu*."""
    largest = np.empty(coordinates.n)
    for _, places in coordinates.blocks:
        largest[places] = np.linalg.norm(points[:, places], axis=1).max()
    return largest


def _report(
    harmonic: HarmonicFit,
    plan: FitPlan,
    forces: FloatArray,
    hessian: FloatArray,
    fit: OrderFit,
    condition: float,
) -> dict[str, Any]:
    """Return what a reader needs to judge the fit, as plain values."""
    first, rays = harmonic.plan.rays, plan.rays
    projected = plan.coordinates.generalised_forces(forces)
    orders = range(3, plan.order + 1)
    return {
        "order": plan.order,
        "method": "over a range",
        "reach": float(rays.amplitudes[-1]),
        "amplitudes": rays.amplitudes.tolist(),
        "force_calls": first.n_fit + rays.n_fit,
        "check_calls": first.n_check + rays.n_check,
        "naive_calls": plan.naive_calls,
        "condition": {"2": harmonic.condition}
        | ({"3": condition} if plan.order == 3 else {f"3-{plan.order}": condition}),
        "residual_force": float(np.abs(forces[0]).max()),
        "net_force": float(np.abs(forces.sum(axis=1)).max()),
        "forbidden": {"2": harmonic.forbidden} | {str(p): rays.forbidden(projected, p) for p in orders},
        "frequency": [units.frequency_from_curvature(float(x)) for x in np.diag(hessian)],
        "invariants": [
            {"name": x.name, "coefficient": float(c), "error": float(e), "step": float(s)}
            for x, c, e, s in zip(fit.invariants, fit.coefficient, fit.error, fit.step, strict=True)
        ],
    }
