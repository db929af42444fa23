"""Wurtzite AlN from first principles: ``python recipe.py --work SCRATCH``; the steps are those of material.py."""

import math
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "recipe_tools"))

from espresso import Settings  # noqa: E402
from material import Material, main  # noqa: E402

A, C = 3.1106, 4.9795  # Å, measured at room temperature, kept fixed
U = 0.3821  # measured; only the start of the relaxation
CUTOFF = 80.0  # Ry
MESH = (4, 4, 3, 0, 0, 0)

MATERIAL = Material(
    name="AlN",
    lattice=np.array([[A, 0.0, 0.0], [-A / 2, A * math.sqrt(3) / 2, 0.0], [0.0, 0.0, C]]),
    start=np.array([[1 / 3, 2 / 3, 0.0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, U], [2 / 3, 1 / 3, U + 0.5]]),
    symbols=("Al", "Al", "N", "N"),
    masses={"Al": 26.9815384, "N": 14.007},
    settings=Settings(CUTOFF, MESH, 1e-11),
    field_settings=Settings(CUTOFF, (6, 6, 4, 0, 0, 0), 1e-11),
    grid=(3, 3, 2),
    order=3,
    amplitudes=(0.2, 0.4),
    checks={"cutoff": Settings(CUTOFF + 20, MESH, 1e-11), "mesh": Settings(CUTOFF, (6, 6, 4, 0, 0, 0), 1e-11)},
    linewidth=0.10,
    measured={},
    citation="Davydov et al., Phys. Rev. B 58, 12899 (1998), Raman, 300 K",
)

if __name__ == "__main__":
    sys.exit(main(MATERIAL, HERE))
