"""Initial states drawn from the statistics of harmonic modes: classical (thermal) and quantum (Wigner).

The numbers of a trajectory depend on the seed and its number only; the thermal ones are those of `simulate`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice._kernels import ensemble as kernel
from lattice.dynamics.bath import INITIAL_STREAM
from lattice.dynamics.table import Table
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray

STATISTICS = ("rest", "thermal", "wigner")


def drawn_state(
    statistics: str,
    table: Table,
    omega_squared: FloatArray,
    temperature: FloatArray,
    seed: int,
    number: NDArray[np.uint64],
) -> tuple[FloatArray, FloatArray]:
    """Draw Q in Å√amu and P in Å√amu/ps, ``(B, n)`` each.

    Parameters
    ----------
    statistics : {"rest", "thermal", "wigner"}
        At rest; ⟨P²⟩ = ω²⟨Q²⟩ = k_B T; or ⟨P²⟩ = ω²⟨Q²⟩ = ½ħω coth(ħω/2k_B T), the Wigner function of the harmonic
        crystal, at 0 K its zero-point motion. Thermal coordinates with ω² ≤ 0, for which there is no distribution,
        begin at Q = 0 with thermal P.
    table : Table
    omega_squared : ndarray
        ``(n,)`` or ``(B, n)`` rad²/ps².
    temperature : ndarray
        ``(B,)`` *K*.
    seed : int
    number : ndarray
        ``(B,)`` uint64, numbers of the trajectories.

    Raises
    ------
    InputError
        If a Wigner state is asked for a coordinate with ω² ≤ 0, which has no ground state.
    """
    shape = (len(number), table.n_modes)
    if statistics == "rest":
        rest = np.broadcast_to(0.0, shape)
        return rest, rest
    stable = omega_squared > 0
    if statistics == "wigner" and not stable.all():
        raise InputError(
            "A coordinate has no zero-point motion: its frequency is not real and positive",
            found=f"ω² = {omega_squared.min():.3g} rad²/ps²",
            fix='override that frequency, or begin with initial="thermal" or a state of your own',
        )
    x = np.empty((*shape, 2))
    kernel.normals(seed, number, INITIAL_STREAM, x)
    stiffness = np.where(stable, omega_squared, 1.0)
    energy = units.KB * temperature[:, None]
    if statistics == "wigner":
        quantum = 0.5 * units.HBAR * np.sqrt(stiffness)
        with np.errstate(divide="ignore"):
            energy = quantum / np.tanh(quantum / energy)
    return np.where(stable, x[..., 0] * np.sqrt(energy / stiffness), 0.0), x[..., 1] * np.sqrt(energy)
