"""Modes along a path in the Brillouin zone: J, m and connected bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lattice.errors import InputError
from lattice.modes.axis import checked_direction, invariant_direction, rotation_order
from lattice.modes.connect import connect_bands
from lattice.modes.degenerate import degenerate_groups
from lattice.modes.dispersion import Dispersion
from lattice.modes.modes import ComplexArray
from lattice.modes.solve import solve_modes
from lattice.structure.bandpath import Corner, special_path
from lattice.structure.crystal import Crystal, FloatArray, IntArray, frozen_array

_SAME_Q = 1e-9
MOST_POINTS = 100_000  #: on a path; more than any figure shows, and modes of all of them are held in memory


@dataclass(frozen=True, slots=True, eq=False)
class PathModes:
    """Modes along a path; every segment lists both its ends, so corners occur twice.

    Attributes
    ----------
    crystal : Crystal
    axis : ndarray or None
        ``(3,)`` n̂ of J and m.
    qpoints : ndarray
        ``(n_q, 3)`` in units of the reciprocal cell vectors.
    distance : ndarray
        ``(n_q,)`` *Å⁻¹* along the path, the factor 2π included; gaps between pieces count nothing.
    segment : ndarray
        ``(n_q,)`` int, number of the straight line that the point is on.
    piece : ndarray
        ``(n_q,)`` int, number of the connected piece.
    labels : tuple of str
        ``(n_q,)``, names of the special points at ends of segments, else empty.
    frequency : ndarray
        ``(n_q, n_modes)`` *THz*, ascending, negative if imaginary.
    J : ndarray
        ``(n_q, n_modes, 3)`` *ħ per phonon*, degenerate modes in the circular gauge.
    m : ndarray
        ``(n_q, n_modes)`` pseudo-angular momentum about n̂, NaN where no rotation about it leaves q invariant.
    rotation_order : ndarray
        ``(n_q,)`` int, n of the rotation about n̂ in the little group of q.
    band : ndarray
        ``(n_q, n_modes)`` int, the band of each mode; the same number continues through crossings within a piece.
    group : ndarray
        ``(n_q, n_modes)`` int: modes of one q-point with the same number are degenerate.
    long_range : str
        ``none`` or ``gonze-lee``.
    """

    crystal: Crystal
    axis: FloatArray | None
    qpoints: FloatArray
    distance: FloatArray
    segment: IntArray
    piece: IntArray
    labels: tuple[str, ...]
    frequency: FloatArray
    J: FloatArray
    m: FloatArray
    rotation_order: IntArray
    band: IntArray
    group: IntArray
    long_range: str

    def __post_init__(self) -> None:
        for name in ("segment", "piece", "rotation_order", "band", "group"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64))
        for name in ("qpoints", "distance", "frequency", "J", "m"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))
        if self.axis is not None:
            object.__setattr__(self, "axis", frozen_array(self.axis))


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """The points of a path, before their modes are known."""

    qpoints: FloatArray
    distance: FloatArray
    segment: IntArray
    piece: IntArray
    labels: tuple[str, ...]
    direction: FloatArray  # (n_q, 3) unit Cartesian direction of the segment


def path_modes(
    crystal: Crystal,
    path: str | Sequence[Sequence[float]] | None = None,
    npoints: int = 101,
    *,
    axis: Sequence[float] | None = None,
    n_threads: int = 1,
    progress: bool = False,
) -> PathModes:
    """Solve for the modes along a path; arguments as in `lattice.observe.path.solve_path`."""
    from tqdm import tqdm

    given = None if axis is None else checked_direction(axis, "axis")
    line = _line(crystal, _corners(crystal, path), npoints)
    dispersion = Dispersion(crystal, axis=given, n_threads=n_threads)
    blocks = list(dispersion.blocks(line.qpoints, eigenvectors=True))
    frequency = np.concatenate([block.frequency for block in blocks])
    J = np.concatenate([block.J for block in blocks])
    vectors = np.concatenate([block.eigenvectors for block in blocks])
    m = np.full(frequency.shape, np.nan)
    order = np.array([_order_at(crystal, q, dispersion.axis) for q in line.qpoints])
    polar = dispersion.long_range != "none"
    special = np.flatnonzero((order > 1) | (polar & ~line.qpoints.any(axis=1)))
    for k in tqdm(special, unit="q", desc="special points", delay=2.0, disable=None if progress else True):
        frequency[k], J[k], m[k], order[k], vectors[k] = _at_special_point(
            dispersion, line.qpoints[k], line.direction[k] if polar and not line.qpoints[k].any() else None
        )
    return PathModes(
        crystal=crystal,
        axis=dispersion.axis,
        qpoints=line.qpoints,
        distance=line.distance,
        segment=line.segment,
        piece=line.piece,
        labels=line.labels,
        frequency=frequency,
        J=J,
        m=m,
        rotation_order=order,
        band=connect_bands(vectors, frequency, m, order, line.piece),
        group=degenerate_groups(np.sign(frequency) * frequency**2),
        long_range=dispersion.long_range,
    )


def _at_special_point(
    dispersion: Dispersion, qpoint: FloatArray, direction: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, int, ComplexArray]:
    """Return frequency, J, m, rotation order and eigenvectors in the circular gauge of `solve_modes`."""
    axis = None if dispersion.axis is None else dispersion.axis.tolist()
    along = None if direction is None else direction.tolist()
    modes = solve_modes(dispersion.crystal, qpoint.tolist(), axis=axis, nac_direction=along)
    vectors = modes.eigenvectors.reshape(modes.n_modes, -1)
    order = np.argsort(modes.frequency, kind="stable")
    return modes.frequency[order], modes.J[order], modes.m[order], modes.rotation_order, vectors[order]


def _order_at(crystal: Crystal, qpoint: FloatArray, axis: FloatArray | None) -> int:
    """Return the highest order of a rotation about n̂ that leaves q invariant up to a reciprocal vector."""
    if axis is None:
        return 1
    orders = [1]
    for rotation in crystal.spacegroup.rotations:
        if np.linalg.det(rotation) < 0 or rotation_order(rotation) == 1:
            continue
        if abs(abs(invariant_direction(rotation, crystal.cell) @ axis) - 1) > 1e-6:
            continue
        moved = qpoint @ np.linalg.inv(rotation) - qpoint
        if np.abs(moved - np.rint(moved)).max() < 1e-6:
            orders.append(rotation_order(rotation))
    return max(orders)


def _corners(crystal: Crystal, path: str | Sequence[Sequence[float]] | None) -> list[list[Corner]]:
    """Return the pieces of a path that is given by names, by q-points, or not at all."""
    if path is None or isinstance(path, str):
        return special_path(crystal, path)
    fix = "give at least two rows of three finite numbers, neighbours unequal, e.g. [[0, 0, 0], [0, 0, 0.5]]"
    try:
        points = np.asarray(path, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError("A path is a string of names or a list of q-points", found=path, fix=fix) from None
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or not np.isfinite(points).all():
        raise InputError("A path is a string of names or a list of q-points", found=path, fix=fix)
    return [[("Γ" if not q.any() else " ".join(f"{x:.3g}" for x in q), q) for q in points]]


def _line(crystal: Crystal, pieces: list[list[Corner]], npoints: int) -> _Line:
    """Distribute points over the segments by their length."""
    ends = [(n, a, b) for n, piece in enumerate(pieces) for a, b in pairwise(piece)]
    reciprocal = 2 * np.pi * np.linalg.inv(crystal.cell).T
    steps = np.array([(b[1] - a[1]) @ reciprocal for _, a, b in ends])
    lengths = np.linalg.norm(steps, axis=1)
    if lengths.min() < _SAME_Q:
        raise InputError(
            "A path has two equal neighbours", found=ends[int(lengths.argmin())][1][0], fix="leave one out"
        )
    counts = _shares(lengths, npoints)
    parts = [np.linspace(0.0, 1.0, count) for count in counts]
    before = np.cumsum(lengths) - lengths
    labels: list[str] = []
    for (_, a, b), count in zip(ends, counts, strict=True):
        labels += [_name(a[0]), *[""] * (count - 2), _name(b[0])]
    segment = np.repeat(np.arange(len(ends)), counts)
    return _Line(
        qpoints=np.concatenate([a[1] + t[:, None] * (b[1] - a[1]) for (_, a, b), t in zip(ends, parts, strict=True)]),
        distance=np.concatenate([start + t * length for start, t, length in zip(before, parts, lengths, strict=True)]),
        segment=segment,
        piece=np.array([n for n, _, _ in ends])[segment],
        labels=tuple(labels),
        direction=(steps / lengths[:, None])[segment],
    )


def _name(label: str) -> str:
    return "Γ" if label in {"G", "Gamma"} else label


def _shares(lengths: FloatArray, npoints: int) -> IntArray:
    """Return how many points each segment gets, both ends included, two at least; they add up to `npoints`."""
    needed = 2 * len(lengths)
    whole = isinstance(npoints, (int, np.integer))
    if not whole or not needed <= npoints <= MOST_POINTS:
        raise InputError(
            f"Too {'many' if whole and npoints > MOST_POINTS else 'few'} points for the path",
            found=npoints,
            fix=f"give a whole number from {needed}, two for each of the {len(lengths)} segments, to {MOST_POINTS}",
        )
    ideal = lengths / lengths.sum() * (npoints - needed)
    counts = np.floor(ideal).astype(np.int64)
    largest = np.argsort(counts - ideal, kind="stable")[: int(npoints - needed - counts.sum())]
    counts[largest] += 1
    return np.asarray(counts + 2)
