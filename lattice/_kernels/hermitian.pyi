"""Types of the compiled module; arrays and shapes are described in hermitian.pyx."""

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Int = NDArray[np.int32]

LEVELS: tuple[str, ...]

def supported_levels() -> tuple[str, ...]: ...
def lanes(level: int) -> int: ...
def work_size(level: int, n: int, n_vectors: int, n_threads: int) -> int: ...
def solve_bonds(
    level: int,
    vector: _Int,
    pair_start: _Int,
    entry_vector: _Int,
    entry: _Float,
    position: _Float,
    qpoints: _Float,
    eigenvalue: _Float,
    eigenvector: _Float | None,
    spin: _Float | None,
    work: _Float,
    n_threads: int,
) -> int: ...
def solve_matrices(
    level: int,
    matrices: _Float,
    eigenvalue: _Float,
    eigenvector: _Float | None,
    spin: _Float | None,
    work: _Float,
    n_threads: int,
) -> int: ...
