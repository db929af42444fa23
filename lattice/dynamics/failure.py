"""Failed trajectories as one error that says what became of the first of them, and what would mend it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lattice.anharmonic.potential import Potential
from lattice.dynamics import integrate as integration
from lattice.dynamics.bath import Bath
from lattice.dynamics.pulse import Pulse
from lattice.errors import IntegrationError
from lattice.structure.crystal import FloatArray

KEEP = 'or look at it with --keep (in Python on_failure="keep")'  #: what any run that failed can be asked for


def raise_failures(
    potential: Potential,
    pulses: Sequence[tuple[Pulse, ...]],
    times: FloatArray,
    bath: Bath | None,
    solution: integration.Solution,
) -> None:
    """Raise if a trajectory did not end well; `times` are the recorded ones, ``(n_times,)`` *ps*.

    Raises
    ------
    IntegrationError
        With the first failed trajectory.
    """
    failed = np.flatnonzero(solution.status != integration.OK)
    if not len(failed):
        return
    first = int(failed[0])
    diverged = solution.status[first] == integration.DIVERGED
    found = f"step error {solution.step_error[first]:.2g}"
    if diverged:
        found = _last_finite(solution.Q[first], times) + _left_range(potential, solution.Q[first], times)
    raise IntegrationError(
        f"{len(failed)} of {len(solution.status)} trajectories failed; "
        f"trajectory {first}: {integration.STATUS_TEXT[int(solution.status[first])]}",
        found=f"{found}, at a step of {solution.step[first] * 1e3:.3g} fs",
        fix=f"{_mend(potential, pulses[first], bath)}, {KEEP}" if diverged else f"raise rtol, {KEEP}",
    )


def bounded_coordinates(potential: Potential) -> set[int]:
    """Return the coordinates that a term c Q^k of even k ≥ 4, c > 0, without field or other factors, keeps finite."""
    bounded = set()
    dark = (potential.field_axis < 0).all(axis=1)
    for factors, c in zip(potential.mode_index[dark], potential.coefficient[dark], strict=True):
        modes = factors[factors >= 0].tolist()
        if c > 0 and len(modes) >= 4 and len(modes) % 2 == 0 and len(set(modes)) == 1:
            bounded.add(modes[0])
    return bounded


def _last_finite(Q: FloatArray, times: FloatArray) -> str:
    """Until when the recorded motion ``(n_times, n)`` was finite."""
    lost = np.flatnonzero(~np.isfinite(Q).all(axis=1))
    if len(lost) and lost[0] == 0:
        return "no longer finite when the record starts"
    return f"finite up to {times[lost[0] - 1] if len(lost) else times[-1]:.4g} ps"


def _left_range(potential: Potential, Q: FloatArray, times: FloatArray) -> str:
    """Which multiplet was farthest beyond the range of its couplings at the last finite time, and when it left it."""
    if potential.amplitude_range is None:
        return ""
    finite = np.isfinite(Q).all(axis=1)
    if not finite.any():
        return ""
    with np.errstate(over="ignore", invalid="ignore"):
        beyond = np.abs(Q[finite]) / potential.amplitude_range
    beyond = np.where(np.isfinite(beyond), beyond, 0.0)
    worst = int(np.argmax(beyond[-1]))
    out = np.flatnonzero(beyond[:, worst] > 1.0)
    if not len(out):
        return ""
    return (
        f"; {potential.multiplet[worst]} left the range of the couplings, |Q| ≤ "
        f"{potential.amplitude_range[worst]:.3g} Å√amu, at {times[finite][out[0]]:.4g} ps"
    )


def _mend(potential: Potential, pulses: tuple[Pulse, ...], bath: Bath | None) -> str:
    """What keeps a motion finite that was not."""
    loads = ["the temperature"] * (bath is not None) + ["the field"] * bool(pulses) or ["the initial Q and P"]
    lower = f"lower {' or '.join(loads)}"
    falling = np.flatnonzero(potential.frequency < 0).tolist()
    if not falling and potential.amplitude_range is not None:
        return f"fit the couplings over the range of the motion (lattice couple --reach) or to a higher order, {lower}"
    if not falling:
        return f"{lower}, bound the potential with quartic terms"
    names = ", ".join(dict.fromkeys(str(potential.multiplet[s]) for s in falling))
    cause = f"the frequency of {names} is imaginary"
    if set(falling) <= bounded_coordinates(potential):
        return f"{cause}: give a real one, {lower}, strengthen the quartic terms"
    return f"{cause} and no quartic term bounds the motion: give a real one, or such terms"
