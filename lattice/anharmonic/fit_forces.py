"""What the forces at the displacements of a plan say: couplings, their errors, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lattice import units
from lattice.anharmonic.assemble import Rows, potential_from_rows, rows_of_invariants
from lattice.anharmonic.bounds import with_bounds
from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.fit_plan import FitPlan
from lattice.anharmonic.harmonic import crystal_with_hessian, hessian_of
from lattice.anharmonic.invariants import Invariant, find_invariants
from lattice.anharmonic.potential import Potential
from lattice.anharmonic.rays import Rays, condition_number, gradient_table
from lattice.modes.solve import solve_modes
from lattice.structure.crystal import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class OrderFit:
    """Coefficients of the invariants of one order, with their errors.

    Attributes
    ----------
    invariants : tuple of Invariant
    coefficient : ndarray
        ``(n_invariants,)`` *eV/(Å√amu)^order*.
    statistical : ndarray
        ``(n_invariants, n_invariants)``: rows S with covariance SᵀS, from the residual.
    step : ndarray
        ``(n_invariants,)``: change when the largest amplitude is left out.
    """

    invariants: tuple[Invariant, ...]
    coefficient: FloatArray
    statistical: FloatArray
    step: FloatArray

    @property
    def error(self) -> FloatArray:
        """Standard error of each coefficient, ``(n_invariants,)``: residual and step, added in squares."""
        return np.asarray(np.sqrt((self.statistical**2).sum(axis=0) + self.step**2))


def fit_order(rays: Rays, forces: FloatArray, order: int, invariants: tuple[Invariant, ...]) -> OrderFit:
    """Fit the coefficients of one order by least squares to −∂V/∂Q at the `Rays`.

    Parameters
    ----------
    rays : Rays
    forces : ndarray
        ``(n_fit, n)`` *eV/(Å√amu)*.
    order : int
    invariants : tuple of Invariant
        A basis of this order.
    """
    if not invariants:
        return OrderFit((), np.empty(0), np.empty((0, 0)), np.empty(0))
    table = -gradient_table(invariants, rays.directions).reshape(-1, len(invariants))
    length = np.linalg.norm(table, axis=0)
    left, singular, right = np.linalg.svd(table / length, full_matrices=False)
    solve = (right.T / singular) @ left.T / length[:, None]
    count = len(rays.amplitudes)
    measured = rays.orders(forces, order, count).ravel()
    coefficient = solve @ measured
    fewer = solve @ rays.orders(forces, order, count - 1).ravel()
    spare = len(table) - len(invariants)
    sigma = float(np.linalg.norm(table @ coefficient - measured)) / np.sqrt(max(spare, 1))
    return OrderFit(invariants, coefficient, sigma * (right / singular[:, None]) / length, coefficient - fewer)


def potential_from_forces(plan: FitPlan, forces: FloatArray, *, linewidth: float, source: dict[str, Any]) -> Potential:
    """Fit the couplings to the forces of all displacements of a plan.

    Parameters
    ----------
    plan : FitPlan
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
    """
    coordinates, rays = plan.coordinates, plan.rays
    if not plan.has_frequencies:
        coordinates, rays = with_frequencies(plan, coordinates.generalised_forces(forces))
    projected = coordinates.generalised_forces(forces)
    fits = {p: fit_order(rays, projected, p, find_invariants(coordinates, [p])) for p in range(2, plan.order + 1)}
    report = _report(plan, coordinates, rays, forces, fits)
    range_of = np.abs(rays.points()[: rays.n_fit]).max(axis=0)
    if plan.chosen is not None:
        coordinates, fits, range_of = _restricted(coordinates, fits, range_of, plan.chosen)
    anharmonic = [fit for p, fit in fits.items() if p > 2]
    rows = [
        rows_of_invariants(fit.invariants, fit.coefficient, [fit.statistical, fit.step[None]]) for fit in anharmonic
    ]
    report["invariants"] = [
        {"name": x.name, "coefficient": float(c), "error": float(e), "step": float(s)}
        for fit in anharmonic
        for x, c, e, s in zip(fit.invariants, fit.coefficient, fit.error, fit.step, strict=True)
    ]
    return with_bounds(
        potential_from_rows(
            coordinates, _joined(rows), linewidth=linewidth, amplitude_range=range_of, source={**source, "fit": report}
        )
    )


def _joined(parts: Sequence[Rows]) -> Rows:
    """Put the terms of several orders into one table."""
    return Rows(
        tuple(modes for part in parts for modes in part.modes),
        tuple(name for part in parts for name in part.channel),
        np.concatenate([np.empty(0), *(part.coefficient for part in parts)]),
        np.concatenate([np.empty(0), *(part.error for part in parts)]),
    )


def with_frequencies(plan: FitPlan, forces: FloatArray) -> tuple[Coordinates, Rays]:
    """Find the harmonic constants, solve for the modes, and write the rays in their coordinates."""
    old = plan.coordinates
    fit = fit_order(plan.rays, forces, 2, find_invariants(old, [2]))
    crystal = crystal_with_hessian(old, hessian_of(fit.invariants, fit.coefficient, old.n))
    axis = None if old.modes.axis is None else old.modes.axis.tolist()
    new = gamma_coordinates(solve_modes(crystal, axis=axis))
    return new, plan.rays.turned(np.einsum("ska,tka->st", new.eigenvectors, old.eigenvectors))


def _restricted(
    coordinates: Coordinates, fits: dict[int, OrderFit], range_of: FloatArray, chosen: Sequence[str]
) -> tuple[Coordinates, dict[int, OrderFit], FloatArray]:
    """Keep some multiplets and the couplings among them."""
    kept = gamma_coordinates(coordinates.modes, chosen)
    position = {int(np.flatnonzero(coordinates.numbers == number)[0]): s for s, number in enumerate(kept.numbers)}
    smaller = {}
    for order, fit in fits.items():
        inside = [i for i, x in enumerate(fit.invariants) if all(s in position for s in x.mode_index.ravel().tolist())]
        invariants = tuple(
            replace(x, mode_index=np.vectorize(position.__getitem__)(x.mode_index))
            for x in (fit.invariants[i] for i in inside)
        )
        smaller[order] = OrderFit(invariants, fit.coefficient[inside], fit.statistical[:, inside], fit.step[inside])
    return kept, smaller, range_of[list(position)]


def _report(
    plan: FitPlan, coordinates: Coordinates, rays: Rays, forces: FloatArray, fits: dict[int, OrderFit]
) -> dict[str, Any]:
    """Return what a reader needs to judge the fit, as plain values."""
    projected = coordinates.generalised_forces(forces)
    second = fits[2]
    curvature = np.diag(hessian_of(second.invariants, second.coefficient, coordinates.n))
    anharmonic, left = _left_over(coordinates, rays, projected, fits)
    tables = {p: gradient_table(fit.invariants, rays.directions) for p, fit in fits.items() if fit.invariants}
    return {
        "order": plan.order,
        "amplitudes": rays.amplitudes.tolist(),
        "force_calls": rays.n_fit,
        "check_calls": rays.n_check,
        "naive_calls": plan.naive_calls,
        "condition": {str(p): condition_number(table) for p, table in tables.items()},
        "residual": rms_force(coordinates, left),
        "scan": scan_of(coordinates, rays, anharmonic, left),
        "residual_force": float(np.abs(forces[0]).max()),
        "net_force": float(np.abs(forces.sum(axis=1)).max()),
        "forbidden": {str(p): rays.forbidden(projected, p) for p in fits},
        "frequency": [units.frequency_from_curvature(float(x)) for x in curvature],
    }


def _left_over(
    coordinates: Coordinates, rays: Rays, forces: FloatArray, fits: dict[int, OrderFit]
) -> tuple[FloatArray, FloatArray]:
    """Return force less harmonic force, and force less fitted force, at the displaced structures ``(n_fit − 1, n)``.

    Forces along the coordinates only; the force at the undisplaced structure is taken as it is.
    """
    points = rays.points()[1 : rays.n_fit]
    left = forces[1 : rays.n_fit] - forces[0]
    parts = {p: gradient_table(fit.invariants, points) @ fit.coefficient for p, fit in fits.items() if fit.invariants}
    anharmonic = left + parts.get(2, 0.0)
    return anharmonic, left + sum(parts.values())


def rms_force(coordinates: Coordinates, forces: FloatArray) -> float:
    """Return the rms in *eV/Å* over atoms and components of forces ``(k, n)`` *eV/(Å√amu)* on coordinates."""
    weight = np.sqrt(coordinates.crystal.masses)[:, None]
    return float(np.sqrt(np.mean((np.tensordot(forces, coordinates.eigenvectors, axes=1) * weight) ** 2)))


def scan_of(coordinates: Coordinates, rays: Rays, anharmonic: FloatArray, left: FloatArray) -> list[dict[str, float]]:
    """Return for each amplitude the rms *eV/Å* of the anharmonic force and of what the fit leaves of it.

    Parameters
    ----------
    coordinates : Coordinates
    rays : Rays
    anharmonic, left : ndarray
        ``(n_fit − 1, n)`` *eV/(Å√amu)* at the displaced structures.
    """
    shape = (len(rays.directions), len(rays.amplitudes), 2, -1)
    rows = []
    for i, amplitude in enumerate(rays.amplitudes.tolist()):
        force, rest = (x.reshape(shape)[:, i].reshape(-1, coordinates.n) for x in (anharmonic, left))
        rows.append(
            {
                "amplitude": float(amplitude),
                "anharmonic": rms_force(coordinates, force),
                "residual": rms_force(coordinates, rest),
            }
        )
    return rows
