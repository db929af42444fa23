"""Modes of many q-points at once: the compiled eigensolver, the instruction set that it uses, and its input."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lattice._kernels import hermitian as kernel
from lattice.errors import InputError, StabilityError
from lattice.modes.modes import ComplexArray
from lattice.structure.crystal import FloatArray, IntArray, frozen_array

if TYPE_CHECKING:
    from phonopy import Phonopy

ISA_VARIABLE = "LATTICE_ISA"


@dataclass(frozen=True, slots=True, eq=False)
class ShortRange:
    """Mass-weighted short-range force constants, sorted by pair of atoms and cell, for the compiled kernel.

    D_ij(q) = Σ_R M_ij(R) exp(2πi q·(R + x_j − x_i)), Hermitian; pairs i ≥ j are kept.

    Attributes
    ----------
    vector : ndarray
        ``(n_vectors, 3)`` int, R in units of the cell vectors.
    pair_start : ndarray
        ``(n_atoms (n_atoms + 1) / 2 + 1,)`` int, first entry of the pair i (i + 1)/2 + j.
    entry_vector : ndarray
        ``(n_entries,)`` int, index of R.
    entry : ndarray
        ``(n_entries, 3, 3)`` *eV/(Å² amu)*, M_ij(R).
    position : ndarray
        ``(n_atoms, 3)`` fractional.
    """

    vector: IntArray
    pair_start: IntArray
    entry_vector: IntArray
    entry: FloatArray
    position: FloatArray

    def __post_init__(self) -> None:
        for name in ("vector", "pair_start", "entry_vector"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32))
        for name in ("entry", "position"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    @property
    def n_modes(self) -> int:
        """Number of modes at each q-point."""
        return 3 * len(self.position)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Modes of a batch of q-points in ascending eigenvalue, in no particular gauge.

    Attributes
    ----------
    eigenvalue : ndarray
        ``(n_q, n)``, unit of the matrix, ω² in eV/(Å² amu) for dynamical matrices.
    eigenvectors : ndarray
        ``(n_q, n, n)`` complex ``[q, mode, component]``, orthonormal; ``(n_q, 0, n)`` where not asked for.
    J : ndarray
        ``(n_q, n, 3)`` *ħ per phonon*; ``(n_q, 0, 3)`` for matrices whose size is no multiple of 3.
    """

    eigenvalue: FloatArray
    eigenvectors: ComplexArray
    J: FloatArray


def instruction_set() -> str:
    """Return the instruction set of the compiled loops: that of ``LATTICE_ISA``, else the widest of this processor.

    Raises
    ------
    InputError
        If ``LATTICE_ISA`` names an instruction set that is unknown or that this build or processor does not have.
    """
    supported = kernel.supported_levels()
    wanted = os.environ.get(ISA_VARIABLE, "")
    if not wanted:
        return supported[-1]
    if wanted not in supported:
        known = wanted in ("plain", "x86-64-v2", "x86-64-v3", "x86-64-v4")
        raise InputError(
            f"{ISA_VARIABLE} names an instruction set that "
            + ("this processor or build does not have" if known else "is unknown"),
            found=wanted,
            fix=f"unset it, or use one of {', '.join(supported)}",
        )
    return wanted


def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that this build and processor have, widest last."""
    return tuple(kernel.supported_levels())


def instruction_level() -> int:
    """Return the number of `instruction_set` in the order of the compiled ones: 0 plain, 1 v2, 2 v3, 3 v4."""
    return int(kernel.LEVELS.index(instruction_set()))


MOST_THREADS = 1024  #: more than any machine has cores
_DEFAULT_ISA = instruction_set()  # chosen at import, so that a wrong LATTICE_ISA is an error before any work


def short_range(phonon: Phonopy) -> ShortRange:
    """Sort the force constants of a `Phonopy` object for the kernel: shortest vectors, multiplicities, masses.

    Parameters
    ----------
    phonon : Phonopy
        In Å, eV and amu, with full force constants, as from `phonopy_from_crystal`.

    References
    ----------
    A. Togo, J. Phys. Soc. Jpn. 92, 012001 (2023), eq. (6): a force constant to several shortest images of an atom is
    shared among them.
    """
    primitive = phonon.primitive
    vectors, multiplicity = primitive.get_smallest_vectors()  # dense: (n, 3) and (n_supercell, n_atoms, [count, first])
    homes = np.array(primitive.p2s_map)
    atom_of = np.array([primitive.p2p_map[s] for s in primitive.s2p_map])
    position = primitive.scaled_positions
    constants = np.asarray(phonon.force_constants, dtype=np.float64)

    count = multiplicity[:, :, 0].T.ravel()  # rows (i, supercell atom)
    row = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    image = vectors[multiplicity[:, :, 1].T.ravel()[row] + step]
    i, other = np.divmod(row, len(atom_of))
    j = atom_of[other]
    cell = np.rint(image - position[j] + position[i]).astype(np.int64)
    weight = np.sqrt(primitive.masses)
    block = constants[homes[i], other] / (count[row] * weight[i] * weight[j])[:, None, None]

    # Hermitian part: half of M_ij(R) and half of the transpose of M_ji(−R).
    i, j = np.concatenate([i, j]), np.concatenate([j, i])
    cell = np.concatenate([cell, -cell])
    block = 0.5 * np.concatenate([block, block.transpose(0, 2, 1)])
    kept = i >= j
    return _sorted_entries(i[kept], j[kept], cell[kept], block[kept], position)


def _sorted_entries(i: IntArray, j: IntArray, cell: IntArray, block: FloatArray, position: FloatArray) -> ShortRange:
    """Add up the blocks of equal pair and cell and list them by pair."""
    n_atoms = len(position)
    vector, vector_of = np.unique(cell, axis=0, return_inverse=True)
    key = (i * (i + 1) // 2 + j) * len(vector) + vector_of.ravel()
    keys, place = np.unique(key, return_inverse=True)
    entry = np.zeros((len(keys), 3, 3))
    np.add.at(entry, place.ravel(), block)
    nonzero = entry.any(axis=(1, 2))
    pair, entry_vector = np.divmod(keys[nonzero], len(vector))
    pair_start = np.searchsorted(pair, np.arange(n_atoms * (n_atoms + 1) // 2 + 1))
    return ShortRange(vector, pair_start, entry_vector, entry[nonzero], position)


def solve_short_range(
    constants: ShortRange,
    qpoints: FloatArray,
    *,
    eigenvectors: bool = True,
    n_threads: int = 1,
    isa: str | None = None,
) -> Batch:
    """Solve for the modes of many q-points from short-range force constants.

    Parameters
    ----------
    constants : ShortRange
    qpoints : ndarray
        ``(n_q, 3)`` in units of the reciprocal cell vectors.
    eigenvectors : bool
        Whether to return eigenvectors, in phonopy's convention (the phase exp(iq·x) of each atom split off).
    n_threads : int
        The result is the same on any number, to the bit.
    isa : str, optional
        Instruction set; default: that of `instruction_set` at import.

    Raises
    ------
    InputError
        If a q-point is not three finite numbers, or the number of threads is not positive.
    StabilityError
        If the eigenvalue iteration did not converge.
    """
    points = np.ascontiguousarray(qpoints, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(
            "q-points are rows of three finite numbers",
            found=f"shape {points.shape}",
            fix="give an array (n_q, 3) in units of the reciprocal cell vectors",
        )
    level, n = _level(isa, n_threads), constants.n_modes
    value, vector, spin = _outputs(len(points), n, eigenvectors)
    work = np.empty(kernel.work_size(level, n, len(constants.vector), n_threads))
    failed = kernel.solve_bonds(
        level,
        constants.vector,  # type: ignore[arg-type]  # int32, see __post_init__
        constants.pair_start,  # type: ignore[arg-type]
        constants.entry_vector,  # type: ignore[arg-type]
        constants.entry,
        constants.position,
        points,
        value,
        vector,
        spin,
        work,
        n_threads,
    )
    return _batch(value, vector, spin, failed)


def solve_matrices(
    matrices: ComplexArray, *, eigenvectors: bool = True, n_threads: int = 1, isa: str | None = None
) -> Batch:
    """Solve Hermitian eigenproblems of one size; only the lower triangles are read.

    Parameters
    ----------
    matrices : ndarray
        ``(n_q, n, n)`` complex.
    eigenvectors, n_threads, isa
        As in `solve_short_range`.

    Raises
    ------
    InputError
        If the matrices are not square or not finite, or the number of threads is not positive.
    StabilityError
        If the eigenvalue iteration did not converge.
    """
    given = np.ascontiguousarray(matrices, dtype=np.complex128)
    if given.ndim != 3 or given.shape[1] != given.shape[2] or given.shape[1] == 0 or not np.isfinite(given).all():
        raise InputError(
            "Hermitian matrices are square and finite",
            found=f"shape {given.shape}",
            fix="give an array (n_q, n, n) without NaN or infinity",
        )
    level, n = _level(isa, n_threads), given.shape[1]
    value, vector, spin = _outputs(len(given), n, eigenvectors)
    work = np.empty(kernel.work_size(level, n, 0, n_threads))
    parts = given.view(np.float64).reshape(*given.shape, 2)
    failed = kernel.solve_matrices(level, parts, value, vector, spin, work, n_threads)
    return _batch(value, vector, spin, failed)


def _level(isa: str | None, n_threads: int) -> int:
    """Return the kernel's index of an instruction set that this processor has; the number of threads is checked too."""
    if not isinstance(n_threads, (int, np.integer)) or not 1 <= n_threads <= MOST_THREADS:
        raise InputError(
            "The number of threads is not a positive whole number", found=n_threads, fix=f"use 1 to {MOST_THREADS}"
        )
    name = _DEFAULT_ISA if isa is None else isa
    supported = kernel.supported_levels()
    if name not in supported:
        raise InputError(
            "This processor or build does not have the instruction set", found=name, fix=f"use {', '.join(supported)}"
        )
    return kernel.LEVELS.index(name)


def _outputs(n_q: int, n: int, eigenvectors: bool) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Allocate what the kernel writes."""
    return (
        np.empty((n_q, n)),
        np.empty((n_q, n, n, 2)) if eigenvectors else None,
        np.empty((n_q, n, 3)) if n % 3 == 0 else None,
    )


def _batch(value: FloatArray, vector: FloatArray | None, spin: FloatArray | None, failed: int) -> Batch:
    """Wrap what the kernel wrote."""
    if failed:
        raise StabilityError(
            "The eigenvalue iteration did not converge",
            found=f"{failed} of {len(value)} matrices",
            fix="check the force constants for values that are not sensible, and report this",
        )
    n_q, n = value.shape
    return Batch(
        eigenvalue=value,
        eigenvectors=np.empty((n_q, 0, n), dtype=np.complex128)
        if vector is None
        else vector.view(np.complex128)[..., 0],
        J=np.empty((n_q, 0, 3)) if spin is None else spin,
    )
