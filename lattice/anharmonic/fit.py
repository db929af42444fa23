"""Couplings of a crystal from an ASE calculator."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import Any

from lattice.anharmonic.calculators import checked_calculator, make_calculator
from lattice.anharmonic.fit_forces import potential_from_forces
from lattice.anharmonic.fit_plan import MAX_CONDITION, check_order, plan_fit
from lattice.anharmonic.fit_range import harmonic_fit, plan_range, potential_over_range
from lattice.anharmonic.forces import Mapping, calculator_name, compute_forces
from lattice.anharmonic.potential import Potential
from lattice.anharmonic.relax import relax_structure
from lattice.errors import InputError
from lattice.modes.modes import MODES, Modes
from lattice.modes.representation import cell_of
from lattice.structure import argument
from lattice.structure.crystal import Crystal
from lattice.structure.load import same_cell
from lattice.structure.number import checked_linewidth


@argument.takes(
    crystal=argument.crystal,
    modes=argument.optional(MODES),
    multiplets=argument.optional(argument.words),
    amplitudes=argument.optional(argument.array),
    max_condition=argument.number,
    relax=argument.flag,
    linewidth=argument.number,
    map=argument.function,
    cache=argument.optional(argument.path),
)
def fit_potential(
    crystal: Crystal,
    calculator: Any,
    *,
    modes: Modes | None = None,
    multiplets: Sequence[str] | None = None,
    order: int = 4,
    amplitudes: Sequence[float] | None = None,
    reach: float | None = None,
    axis: Sequence[float] | None = None,
    max_condition: float = MAX_CONDITION,
    relax: bool = False,
    linewidth: float = 0.0,
    map: Mapping = builtins.map,
    cache: str | os.PathLike[str] | None = None,
) -> Potential:
    """Fit the anharmonic potential of Γ modes to the forces of a calculator.

    Only couplings that symmetry allows are fitted, to forces at as few displacements as determine them. The modes are
    those of the crystal's force constants; without them the same forces give harmonic constants of Γ too.

    Parameters
    ----------
    crystal : Crystal
        From a structure file alone, or with force constants and Born charges.
    calculator : object or str
        An ASE calculator, or ``lj``, ``emt``, ``chgnet``, ``module:factory`` (this imports and runs what it names).
    modes : Modes, optional
        Modes of the crystal at Γ that were solved already.
    multiplets : sequence of str, optional
        Labels of the multiplets among which couplings are wanted; default: all optical ones.
    order : int
        Highest order in Q, 2 to 6.
    amplitudes : sequence of float, optional
        Lengths of Q in *Å√amu*, at least order//2 + 1 of them: several, so that the next orders drop out. The result is
        then the expansion of the potential at rest. Default without `reach` and Born charges: equal steps up to a
        root-mean-square displacement of 0.01 Å.
    reach : float, optional
        *Å√amu*: the couplings shall describe the forces best up to this |Q| (`lattice.anharmonic.fit_range`). Default
        where Born charges are known and no amplitudes given: what the pulse of `default_pulse` reaches at resonance.
    axis : sequence of float, optional
        As in `solve_modes`.
    max_condition : float
        Largest condition number of the linear problem of any order.
    relax : bool
        Whether the atoms are relaxed first (`relax_structure`); force constants of the crystal are then dropped.
    linewidth : float
        *THz*, of every mode: static forces say nothing about it.
    map : callable
        ``map(function, structures)``: the builtin, or that of a pool or cluster.
    cache : path, optional
        Folder in which every finished force call is kept, so that an interrupted fit goes on where it stopped.

    Returns
    -------
    Potential
        ``source["error"]``: error of each term, from the residual and from leaving out the largest amplitude, added in
        squares. ``source["fit"]``: ``force_calls`` and, counted apart, ``check_calls``; ``naive_calls`` of the
        four-point stencil for all third derivatives; ``condition`` by order; ``residual`` (rms, *eV/Å*);
        ``residual_force`` on the undisplaced atoms and ``net_force`` (*eV/Å*); ``forbidden``: by order, the largest
        force that symmetry forbids, in the unit of that order's coefficients; ``frequency`` (*THz*) of each coordinate
        by the calculator; ``invariants`` with coefficient, error and step; ``scan``: rms forces and what is left of
        them by amplitude; ``bounds``: `lattice.polynomial_bounds` of the result. Over a range also ``reach``
        and ``anharmonic`` (rms force that is not harmonic, *eV/Å*), and one condition number for all orders
        together. `amplitude_range` is the largest |Q_s|, over a range the largest |Q| within the multiplet.

    Raises
    ------
    InputError
        If an argument cannot be used.
    FitError
        If the calculator gives no usable forces, or no displacements determine the couplings.
    MissingDependency
        If the calculator is not installed.
    """
    linewidth = checked_linewidth(linewidth)
    _check_range(amplitudes, reach, order)
    if relax and modes is not None:
        raise InputError(
            "Modes that were solved already do not belong to a relaxed structure",
            found="modes and relax=True",
            fix="relax first (relax_structure), or leave out modes",
        )
    if modes is not None and not same_cell(cell_of(modes.crystal), cell_of(crystal)):
        raise InputError(
            "The modes belong to another structure", found="other cell or positions", fix="solve them for this crystal"
        )
    engine = make_calculator(calculator, crystal) if isinstance(calculator, str) else checked_calculator(calculator)
    structure = relax_structure(crystal, engine) if relax else crystal if modes is None else modes.crystal
    ranged = order > 2 and (reach is not None or (amplitudes is None and structure.born_charges is not None))
    plan = plan_fit(
        structure,
        modes=modes,
        multiplets=multiplets,
        order=2 if ranged else order,
        amplitudes=amplitudes,
        axis=axis,
        max_condition=max_condition,
    )
    forces = compute_forces(structure, engine, plan.displacements, map=map, cache=cache)
    source: dict[str, Any] = {
        "couplings": "fitted to forces",
        "calculator": calculator_name(engine),
        "structure": "; ".join(structure.found),
    }
    source["calls_found_on_disk"] = forces.n_cached
    if not ranged:
        return potential_from_forces(plan, forces.array, linewidth=float(linewidth), source=source)
    harmonic = harmonic_fit(plan, forces.array)
    second = plan_range(harmonic, multiplets=multiplets, order=order, reach=reach, max_condition=max_condition)
    more = compute_forces(structure, engine, second.displacements, map=map, cache=cache)
    source["calls_found_on_disk"] += more.n_cached
    return potential_over_range(harmonic, second, more.array, linewidth=float(linewidth), source=source)


def _check_range(amplitudes: Sequence[float] | None, reach: float | None, order: int) -> None:
    """Amplitudes mean the expansion at rest, a reach the best polynomial over a range: only one of them."""
    check_order(order)
    if reach is None:
        return
    if amplitudes is not None:
        raise InputError(
            "Couplings are the expansion at rest or the best ones over a range",
            found="amplitudes and reach",
            fix="give one of them",
        )
    if isinstance(reach, bool) or not isinstance(reach, int | float) or not 0 < reach < 1e300:
        raise InputError("This is no range of motion", found=reach, fix="give |Q| in Å√amu, larger than 0")
