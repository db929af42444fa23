"""Types of the compiled module; arrays and shapes are described in trajectory.pyx."""

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Int = NDArray[np.int32]

def advance(
    level: int,
    Q: _Float,
    P: _Float,
    ledger: _Float,
    account: _Float,
    energy: _Float,
    slot_work: _Float,
    status: _Int,
    record_Q: _Float,
    record_P: _Float,
    work: _Float,
    field: _Float,
    flow_weight: _Float,
    link_integral: _Float,
    kick_weight: _Float,
    noise: _Float,
    bridge: _Float,
    trajectory: _Int,
    seed: int,
    first_index: int,
    bath: bool,
    omega_squared: _Float,
    multiplet: _Int,
    coefficient: _Float,
    term_order: _Int,
    term_mode: _Int,
    term_slot: _Int,
    term_field: _Int,
    slot_row: _Int,
    slot_mode: _Int,
    link_mode: _Int,
    link_multiplet: _Int,
    link_matrix: _Float,
    link_arm: _Int,
    arm_start: _Int,
    arm_multiplet: _Int,
    harmonic_row: int,
    damping_row: int,
    book: bool,
    n_threads: int,
) -> None: ...
def normals(seed: int, trajectory: int, index: int, out: _Float) -> None: ...
def philox(counter: NDArray[np.uint32], k0: int, k1: int, out: NDArray[np.uint32]) -> None: ...
def build_info() -> dict[str, str | bool]: ...
