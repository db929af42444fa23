"""NumPy/SciPy twin of the kernel: the same physics by other means and with no code of the kernel's.

Forces and torques are those of `lattice.dynamics.twin`, which `lattice verify` uses; the field is written out once more
from its formula, and the ledger integrates every torque along with the motion instead of afterwards.
"""

from __future__ import annotations

import numpy as np
from scipy import constants
from scipy.integrate import solve_ivp

from lattice.dynamics.twin import twin_of_table

EV = constants.eV / (constants.atomic_mass * 1e4)  # 1 eV in amu Å²/ps²
HBAR = constants.hbar / (constants.atomic_mass * 1e-20 / 1e-12)  # ħ in amu Å²/ps


def field(pulses, t):
    """E(t) of contract.md §2 for pulses that propagate along z, (3,) MV/cm."""
    total = np.zeros(3)
    for p in pulses:
        s = t - p.center
        g = p.transmission * p.amplitude * np.exp(-2 * np.log(2) * s**2 / p.duration**2)
        a = 2 * np.pi * p.frequency * s + p.phase
        c, d = np.cos(np.radians(p.angle)), np.sin(np.radians(p.angle))
        total[:2] += g * (np.array([c, d]) * np.cos(a) + p.helicity * np.array([-d, c]) * np.sin(a))
    return total


class Twin:
    """Equations of motion of a potential under pulses along z."""

    def __init__(self, potential, pulses=()):
        self.potential, self.pulses = potential, tuple(pulses)
        self.light = lambda t: field(self.pulses, t)  # (3,) MV/cm
        terms = (potential.coefficient, potential.mode_index, potential.field_axis, potential.channel)
        self.table = twin_of_table(
            potential.frequency,
            potential.linewidth,
            potential.multiplet,
            potential.multiplets,
            potential.angular_momentum,
            terms,
        )
        self.names = list(self.table.names)
        self.omega_squared = self.table.omega_squared

    def term_forces(self, t, Q):
        """−∂V/∂Q of the term table, per ledger row: {name: (n,)} amu^½ Å/ps²."""
        return dict(zip(self.names, self.table.term_forces(Q, self.light(t)), strict=True))

    def forces(self, t, Q, P):
        """All forces by ledger row, restoring and damping ones included."""
        forces = self.table.forces(Q, P, self.light(t))
        return dict(zip([*self.names, "harmonic", "damping"], forces, strict=True))

    def energy(self, Q, P):
        """Energy without field, amu Å²/ps²."""
        V = sum(
            c * EV * np.prod(Q[[s for s in row if s >= 0]])
            for c, row, e in zip(
                self.potential.coefficient, self.potential.mode_index, self.potential.field_axis, strict=True
            )
            if (e < 0).all()
        )
        return 0.5 * float(P @ P + self.omega_squared @ Q**2) + float(V)

    def solve(self, times, Q0=None, P0=None, rtol=1e-11, max_step=0.05):
        """Q, P at `times`, each (n_times, n)."""
        n = self.potential.n_modes
        y0 = np.concatenate([np.zeros(n) if Q0 is None else Q0, np.zeros(n) if P0 is None else P0])

        def rate(t, y):
            return np.concatenate([y[n:], sum(self.forces(t, y[:n], y[n:]).values())])

        return _dop853(rate, y0, times, rtol, n, max_step)

    def ledger(self, duration, Q0=None, P0=None, rtol=1e-11):
        """Integrated torques over 0 … duration, {name: (n_multiplets, 3)} in ħ."""
        n, k = self.potential.n_modes, len(self.potential.multiplets)
        names = list(self.forces(0.0, np.zeros(n), np.zeros(n)))
        y0 = np.zeros(2 * n + len(names) * k * 3)
        y0[:n], y0[n : 2 * n] = (0.0 if Q0 is None else Q0), (0.0 if P0 is None else P0)

        def rate(t, y):
            Q, P = y[:n], y[n : 2 * n]
            forces = np.stack(list(self.forces(t, Q, P).values()))
            return np.concatenate([P, forces.sum(axis=0), self.table.torques(Q, forces).ravel()])

        y = solve_ivp(rate, (0.0, duration), y0, method="DOP853", rtol=rtol, atol=1e-13, max_step=0.05).y[:, -1]
        return dict(zip(names, y[2 * n :].reshape(len(names), k, 3), strict=True))


def _dop853(rate, y0, times, rtol, n, max_step):
    # max_step: an adaptive step that starts at rest would jump over a pulse.
    out = solve_ivp(rate, (0.0, times[-1]), y0, method="DOP853", t_eval=times, rtol=rtol, atol=1e-14, max_step=max_step)
    assert out.success
    return out.y[:n].T, out.y[n:].T
