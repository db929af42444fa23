"""All polynomials in Γ coordinates, field and strain components that the crystal's group leaves unchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np

from lattice.anharmonic.coordinates import COORDINATES, Coordinates
from lattice.anharmonic.polynomial import channel_name
from lattice.anharmonic.strain import strain_representation
from lattice.errors import InputError, SymmetryError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray, IntArray, frozen_array

HIGHEST_ORDER = 6
_ROUND_OFF = 1e-11  #: of the largest coefficient of an invariant; what lies below is zero
_PIVOT = 0.1  #: of the largest column; smaller pivots would magnify round-off
_FIELD_NAMES = ("", "E", "E^2", "E^3", "E^4", "E^5")
_STRAIN_NAMES = ("", "η", "η^2", "η^3", "η^4", "η^5")


@dataclass(frozen=True, slots=True, eq=False)
class Invariant:
    """One invariant polynomial: rows of a term table.

    Attributes
    ----------
    name : str
        ``Eu(1)^2 Eg(2)``; several of one channel are numbered: ``Eu(1)^2 Eg(2) #2``.
    channel : str
        The name without number.
    coefficient : ndarray
        ``(n_rows,)``, largest pivot 1; each unordered monomial once, no factorials.
    mode_index : ndarray
        ``(n_rows, k)`` int, ascending positions of the coordinates.
    field_axis : ndarray
        ``(n_rows, j)`` int, ascending; 0, 1, 2 for E_x, E_y, E_z.
    strain_index : ndarray
        ``(n_rows, m)`` int, ascending; 0 … 5 for the components xx, yy, zz, yz, xz, xy of the strain tensor. Terms with
        such factors enter a potential at a given strain, see `lattice.anharmonic.strain.at_strain`.
    """

    name: str
    channel: str
    coefficient: FloatArray
    mode_index: IntArray
    field_axis: IntArray
    strain_index: IntArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficient", frozen_array(self.coefficient))
        if self.strain_index is None:
            object.__setattr__(self, "strain_index", np.empty((len(self.coefficient), 0)))
        for name in ("mode_index", "field_axis", "strain_index"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64))

    @property
    def degree(self) -> tuple[int, int]:
        """Number of factors Q and of factors E."""
        return self.mode_index.shape[1], self.field_axis.shape[1]


@argument.takes(coordinates=COORDINATES, degrees=argument.several)
def find_invariants(
    coordinates: Coordinates, degrees: Iterable[int | tuple[int, int] | tuple[int, int, int]]
) -> tuple[Invariant, ...]:
    """Find a basis of the invariant polynomials of given degrees.

    Parameters
    ----------
    coordinates : Coordinates
        From `lattice.gamma_coordinates`.
    degrees : iterable of int or (int, int) or (int, int, int)
        Number of factors Q, or of factors Q and E, or of Q, E and the homogeneous strain η: ``3`` and ``4`` for cubic
        and quartic couplings, ``(1, 1)`` for the mode charge, ``(1, 2)`` for Raman tensors, ``(2, 1)`` for charge
        anharmonicity, ``(1, 0, 1)`` for the forces of a strain, ``(2, 0, 1)`` for the frequencies under it. At most six
        factors.

    Returns
    -------
    tuple of Invariant
        Linearly independent and complete, degree by degree and channel by channel, each channel in row-reduced form.
        Real Q at Γ, static E and η are even under time reversal, which therefore demands nothing beyond real
        coefficients.

    Raises
    ------
    InputError
        If a degree has no factor Q or more than six factors.
    SymmetryError
        If the matrices of the group are no representation.
    """
    powers = _Powers(coordinates)
    found: list[Invariant] = []
    for degree in degrees:
        n_modes, n_fields, n_strains = _checked_degree(degree)
        for content in combinations_with_replacement(range(len(coordinates.blocks)), n_modes):
            found += _of_channel(powers, Counter(content), n_fields, n_strains)
    return tuple(found)


def _checked_degree(degree: object) -> tuple[int, int, int]:
    """Return the numbers of factors Q, E and η."""
    given = tuple(degree) if isinstance(degree, tuple | list) else (degree,)
    counts = (*given, *(0,) * (3 - len(given)))
    good = 1 <= len(given) <= 3 and all(isinstance(n, int) and not isinstance(n, bool) for n in counts)
    if not good or counts[0] < 1 or min(counts) < 0 or sum(counts) > HIGHEST_ORDER:
        raise InputError(
            "An invariant cannot have this degree",
            found=degree,
            fix=f"give the numbers of factors Q (≥ 1), E and η, at most {HIGHEST_ORDER} together, e.g. 3 or (1, 2)",
        )
    return int(counts[0]), int(counts[1]), int(counts[2])


class _Powers:
    """Symmetric powers of the blocks of a representation, made when asked for; field and strain are the last blocks."""

    def __init__(self, coordinates: Coordinates) -> None:
        places = [positions for _, positions in coordinates.blocks]
        self.names = [name for name, _ in coordinates.blocks]
        self.places = [*places, np.arange(3), np.arange(6)]
        self.matrices = [
            *(coordinates.matrices[:, p[:, None], p] for p in places),
            coordinates.rotations,
            strain_representation(coordinates.rotations),
        ]
        self.field, self.strain = len(places), len(places) + 1
        self._characters: dict[tuple[int, int], FloatArray] = {}
        self._powers: dict[tuple[int, int], tuple[list[tuple[int, ...]], FloatArray]] = {}

    def character(self, block: int, power: int) -> FloatArray:
        """Character ``(n_operations,)`` of a symmetric power."""
        if (block, power) not in self._characters:
            self._characters[block, power] = symmetric_character(self.matrices[block], power)
        return self._characters[block, power]

    def power(self, block: int, power: int) -> tuple[list[tuple[int, ...]], FloatArray]:
        """Monomials of a block, as coordinates, and the matrices of the group on them."""
        if (block, power) not in self._powers:
            monomials, matrices = symmetric_power(self.matrices[block], power)
            place = self.places[block].tolist()
            self._powers[block, power] = ([tuple(place[i] for i in m) for m in monomials], matrices)
        return self._powers[block, power]


def symmetric_character(matrices: FloatArray, power: int) -> FloatArray:
    """Return the characters of the symmetric power of a representation, by Newton's identities.

    Parameters
    ----------
    matrices : ndarray
        ``(n_operations, d, d)``.
    power : int

    Returns
    -------
    ndarray
        ``(n_operations,)``: h_p = (1/p) Σ_k tr(D^k) h_{p−k}.
    """
    traces, turned = [], np.broadcast_to(np.eye(matrices.shape[1]), matrices.shape)
    for _ in range(power):
        turned = turned @ matrices
        traces.append(np.trace(turned, axis1=1, axis2=2))
    complete = [np.ones(len(matrices))]
    for p in range(1, power + 1):
        complete.append(np.sum([traces[k - 1] * complete[p - k] for k in range(1, p + 1)], axis=0) / p)
    return np.asarray(complete[power])


def symmetric_power(matrices: FloatArray, power: int) -> tuple[list[tuple[int, ...]], FloatArray]:
    """Return the monomials of degree p and how the group acts on them.

    Parameters
    ----------
    matrices : ndarray
        ``(n_operations, d, d)``.
    power : int

    Returns
    -------
    monomials : list of tuple
        Ascending factors, in lexicographic order.
    action : ndarray
        ``(n_operations, n_monomials, n_monomials)``: monomial m at D Q is Σ_m' action[g, m, m'] times monomial m' at Q.
    """
    n_operations, d = matrices.shape[:2]
    monomials = list(combinations_with_replacement(range(d), power))
    place = {m: i for i, m in enumerate(monomials)}
    column = np.array([place[tuple(sorted(factors))] for factors in product(range(d), repeat=power)], dtype=np.int64)
    gather = np.zeros((d**power, len(monomials)))
    gather[np.arange(len(column)), column] = 1.0
    action = np.empty((n_operations, len(monomials), len(monomials)))
    for row, monomial in enumerate(monomials):
        tensor = np.ones((n_operations, 1))
        for factor in monomial:
            tensor = (tensor[:, :, None] * matrices[:, factor, None, :]).reshape(n_operations, -1)
        action[:, row] = tensor @ gather
    return monomials, action


def _of_channel(powers: _Powers, content: Counter[int], n_fields: int, n_strains: int) -> Iterator[Invariant]:
    """Yield the invariants of one product of multiplets (and the field, and the strain)."""
    extra = [(block, n) for block, n in ((powers.field, n_fields), (powers.strain, n_strains)) if n]
    factors = [*sorted(content.items()), *extra]
    characters = np.prod([powers.character(block, power) for block, power in factors], axis=0)
    mean = float(characters.mean())
    rank = round(mean)
    if abs(mean - rank) > 1e-4:
        raise SymmetryError(
            "The matrices of the point group are no representation",
            found=f"{mean:.6f} invariants of {_channel(powers, content, n_fields, n_strains)}",
            fix="symmetrise the structure, or load it with a smaller symprec",
        )
    if rank == 0:
        return
    parts = [powers.power(block, power) for block, power in factors]
    rows, _ = row_reduced(_invariant_space([action for _, action in parts], rank))
    monomials = [tuple(m) for m in product(*(names for names, _ in parts))]
    channel = _channel(powers, content, n_fields, n_strains)
    for number, row in enumerate(rows, 1):
        kept = np.flatnonzero(row)
        chosen = [monomials[i] for i in kept]
        split, middle = len(content), len(content) + (n_fields > 0)
        yield Invariant(
            name=channel if rank == 1 else f"{channel} #{number}",
            channel=channel,
            coefficient=row[kept],
            mode_index=np.array([sum(m[:split], ()) for m in chosen]).reshape(len(kept), -1),
            field_axis=np.array([sum(m[split:middle], ()) for m in chosen]).reshape(len(kept), -1),
            strain_index=np.array([sum(m[middle:], ()) for m in chosen]).reshape(len(kept), -1),
        )


def _channel(powers: _Powers, content: Counter[int], n_fields: int, n_strains: int) -> str:
    """Return the name of a channel; field and strain come last."""
    names = channel_name(powers.names[block] for block in sorted(content.elements()))
    return " ".join(filter(None, (names, _FIELD_NAMES[n_fields], _STRAIN_NAMES[n_strains])))


def _invariant_space(actions: Sequence[FloatArray], rank: int) -> FloatArray:
    """Return orthonormal rows ``(rank, N)`` that span the coefficients of the invariants of a product of spaces.

    The mean over the group is applied to random vectors, factor by factor: the N × N matrices are never built.
    """
    sizes = [action.shape[1] for action in actions]
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((rank + 2, int(np.prod(sizes))))
    for _ in range(3):
        _, singular, rows = np.linalg.svd(_group_mean(actions, rows.reshape(-1, *sizes)), full_matrices=False)
        rows = rows[:rank]
    if len(singular) < rank or singular[rank - 1] < 0.5:  # eigenvalues of a projector are 0 and 1
        raise SymmetryError(
            "The invariants that the characters promise were not found",
            found=f"singular values {np.round(singular, 6).tolist()}",
            fix="symmetrise the structure, or load it with a smaller symprec",
        )
    return np.asarray(rows)


def _group_mean(actions: Sequence[FloatArray], rows: FloatArray) -> FloatArray:
    """Return coefficients ``(r, N)`` averaged over the group; V(DQ) has the coefficients actionᵀ c."""
    total = np.zeros((len(rows), rows[0].size))
    for g in range(len(actions[0])):
        turned = rows
        for action in actions:
            turned = np.tensordot(turned, action[g], axes=(1, 0))  # the factor that is done goes to the end
        total += turned.reshape(len(rows), -1)
    return total / len(actions[0])


def row_reduced(rows: FloatArray) -> tuple[FloatArray, list[int]]:
    """Return the row-reduced form of independent rows, and the column of each pivot.

    Parameters
    ----------
    rows : ndarray
        ``(rank, N)``.

    Returns
    -------
    rows : ndarray
        ``(rank, N)``: pivots 1, zeros above and below them, round-off removed.
    pivots : list of int
        Ascending: the leftmost columns that are not much smaller than the largest one.
    """
    rows = rows.copy()
    pivots: list[int] = []
    for rank in range(len(rows)):
        size = np.linalg.norm(rows[rank:], axis=0)
        size[pivots] = 0.0
        column = int(np.flatnonzero(size >= _PIVOT * size.max())[0])
        pivots.append(column)
        best = rank + int(np.argmax(np.abs(rows[rank:, column])))
        rows[[rank, best]] = rows[[best, rank]]
        rows[rank] /= rows[rank, column]
        others = np.arange(len(rows)) != rank
        rows[others] -= np.outer(rows[others, column], rows[rank])
    rows = rows[np.argsort(pivots)]
    rows[np.abs(rows) < _ROUND_OFF * np.abs(rows).max(axis=1, keepdims=True)] = 0.0
    return np.asarray(rows), sorted(pivots)
