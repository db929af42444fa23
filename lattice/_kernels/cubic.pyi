"""Types of the compiled module; arrays and shapes are described in cubic.pyx."""

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]

def contract(
    constants: _Float, first: _Float, second: _Float, third: _Float, work: _Float, row: _Float, out: _Float
) -> None: ...
