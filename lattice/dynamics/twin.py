"""The equations of motion once more, in NumPy and SciPy, with no code of the kernel's: for `lattice verify` and tests.

The force is evaluated derivative by derivative from the public term table, the motion by DOP853, the ledgers by Gauss
quadrature of every torque and power over the dense output. Slow, and never a fall-back for the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.anharmonic.potential import PADDING
from lattice.dynamics.pulse import Pulse, total_field
from lattice.errors import IntegrationError
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    import xarray

RTOL = 1e-11  #: of DOP853
_FLOOR = 1e-13  # of the largest |Q|: absolute tolerance, for coordinates that hardly move
_NODES = 8  # of the Gauss quadrature in one panel
_PANELS_PER_PERIOD = 4.0  # of the fastest mode
_PANELS_PER_FEATURE = 4.0  # of the shortest pulse


@dataclass(frozen=True, slots=True)
class Twin:
    """Equations of motion of a term table under a field.

    Attributes
    ----------
    omega_squared, gamma : ndarray
        ``(n,)`` rad²/ps² (negative for an imaginary frequency) and 1/ps.
    matrix : ndarray
        ``(3, n, n)`` M of L_α = Σ Q_s M^α_st P_t.
    member : ndarray
        ``(n_multiplets, n)`` 1 where the coordinate belongs to the multiplet.
    names : tuple of str
        Ledger rows of the terms; ``harmonic`` and ``damping`` follow in `forces`.
    target : ndarray
        ``(n_names, n, n_derivatives)`` minus the coefficient of each derivative of each term, amu Å²/ps² per unit.
    summed : ndarray
        ``(n, n_derivatives)`` the same summed over the rows.
    mode_factors, field_factors : ndarray
        ``(n_derivatives, …)`` the other factors Q and E of each derivative, padded with −1.
    """

    omega_squared: FloatArray
    gamma: FloatArray
    matrix: FloatArray
    member: FloatArray
    names: tuple[str, ...]
    target: FloatArray
    summed: FloatArray
    mode_factors: IntArray
    field_factors: IntArray

    def term_forces(self, Q: FloatArray, E: FloatArray) -> FloatArray:
        """−∂V/∂Q by ledger row: Q ``(…, n)``, E ``(…, 3)`` MV/cm → ``(…, n_names, n)`` amu^½ Å/ps²."""
        # Padding −1 picks the last entry: a factor of one.
        one = np.ones((*Q.shape[:-1], 1))
        factors = np.concatenate([Q, one], axis=-1)[..., self.mode_factors].prod(axis=-1)
        factors = factors * np.concatenate([E, one], axis=-1)[..., self.field_factors].prod(axis=-1)
        forces: FloatArray = np.tensordot(factors, self.target, axes=(-1, 2))
        return forces

    def forces(self, Q: FloatArray, P: FloatArray, E: FloatArray) -> FloatArray:
        """All forces by ledger row, ``(…, n_names + 2, n)``: those of the terms, the restoring and the damping ones."""
        own = np.stack([-self.omega_squared * Q, -self.gamma * P], axis=-2)
        return np.concatenate([self.term_forces(Q, E), own], axis=-2)

    def acceleration(self, Q: FloatArray, P: FloatArray, E: FloatArray) -> FloatArray:
        """Sum of all forces at one time, ``(n,)`` amu^½ Å/ps²."""
        factors = np.append(Q, 1.0)[self.mode_factors].prod(axis=1) * np.append(E, 1.0)[self.field_factors].prod(axis=1)
        total: FloatArray = self.summed @ factors - self.omega_squared * Q - self.gamma * P
        return total

    def torques(self, Q: FloatArray, forces: FloatArray) -> FloatArray:
        """dL_a/dt in ħ/ps by forces ``(…, rows, n)`` at Q ``(…, n)``: ``(…, rows, n_multiplets, 3)``."""
        # The part of dL_a/dt with Q̇ = P, ½ [P_s (M P)_s + (P M)_s P_s], vanishes: M is antisymmetric.
        at = Q[..., None, :]
        per_mode = [0.5 * (at * (forces @ M.T) + (at @ M) * forces) for M in self.matrix]
        torques: FloatArray = np.stack([torque @ self.member.T for torque in per_mode], axis=-1) / units.HBAR
        return torques

    def powers(self, P: FloatArray, forces: FloatArray) -> FloatArray:
        """d/dt ½ Σ_{s∈a} (P² + ω² Q²) in eV/ps by `forces` ``(…, rows, n)`` at P: ``(…, rows, n_multiplets)``.

        The restoring forces, last but one, only exchange the two parts of this energy: their row is 0.
        """
        powers: FloatArray = (forces * P[..., None, :]) @ self.member.T / units.EV
        powers[..., -2, :] = 0.0
        return powers

    def energy(self, Q: FloatArray, P: FloatArray) -> FloatArray:
        """½ Σ_{s∈a} (P² + ω² Q²) in eV of motions ``(…, n)``: ``(…, n_multiplets)``."""
        energy: FloatArray = 0.5 * (P * P + self.omega_squared * Q * Q) @ self.member.T / units.EV
        return energy

    def angular_momentum(self, Q: FloatArray, P: FloatArray) -> FloatArray:
        """L_a in ħ of motions ``(…, n)``: ``(…, n_multiplets, 3)``."""
        per_mode = [0.5 * (Q * (P @ M.T) + (Q @ M) * P) for M in self.matrix]
        L: FloatArray = np.stack([part @ self.member.T for part in per_mode], axis=-1) / units.HBAR
        return L


def twin_of_table(
    frequency: FloatArray,
    linewidth: FloatArray,
    multiplet: Sequence[str],
    multiplets: Sequence[str],
    angular_momentum: FloatArray,
    terms: tuple[FloatArray, IntArray, IntArray, Sequence[str]],
) -> Twin:
    """Return the equations of motion of a term table.

    Parameters
    ----------
    frequency, linewidth : ndarray
        ``(n,)`` *THz*.
    multiplet, multiplets : sequence of str
        Multiplet of each coordinate; all multiplets in their order.
    angular_momentum : ndarray
        ``(3, n, n)`` M.
    terms : tuple
        Coefficients in eV, mode indices and field axes padded with −1, channels.
    """
    coefficient, mode_index, field_axis, channel = terms
    width = max(1, mode_index.shape[1])
    derivatives: list[tuple[str, int, float, list[int], list[int]]] = []
    for c, modes, axes, name in zip(coefficient, mode_index, field_axis, channel, strict=True):
        q, e = [int(s) for s in modes if s >= 0], [int(a) for a in axes]
        row = _row(str(name), len(q), sum(a >= 0 for a in e))
        for b, s in enumerate(q):
            rest = q[:b] + q[b + 1 :]
            derivatives.append((row, s, float(c) * units.EV, rest + [PADDING] * (width - len(rest)), e or [PADDING]))
    names = tuple(dict.fromkeys(row for row, *_ in derivatives))
    target = np.zeros((len(names), len(frequency), len(derivatives)))
    for i, (row, s, c, *_) in enumerate(derivatives):
        target[names.index(row), s, i] = -c
    omega = units.TWO_PI * np.asarray(frequency)
    return Twin(
        omega_squared=omega * np.abs(omega),
        gamma=units.TWO_PI * np.asarray(linewidth),
        matrix=np.asarray(angular_momentum),
        member=np.array([[str(m) == str(a) for m in multiplet] for a in multiplets], dtype=np.float64),
        names=names,
        target=target,
        summed=target.sum(axis=0),
        mode_factors=np.array([q for *_, q, _ in derivatives], dtype=int).reshape(len(derivatives), -1),
        field_factors=np.array([e for *_, e in derivatives], dtype=int).reshape(len(derivatives), -1),
    )


def twin_of_run(run: xarray.Dataset) -> Twin:
    """Return the equations of motion that a run carries."""
    value = {name: run[name].values for name in ("coefficient", "mode_index", "field_axis", "term_channel")}
    return twin_of_table(
        run["frequency"].values,
        run["linewidth"].values,
        run["mode_multiplet"].values.tolist(),
        run["multiplet"].values.tolist(),
        run["angular_momentum"].values,
        (value["coefficient"], value["mode_index"], value["field_axis"], value["term_channel"].tolist()),
    )


def integrate_twin(
    twin: Twin,
    pulses: Sequence[Pulse],
    duration: float,
    initial: tuple[FloatArray, FloatArray],
    scale: float,
) -> Callable[[ArrayLike], tuple[FloatArray, FloatArray]]:
    """Integrate with DOP853 and return the motion as a function of time.

    Parameters
    ----------
    twin : Twin
    pulses : sequence of Pulse
        With their axes.
    duration : float
        *ps*.
    initial : tuple of ndarray
        Q and P at time 0, ``(n,)``.
    scale : float
        Size of the largest |Q| that is expected, *Å√amu*: 1e-13 of it is the absolute tolerance.

    Returns
    -------
    callable
        Times ``(n_times,)`` in 0 … `duration` → Q, P ``(n_times, n)``.

    Raises
    ------
    IntegrationError
        If DOP853 gives up: the motion diverges.
    """
    from scipy.integrate import solve_ivp

    group, n = tuple(pulses), len(twin.gamma)

    def rate(t: float, y: FloatArray) -> FloatArray:
        E = total_field(group, np.array([t]))[0]
        return np.concatenate([y[n:], twin.acceleration(y[:n], y[n:], E)])

    fastest = max(1.0, float(np.sqrt(np.abs(twin.omega_squared)).max(initial=0.0)))
    tolerance = _FLOOR * scale * np.repeat([1.0, fastest], n)
    y, pieces = np.concatenate(initial), []
    breaks = breakpoints(group, duration)
    for begin, end in pairwise(breaks):
        # An adaptive step must not jump over a pulse.
        longest = min([end - begin, *(_longest_step(p) for p in group if p.span()[0] < end and p.span()[1] > begin)])
        piece: Any = solve_ivp(
            rate, (begin, end), y, method="DOP853", rtol=RTOL, atol=tolerance, max_step=longest, dense_output=True
        )
        if not piece.success or not np.isfinite(piece.y[:, -1]).all():
            raise IntegrationError(
                "SciPy's DOP853 could not follow the run",
                found=f"{piece.message} at {piece.t[-1]:.6g} ps",
                fix="such a run cannot be verified: its motion diverges",
            )
        y = piece.y[:, -1]
        pieces.append(piece.sol)

    def motion(t: ArrayLike) -> tuple[FloatArray, FloatArray]:
        times = np.asarray(t, dtype=np.float64)
        out = np.empty((len(times), 2 * n))
        home = np.clip(np.searchsorted(breaks, times, side="right") - 1, 0, len(pieces) - 1)
        for i, piece in enumerate(pieces):
            if (home == i).any():
                out[home == i] = piece(times[home == i]).T
        return out[:, :n], out[:, n:]

    return motion


@dataclass(frozen=True, slots=True)
class TwinBook:
    """What each ledger row gave to each multiplet.

    Attributes
    ----------
    names : tuple of str
        The rows that forces act through.
    ledger, energy : ndarray
        ``(n_names, n_multiplets, 3)`` *ħ* and ``(n_names, n_multiplets)`` *eV* over the whole run.
    ledger_series, energy_series : ndarray
        ``(n_times, …)`` the same from time 0 to each of the times asked for.
    """

    names: tuple[str, ...]
    ledger: FloatArray
    energy: FloatArray
    ledger_series: FloatArray
    energy_series: FloatArray


def book_twin(
    twin: Twin,
    pulses: Sequence[Pulse],
    duration: float,
    motion: Callable[[ArrayLike], tuple[FloatArray, FloatArray]],
    times: ArrayLike = (),
) -> TwinBook:
    """Integrate every torque and power over 0 … `duration`, and up to each of the ascending `times` between, *ps*."""
    group, marks = tuple(pulses), np.asarray(times, dtype=np.float64)
    centre, half = _panels(twin, group, duration, marks)
    names = (*twin.names, "harmonic", "damping")
    # One sum for what lies before each of the times, and one for the rest of the run.
    home = np.searchsorted(marks, centre)
    total = np.zeros((len(marks) + 1, len(names), len(twin.member), 4))
    x, w = np.polynomial.legendre.leggauss(_NODES)
    for part in np.array_split(np.arange(len(centre)), max(1, len(centre) // 256)):
        at = (centre[part, None] + half[part, None] * x).ravel()
        Q, P = motion(at)
        forces = twin.forces(Q, P, total_field(group, at))
        rates = np.concatenate([twin.torques(Q, forces), twin.powers(P, forces)[..., None]], axis=-1)
        gains = half[part, None, None, None] * np.tensordot(w, rates.reshape(-1, _NODES, *rates.shape[1:]), axes=(0, 1))
        np.add.at(total, home[part], gains)
    until = np.cumsum(total, axis=0)
    return TwinBook(names, until[-1, ..., :3], until[-1, ..., 3], until[:-1, ..., :3], until[:-1, ..., 3])


def _panels(twin: Twin, group: tuple[Pulse, ...], duration: float, marks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centres and half widths of the panels of the quadrature in *ps*: none crosses an edge of a pulse or a mark."""
    fastest = max(float(np.sqrt(np.abs(twin.omega_squared)).max(initial=0.0)) / units.TWO_PI, 1.0 / duration)
    longest = min([1.0 / (_PANELS_PER_PERIOD * fastest), *(p.scales()[1] / _PANELS_PER_FEATURE for p in group)])
    longest = min([longest, *(units.TWO_PI / p.scales()[0] / _PANELS_PER_PERIOD for p in group)])
    breaks = sorted({*breakpoints(group, duration), *marks[(marks > 0) & (marks < duration)].tolist()})
    edges = [np.linspace(a, b, int(np.ceil((b - a) / longest)) + 1) for a, b in pairwise(breaks)]
    begin, end = (np.concatenate([e[part] for e in edges]) for part in (slice(-1), slice(1, None)))
    return 0.5 * (begin + end), 0.5 * (end - begin)


def breakpoints(pulses: Sequence[Pulse], duration: float) -> list[float]:
    """0, `duration`, and between them where pulses begin and end, in *ps*."""
    inner = {t for pulse in pulses for t in pulse.span() if 0.0 < t < duration}
    return sorted({0.0, duration, *inner})


def _longest_step(pulse: Pulse) -> float:
    """Largest step within a pulse, *ps*."""
    rate, feature = pulse.scales()
    return min(0.5 * feature, 0.5 * units.TWO_PI / rate)


def _row(channel: str, n_q: int, n_e: int) -> str:
    """Ledger row of a term."""
    if n_e == 0:
        return channel
    return "light" if (n_q, n_e) == (1, 1) else "light2"
