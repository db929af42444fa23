"""Trigonal selenium from first principles: ``python recipe.py --work SCRATCH``; the steps are those of material.py."""

import math
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "recipe_tools"))

from espresso import Settings  # noqa: E402
from material import Material, main  # noqa: E402

A, C = 4.3662, 4.9536  # Å, measured at room temperature, kept fixed
U = 0.2254  # measured; only the start of the relaxation
CUTOFF = 30.0  # Ry
MESH = (5, 5, 4, 0, 0, 0)

MATERIAL = Material(
    name="Se",
    lattice=np.array([[A, 0.0, 0.0], [-A / 2, A * math.sqrt(3) / 2, 0.0], [0.0, 0.0, C]]),
    start=np.array([[U, 0.0, 1 / 3], [0.0, U, 2 / 3], [-U, -U, 0.0]]),
    symbols=("Se", "Se", "Se"),
    masses={"Se": 78.971},
    settings=Settings(CUTOFF, MESH, 1e-11),
    field_settings=Settings(CUTOFF, (8, 8, 6, 0, 0, 0), 1e-11),
    grid=(3, 3, 3),
    order=4,
    amplitudes=(0.25, 0.5, 0.75),
    checks={"cutoff": Settings(CUTOFF + 15, MESH, 1e-11), "mesh": Settings(CUTOFF, (8, 8, 6, 0, 0, 0), 1e-11)},
    linewidth=0.10,
    measured={},
    citation="",
    mirror="Se-left",
)

if __name__ == "__main__":
    sys.exit(main(MATERIAL, HERE))
