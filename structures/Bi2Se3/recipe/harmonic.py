"""Harmonic blocks, frequencies and mode patterns at Γ from displaced structures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import patterns
import records
from invariants import MODES


@dataclass(frozen=True)
class Mode:
    """One multiplet: curvature ω² in eV/(Å² amu), its change (see blocks), and (2,) components in `names`."""

    curvature: float
    change: float
    vector: np.ndarray
    names: tuple[str, str]

    @property
    def pattern(self) -> np.ndarray:
        """Mass-weighted unit vector (5,) over the atoms."""
        return np.asarray(self.vector @ np.array([patterns.PATTERNS[name] for name in self.names]))


def block(results: Path, label: str, suffix: str = "") -> tuple[np.ndarray, float]:
    """Return the harmonic block (2, 2), symmetrised, and the largest asymmetry before, eV/(Å² amu).

    K_ij = −F_i/Q_j of the part of the force that is odd in the displacement; still with the fourth order of one step.
    """
    first, second, axis = patterns.BLOCKS[label]
    rows = [patterns.COORDINATES.index(f"{name}{axis}") for name in (first, second)]
    columns = []
    for name, row in zip((first, second), rows, strict=True):
        structure = records.structure(results, f"{name}{axis}{suffix}")
        columns.append(-structure.odd[rows] / structure.amplitude[row])
    matrix = np.array(columns).T
    return (matrix + matrix.T) / 2, float(abs(matrix - matrix.T).max())


def is_doubled(results: Path) -> bool:
    """Return whether every block has been computed at both steps."""
    return all(
        records.has(results, f"{name}{axis}_2")
        for first, second, axis in patterns.BLOCKS.values()
        for name in (first, second)
    )


def first_modes(results: Path) -> dict[str, np.ndarray]:
    """Return mode → (2,) eigenvector from the small step alone, first component positive.

    They only define the displacements of later runs, so that these do not change when more runs are added.
    """
    modes = {}
    for label in patterns.BLOCKS:
        _, vectors = np.linalg.eigh(block(results, label)[0])
        for number in range(2):
            vector = vectors[:, number]
            modes[f"{label}{number + 1}"] = vector * np.sign(vector[0])
    return modes


def modes(results: Path) -> dict[str, Mode]:
    """Return the eight multiplets; Bi atom 1 is positive in each pattern.

    With both steps the fourth order is removed, K = (4 K(s) − K(2s))/3, and `change` is that from the small step; with
    one step it is null (NaN).
    """
    found = {}
    for label, (first, second, _) in patterns.BLOCKS.items():
        small = block(results, label)[0]
        matrix = (4 * small - block(results, label, "_2")[0]) / 3 if is_doubled(results) else small
        values, vectors = np.linalg.eigh(matrix)
        before = np.linalg.eigvalsh(small)
        for number in range(2):
            mode = Mode(float(values[number]), float("nan"), vectors[:, number], (first, second))
            vector = mode.vector * np.sign(mode.pattern[0])
            change = float(values[number] - before[number]) if is_doubled(results) else float("nan")
            found[f"{label}{number + 1}"] = Mode(float(values[number]), change, vector, (first, second))
    return found


def rotation(found: dict[str, Mode]) -> np.ndarray:
    """Return U (12, 12): amplitudes of MODES = U · amplitudes of the pattern coordinates."""
    matrix = np.zeros((len(MODES), len(patterns.COORDINATES)))
    for row, name in enumerate(MODES):
        mode = found[name[:-1]]
        for component, pattern in zip(mode.vector, mode.names, strict=True):
            matrix[row, patterns.COORDINATES.index(f"{pattern}{name[-1]}")] = component
    return matrix
