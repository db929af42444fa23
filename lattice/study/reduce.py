"""From whole trajectories to the numbers of points: the road of sweeps that keep trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lattice import units
from lattice.anharmonic.potential import Potential
from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.dynamics.record import Record
from lattice.dynamics.reduced_dataset import energy_closure
from lattice.dynamics.simulate import simulate_ensemble
from lattice.dynamics.table import build_table
from lattice.structure.crystal import FloatArray
from lattice.study.group import Group, shared_potential
from lattice.study.run import make_pulses
from lattice.study.settings import RunSettings

if TYPE_CHECKING:
    from xarray import Dataset

_NO_LINK = 1e-6  #: |n̂·M| of a pair below which its motion carries no angular momentum along n̂
AT_A_TIME = 64  #: trajectories that are in memory with all their recorded times
Numbers = dict[str, FloatArray]


def trajectory_numbers(group: Group, keep: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Integrate the points of a group with every recorded time, and reduce them.

    Parameters
    ----------
    group : Group
    keep : tuple of str
        Quantities (Q, P, L, E) to return whole.

    Returns
    -------
    numbers : dict
        Variable of `lattice.study.columns` → ``(n, …)``.
    kept : dict
        Quantity → ``(n, n_times, …)``.

    Raises
    ------
    LatticeError
        If a point cannot be run. A trajectory that diverges or misses its accuracy does not raise: that is its status.
    """
    points = [group.point(i) for i in range(len(group.rows))]
    parts = []
    for same in _alike(points):
        for first in range(0, len(same), AT_A_TIME):
            chosen = same[first : first + AT_A_TIME]
            parts.append((chosen, *_run([points[i] for i in chosen], keep)))
    order = np.argsort(np.concatenate([chosen for chosen, *_ in parts]))
    numbers = {name: np.concatenate([part[1][name] for part in parts])[order] for name in parts[0][1]}
    kept = {name: np.concatenate([part[2][name] for part in parts])[order] for name in keep}
    return numbers, kept


def _alike(points: list[RunSettings]) -> list[list[int]]:
    """Points that differ in their pulses only; in a bath each by itself, with the random force of its own seed."""
    classes: dict[str, list[int]] = {}
    for i, point in enumerate(points):
        mark = repr(sorted((name, sorted(entry.items())) for name, entry in point.overrides.items()))
        if point.temperature > 0:
            mark = f"{i}"
        classes.setdefault(mark, []).append(i)
    return list(classes.values())


def _run(points: list[RunSettings], keep: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """Run points that share all but their pulses."""
    first = points[0]
    potential = shared_potential(first.potential or first.source, first.frequencies, dict(first.overrides))
    run = simulate_ensemble(
        potential,
        [make_pulses(point.pulses, potential) for point in points],
        first.duration,
        record=Record(first.record.every, start=first.record.start, quantities=tuple({"Q", "P", "L", *keep})),
        temperature=first.temperature,
        seed=first.seed,
        rtol=first.rtol,
        n_threads=first.threads,
        on_failure="keep",
    )
    return reduced(run, potential), {name: run[name].values for name in keep}


def reduced(run: Dataset, potential: Potential) -> Numbers:
    """Reduce an ensemble with Q, P and L to the numbers of its points.

    Parameters
    ----------
    run : xarray.Dataset
        From `simulate_ensemble`.
    potential : Potential
        That of the run.

    Returns
    -------
    dict
        Variable of `lattice.study.columns` → ``(n_trajectories, …)``.
    """
    Q, P = run["Q"].values, run["P"].values
    L = run["L"].values @ potential.axis
    omega = units.TWO_PI * potential.frequency
    with np.errstate(over="ignore", invalid="ignore"):  # the last numbers before a divergence
        energy = (0.5 * (P**2 + np.sign(omega) * (omega * Q) ** 2)).mean(axis=1) / units.EV
        largest = np.abs(L).argmax(axis=1)[:, None]
        L_peak = np.take_along_axis(L, largest, axis=1)[:, 0]
        L_mean = L.mean(axis=1)
    per_multiplet = energy @ membership(potential)
    numbers: Numbers = {
        "status": run["status"].values.astype(np.float64),
        "step": run["step"].values,
        "step_error": run["step_error"].values,
        "L_peak": L_peak,
        "L_mean": L_mean,
        "L_final": (run["L_change"].values + _initial_L(run, potential)) @ potential.axis,
        "energy_mean": per_multiplet,
        "helicity": quantum_helicity(potential, potential.frequency[None], L_mean, per_multiplet),
        "Q_peak": np.abs(Q).max(axis=1),
    }
    numbers |= book(*(run[name].values @ potential.axis for name in ("ledger", "crystal", "L_change")))
    works = run["energy_ledger"].values
    numbers |= {"energy_ledger": works, "energy_closure": energy_closure(works, run["energy_change"].values)}
    failed = numbers["status"] == 1
    for name, values in numbers.items():
        if name not in {"status", "step"}:
            values[failed] = np.nan
    return numbers


def _initial_L(run: Dataset, potential: Potential) -> FloatArray:
    """L at time 0 of each multiplet, ``(n, n_multiplets, 3)`` ħ."""
    return build_table(potential).angular_momentum(run["initial_Q"].values, run["initial_P"].values)


def book(ledger: FloatArray, crystal: FloatArray, change: FloatArray) -> Numbers:
    """Return the variables of the ledger from its rows along n̂.

    Parameters
    ----------
    ledger : ndarray
        ``(n, n_channels, n_multiplets)`` ħ.
    crystal : ndarray
        ``(n, n_channels)`` ħ.
    change : ndarray
        ``(n, n_multiplets)`` ħ, L(duration) − L(0).
    """
    gross = np.abs(ledger).sum(axis=(1, 2))
    missed = np.abs(change - ledger.sum(axis=1)).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        closure = np.where(gross >= GROSS_FLOOR, missed / gross, np.nan)
    return {"ledger": ledger, "crystal": crystal, "closure": closure}


def membership(potential: Potential) -> FloatArray:
    """Return which coordinate belongs to which multiplet, ``(n, n_multiplets)`` of 0 and 1."""
    return np.array([[float(m == name) for name in potential.multiplets] for m in potential.multiplet.tolist()])


def quantum_helicity(
    potential: Potential, frequency: FloatArray, L_mean: FloatArray, energy_mean: FloatArray
) -> FloatArray:
    """Return (N₊ − N₋)/(N₊ + N₋) of the mean numbers of quanta of a pair that turn about n̂.

    With a± = (a_x ∓ i a_y)/√2 a pair has N₊ + N₋ = E/ħω and N₊ − N₋ = (Q_x P_y − Q_y P_x)/ħ = L/(ħ n̂·M_xy) at every
    time, so the means of L and E give it. Near resonance it is the helicity of the spectrum of Q_x + iQ_y.

    Parameters
    ----------
    potential : Potential
    frequency : ndarray
        ``(n_points, n)`` or ``(1, n)`` *THz*.
    L_mean, energy_mean : ndarray
        ``(n_points, n_multiplets)`` ħ and eV, of the recorded times.

    Returns
    -------
    ndarray
        ``(n_points, n_multiplets)`` in [−1, 1], + counter-clockwise about n̂. NaN for singlets, for pairs of which M
        links nothing along n̂, imaginary frequencies, and where nothing moves.
    """
    along = np.tensordot(potential.axis, potential.angular_momentum, axes=1)
    out = np.full_like(L_mean, np.nan)
    for a, name in enumerate(potential.multiplets):
        pairs = [(s, int(p)) for s, p in enumerate(potential.pair) if p > s and potential.multiplet[s] == name]
        members = int((potential.multiplet == name).sum())
        if len(pairs) != 1 or members != 2 or abs(along[pairs[0]]) < _NO_LINK:
            continue
        nu = frequency[:, pairs[0][0]]
        with np.errstate(divide="ignore", invalid="ignore"):
            quanta = energy_mean[:, a] * units.EV / (units.TWO_PI * nu * units.HBAR)
            turning = L_mean[:, a] / (along[pairs[0]] * quanta)
        out[:, a] = np.where((nu > 0) & (quanta > 0), turning, np.nan)
    return out
