"""From points to their numbers: reduced as they run, or by whole trajectories where these are kept."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic.potential import Potential
from lattice.dynamics.observation import Observe
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.pulse_array import PulseArray
from lattice.dynamics.reduced import reduced_step, simulate_reduced
from lattice.errors import LatticeError
from lattice.structure.crystal import FloatArray, IntArray
from lattice.study.columns import ENERGY_BOOK
from lattice.study.group import Group, groups_of
from lattice.study.plan import Plan
from lattice.study.reduce import Numbers, book, membership, quantum_helicity, trajectory_numbers
from lattice.study.run import make_pulses

if TYPE_CHECKING:
    from xarray import Dataset

MOST_SAMPLES = 256  #: points that the step of a group is chosen from
SAMPLED_REPEATS = 4  #: of each of them
EVENLY = 32  #: points along the order of the grid among them
Arguments = dict[str, Any]


@dataclass
class Reducer:
    """Computes groups of points of one plan.

    The step of the kernel is that of the whole group in the plan, chosen from points at the ends of every range, not of
    the points that happen to be in a block: so a point has the same bits in any block.

    Attributes
    ----------
    plan : Plan
        Its paths lead to files.
    steps : dict
        Group → step in *ps*, as far as known.
    """

    plan: Plan
    steps: dict[tuple[tuple[int, int], ...], float] = field(default_factory=dict)

    def numbers(self, group: Group) -> tuple[Numbers, Numbers]:
        """Return the numbers of the points of a group, ``(n, …)`` each, and the trajectories that are kept.

        Raises
        ------
        LatticeError
            If a point cannot be run. One that diverges does not raise: that is its status.
        """
        if self.plan.keep:
            return trajectory_numbers(group, group.settings.record.quantities)
        if group.apart not in self.steps:
            self.steps[group.apart] = self._step(group)
        arguments = self._arguments(group)
        run = simulate_reduced(
            **arguments,
            numbers=group.streams,
            step=self.steps[group.apart],
            check="none",
            n_threads=group.settings.threads,
        )
        frequency = arguments["changes"].get("frequency", arguments["potential"].frequency[None])
        return self._reduced(run, arguments["potential"], frequency), {}

    def _reduced(self, run: Dataset, potential: Potential, frequency: FloatArray) -> Numbers:
        """Numbers of the points from those of the kernel."""
        energy = run["energy_mean"].values @ membership(potential)
        L_mean = run["L_mean_axial"].values
        numbers: Numbers = {
            "status": run["status"].values.astype(np.float64),
            "step": run["step"].values,
            "step_error": run["step_error"].values,
            "L_peak": run["L_peak_axial"].values,
            "L_mean": L_mean,
            "L_final": run["L_final_axial"].values,
            "energy_mean": energy,
            "helicity": quantum_helicity(potential, frequency, L_mean, energy),
            "Q_peak": run["Q_peak"].values,
        }
        if self.plan.ledger:
            numbers |= book(*(run[name].values @ potential.axis for name in ("ledger", "crystal", "L_change")))
        if self.plan.energy_ledger:
            numbers |= {name: run[name].values for name in ENERGY_BOOK}
        return numbers

    def _step(self, group: Group) -> float:
        """Step of all points of the plan that belong to a group; settings that cannot be used do not count."""
        index = self._sample(dict(group.apart))
        (whole,) = groups_of(self.plan, index)
        try:
            return self._step_of(whole)
        except LatticeError:
            usable = self._usable(whole)
        try:
            return self._step_of(usable)
        except LatticeError:
            steps = []
            for i in range(len(usable.rows)):
                try:
                    steps.append(self._step_of(usable.part(slice(i, i + 1))))
                except LatticeError as error:
                    refused = error
            if not steps:
                raise refused from None
            return min(steps)

    def _usable(self, group: Group) -> Group:
        """Points whose arguments can be made: nearly all that the kernel takes, and found without it.

        Raises
        ------
        LatticeError
            If there are none.
        """
        good = []
        for i in range(len(group.rows)):
            try:
                self._arguments(group.part(slice(i, i + 1)))
                good.append(i)
            except LatticeError as error:
                refused = error
        if not good:
            raise refused
        return group.part(np.array(good))

    def _step_of(self, group: Group) -> float:
        return reduced_step(**self._arguments(group), numbers=group.streams, n_threads=group.settings.threads)

    def _sample(self, fixed: dict[int, int]) -> tuple[IntArray, ...]:
        """Points of a group: combinations of the least and largest value of every key, and some evenly spaced ones."""
        ends: list[list[int]] = []
        for d, axis in enumerate(self.plan.axes):
            if d in fixed:
                ends.append([fixed[d]])
                continue
            columns = [np.asarray(values) for values in axis.values]
            ends.append(sorted({int(i) for column in columns for i in (column.argmin(), column.argmax())}))
        repeats = range(min(SAMPLED_REPEATS, self.plan.repeats))
        corners = np.array(list(itertools.islice(itertools.product(*ends, repeats), 64 * MOST_SAMPLES)))
        if len(corners) > MOST_SAMPLES:
            corners = corners[np.linspace(0, len(corners) - 1, MOST_SAMPLES).astype(int)]
        shape = tuple(1 if d in fixed else n for d, n in enumerate(self.plan.shape))
        total = int(np.prod(shape))
        within = np.stack(np.unravel_index(np.linspace(0, total - 1, min(EVENLY, total)).astype(int), shape), axis=1)
        for d, i in fixed.items():
            within[:, d] = i
        chosen = np.unique(np.concatenate([corners, within]), axis=0)
        return tuple(chosen.T)

    def _arguments(self, group: Group) -> Arguments:
        """Arguments that the kernel's two functions share."""
        settings, potential = group.settings, group.potential()
        record = settings.record
        return {
            "potential": potential,
            "pulses": pulse_arrays(group, potential),
            "duration": settings.duration,
            "observe": Observe(
                record.every, start=record.start, ledger=self.plan.ledger, energy_ledger=self.plan.energy_ledger
            ),
            "changes": potential_changes(group, potential),
            "temperature": group.varying.get("temperature", settings.temperature),
            "seed": settings.seed,
            "rtol": settings.rtol,
        }


def pulse_arrays(group: Group, potential: Potential) -> tuple[PulseArray, ...]:
    """Return the pulses of a group, one array for each pulse of a point.

    Raises
    ------
    InputError
        If a pulse of some point cannot be made.
    """
    arrays = []
    for i, pulse in enumerate(make_pulses(group.settings.pulses, potential)):
        given = group.settings.pulses[i] if i < len(group.settings.pulses) else {}
        numbers: Arguments = {entry.name: getattr(pulse, entry.name) for entry in fields(Pulse)}
        if "center" not in given:
            numbers["center"] = None  # that of each duration
        head = f"pulse.{i}."
        numbers |= {key.removeprefix(head): v for key, v in group.varying.items() if key.startswith(head)}
        arrays.append(PulseArray(**numbers))
    return tuple(arrays)


def potential_changes(group: Group, potential: Potential) -> dict[str, FloatArray]:
    """Return frequencies and linewidths, ``(n_points, n)`` *THz*, of points whose overrides differ."""
    changes: dict[str, FloatArray] = {}
    for key, values in group.varying.items():
        head, _, rest = key.partition(".")
        if head == "overrides":
            multiplet, _, name = rest.rpartition(".")
            base = np.tile(getattr(potential, name), (len(values), 1))
            changes.setdefault(name, base)[:, potential.multiplet == multiplet] = values[:, None]
    return changes
