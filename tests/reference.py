"""NumPy/SciPy twin of the kernel: the same physics by other means and with no code of the kernel's.

The force is evaluated monomial by monomial from the public term table, the field from its formula, the motion by
DOP853, and the ledger by integrating every torque along with the motion.
"""

from __future__ import annotations

import numpy as np
from scipy import constants
from scipy.integrate import solve_ivp

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


def row_of(potential, t):
    """Name of the ledger's row of term t."""
    n_q, n_e = (potential.mode_index[t] >= 0).sum(), (potential.field_axis[t] >= 0).sum()
    if n_e == 0:
        return str(potential.channel[t])
    return "light" if (n_q, n_e) == (1, 1) else "light2"


class Twin:
    """Equations of motion of a potential under pulses along z."""

    def __init__(self, potential, pulses=()):
        self.potential, self.pulses = potential, tuple(pulses)
        self.light = lambda t: field(self.pulses, t)  # (3,) MV/cm
        omega = 2 * np.pi * potential.frequency
        self.omega_squared = omega * np.abs(omega)
        self.gamma = 2 * np.pi * potential.linewidth
        rows = []  # one for each derivative of each term: ledger row, coordinate, coefficient, Q factors, E factors
        for t, c in enumerate(potential.coefficient):
            q = [s for s in potential.mode_index[t].tolist() if s >= 0]
            for b, s in enumerate(q):
                rest = q[:b] + q[b + 1 :]
                rows.append((row_of(potential, t), s, c * EV, rest + [-1] * (12 - len(rest)), potential.field_axis[t]))
        self.names = list(dict.fromkeys(row[0] for row in rows))
        self.target = np.zeros((len(self.names), potential.n_modes, len(rows)))
        for i, row in enumerate(rows):
            self.target[self.names.index(row[0]), row[1], i] = -row[2]
        self.q = np.array([row[3] for row in rows], int).reshape(-1, 12)
        self.e = np.array([row[4] for row in rows], int).reshape(len(rows), -1)

    def term_forces(self, t, Q):
        """−∂V/∂Q of the term table, per ledger row: {name: (n,)} amu^½ Å/ps²."""
        # Padding −1 picks the last entry: a factor of one.
        factors = np.append(Q, 1.0)[self.q].prod(axis=1) * np.append(self.light(t), 1.0)[self.e].prod(axis=1)
        return dict(zip(self.names, self.target @ factors, strict=True))

    def forces(self, t, Q, P):
        """All forces by ledger row, restoring and damping ones included."""
        return {**self.term_forces(t, Q), "harmonic": -self.omega_squared * Q, "damping": -self.gamma * P}

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

    def torques(self, Q, forces):
        """dL_a/dt in ħ/ps by forces ``(n_rows, n)``: ``(n_rows, n_multiplets, 3)``."""
        # The part of dL_a/dt with Q̇ = P, ½ [P_s (M P)_s + (P M)_s P_s], vanishes: M is antisymmetric.
        member = np.array([[m == a for m in self.potential.multiplet] for a in self.potential.multiplets], float)
        per_mode = [0.5 * (Q * (forces @ M.T) + (Q @ M) * forces) for M in self.potential.angular_momentum]
        return np.stack([torque @ member.T for torque in per_mode], axis=2) / HBAR

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
            return np.concatenate([P, forces.sum(axis=0), self.torques(Q, forces).ravel()])

        y = solve_ivp(rate, (0.0, duration), y0, method="DOP853", rtol=rtol, atol=1e-13, max_step=0.05).y[:, -1]
        return dict(zip(names, y[2 * n :].reshape(len(names), k, 3), strict=True))


def _dop853(rate, y0, times, rtol, n, max_step):
    # max_step: an adaptive step that starts at rest would jump over a pulse.
    out = solve_ivp(rate, (0.0, times[-1]), y0, method="DOP853", t_eval=times, rtol=rtol, atol=1e-14, max_step=max_step)
    assert out.success
    return out.y[:n].T, out.y[n:].T
