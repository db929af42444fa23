"""Types of the compiled module; arrays and shapes are described in ensemble_block.h."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIGHTS: int

def lanes(level: int) -> int: ...
def run(
    level: int,
    arrays: dict[str, Any],
    sizes: dict[str, Any],
    fine: dict[str, Any],
    coarse: dict[str, Any],
    lights: list[dict[str, Any]],
    n_threads: int,
) -> None: ...
def work_size(level: int, sizes: dict[str, Any], n_kicks: int, n_lights: int, n_threads: int) -> int: ...
def normals(seed: int, number: NDArray[np.uint64], index: int, out: NDArray[np.float64]) -> None: ...
