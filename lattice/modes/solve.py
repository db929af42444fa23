"""Solve for the modes at one q-point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.modes.arguments import checked_nac, checked_q
from lattice.modes.axis import checked_direction, default_axis, generating_rotation, reference_operation
from lattice.modes.gauge import Frame, Partner, circular_partners, rotation_about_origin, translation_phase
from lattice.modes.irreps import activity, mulliken_labels
from lattice.modes.modes import ComplexArray, Modes, Multiplet, angular_momentum_matrix
from lattice.structure import argument
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.phonopy_object import phonopy_from_crystal

if TYPE_CHECKING:
    from phonopy.phonon.symmetry_adapted_modes import LittleGroupOperation, SymmetryAdaptedModes
    from phonopy.structure.atoms import PhonopyAtoms

_COINCIDENT = 1e-10  #: of the largest eigenvalue of D(q); multiplets of one irrep closer than this coincide
_FREQUENCY_TIE = 1e-7  #: THz; multiplets closer than this are listed by label


@dataclass(frozen=True)
class _FixedMatrix:
    """A dynamical matrix that is already known, with the face that `SymmetryAdaptedModes` expects."""

    primitive: PhonopyAtoms
    dynamical_matrix: ComplexArray

    def run(self, qpoint: FloatArray) -> None:
        """Do nothing: the matrix is that of the q-point."""


@dataclass(frozen=True)
class _Operations:
    """The operations of a space group, with the face that `SymmetryAdaptedModes` expects of a symmetry."""

    symmetry_operations: dict[str, NDArray[Any]]
    tolerance: float


@argument.takes(crystal=argument.crystal, q=argument.array, nac_method=argument.text)
def solve_modes(
    crystal: Crystal,
    q: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    axis: Sequence[float] | None = None,
    nac_direction: Sequence[float] | None = None,
    nac_method: str = "gonze-lee",
) -> Modes:
    """Solve for the modes at a q-point, in the circular gauge.

    Multiplets come from the little group of q with time reversal, never from closeness of frequencies; the dynamical
    matrix is averaged over that group. At Γ translations of the whole crystal are projected out, so that acoustic
    frequencies are exactly zero.

    Parameters
    ----------
    crystal : Crystal
        With force constants.
    q : sequence of float
        ``(3,)`` in units of the reciprocal cell vectors.
    axis : sequence of float, optional
        Cartesian direction of n̂; default: the rotation axis of highest order of the point group.
    nac_direction : sequence of float, optional
        Cartesian direction from which Γ is approached; adds the non-analytic (LO–TO) term, absent otherwise.
        Away from Γ the dipole–dipole part is included wherever Born charges and ε∞ are known.
    nac_method : {"gonze-lee", "wang", "none"}
        How: by Ewald sums, by interpolation of the non-analytic term, or not at all (not with a direction).

    Returns
    -------
    Modes
        In ascending frequency, degenerate modes as circular partners in the order m = 0, (+, −), n/2.

    Raises
    ------
    InputError
        If there are no force constants, q is not three numbers, or the force constants do not hold q or the direction.

    References
    ----------
    X. Gonze and C. Lee, Phys. Rev. B 55, 10355 (1997); Y. Wang et al., J. Phys.: Condens. Matter 22, 202201 (2010).
    """
    qpoint = checked_q(crystal, q)
    direction = checked_nac(crystal, qpoint, nac_direction, nac_method)
    given = None if axis is None else checked_direction(axis, "axis")
    n_axis = default_axis(crystal) if given is None else given

    matrix, primitive, long_range = _dynamical_matrix(crystal, qpoint, direction, nac_method)
    return modes_of_matrix(crystal, qpoint, matrix, primitive, n_axis, direction=direction, long_range=long_range)


def modes_of_matrix(
    crystal: Crystal,
    qpoint: FloatArray,
    matrix: ComplexArray,
    primitive: PhonopyAtoms,
    axis: FloatArray | None,
    *,
    direction: FloatArray | None = None,
    long_range: str = "none",
) -> Modes:
    """Find the multiplets of a dynamical matrix by symmetry, in the circular gauge.

    Parameters
    ----------
    crystal : Crystal
    qpoint : ndarray
        ``(3,)`` in units of the reciprocal cell vectors.
    matrix : ndarray
        ``(3 n_atoms, 3 n_atoms)`` complex Hermitian, *eV/(Å² amu)*, in phonopy's convention; at Γ with the
        translations moved above the spectrum.
    primitive : PhonopyAtoms
        The crystal's cell as phonopy holds it.
    axis : ndarray or None
        ``(3,)`` unit vector n̂.
    direction : ndarray, optional
        ``(3,)`` unit vector from which Γ is approached, where the matrix holds the non-analytic term.
    long_range : str
        How the dipole–dipole part entered.

    Returns
    -------
    Modes
    """
    sets = _symmetry_adapted(crystal, qpoint, matrix, primitive, direction)
    unitary = [operation for operation in sets.operations if not operation.is_antiunitary]
    frame = _frame(crystal, qpoint, axis, unitary)
    found = _label(_multiplets(crystal, qpoint, matrix, sets, unitary, frame))

    partners = [partner for part in found for partner in part.partners]
    eigenvectors = np.array([p.vector for p in partners]).reshape(-1, crystal.n_atoms, 3)
    spin = np.einsum("xaa->ax", angular_momentum_matrix(eigenvectors)).real
    return Modes(
        crystal=crystal,
        qpoint=qpoint,
        axis=axis,
        rotation_order=frame.order,
        frequency=np.array([part.frequency for part in found for _ in part.partners]),
        eigenvectors=eigenvectors,
        multiplets=_records(found),
        m=np.array([p.m if frame.order > 1 else np.nan for p in partners]),
        J=spin,
        mode_charge=None if qpoint.any() else _mode_charge(crystal, eigenvectors),
        pair=np.array([i + p.sign if p.sign else -1 for i, p in enumerate(partners)]),
        long_range=long_range,
        direction=direction,
        translation_phase=frame.translation_phase,
    )


def _dynamical_matrix(
    crystal: Crystal, qpoint: FloatArray, direction: FloatArray | None, method: str = "gonze-lee"
) -> tuple[ComplexArray, PhonopyAtoms, str]:
    """Return D(q) in eV/(Å² amu), the primitive cell as phonopy holds it, and how the dipole–dipole part entered."""
    polar = method != "none" and crystal.born_charges is not None and crystal.dielectric is not None
    long_range = polar and (qpoint.any() or direction is not None)
    phonon = phonopy_from_crystal(crystal, with_nac=bool(long_range), nac_method=method)
    dynamical_matrix: Any = phonon.dynamical_matrix  # of one of several classes with different arguments
    if direction is None:
        dynamical_matrix.run(qpoint)
    else:
        dynamical_matrix.run(qpoint, q_direction=crystal.cell @ direction)
    matrix = np.array(dynamical_matrix.dynamical_matrix, dtype=np.complex128)
    if not qpoint.any():
        matrix = without_translations(crystal, matrix.real)
    name = method if long_range else "none"
    if direction is not None:
        name += ", direction " + " ".join(f"{x:g}" for x in direction)
    return matrix, phonon.primitive, name


def _translations(crystal: Crystal) -> FloatArray:
    """Return the three mass-weighted unit translations as columns ``(3 n_atoms, 3)``."""
    weight = np.sqrt(crystal.masses / crystal.masses.sum())
    return np.kron(weight[:, None], np.eye(3))


def without_translations(crystal: Crystal, matrix: FloatArray) -> ComplexArray:
    """Project translations out of D(Γ) and move them above the spectrum, where no soft mode can mix with them."""
    translations = _translations(crystal)
    projector = np.eye(len(matrix)) - translations @ translations.T
    above = 2.0 * max(float(np.abs(matrix).sum(axis=1).max()), 1.0)
    return np.asarray(projector @ matrix @ projector + above * (translations @ translations.T), dtype=np.complex128)


def _symmetry_adapted(
    crystal: Crystal, qpoint: FloatArray, matrix: ComplexArray, primitive: PhonopyAtoms, direction: FloatArray | None
) -> SymmetryAdaptedModes:
    """Find the multiplets from the little group of q; a direction at Γ keeps the operations that leave ±direction."""
    from phonopy.phonon.symmetry_adapted_modes import SymmetryAdaptedModes

    keep = None
    if direction is not None:
        to_cartesian = crystal.cell.T
        cartesian = to_cartesian @ crystal.spacegroup.rotations @ np.linalg.inv(to_cartesian)
        keep = np.abs(np.abs(cartesian @ direction @ direction) - 1) < 1e-6
    known: Any = _FixedMatrix(primitive, matrix)
    return SymmetryAdaptedModes(known, qpoint, _operations(crystal, keep), with_time_reversal=True)


def _operations(crystal: Crystal, keep: NDArray[np.bool_] | None = None) -> Any:
    """Return the operations of the space group, or some of them, as phonopy expects a symmetry."""
    group = crystal.spacegroup
    chosen = np.ones(len(group.rotations), dtype=bool) if keep is None else keep
    return _Operations(
        {"rotations": group.rotations[chosen], "translations": group.translations[chosen]}, group.symprec
    )


def little_group(crystal: Crystal, qpoint: FloatArray, primitive: PhonopyAtoms) -> list[LittleGroupOperation]:
    """Return the operations that leave q invariant, unitary ones first, then those with time reversal."""
    from phonopy.phonon.symmetry_adapted_modes import get_little_group_operations

    return list(get_little_group_operations(qpoint, primitive, _operations(crystal)))


def _separated(sets: SymmetryAdaptedModes, matrix: ComplexArray) -> list[ComplexArray]:
    """Return the columns of each multiplet; those of one irrep whose eigenvalues coincide are separated by symmetry.

    An eigensolver mixes such multiplets, and no part of the mixture is invariant. A fixed random matrix with the full
    symmetry splits the space that they span.
    """
    columns = [sets.eigenvectors[:, bands] for bands in sets.degenerate_sets]
    curvature = np.array([_curvature(c, matrix) for c in columns])
    coincide = np.abs(curvature[:, None] - curvature[None]) < _COINCIDENT * max(float(np.abs(curvature).max()), 1.0)
    same_irrep = np.abs(sets.characters[:, None] - sets.characters[None]).max(axis=2) < 1e-5
    linked = coincide & same_irrep
    generic: ComplexArray | None = None
    for k in range(len(columns)):
        members = np.flatnonzero(linked[k])
        if len(members) < 2 or members[0] < k:
            continue
        generic = generic_symmetric(matrix.shape, sets.operations) if generic is None else generic
        space = np.hstack([columns[i] for i in members])
        _, vectors = np.linalg.eigh(space.conj().T @ generic @ space)
        for i, part in zip(members, np.hsplit(space @ vectors, len(members)), strict=True):
            columns[i] = part
    return columns


def generic_symmetric(shape: tuple[int, ...], operations: Sequence[LittleGroupOperation]) -> ComplexArray:
    """Return a fixed random Hermitian matrix averaged over the little group."""
    generator = np.random.default_rng(0)
    noise = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    return np.asarray(np.mean([operation.transform_matrix(noise + noise.conj().T) for operation in operations], axis=0))


def _curvature(columns: ComplexArray, matrix: ComplexArray) -> float:
    """Return the mean of D(q) over a multiplet."""
    return float(np.vdot(columns, matrix @ columns).real / columns.shape[1])


def _frame(
    crystal: Crystal, qpoint: FloatArray, axis: FloatArray | None, unitary: Sequence[LittleGroupOperation]
) -> Frame:
    """Gather what the gauge refers to at this q."""
    if axis is None:
        return Frame(None, 1, None, None, real=not qpoint.any())
    order, position = generating_rotation(unitary, axis)
    screw = None if position is None else unitary[position]
    rotate = None if screw is None else rotation_about_origin(screw, qpoint)
    phase = 1.0 + 0.0j if screw is None else translation_phase(screw, qpoint)
    reference = reference_operation(unitary, axis, crystal.cell)
    reflect = None if reference is None else reference.transform_vectors
    return Frame(axis, order, rotate, reflect, real=not qpoint.any(), translation_phase=phase)


@dataclass(slots=True)
class _Part:
    """A multiplet while it is being built."""

    frequency: float
    irrep: str | None
    reason: str
    acoustic: bool
    ir_active: bool
    raman_active: bool
    partners: list[Partner]
    label: str = ""


def _multiplets(
    crystal: Crystal,
    qpoint: FloatArray,
    matrix: ComplexArray,
    sets: SymmetryAdaptedModes,
    unitary: Sequence[LittleGroupOperation],
    frame: Frame,
) -> list[_Part]:
    """Build the multiplets, in ascending frequency."""
    n_sets = len(sets.degenerate_sets)
    infrared = raman = [False] * n_sets
    irreps, reasons = mulliken_labels(sets.characters, unitary, crystal.spacegroup, qpoint)
    if not qpoint.any():
        infrared, raman = activity(sets.characters, unitary)
    translations = _translations(crystal)
    parts = []
    for k, columns in enumerate(_separated(sets, matrix)):
        acoustic = not qpoint.any() and bool(np.linalg.norm(translations.T @ columns) ** 2 > 0.5 * columns.shape[1])
        parts.append(
            _Part(
                frequency=0.0 if acoustic else units.frequency_from_curvature(_curvature(columns, matrix)),
                irrep=irreps[k],
                reason=reasons[k],
                acoustic=acoustic,
                ir_active=infrared[k] and not acoustic,
                raman_active=raman[k] and not acoustic,
                partners=circular_partners(columns, frame),
            )
        )
    return sorted(parts, key=lambda p: (round(p.frequency / _FREQUENCY_TIE), p.irrep or "", len(p.partners)))


def _label(parts: list[_Part]) -> list[_Part]:
    """Name the multiplets: `Eu(1)`, `Eu(2)` by frequency; translations `Eu(ac)`, `A(ac1)`… if they share an irrep."""
    names = [part.irrep or "mode" for part in parts]
    acoustic = [name for name, part in zip(names, parts, strict=True) if part.acoustic]
    ranks: dict[tuple[str, bool], int] = {}
    for name, part in zip(names, parts, strict=True):
        rank = ranks[name, part.acoustic] = ranks.get((name, part.acoustic), 0) + 1
        if part.acoustic:
            part.label = f"{name}(ac{rank})" if acoustic.count(name) > 1 else f"{name}(ac)"
        else:
            part.label = f"{name}({rank})"
    return parts


def _records(parts: list[_Part]) -> tuple[Multiplet, ...]:
    """Freeze the multiplets with the positions of their modes."""
    ends = np.cumsum([len(part.partners) for part in parts])
    return tuple(
        Multiplet(
            label=part.label,
            irrep=part.irrep,
            indices=tuple(range(int(end) - len(part.partners), int(end))),
            frequency=part.frequency,
            acoustic=part.acoustic,
            ir_active=part.ir_active,
            raman_active=part.raman_active,
            irrep_reason=part.reason,
        )
        for part, end in zip(parts, ends, strict=True)
    )


def _mode_charge(crystal: Crystal, eigenvectors: ComplexArray) -> ComplexArray | None:
    """Z_s,α = Σ_κβ Z*_κ,αβ e_κs,β / √m_κ in e/√amu."""
    if crystal.born_charges is None:
        return None
    return np.asarray(np.einsum("kab,skb,k->sa", crystal.born_charges, eigenvectors, crystal.masses**-0.5))
