"""Raman tensors from finite differences of the permittivity, at as few displacements as symmetry leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.anharmonic.potential import POTENTIAL, ComplexArray, Potential
from lattice.anharmonic.raman import raman_forms
from lattice.errors import FitError, InputError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    from ase import Atoms

Dielectric = Callable[["Atoms"], ArrayLike]
STEP = 0.1  #: Å√amu
AGREEMENT = 0.05  #: of the largest component: residual beyond which differences and symmetry do not belong together
_RANK = 1e-6  #: of the largest singular value


@argument.takes(
    potential=POTENTIAL,
    dielectric=argument.function,
    step=argument.number,
    multiplets=argument.optional(argument.words),
)
def fit_raman(
    potential: Potential,
    dielectric: Dielectric,
    *,
    step: float = STEP,
    multiplets: Sequence[str] | None = None,
) -> Potential:
    """Determine the Raman tensors ∂ε/∂Q from the permittivity of displaced crystals.

    Each coordinate needed is displaced by ±step and ±2·step; the derivative is [8(ε₊₁ − ε₋₁) − (ε₊₂ − ε₋₂)]/(12 step),
    right to the fourth order. Of a degenerate multiplet only as many partners are displaced as its forms need; the
    components that symmetry forbids drop out by least squares, and how large they were is recorded.

    Parameters
    ----------
    potential : Potential
        With its crystal and eigenvectors.
    dielectric : callable
        Takes `ase.Atoms` of the cell and returns the relative permittivity ``(3, 3)`` at fixed ions, real or complex:
        ε∞ for a probe far below the gap, or ε at its photon energy with Im ≥ 0 where light is absorbed.
    step : float
        *Å√amu*, > 0.
    multiplets : sequence of str, optional
        Those to determine; default: all with allowed forms. Tensors of the others stay.

    Returns
    -------
    Potential
        With `raman`; ``source["raman"]`` holds step, number of calls, and for each multiplet the constants and the
        rms residual in *1/(Å√amu)*.

    Raises
    ------
    InputError
        If the step or a label cannot be used, or `dielectric` returns something else.
    FitError
        If the differences break the symmetry by more than 5 % of the largest component.
    """
    if not (np.isfinite(step) and step > 0):
        raise InputError("The step of finite differences is out of range", found=step, fix="give a number > 0 in Å√amu")
    forms = raman_forms(potential)
    active = list(dict.fromkeys(form.multiplet for form in forms))
    chosen = active if multiplets is None else [str(name) for name in multiplets]
    for name in chosen:
        if name not in active:
            raise InputError("A multiplet has no Raman tensor", found=name, fix=f"use: {', '.join(active)}")
    raman = np.zeros((potential.n_modes, 3, 3), complex) if potential.raman is None else np.array(potential.raman)
    record: dict[str, Any] = {"step": float(step), "calls": 0}
    for name in chosen:
        own = [form for form in forms if form.multiplet == name]
        raman[potential.multiplet == name] = 0.0
        rows = _needed(potential, [form.tensor for form in own], name)
        measured = np.stack([_derivative(potential, dielectric, s, step) for s in rows])
        design = np.stack([form.tensor[rows].ravel() for form in own], axis=1)
        constants, *_ = np.linalg.lstsq(design.astype(complex), measured.ravel(), rcond=None)
        left = measured.ravel() - design @ constants
        if np.abs(left).max() > AGREEMENT * np.abs(measured).max(initial=0.0) and np.abs(left).max() > 0:
            raise FitError(
                f"The permittivity of displacements along {name} breaks the symmetry of the crystal",
                found=f"{np.abs(left).max():.2e} of {np.abs(measured).max():.2e} 1/(Å√amu)",
                fix="converge the permittivity, or take a larger step",
            )
        raman += sum(c * form.tensor for c, form in zip(constants, own, strict=True))
        record["calls"] += 4 * len(rows)
        record[name] = {
            "constants": {f.name: [float(c.real), float(c.imag)] for f, c in zip(own, constants, strict=True)},
            "residual": float(np.sqrt(np.mean(np.abs(left) ** 2))),
        }
    return replace(potential, raman=raman, source=dict(potential.source) | {"raman": record})


def _needed(potential: Potential, tensors: list[FloatArray], name: str) -> list[int]:
    """Coordinates of a multiplet whose displacement determines all constants: the first ones that do."""
    members = np.flatnonzero(potential.multiplet == name).tolist()
    for count in range(1, len(members) + 1):
        design = np.stack([tensor[members[:count]].ravel() for tensor in tensors], axis=1)
        if np.linalg.matrix_rank(design, tol=_RANK * np.abs(design).max()) == len(tensors):
            return list(members[:count])
    raise AssertionError("independent forms are told apart by all coordinates together")


def _derivative(potential: Potential, dielectric: Dielectric, s: int, step: float) -> ComplexArray:
    """∂ε/∂Q_s ``(3, 3)`` by four displacements, symmetrised in its indices."""
    weights = {1: 8.0 / 12.0, -1: -8.0 / 12.0, 2: -1.0 / 12.0, -2: 1.0 / 12.0}
    total = np.zeros((3, 3), complex)
    for multiple, weight in weights.items():
        total += weight / step * _permittivity(dielectric, _displaced(potential, s, multiple * step))
    return np.asarray(0.5 * (total + total.T), dtype=np.complex128)


def _displaced(potential: Potential, s: int, amplitude: float) -> Atoms:
    """Return the cell with one coordinate at `amplitude` *Å√amu*."""
    from ase import Atoms

    crystal, eigenvectors = potential.crystal, potential.eigenvectors
    assert crystal is not None
    assert eigenvectors is not None
    moved = amplitude * eigenvectors[s] / np.sqrt(crystal.masses)[:, None]
    positions = crystal.positions @ crystal.cell + moved
    return Atoms(list(crystal.species), positions=positions, cell=crystal.cell, masses=crystal.masses, pbc=True)


def _permittivity(dielectric: Dielectric, atoms: Atoms) -> ComplexArray:
    """Checked result of the caller's function."""
    fix = "return the relative permittivity as a 3×3 array of finite numbers"
    try:
        value = np.array(dielectric(atoms), dtype=np.complex128)
    except (TypeError, ValueError) as error:
        raise InputError("The permittivity of a displaced crystal is no matrix", found=error, fix=fix) from error
    if value.shape != (3, 3) or not np.isfinite(value).all():
        raise InputError(
            "The permittivity of a displaced crystal cannot be used", found=f"shape {value.shape}", fix=fix
        )
    return value
