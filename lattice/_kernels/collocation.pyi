"""Types of the compiled module; arrays and shapes are described in collocation.pyx."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Int = NDArray[np.int32]
_Program = tuple[bool, int, _Int, _Int, _Int]

LEVELS: tuple[str, ...]
NODES: int
CHEBYSHEV: int
FIRST_ROW: int

class Motion:
    def __init__(
        self,
        n_dark: int,
        factor: _Int,
        pull: _Int,
        column: _Int,
        value: _Float,
        programs: list[_Program],
        mode: _Int,
        partner_start: _Int,
        partner: _Int,
        link: _Int,
        gamma: _Float,
        edge: _Float,
        field: _Float,
        longest: _Float,
    ) -> None: ...
    def work_size(self) -> int: ...

def advance(
    level: int,
    motion: Motion,
    rule: _Float,
    windows: list[tuple[Any, ...]],
    begin: float,
    total: int,
    interval: int,
    tolerance: float,
    most: int,
    state: _Float,
    account: _Float | None,
    record: _Float,
    series: _Float | None,
    work: _Float,
) -> tuple[int, float, int, int]: ...
