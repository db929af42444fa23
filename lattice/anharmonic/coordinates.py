"""Real Γ coordinates of chosen multiplets, and how the point group turns them and the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lattice.anharmonic.invariance import coordinate_representation
from lattice.errors import InputError
from lattice.modes.modes import MODES, real_coordinates
from lattice.structure import argument
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray, IntArray, frozen_array
from lattice.structure.symmetry import find_spacegroup, permutations

if TYPE_CHECKING:
    from lattice.modes.modes import Modes, Multiplet
    from lattice.structure.crystal import Crystal

_REFINEMENTS = 3  #: each squares the defect of an approximate representation


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """Real Γ coordinates Q_s of whole multiplets; u_κ = m_κ^(−½) Σ_s Q_s e_κs.

    Attributes
    ----------
    modes : Modes
        The modes that they are taken from.
    numbers : ndarray
        ``(n,)`` int, index of each coordinate in `lattice modes`.
    eigenvectors : ndarray
        ``(n, n_atoms, 3)`` real, mass-weighted, orthonormal.
    labels, multiplet : ndarray of str
        ``(n,)`` such as ``Eu(1)x`` and ``Eu(1)``.
    matrices : ndarray
        ``(n_operations, n, n)``: an operation takes Q to ``matrices[g] @ Q``. Orthogonal, a representation to
        round-off, block-diagonal in the multiplets.
    rotations : ndarray
        ``(n_operations, 3, 3)``: the same for Cartesian vectors such as E.
    """

    modes: Modes
    numbers: IntArray
    eigenvectors: FloatArray
    labels: NDArray[np.str_]
    multiplet: NDArray[np.str_]
    matrices: FloatArray
    rotations: FloatArray

    def __post_init__(self) -> None:
        for name in ("eigenvectors", "matrices", "rotations"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        object.__setattr__(self, "numbers", frozen_array(self.numbers, np.int64))
        for name in ("labels", "multiplet"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.str_))

    @property
    def n(self) -> int:
        """Number of coordinates."""
        return len(self.numbers)

    @property
    def crystal(self) -> Crystal:
        """The crystal of the modes."""
        return self.modes.crystal

    @property
    def blocks(self) -> tuple[tuple[str, IntArray], ...]:
        """Name and positions of each multiplet, in the order of the coordinates."""
        return tuple((name, np.flatnonzero(self.multiplet == name)) for name in dict.fromkeys(self.multiplet.tolist()))

    def displacements(self, amplitudes: FloatArray) -> FloatArray:
        """Return displacements in *Å*, ``(..., n_atoms, 3)``, of amplitudes Q ``(..., n)`` in *Å√amu*."""
        weighted: FloatArray = np.tensordot(amplitudes, self.eigenvectors, axes=1)
        return weighted / np.sqrt(self.crystal.masses)[:, None]

    def generalised_forces(self, forces: FloatArray) -> FloatArray:
        """Return −∂V/∂Q in *eV/(Å√amu)*, ``(..., n)``, from forces ``(..., n_atoms, 3)`` in *eV/Å*.

        Optical eigenvectors are orthogonal to translations: the acceleration of the whole crystal drops out.
        """
        weighted = forces / np.sqrt(self.crystal.masses)[:, None]
        projected: FloatArray = np.einsum("...ka,ska->...s", weighted, self.eigenvectors)
        return projected


@argument.takes(modes=MODES, multiplets=argument.optional(argument.words))
def gamma_coordinates(modes: Modes, multiplets: Sequence[str] | None = None) -> Coordinates:
    """Take the real coordinates of some multiplets of Γ, with the matrices of the point group.

    Parameters
    ----------
    modes : Modes
        At Γ.
    multiplets : sequence of str, optional
        Labels such as ``Eu(1)``; default: all optical multiplets. The order is always that of the modes.

    Returns
    -------
    Coordinates

    Raises
    ------
    InputError
        If the modes are not at Γ, or a label is unknown, acoustic or given twice.
    SymmetryError
        If the eigenvectors are not closed under the symmetry of the crystal.
    """
    real = real_coordinates(modes)
    chosen = _chosen(modes, multiplets)
    numbers = np.array([i for multiplet in chosen for i in multiplet.indices], dtype=np.int64)
    owner = {i: multiplet.label for multiplet in chosen for i in multiplet.indices}
    crystal = modes.crystal
    cell = Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)
    symprec = crystal.spacegroup.symprec
    matrices, rotations = coordinate_representation(real[numbers], cell, symprec)
    names = np.array([owner[i] for i in numbers.tolist()])
    matrices = np.where(names[:, None] == names[None, :], matrices, 0.0)
    table = _multiplication_table(cell, symprec)
    for _ in range(_REFINEMENTS):
        matrices, rotations = _refined(matrices, table), _refined(rotations, table)
    return Coordinates(
        modes=modes,
        numbers=numbers,
        eigenvectors=real[numbers],
        labels=np.array([label_of(modes, i, owner[i]) for i in numbers.tolist()]),
        multiplet=names,
        matrices=matrices,
        rotations=rotations,
    )


def label_of(modes: Modes, index: int, multiplet: str) -> str:
    """Return the name of a real coordinate: the multiplet's, with x or y for the members of a pair.

    A multiplet of several pairs, or of a pair and a singlet, numbers them: ``Tu(1)x2``, ``Tu(1)z``.
    """
    members = modes.multiplet(multiplet).indices
    partner = int(modes.pair[index])
    if len(members) == 1:
        return multiplet
    if len(members) == 2 and partner >= 0:
        return multiplet + ("x" if partner > index else "y")
    kind = "z" if partner < 0 else "x" if partner > index else "y"
    alike = [i for i in members if _kind(int(modes.pair[i]), i) == kind]
    return multiplet + kind + (str(alike.index(index) + 1) if len(alike) > 1 else "")


def _kind(partner: int, index: int) -> str:
    return "z" if partner < 0 else "x" if partner > index else "y"


def _chosen(modes: Modes, multiplets: Sequence[str] | None) -> list[Multiplet]:
    """Return the multiplets that are meant, in the order of the modes."""
    optical = [multiplet for multiplet in modes.multiplets if not multiplet.acoustic]
    if multiplets is None:
        if not optical:
            raise InputError(
                "The crystal has no optical modes",
                found=f"{modes.crystal.n_atoms} atom",
                fix="give a cell of ≥ 2 atoms",
            )
        return optical
    names = [str(label) for label in multiplets]
    if not names:
        known = ", ".join(multiplet.label for multiplet in optical)
        raise InputError("No multiplet is chosen", found="an empty list", fix=f"give some of: {known}")
    for label in names:
        if modes.multiplet(label).acoustic or names.count(label) > 1:
            raise InputError(
                "A multiplet cannot be chosen",
                found=f"{label}, {'acoustic' if modes.multiplet(label).acoustic else 'given twice'}",
                fix="name optical multiplets, each once: " + ", ".join(m.label for m in optical),
            )
    return [multiplet for multiplet in optical if multiplet.label in names]


def _multiplication_table(cell: Cell, symprec: float) -> IntArray:
    """Return ``(n_operations, n_operations)`` int: the position of g·h, in the order of `coordinate_representation`."""
    spacegroup = find_spacegroup(cell, symprec)
    atoms, _ = permutations(cell, spacegroup)
    place = {
        (rotation.tobytes(), image.tobytes()): g
        for g, (rotation, image) in enumerate(zip(spacegroup.rotations, atoms, strict=True))
    }
    return np.array(
        [
            [place[(r @ s).tobytes(), a[b].tobytes()] for s, b in zip(spacegroup.rotations, atoms, strict=True)]
            for r, a in zip(spacegroup.rotations, atoms, strict=True)
        ]
    )


def _refined(matrices: FloatArray, table: IntArray) -> FloatArray:
    """Bring matrices that nearly represent a group closer to a representation by orthogonal ones.

    D(g) ← polar factor of the mean over h of D(gh) D(h)ᵀ: a structure known to six digits has symmetry to six digits,
    but the polynomials that are built must be invariant to round-off.

    References
    ----------
    K. Grove, H. Karcher and E. A. Ruh, Math. Ann. 211, 7 (1974).
    """
    averaged = np.einsum("ghij,hkj->gik", matrices[table], matrices, optimize=True) / len(matrices)
    left, _, right = np.linalg.svd(averaged)
    return np.asarray(left @ right)


COORDINATES = argument.kind(Coordinates, "a set of Coordinates", "take them: lattice.gamma_coordinates(modes)")
