"""Modes from eigenvectors that phonopy wrote, without force constants; their conventions are checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lattice import units
from lattice.errors import FormatError, InputError, SymmetryError
from lattice.modes.axis import checked_direction, default_axis
from lattice.modes.modes import ComplexArray, Modes
from lattice.modes.representation import cell_of
from lattice.modes.solve import little_group, modes_of_matrix, without_translations
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.eigenvector_files import EigenvectorSet, read_eigenvectors, same_up_to_unit
from lattice.structure.phonopy_object import phonopy_from_crystal
from lattice.structure.symmetry import find_spacegroup

_ORTHONORMAL = 1e-5
_INVARIANT = 1e-2  #: of the largest element of D(q); force constants that nobody symmetrised stay below it


@argument.takes(path=argument.path, q=argument.array)
def read_modes(
    path: str | os.PathLike[str],
    q: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    crystal: Crystal | None = None,
    axis: Sequence[float] | None = None,
    nac_direction: Sequence[float] | None = None,
    symprec: float = 1e-5,
) -> Modes:
    """Read frequencies and eigenvectors of phonopy and bring them into the circular gauge.

    D(q) is rebuilt from them, so that multiplets, gauge, irreps, J and m are those that `solve_modes` would give.
    Frequencies are taken in THz.

    Parameters
    ----------
    path : path
        ``mesh``, ``band`` or ``qpoints`` as ``.yaml`` or ``.hdf5``, with eigenvectors.
    q : sequence of float
        ``(3,)``, one of the q-points in the file.
    crystal : Crystal, optional
        Default: the cell in the file (mesh.yaml, band.yaml and band.hdf5 hold it), which must then be in Å. A crystal
        brings its Born charges along.
    axis : sequence of float, optional
        As in `solve_modes`.
    nac_direction : sequence of float, optional
        Direction along which phonopy approached Γ, if it did.
    symprec : float
        Tolerance in *Å* of the symmetry search in the cell of the file.

    Returns
    -------
    Modes
        ``long_range`` is ``as in the file``.

    Raises
    ------
    InputError
        If the q-point is not in the file, the file is of another crystal, or there is no crystal at all.
    FormatError
        If the file is damaged, or the eigenvectors are not orthonormal: another mass convention.
    SymmetryError
        If D(q) does not have the symmetry of the crystal: another phase convention, or a direction at Γ.

    Notes
    -----
    Phonopy's phase exp(iq·x) is that of each atom's own position. Another phase shows where the little group of q, time
    reversal included, holds more than the identity; elsewhere nothing can tell it, and J does not depend on it. Complex
    conjugates belong to −q, where J and m have the other sign; they show only where an operation takes q to q + G.
    """
    qpoint = np.asarray(q, dtype=np.float64)
    if qpoint.shape != (3,) or not np.isfinite(qpoint).all():
        raise InputError("A q-point is three finite numbers", found=q, fix="give it as in the file, e.g. 0 0 0.5")
    place = Path(path)
    held = read_eigenvectors(place, qpoint)
    owner = _owner(crystal, held, place, symprec)
    direction = None if nac_direction is None else checked_direction(nac_direction, "direction")
    if direction is not None and qpoint.any():
        raise InputError(
            "A direction makes sense only at Γ", found=f"q = {qpoint.tolist()}", fix="leave the direction out"
        )
    vectors = held.eigenvectors.reshape(len(held.frequency), -1).T
    _check_orthonormal(vectors, owner, place.name)
    curvature = np.sign(held.frequency) * (held.frequency / units.THZ_PER_ROOT_EV) ** 2
    matrix = (vectors * curvature) @ vectors.conj().T
    defect = _check_symmetry(matrix, owner, qpoint, direction, place.name)
    if not qpoint.any():
        matrix = without_translations(owner, matrix.real)
    line = f"eigenvectors: {place.name}, which miss the symmetry of the crystal by {defect:.1g} of the largest of D(q)"
    owner = replace(owner, found=(*owner.found, line))
    n_axis = default_axis(owner) if axis is None else checked_direction(axis, "axis")
    primitive = phonopy_from_crystal(replace(owner, force_constants=None)).primitive
    return modes_of_matrix(owner, qpoint, matrix, primitive, n_axis, direction=direction, long_range="as in the file")


def _owner(crystal: Crystal | None, held: EigenvectorSet, path: Path, symprec: float) -> Crystal:
    """Return the crystal of the eigenvectors; if both are given, the cell in the file must be that of the crystal."""
    cell = held.cell
    if crystal is None:
        if cell is None:
            raise InputError(
                f"{path.name} does not hold the crystal", found="no cell", fix="give the structure with crystal="
            )
        return Crystal(
            cell=cell.cell,
            positions=cell.positions,
            numbers=cell.numbers,
            masses=cell.masses,
            spacegroup=find_spacegroup(cell, symprec),
            name=path.name,
            found=(f"cell: {path.name} ({cell.n_atoms} atoms)",),
        )
    n_atoms = held.eigenvectors.shape[1]
    differences = [] if cell is None else list(same_up_to_unit(cell_of(crystal), cell))
    if n_atoms != crystal.n_atoms:
        differences.append(f"{crystal.n_atoms} and {n_atoms} atoms")
    if differences:
        raise InputError(
            f"{path.name} belongs to another cell than {crystal.name or 'the crystal'}",
            found="; ".join(differences),
            fix="give the primitive cell that phonopy used, atoms in its order, with the same masses",
        )
    return crystal


def _check_orthonormal(vectors: ComplexArray, crystal: Crystal, name: str) -> None:
    """Eigenvectors must be mass-weighted and orthonormal; say which convention others are in, if it is a known one."""
    identity = np.eye(len(vectors))

    def defect(columns: ComplexArray) -> float:
        length = np.linalg.norm(columns, axis=0)
        unit = columns / np.where(length > 0, length, 1.0)
        return float(np.abs(unit.conj().T @ unit - identity).max())

    found = float(np.abs(vectors.conj().T @ vectors - identity).max())
    if found < _ORTHONORMAL:
        return
    root_mass = np.sqrt(np.repeat(crystal.masses, 3))[:, None]
    guess = "they are not those of one Hermitian matrix"
    if defect(vectors) < _ORTHONORMAL:
        guess = "they are orthogonal but not normalised"
    elif defect(vectors * root_mass) < 1e-3:
        guess = "they are displacements: multiplied by √m they are orthogonal"
    elif defect(vectors / root_mass) < 1e-3:
        guess = "divided by √m they are orthogonal: the mass enters twice"
    raise FormatError(
        f"The eigenvectors in {name} are not orthonormal",
        found=f"off by {found:.2g}; {guess}",
        fix="give eigenvectors of the mass-weighted dynamical matrix as phonopy writes them, and the masses it used",
    )


def _check_symmetry(
    matrix: ComplexArray, crystal: Crystal, qpoint: FloatArray, direction: FloatArray | None, name: str
) -> float:
    """Return by how much D(q) misses its little group; refuse it if that is much, and name the convention if known."""
    primitive = phonopy_from_crystal(replace(crystal, force_constants=None)).primitive
    operations = little_group(crystal, qpoint, primitive)
    if direction is not None:
        operations = [o for o in operations if abs(abs(o.rotation_cartesian @ direction @ direction) - 1) < 1e-6]

    def defect(candidate: ComplexArray) -> float:
        scale = float(np.abs(candidate).max()) or 1.0
        return max(float(np.abs(o.transform_matrix(candidate) - candidate).max()) for o in operations) / scale

    found = defect(matrix)
    if found < _INVARIANT:
        return found
    phase = np.repeat(np.exp(2j * np.pi * crystal.positions @ qpoint), 3)
    candidates = {
        "the phase of the lattice vector instead of that of the atom's position; multiply them by exp(−2πi q·x)": (
            matrix * np.outer(phase.conj(), phase)
        ),
        "the phase exp(2πi q·x) twice; multiply them by exp(+2πi q·x)": matrix * np.outer(phase, phase.conj()),
        "the phase exp(−iq·r) of a wave; take their complex conjugates": matrix.conj(),
    }
    known = [words for words, candidate in candidates.items() if qpoint.any() and defect(candidate) < _INVARIANT]
    raise SymmetryError(
        f"The eigenvectors in {name} do not have the symmetry of the crystal",
        found=f"D(q) misses its little group by {found:.2g} of its largest element"
        + (f"; they have {known[0]}" if known else ""),
        fix="give them in phonopy's convention, phase exp(iq·x) of each atom's own position"
        + ("" if qpoint.any() else "; if phonopy approached Γ along a direction, give that direction"),
    )
