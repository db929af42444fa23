"""The displaced structures that determine the Γ force constants and couplings of Bi2Se3, in the order of computation.

Steps. Every structure of the set "small" has a double in the set "large" with twice the displacement, so that the next
order of the expansion is removed by (4 X(s) − X(2s))/3. A structure of odd patterns only equals its own negative under
inversion and is computed once; all others come in pairs ±. x keeps a two-fold axis, y a mirror, z the three-fold axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import espresso
import numpy as np
import patterns

K4 = espresso.Settings()
K6 = espresso.Settings(mesh=(6, 6, 6, 0, 0, 1))
EQUILIBRIUM = {K4: "equilibrium", K6: "k6_equilibrium"}


@dataclass(frozen=True)
class Run:
    """One run: `amplitudes` in Å√amu of pattern coordinates; `waves`: an earlier run on the same k points."""

    name: str
    amplitudes: dict[str, float]
    settings: espresso.Settings = K4
    waves: str | None = None
    keep: bool = False


def _signed(
    name: str, amplitudes: dict[str, float], settings: espresso.Settings, waves: str | None, keep: bool
) -> list[Run]:
    """Return the pair ± of a structure."""
    plus = Run(f"{name}+", amplitudes, settings, waves, keep)
    minus = Run(
        f"{name}-",
        {key: -value for key, value in amplitudes.items()},
        settings,
        waves or (f"{name}+" if keep else None),
    )
    return [plus, minus]


def harmonic() -> list[Run]:
    """Return the runs of the four harmonic blocks at the small step."""
    runs = [Run("u1x", {"u1x": 0.8}), Run("u2x", {"u2x": 0.8})]
    for name in ("g1y", "g2y"):
        runs += _signed(name, {name: 0.5}, K4, None if name == "g1y" else "g1y+", name == "g1y")
    for name in ("u1z", "u2z"):
        runs.append(Run(name, {name: 0.5}, waves="equilibrium"))
    for name in ("g1z", "g2z"):
        runs += _signed(name, {name: 0.5}, K4, "equilibrium", False)
    return runs


def along(eigenvector: np.ndarray, names: tuple[str, str], axis: str, amplitude: float) -> dict[str, float]:
    """Return pattern amplitudes of a mode given in the basis of two patterns."""
    return {f"{name}{axis}": amplitude * float(value) for name, value in zip(names, eigenvector, strict=True)}


MIXES = ((1, 0, 1, 1), (1, 0, 1, -1), (0, 1, 1, 1), (0, 1, 1, -1))  # u1y, u2y, u1z, u2z


def _mixed(step: float, suffix: str) -> list[Run]:
    runs = []
    for number, signs in enumerate(MIXES, 1):
        amplitudes = {name: 0.5 * step * s for name, s in zip(("u1y", "u2y", "u1z", "u2z"), signs, strict=True) if s}
        name = f"mix{number}{suffix}"
        runs.append(Run(name, amplitudes, waves=None if name == "mix1" else "mix1", keep=name == "mix1"))
    runs.append(Run(f"u1x_u2x{suffix}", {"u1x": 0.6 * step, "u2x": -0.6 * step}, waves="eu1x_1"))
    return runs + _signed(f"g1y_g2y{suffix}", {"g1y": 0.5 * step, "g2y": 0.5 * step}, K4, "g1y+", False)


def couplings(modes: dict[str, np.ndarray]) -> list[Run]:
    """Return the runs that complete the 40 cubic couplings at the small step, and the quartic ones of E_u1 and E_g2.

    Parameters
    ----------
    modes : dict
        Mode → (2,) unit eigenvector in the patterns of its block, from the harmonic runs.
    """
    u, g = ("u1", "u2"), ("g1", "g2")
    eu1 = along(modes["Eu1"], u, "x", 1.5)
    eg2 = along(modes["Eg2"], g, "y", 1.0)
    minus = {name: -value for name, value in eg2.items()}
    return [
        Run("eu1x_1", along(modes["Eu1"], u, "x", 1.0), keep=True),
        Run("eu1x_2", along(modes["Eu1"], u, "x", 2.0), waves="eu1x_1"),
        Run("eu2x_1", along(modes["Eu2"], u, "x", 1.0), waves="eu1x_1"),
        Run("eu1x_eg2y+", eu1 | eg2, waves="eu1x_1"),
        Run("eu1x_eg2y-", eu1 | minus, waves="eu1x_1"),
        *_signed("eg2y", eg2, K4, "g1y+", False),
        *_mixed(1.0, ""),
    ]


def denser(modes: dict[str, np.ndarray]) -> list[Run]:
    """Return the repeats on the 6×6×6 mesh of the runs behind E_u1² → g and E_g2² → g."""
    return [
        Run("k6_equilibrium", {}, K6, keep=True),
        Run("k6_eu1x_2", along(modes["Eu1"], ("u1", "u2"), "x", 2.0), K6),
        *_signed("k6_eg2y", along(modes["Eg2"], ("g1", "g2"), "y", 1.0), K6, None, True),
    ]


def doubled() -> list[Run]:
    """Return the runs at twice the step of the small set (eu1x_2 doubles eu1x_1); every one helps by itself."""
    runs = [Run(f"{name}_2", {name: 1.0}, waves="equilibrium") for name in ("u1z", "u2z")]
    for name in ("g1z", "g2z"):
        runs += _signed(f"{name}_2", {name: 1.0}, K4, "equilibrium", False)
    runs += [Run(f"{name}_2", {name: 1.6}, waves="eu1x_1") for name in ("u1x", "u2x")]
    runs += _mixed(2.0, "_2")
    for name in ("g1y", "g2y"):
        runs += _signed(f"{name}_2", {name: 1.0}, K4, "g1y+", False)
    return runs


def checks(modes: dict[str, np.ndarray]) -> list[Run]:
    """Return structures that the fit of the cubic couplings does not use, so that their forces test it.

    One structure of all odd patterns along y and z, which tests the couplings of A2u, E_u and E_g; E_u1 along y with
    E_g2, the partner of the same structure along x; and one pair without any symmetry.
    """
    eu1, eg2 = along(modes["Eu1"], ("u1", "u2"), "y", 1.5), along(modes["Eg2"], ("g1", "g2"), "y", 1.0)
    minus = {name: -value for name, value in eg2.items()}
    names = [f"{pattern}{axis}" for pattern in patterns.PATTERNS for axis in patterns.AXES]
    signs = (1, -1, 1, 1, 1, -1, -1, 1, 1, 1, -1, -1)
    return [
        Run("mix5", {"u1y": 0.5, "u2y": -0.5, "u1z": 0.5, "u2z": 0.5}, waves="mix1"),
        Run("eu1y_eg2y+", eu1 | eg2, waves="mix1"),
        Run("eu1y_eg2y-", eu1 | minus, waves="mix1"),
        *_signed("generic", {name: 0.4 * sign for name, sign in zip(names, signs, strict=True)}, K4, None, True),
    ]
