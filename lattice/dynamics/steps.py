"""Steps of the integrator: how many a run begins with, which of its rates asks for them, and how many are too many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lattice.dynamics.bath import Bath
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.scheme import Composition
from lattice.dynamics.table import Table
from lattice.errors import InputError
from lattice.units import TWO_PI

PHASE_PER_STEP = 0.5 * math.pi  #: largest ωh, Γh of a mode and phase of a carrier in the first step
PHASE_PER_BATH_STEP = 0.1 * math.pi  #: the same for the composition of order 2
STEPS_PER_DURATION = 4.0  #: first steps within the shortest feature of a pulse
# Forces are evaluated once for each kick, at 1 to 2 µs for a potential of fifty terms.
MAX_KICKS = 2**27  #: of one trajectory with its shortest step (minutes)
MAX_FIRST_KICKS = MAX_KICKS // 4  #: of one trajectory with its first step: two halvings must be left
_MAX_ALL_KICKS = 2**35  #: of all trajectories with their first steps (half a day)


@dataclass(frozen=True, slots=True)
class Grid:
    """Recorded times start + k·every, k = 0 … n_intervals, within a run of `duration`; all in *ps*."""

    start: float
    every: float
    n_intervals: int
    duration: float

    @property
    def end(self) -> float:
        """Last recorded time, *ps*."""
        return self.start + self.every * self.n_intervals

    @property
    def tail(self) -> float:
        """Time from the last recorded point to the end of the run, *ps*."""
        rest = self.duration - self.end
        return rest if rest > 1e-9 * self.every else 0.0


def first_steps(
    table: Table, pulses: Sequence[tuple[Pulse, ...]], grid: Grid, composition: Composition, bath: Bath | None
) -> list[int]:
    """Return for each trajectory the steps per recorded interval with which its step control begins.

    Raises
    ------
    InputError
        If they are more than can be made in a bearable time; it names the rate that asks for them.
    """
    own = _longest_steps(table, grid, bath)
    kicks = len(composition.kicks)
    steps = []
    for group in pulses:
        name, longest = min([*own, *_longest_pulse_steps(group, bath)], key=lambda limit: limit[1])
        total = grid.duration / longest if longest > 0 else math.inf
        if not total <= MAX_FIRST_KICKS / kicks:
            raise too_many(f"at least {total:.2g} in {grid.duration:g} ps", name, MAX_FIRST_KICKS // kicks)
        count = max(1, math.ceil(grid.every / longest - 1e-9))
        even = count > 1 or grid.n_intervals <= 1 or bath is not None
        steps.append(2 * math.ceil(count / 2) if even else count)
    everything = sum(steps) * grid.duration / grid.every
    if not everything <= _MAX_ALL_KICKS / kicks:
        found = f"at least {everything:.2g} in {len(steps)} trajectories of {grid.duration:g} ps"
        raise too_many(found, "the number of trajectories", _MAX_ALL_KICKS // kicks)
    return steps


def halvings(grid: Grid, steps: int, composition: Composition, most: int) -> int:
    """Return how often a first step may be halved: at most `most` times, and not beyond `MAX_KICKS`."""
    kicks = len(composition.kicks) * steps * grid.duration / grid.every
    return min(most, max(0, math.floor(math.log2(MAX_KICKS / kicks))))


def _longest_steps(table: Table, grid: Grid, bath: Bath | None) -> list[tuple[str, float]]:
    """What the potential and the grid allow: name of a rate, longest first step in *ps*."""
    limits = [
        (f"the recording interval, {grid.every:g} ps", grid.every),
        (f"the duration of the run, {grid.duration:g} ps", grid.duration),
    ]
    phase = _phase(bath)
    omega = np.sqrt(np.abs(table.omega_squared))
    for s, a in enumerate(table.multiplet_of.tolist()):
        name = table.multiplets[a]
        for rate, text in ((omega[s], "frequency"), (table.gamma[s], "linewidth")):
            if rate > 0:
                limits.append((f"the {text} of {name}, {rate / TWO_PI:.3g} THz", phase / float(rate)))
    return limits


def _longest_pulse_steps(pulses: tuple[Pulse, ...], bath: Bath | None) -> list[tuple[str, float]]:
    """What the pulses allow."""
    limits = []
    for i, pulse in enumerate(pulses):
        rate, feature = pulse.scales()
        fastest = f"the {'carrier' if rate == TWO_PI * pulse.frequency else 'highest frequency'} of pulse {i}"
        shortest = f"the {'duration' if feature == pulse.duration else 'shortest feature'} of pulse {i}"
        limits.append((f"{fastest}, {rate / TWO_PI:.3g} THz", _phase(bath) / rate))
        limits.append((f"{shortest}, {feature:.3g} ps", feature / STEPS_PER_DURATION))
    return limits


def _phase(bath: Bath | None) -> float:
    return PHASE_PER_STEP if bath is None else PHASE_PER_BATH_STEP


def too_many(found: str, cause: str, limit: int) -> InputError:
    """Return the error of a run with more than `limit` steps."""
    return InputError(
        "The run needs too many steps",
        found=f"{found}, because of {cause}",
        fix=f"correct that, or shorten the run; the limit is {limit:.2g} steps",
    )
