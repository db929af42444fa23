"""Harmonic blocks, frequencies and mode patterns at Γ from displaced structures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import lines
import numpy as np
import patterns
import records
from invariants import MODES


@dataclass(frozen=True)
class Mode:
    """One multiplet: curvature ω² in eV/(Å² amu), its change (see modes), and (2,) components in `names`."""

    curvature: float
    change: float
    vector: np.ndarray
    names: tuple[str, str]

    @property
    def pattern(self) -> np.ndarray:
        """Mass-weighted unit vector (5,) over the atoms."""
        return np.asarray(self.vector @ np.array([patterns.PATTERNS[name] for name in self.names]))


def block(results: Path, label: str) -> tuple[np.ndarray, float]:
    """Return the harmonic block (2, 2) of the small step, symmetrised, and its largest asymmetry before, eV/(Å² amu).

    K_ij = −F_i/Q_j of the part of the force that is odd in the displacement; it still holds the fourth order.
    """
    first, second, axis = patterns.BLOCKS[label]
    rows = lines.coordinates(label)
    columns = []
    for name, row in zip((first, second), rows, strict=True):
        structure = records.structure(results, f"{name}{axis}")
        columns.append(-structure.odd[rows] / structure.amplitude[row])
    matrix = np.array(columns).T
    return (matrix + matrix.T) / 2, float(abs(matrix - matrix.T).max())


def newton_positions(results: Path, name: str) -> np.ndarray:
    """Return the positions (5, 3), Å, where the forces of the record `name` vanish by the A1g block of the small step.

    `name` has the full symmetry, with other settings than the block, so that one step leaves only the change of it.
    """
    entry = records.record(results, name)
    first, second, axis = patterns.BLOCKS["A1g"]
    force = patterns.generalised_forces(np.array(entry["forces_eV_per_A"]))[lines.coordinates("A1g")]
    amplitude = np.linalg.solve(block(results, "A1g")[0], force)
    shift = patterns.displacement({f"{first}{axis}": amplitude[0], f"{second}{axis}": amplitude[1]})
    return np.asarray(np.array(entry["positions_A"]) + shift)


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

    The fourth order is removed by the fit along the line where its structures have been computed (see lines), and
    `change` is that from the small step alone; else the small step stands and `change` is null (NaN).
    """
    found = {}
    for label, (first, second, _) in patterns.BLOCKS.items():
        small = block(results, label)[0]
        line = lines.fit(results, label)
        values, vectors = np.linalg.eigh(small if line is None else line.curvature)
        before = np.linalg.eigvalsh(small)
        for number in range(2):
            change = float("nan") if line is None else float(values[number] - before[number])
            mode = Mode(float(values[number]), change, vectors[:, number], (first, second))
            found[f"{label}{number + 1}"] = replace(mode, vector=mode.vector * np.sign(mode.pattern[0]))
    return found


def rotation(found: dict[str, Mode]) -> np.ndarray:
    """Return U (12, 12): amplitudes of MODES = U · amplitudes of the pattern coordinates."""
    matrix = np.zeros((len(MODES), len(patterns.COORDINATES)))
    for row, name in enumerate(MODES):
        mode = found[name[:-1]]
        for component, pattern in zip(mode.vector, mode.names, strict=True):
            matrix[row, patterns.COORDINATES.index(f"{pattern}{name[-1]}")] = component
    return matrix


def mesh_change(results: Path, found: dict[str, Mode]) -> dict[str, float]:
    """Return the change of the frequency in THz from the 4×4×4 to the 6×6×6 mesh, from the two structures of one mode.

    It is that of −F/Q at one displacement, so that the fourth order drops out as far as it does not change itself.
    """
    change = {}
    matrix = rotation(found)
    for name, coordinate in (("eu1x_2", "Eu1x"), ("eg2y", "Eg2y")):
        if not records.has(results, f"k6_{name}"):
            continue
        row = MODES.index(coordinate)
        coarse, dense = records.structure(results, name), records.structure(results, f"k6_{name}", "k6_equilibrium")
        curvature = found[coordinate[:3]].curvature
        difference = -(matrix @ (dense.odd - coarse.odd))[row] / (matrix @ coarse.amplitude)[row]
        change[coordinate[:3]] = patterns.frequency(curvature + difference) - patterns.frequency(curvature)
    return change
