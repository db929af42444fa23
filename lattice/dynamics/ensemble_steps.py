"""Steps of an ensemble: where they begin, how halving them decides, and the status of each trajectory.

The step error of a trajectory is the largest change of its Q on halving the step, over all times that both runs share,
relative to max(largest |Q| of its multiplet, 1e-6 × largest |Q|). Either it is measured for every trajectory, each
refined on its own until it is ≤ rtol, the finer run kept; or for a sample that holds the ends of every range of
parameters, and all are run with the longest step at which no member of the sample changes by more than rtol.
In a bath both runs see the same random force, and rtol is at least `BATH_RTOL`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.dynamics.ensemble import Arrays, Ensemble
from lattice.dynamics.integrate import BATH_RTOL, DIVERGED, MAX_HALVINGS, OK, UNRESOLVED, relative_to_multiplets
from lattice.dynamics.steps import MAX_KICKS, PHASE_PER_BATH_STEP, PHASE_PER_STEP, STEPS_PER_DURATION, too_many
from lattice.dynamics.table import Int32Array
from lattice.structure.crystal import FloatArray, IntArray

SAMPLE = 32  #: trajectories whose step error is measured
_MAX_ALL_KICKS = 2**39  #: of all trajectories, about 2 ns each and more
Sink = Callable[[IntArray, Arrays], None]


@dataclass(slots=True)
class Outcome:
    """Status, number of steps in an interval and step error of each trajectory, ``(n,)``; NaN where not measured."""

    status: Int32Array
    steps: IntArray
    step_error: FloatArray


def run_ensemble(ensemble: Ensemble, rtol: float, steps: int | None, check: str, sink: Sink) -> Outcome:
    """Run all trajectories, each result handed to `sink` once or, where it is refined, again.

    Parameters
    ----------
    ensemble : Ensemble
    rtol : float
        Bound on the step error.
    steps : int or None
        Steps in an interval where the caller gives them.
    check : {"sample", "all", "none"}
        Trajectories whose step error is measured. With `steps` only ``"all"`` measures any.
    sink : callable
        Takes the indices of some trajectories and their results.
    """
    n = len(ensemble)
    out = Outcome(np.full(n, OK, np.int32), np.zeros(n, np.int64), np.full(n, np.nan))
    if check == "all":
        begin = first_steps(ensemble) if steps is None else np.full(n, steps)
        for count in np.unique(begin):
            _refine(ensemble, rtol, np.flatnonzero(begin == count), int(count), sink, out)
        return out
    if steps is None:
        steps = choose_steps(ensemble, rtol, out)
    _check_work(ensemble, n * steps)
    for part, found in ensemble.gather(np.arange(n), steps, check=False):
        out.steps[part] = steps
        out.status[part[_lost(found)]] = DIVERGED
        sink(part, found)
    return out


def choose_steps(ensemble: Ensemble, rtol: float, out: Outcome | None = None) -> int:
    """Return the fewest steps in an interval, of those tried, at which no sample is off by more than rtol."""
    bound = _bound(ensemble, rtol)
    sample = sample_of(ensemble)
    steps = int(first_steps(ensemble).max())
    for _halving in range(MAX_HALVINGS + 1):
        error = np.empty(len(sample))
        lost = np.empty(len(sample), bool)
        for part, found in ensemble.gather(sample, 2 * steps, check=True):
            where = np.isin(sample, part)
            error[where], lost[where] = _step_error(ensemble, found), _lost(found) & _same_loss(found)
        bad = ~(error <= bound) & ~lost
        if not bad.any() or not _affordable(ensemble, 4 * steps):
            break
        steps *= 2
    if out is not None:
        out.step_error[sample] = np.where(lost, np.nan, error)
        out.status[sample[bad]] = UNRESOLVED
    return steps


def first_steps(ensemble: Ensemble) -> IntArray:
    """Return the steps in an interval with which each trajectory begins, ``(n,)``, by the rates of modes and pulses.

    Raises
    ------
    InputError
        If they are more than can be made in a bearable time.
    """
    phase = PHASE_PER_BATH_STEP if ensemble.bath else PHASE_PER_STEP
    changes, table = ensemble.changes, ensemble.table
    omega_squared = np.abs(changes.get("omega_squared", table.omega_squared[None])).max(axis=1, initial=0.0)
    rate = np.maximum(np.sqrt(omega_squared), changes.get("gamma", table.gamma[None]).max(axis=1, initial=0.0))
    longest = phase / np.where(rate > 0, rate, phase / ensemble.times.interval)
    longest = np.array(np.broadcast_to(longest, len(ensemble)))
    for array in ensemble.pulses:
        carrier, feature = array.scales()
        limit = np.minimum(phase / carrier, feature / STEPS_PER_DURATION)
        np.minimum(longest, np.where(array.amplitude > 0, limit, np.inf), out=longest)
    with np.errstate(divide="ignore"):
        steps = np.maximum(1.0, np.ceil(ensemble.times.interval / longest - 1e-9))
    kicks = max(1, len(ensemble.composition.kicks))
    most = MAX_KICKS / (4 * kicks * ensemble.times.n_intervals)
    if not steps.max() <= most:
        worst = int(np.argmax(steps))
        raise too_many(
            f"at least {steps.max() * ensemble.times.n_intervals:.2g}",
            f"trajectory {worst}, whose fastest rate is {phase / longest[worst] / units.TWO_PI:.3g} THz",
            int(most * ensemble.times.n_intervals),
        )
    whole: IntArray = steps.astype(np.int64)
    return whole


def sample_of(ensemble: Ensemble) -> IntArray:
    """Return trajectories at both ends of every parameter that varies, filled up evenly to `SAMPLE`."""
    n = len(ensemble)
    columns = [ensemble.thermal_energy, *np.abs(ensemble.Q0).T, *np.abs(ensemble.P0).T]
    for array in ensemble.pulses:
        columns += [array.transmission * array.amplitude, array.frequency, array.duration, array.center, array.chirp]
        columns += [array.rotation, array.helicity, array.angle, array.phase]
    columns += [column for x in ensemble.changes.values() for column in x.T]
    chosen: dict[int, None] = {}
    for column in columns:
        if column.min() < column.max():
            chosen |= dict.fromkeys((int(np.argmax(column)), int(np.argmin(column))))
    even = np.linspace(0, n - 1, min(n, SAMPLE)).round().astype(int)
    fill = [i for i in even.tolist() if i not in chosen]
    return np.array(sorted([*chosen, *fill[: max(0, SAMPLE - len(chosen))]]))


def _refine(ensemble: Ensemble, rtol: float, index: IntArray, steps: int, sink: Sink, out: Outcome) -> None:
    """Halve the step of each of some trajectories until its step error is ≤ rtol."""
    bound = _bound(ensemble, rtol)
    for _halving in range(MAX_HALVINGS + 1):
        _check_work(ensemble, len(index) * steps)
        again: list[IntArray] = []
        for part, found in ensemble.gather(index, steps, check=True):
            error, lost = _step_error(ensemble, found), _lost(found)
            out.steps[part], out.step_error[part] = steps, np.where(lost, np.nan, error)
            out.status[part] = np.where(lost, DIVERGED, np.where(error <= bound, OK, UNRESOLVED))
            sink(part, found)
            again.append(part[(out.status[part] != OK) & ~(lost & _same_loss(found))])
        index = np.concatenate(again)
        if not len(index) or not _affordable(ensemble, 2 * steps):
            break
        steps *= 2


def _step_error(ensemble: Ensemble, found: Arrays) -> FloatArray:
    """Step error of each trajectory of a chunk, ``(B,)``; infinite where one of the two runs was lost."""
    with np.errstate(all="ignore"):
        error = relative_to_multiplets(np.abs(found["change"]), np.abs(found["scale"]), ensemble.table.multiplet_of)
    pairs = found["alive"].max(initial=0.0)
    whole = (found["alive"] >= ensemble.times.n_intervals // 2).all(axis=1)
    return np.where(whole & (pairs > 0), error, np.inf)


def _lost(found: Arrays) -> NDArray[np.bool_]:
    """Whether a trajectory did not stay finite, ``(B,)``."""
    bad: NDArray[np.bool_] = ~np.isfinite(found["Q_end"] + found["P_end"]).all(axis=1)
    return bad


def _same_loss(found: Arrays) -> NDArray[np.bool_]:
    """Whether the run and its twin with steps twice as long were lost together, not at once: by the motion itself."""
    fine, coarse = found["alive"].T
    same: NDArray[np.bool_] = (np.abs(fine - coarse) <= 1) & (fine > 2)
    return same


def _bound(ensemble: Ensemble, rtol: float) -> float:
    return max(rtol, BATH_RTOL) if ensemble.bath else rtol


def _affordable(ensemble: Ensemble, steps: int) -> bool:
    """Whether one trajectory may be run with so many steps in an interval."""
    return steps * ensemble.times.n_intervals * max(1, len(ensemble.composition.kicks)) <= MAX_KICKS


def _check_work(ensemble: Ensemble, steps: int) -> None:
    kicks = max(1, len(ensemble.composition.kicks))
    if steps * ensemble.times.n_intervals * kicks > _MAX_ALL_KICKS:
        raise too_many(
            f"{steps * ensemble.times.n_intervals:.2g} in {len(ensemble)} trajectories",
            "the number of trajectories",
            _MAX_ALL_KICKS // kicks,
        )
