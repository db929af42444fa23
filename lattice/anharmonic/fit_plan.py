"""What a fit will do: coordinates, invariants, displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.harmonic import coordinates_without_forces
from lattice.anharmonic.invariants import HIGHEST_ORDER, find_invariants
from lattice.anharmonic.rays import Rays, amplitudes_needed, choose_rays
from lattice.errors import InputError
from lattice.modes.modes import Modes
from lattice.modes.solve import solve_modes
from lattice.structure.crystal import Crystal, FloatArray

DISPLACEMENT = 0.01  #: Å, root-mean-square displacement of the atoms at the default largest amplitude
MAX_CONDITION = 50.0


@dataclass(frozen=True, eq=False)
class FitPlan:
    """Displacements that determine the couplings of some coordinates up to an order.

    Attributes
    ----------
    coordinates : Coordinates
    order : int
        Highest order in Q, 2 to 6.
    rays : Rays
    condition : dict
        Order → condition number of its linear problem, columns scaled to length one.
    has_frequencies : bool
        Whether the coordinates are those of the crystal's own force constants; else the forces give them too.
    chosen : tuple of str or None
        Multiplets to keep where the coordinates are not yet those of the result.
    """

    coordinates: Coordinates
    order: int
    rays: Rays
    condition: dict[int, float]
    has_frequencies: bool
    chosen: tuple[str, ...] | None = None

    @cached_property
    def displacements(self) -> FloatArray:
        """All displacements ``(n_fit + n_check, n_atoms, 3)`` in *Å*; the first structure is not displaced."""
        return self.coordinates.displacements(self.rays.points())

    @property
    def naive_calls(self) -> int:
        """Force calls of the four-point stencil for all third derivatives: 1 + 2n + 4·n(n−1)/2."""
        return 1 + 2 * self.coordinates.n**2


def plan_fit(
    crystal: Crystal,
    *,
    modes: Modes | None = None,
    multiplets: Sequence[str] | None = None,
    order: int = 4,
    amplitudes: Sequence[float] | None = None,
    axis: Sequence[float] | None = None,
    max_condition: float = MAX_CONDITION,
) -> FitPlan:
    """Choose the displacements of a fit.

    Parameters
    ----------
    crystal : Crystal
        Its force constants define the modes; without them the fit finds harmonic constants too.
    modes : Modes, optional
        Modes of the crystal at Γ that were solved already.
    multiplets : sequence of str, optional
        Labels of the multiplets among which couplings are wanted; default: all optical ones.
    order : int
        Highest order, 2 to 6.
    amplitudes : sequence of float, optional
        Lengths of Q in *Å√amu*, at least order//2 + 1 of them; default: equal steps up to 0.01 Å root-mean-square
        displacement.
    axis : sequence of float, optional
        As in `solve_modes`.
    max_condition : float
        Largest condition number of the linear problem of any order.

    Raises
    ------
    InputError
        If an argument cannot be used.
    FitError
        If no set of displacements reaches the condition number.
    """
    check_order(order)
    known = modes is not None or crystal.force_constants is not None
    if known:
        solved = solve_modes(crystal, axis=axis) if modes is None else modes
        coordinates = gamma_coordinates(solved, multiplets)
    else:
        coordinates = coordinates_without_forces(crystal, axis)
        if multiplets is not None:
            gamma_coordinates(coordinates.modes, multiplets)  # wrong names are told before any force call
    lengths = _checked_amplitudes(amplitudes, crystal, order)
    orders = [find_invariants(coordinates, [p]) for p in range(2, order + 1)]
    directions, conditions = choose_rays(coordinates.n, orders, max_condition)
    generators = coordinates.matrices[generating_operations(coordinates.rotations)]
    rays = Rays(directions, lengths, generators @ directions[0], generators)
    condition = dict(zip(range(2, order + 1), conditions, strict=True))
    chosen = None if known or multiplets is None else tuple(multiplets)
    return FitPlan(coordinates, order, rays, condition, known, chosen)


def check_order(order: object) -> None:
    """Refuse an order that a fit cannot have."""
    if isinstance(order, bool) or not isinstance(order, int) or not 2 <= order <= HIGHEST_ORDER:
        raise InputError("A fit cannot have this order", found=order, fix=f"give an order from 2 to {HIGHEST_ORDER}")


def _checked_amplitudes(amplitudes: Sequence[float] | None, crystal: Crystal, order: int) -> FloatArray:
    """Return amplitudes in ascending order."""
    needed = amplitudes_needed(order)
    if amplitudes is None:
        largest = DISPLACEMENT * float(np.sqrt(crystal.masses.sum()))
        return np.arange(1, needed + 1) / needed * largest
    given = np.atleast_1d(np.asarray(amplitudes, dtype=np.float64))
    lengths = np.unique(given)
    if lengths.ndim != 1 or len(lengths) < needed or not np.isfinite(lengths).all() or lengths[0] <= 0:
        raise InputError(
            "These amplitudes do not separate the orders",
            found=given.tolist(),
            fix=f"give at least {needed} different positive lengths of Q in Å√amu for order {order}",
        )
    return lengths


def generating_operations(rotations: FloatArray) -> list[int]:
    """Return the positions of a few operations whose products are all of the point group; the identity needs none."""
    size = len(_closure([np.eye(3), *rotations]))
    chosen: list[int] = []
    while len(_closure([np.eye(3), *rotations[chosen]])) < size:
        sizes = [len(_closure([np.eye(3), *rotations[[*chosen, g]]])) for g in range(len(rotations))]
        chosen.append(int(np.argmax(sizes)))
    return chosen


def _closure(matrices: list[FloatArray]) -> dict[bytes, FloatArray]:
    """Return all products of some rotations, by their rounded entries."""
    found = {_name(m): m for m in matrices}
    new = list(found.values())
    while new:
        products = {_name(a @ b): a @ b for a in new for b in matrices}
        new = [m for name, m in products.items() if name not in found]
        found |= products
    return found


def _name(matrix: FloatArray) -> bytes:
    return np.asarray(np.rint(matrix * 1e4), dtype=np.int64).tobytes()
