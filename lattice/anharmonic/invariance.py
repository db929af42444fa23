"""Whether a potential has the symmetry of its crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice import units
from lattice.anharmonic.polynomial import Monomial, polynomial_from_table, substitute
from lattice.errors import SymmetryError
from lattice.modes.representation import representation
from lattice.structure.crystal import FloatArray
from lattice.structure.symmetry import find_spacegroup

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential
    from lattice.structure.cell import Cell

TOLERANCE = 1e-6  #: of a term, relative to the largest coefficient of the same order in Q and E


def coordinate_representation(
    eigenvectors: FloatArray, cell: Cell, symprec: float = 1e-4
) -> tuple[FloatArray, FloatArray]:
    """Return how every operation of the point group turns real Γ coordinates and the field.

    Parameters
    ----------
    eigenvectors : ndarray
        ``(n, n_atoms, 3)`` real, orthonormal.
    cell : Cell
    symprec : float
        Tolerance of the symmetry search in *Å*.

    Returns
    -------
    matrices : ndarray
        ``(n_operations, n, n)``: the operation takes Q to ``matrices[g] @ Q``.
    rotations : ndarray
        ``(n_operations, 3, 3)``: the same for Cartesian vectors.

    Raises
    ------
    SymmetryError
        If an operation leads out of the space of the coordinates, e.g. because a partner of a multiplet is missing.
    """
    matrices, rotations = representation(eigenvectors, cell, find_spacegroup(cell, symprec))
    n = len(eigenvectors)
    defect = np.abs(np.einsum("gst,gsu->gtu", matrices, matrices) - np.eye(n)).max(axis=(0, 1))
    if defect.max() > 1e-5:
        raise SymmetryError(
            "The coordinates of the potential are not closed under the symmetry of the crystal",
            found=f"coordinate {int(defect.argmax())} leads out of their space by {defect.max():.1e}",
            fix="give all partners of each multiplet, with eigenvectors of at least 8 digits",
        )
    return matrices, rotations


def check_invariance(potential: Potential) -> bool:
    """Check that every operation of the crystal's group leaves V(Q, E) unchanged.

    Parameters
    ----------
    potential : Potential

    Returns
    -------
    bool
        True if it was checked; False if the potential carries no crystal or no eigenvectors to check it with.

    Raises
    ------
    SymmetryError
        If a term breaks the symmetry by more than 1e-6 of the largest term of its order; the message names the term.
    """
    if potential.crystal is None or potential.eigenvectors is None:
        return False
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    polynomial = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    for s, nu in enumerate(potential.frequency.tolist()):
        harmonic = 0.5 * nu * abs(nu) / units.THZ_PER_ROOT_EV**2  # eV/(Å² amu), as squares in the table
        polynomial[(s, s), ()] = polynomial.get(((s, s), ()), 0.0) + harmonic
    scale: dict[tuple[int, int], float] = {}
    for (modes, fields), c in polynomial.items():
        order = (len(modes), len(fields))
        scale[order] = max(scale.get(order, 0.0), abs(c))
    worst: tuple[float, Monomial] = (0.0, ((), ()))
    for g in _checked(rotations):
        turned = substitute(polynomial, matrices[g], rotations[g])
        for monomial in turned.keys() | polynomial.keys():
            defect = abs(turned.get(monomial, 0.0) - polynomial.get(monomial, 0.0))
            reference = scale[len(monomial[0]), len(monomial[1])]
            if defect > worst[0] * reference:
                worst = (defect / reference, monomial)
    if worst[0] > TOLERANCE:
        raise SymmetryError(
            f"The potential breaks the symmetry of its crystal in the term {_described(potential, worst[1])}",
            found=f"a symmetry operation changes it by {worst[0]:.1e} of the largest term of its order",
            fix="give every term that symmetry links to it, with at least 8 digits, or correct its sign or factor",
        )
    return True


def _checked(rotations: FloatArray) -> list[int]:
    """Return the operations to check: all of a primitive cell; of a supercell one of each rotation, and translations.

    Every other operation of a supercell is one of these after a translation.
    """
    _, first = np.unique(np.round(rotations.reshape(-1, 9), 4) + 0.0, axis=0, return_index=True)
    still = np.abs(rotations - np.eye(3)).max(axis=(1, 2)) < 1e-4
    return sorted({*first.tolist(), *np.flatnonzero(still).tolist()})


def _described(potential: Potential, monomial: Monomial) -> str:
    """Name a term by its labels and its entry in the table."""
    modes, fields = monomial
    labels = [str(potential.labels[s]) for s in modes] + ["E_" + "xyz"[a] for a in fields]
    return f"{' '.join(labels)} (modes = {list(modes)}, field = {list(fields)})"
