"""Force constants, frequencies, mode patterns and couplings of Bi2Se3 from the committed records; numpy only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import patterns


def load(results: Path, name: str) -> dict:
    return json.loads((results / f"{name}.json").read_text())


def reference_positions(results: Path) -> np.ndarray:
    """Return the relaxed positions (5, 3), Å."""
    return np.array(load(results, "equilibrium")["positions_A"])


def force_change(results: Path, name: str, reference: str = "equilibrium") -> np.ndarray:
    """Return the generalised forces (12,) of a run minus those of the equilibrium, eV/(Å√amu)."""
    forces = [np.array(load(results, n)["forces_eV_per_A"]) for n in (name, reference)]
    return patterns.generalised_forces(forces[0] - forces[1])


def first_modes(results: Path) -> dict[str, np.ndarray]:
    """Return mode → (2,) eigenvector in the patterns of its block, from the harmonic runs at the small step.

    The sign makes the first component positive. These directions only define displacements.
    """
    modes = {}
    for label, (first, second, axis) in patterns.BLOCKS.items():
        columns = []
        rows = [patterns.COORDINATES.index(f"{name}{axis}") for name in (first, second)]
        for name in (first, second):
            if label in ("Eu", "A2u"):
                step = 0.8 if axis == "x" else 0.5
                columns.append(-force_change(results, f"{name}{axis}")[rows] / step)
            else:
                pair = [force_change(results, f"{name}{axis}{sign}")[rows] for sign in "+-"]
                columns.append(-(pair[0] - pair[1]))
        matrix = np.array(columns).T
        _, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        for number in range(2):
            vector = vectors[:, number]
            modes[f"{label}{number + 1}"] = vector * np.sign(vector[0])
    return modes
