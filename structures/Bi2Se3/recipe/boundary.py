"""Dynamical matrices at Z, F and L from displacements in doubled cells, and the force constants of the 2×2×2 supercell.

At these wave vectors a displacement has opposite signs in neighbouring cells. Twice such a vector is a reciprocal one,
so that forces of second order in the displacement do not come back at it, and one run without its negative will do.
Inversion sorts the patterns at each of them into odd and even ones as at Γ; one run moves one of each, since their
forces are told apart by it. The mirror x → −x, which the three vectors obey, keeps x apart from y and z.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import espresso
import numpy as np
import patterns
import phonons
import plan
import records

STEP = 0.5  # Å√amu
N_ATOMS = len(patterns.SYMBOLS)
AMPLITUDES = {
    "u0": np.sqrt(patterns.ATOM_MASSES / patterns.ATOM_MASSES.sum()),  # all atoms alike
    **patterns.PATTERNS,
}
PAIRS = (("u1", "g1"), ("u2", "g2"), ("u0",))  # odd and even patterns that one run moves at once
ROTATION = np.array([[0, 1, 0], [-1, -1, 0], [1, 1, 1]])  # a1, a2, a3 turned by 120° as integer combinations, in rows


@dataclass(frozen=True)
class Point:
    """A wave vector: its components in steps of one half, the doubled cell (rows of integers), its k mesh, its axes.

    The mesh holds the k points of the 4×4×4 mesh of one cell, folded. `axes` are those along which patterns are moved;
    at Z the three-fold axis makes x what y is.
    """

    halves: tuple[int, int, int]
    doubled: tuple[tuple[int, int, int], ...]
    mesh: tuple[int, ...]
    axes: str

    @property
    def lattice(self) -> np.ndarray:
        """Vectors of the doubled cell as rows (3, 3), Å."""
        return np.asarray(np.array(self.doubled) @ patterns.LATTICE)

    @property
    def cells(self) -> np.ndarray:
        """The two cells R (2, 3) of the doubled one; the displacement changes its sign between them."""
        other = next(v for v in itertools.product((0, 1), repeat=3) if np.dot(self.halves, v) % 2)
        return np.array([(0, 0, 0), other])


POINTS = {
    "Z": Point((0, 0, 1), ((1, 0, 0), (0, 1, 0), (0, 0, 2)), (4, 4, 2, 0, 0, 1), "zy"),
    "F": Point((0, 1, 0), ((1, 0, 0), (0, 2, 0), (0, 0, 1)), (4, 2, 4, 0, 0, 1), "zyx"),
    "L": Point((0, 1, 1), ((1, 0, 0), (0, 1, 1), (0, 0, 2)), (4, 4, 2, 0, 1, 1), "zyx"),
}


@dataclass(frozen=True)
class Run:
    """A run at the point `point` with `moved` patterns along `axis`, started from the density and waves of others."""

    point: str
    axis: str
    moved: tuple[str, ...]
    density: str | None
    waves: str | None

    @property
    def name(self) -> str:
        """Name of the record."""
        return f"{self.point}_{self.axis}_{'_'.join(self.moved)}"


def runs(name: str) -> list[Run]:
    """Return the runs of one point."""
    first = Run(name, POINTS[name].axes[0], PAIRS[0], None, None).name
    planned = []
    for axis in POINTS[name].axes:
        leader = Run(name, axis, PAIRS[0], None, None).name
        for moved in PAIRS:
            # A run of one pattern has more symmetry, and so other k points.
            waves = leader if len(moved) == 2 and moved != PAIRS[0] else None
            planned.append(Run(name, axis, moved, first, waves))
    return planned


def cell(single: espresso.Cell, point: Point) -> espresso.Cell:
    """Return the doubled cell."""
    return espresso.Cell(point.lattice, single.symbols * 2, single.masses, single.pseudopotentials)


def settings(point: Point) -> espresso.Settings:
    """Return the settings of the runs of a point."""
    return espresso.Settings(plan.K4.cutoff_Ry, point.mesh, plan.K4.threshold_Ry)


def positions(reference: np.ndarray, run: Run) -> np.ndarray:
    """Return the positions (10, 3), Å, of the displaced doubled cell; `reference` (5, 3) those of the relaxed one."""
    point = POINTS[run.point]
    shift = np.zeros((N_ATOMS, 3))
    shift[:, patterns.AXES.index(run.axis)] = sum(STEP * AMPLITUDES[name] for name in run.moved)
    shift /= np.sqrt(patterns.ATOM_MASSES)[:, None]
    home, other = point.cells @ patterns.LATTICE
    return np.vstack([reference + home + shift, reference + other - shift])


def has(results: Path) -> bool:
    """Return whether the runs of every point are there."""
    return all(espresso.load_record(results, run.name) is not None for name in POINTS for run in runs(name))


def dynamical_matrix(results: Path, name: str) -> tuple[np.ndarray, float]:
    """Return D(q) (5, 5, 3, 3), eV/Å², symmetrised, and its largest asymmetry before.

    Convention of `phonons`: D_ab(q) = Σ_R Φ(a in cell R; b in cell 0) exp(−2πi q·R), real at these q.

    Raises
    ------
    FileNotFoundError
        A run has not been computed.
    """
    weights = np.sqrt(patterns.ATOM_MASSES)
    basis = {f"{pattern}{axis}": _vector(pattern, axis) for pattern in AMPLITUDES for axis in patterns.AXES}
    names = list(basis)
    vectors = np.array(list(basis.values())).reshape(len(basis), -1)
    matrix = np.zeros((len(basis), len(basis)))
    for run in runs(name):
        force = np.array(records.record(results, run.name)["forces_eV_per_A"])
        wave = (force[:N_ATOMS] - force[N_ATOMS:]) / 2
        generalised = vectors @ (wave / weights[:, None]).ravel()
        for pattern in run.moved:
            alike = np.array([other[0] == pattern[0] for other in names])
            matrix[:, names.index(f"{pattern}{run.axis}")] = np.where(alike, -generalised / STEP, 0.0)
    if "x" not in POINTS[name].axes:
        for first, second in itertools.product(AMPLITUDES, repeat=2):
            place = names.index(f"{first}y"), names.index(f"{second}y")
            matrix[names.index(f"{first}x"), names.index(f"{second}x")] = matrix[place]
    _split(matrix, names, apart="z" if name == "Z" else "")
    asymmetry = vectors.T @ (matrix - matrix.T) @ vectors
    weighted = (vectors.T @ (matrix + matrix.T) @ vectors / 2).reshape(N_ATOMS, 3, N_ATOMS, 3).transpose(0, 2, 1, 3)
    scale = (weights[:, None] * weights[None, :])[:, :, None, None]
    change = asymmetry.reshape(N_ATOMS, 3, N_ATOMS, 3).transpose(0, 2, 1, 3) * scale
    return weighted * scale, float(abs(change).max())


def _vector(pattern: str, axis: str) -> np.ndarray:
    """Return a mass-weighted unit vector (5, 3)."""
    vector = np.zeros((N_ATOMS, 3))
    vector[:, patterns.AXES.index(axis)] = AMPLITUDES[pattern]
    return vector


def _split(matrix: np.ndarray, names: list[str], *, apart: str) -> None:
    """Set to zero what the mirror forbids between x and the other axes, and between the axis `apart` and all others."""
    for (row, first), (column, second) in itertools.product(enumerate(names), repeat=2):
        if first[-1] != second[-1] and {first[-1], second[-1]} & {"x", *apart}:
            matrix[row, column] = 0.0


def star(name: str, matrix: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """Return D (5, 5, 3, 3) by q in steps of one half for a point and what the three-fold axis makes of it.

    All atoms stand on that axis, so that D(Cq) = C D(q) Cᵀ without phases.
    """
    turn = np.linalg.inv(patterns.LATTICE) @ ROTATION @ patterns.LATTICE  # rows: v → v · turn
    found = {}
    halves, turned = np.array(POINTS[name].halves), matrix
    for _ in range(3):
        found[tuple(int(value) for value in halves % 2)] = turned
        # q·R is the same for the turned q and the turned R: components change with the inverse transposed.
        halves = np.rint(np.linalg.solve(ROTATION, halves)).astype(int)
        turned = np.einsum("ij,abjk,lk->abil", turn.T, turned, turn.T)
    return found


def blocks(results: Path, gamma: np.ndarray) -> np.ndarray:
    """Return Φ(a in cell R; b in cell 0) (2, 2, 2, 5, 5, 3, 3), eV/Å²; `gamma` is D (5, 5, 3, 3) at Γ."""
    found = {(0, 0, 0): gamma}
    for name in POINTS:
        found |= star(name, dynamical_matrix(results, name)[0])
    return phonons.cell_blocks({key: np.asarray(value, dtype=complex) for key, value in found.items()})[0]
