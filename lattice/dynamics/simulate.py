"""Driven trajectories of a potential: the public face of the integrator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.anharmonic.potential import Potential
from lattice.dynamics import integrate as integration
from lattice.dynamics.bath import Bath, thermal_state
from lattice.dynamics.dataset import run_dataset
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.table import Table, build_table
from lattice.errors import InputError, IntegrationError
from lattice.structure.crystal import FloatArray

if TYPE_CHECKING:
    import xarray

RTOL_RANGE = (1e-12, 1e-2)  #: below, round-off of long runs decides; above, the step error means nothing
DEFAULT_RECORD = Record(every=0.01)
_MAX_NUMBERS = 2**30  #: of one recorded quantity (8 GiB)
Initial = tuple[ArrayLike, ArrayLike]


def simulate(
    potential: Potential,
    pulse_or_pulses: Pulse | Sequence[Pulse],
    duration: float,
    *,
    record: Record = DEFAULT_RECORD,
    temperature: float = 0.0,
    seed: int = 0,
    rtol: float = 1e-8,
    n_threads: int = 1,
    on_failure: str = "raise",
    initial: Initial | None = None,
) -> xarray.Dataset:
    """Integrate one trajectory from 0 to `duration` and book every change of angular momentum.

    Parameters
    ----------
    potential : Potential
        Term table with frequencies and linewidths; every coordinate is integrated.
    pulse_or_pulses : Pulse or sequence of Pulse
        Fields that add up; an empty sequence is no field. A pulse without axis propagates along the potential's n̂.
    duration : float
        *ps*. If it is no multiple of the recording interval the run still goes to its end: the ledger and `L_change`
        cover 0 … duration, the last recorded time is earlier.
    record : Record
        What to keep, and how often.
    temperature : float
        *K*. Above 0 every damped coordinate feels the random force of a classical bath (`lattice.dynamics.bath`),
        booked in the row ``noise``; without `initial` the run starts from the thermal state of the harmonic crystal.
    seed : int
        Of the random numbers, 0 … 2⁶³ − 1; with the number of the trajectory it determines the run. Unused at 0 K.
    rtol : float
        Bound on the step error: largest change of a recorded Q on halving the step, relative to
        max(largest |Q| of its multiplet, 1e-6 × largest |Q| of the run). The finer solution is returned. In a bath
        the halved step sees the same random force, and the bound is never finer than 1e-3.
    n_threads : int
        Threads over trajectories; the result has the same bits for any number.
    on_failure : {"raise", "keep"}
        Whether a run that diverges or misses `rtol` raises or is returned with its `status` and `message`.
    initial : pair of array_like, optional
        Q ``(n,)`` *Å√amu* and P ``(n,)`` *Å√amu/ps* at time 0; default: at rest, or thermal where temperature > 0.

    Returns
    -------
    xarray.Dataset
        See `lattice.dynamics.dataset.run_dataset`.

    Raises
    ------
    InputError
        If an argument is out of its range.
    IntegrationError
        If the run diverges or misses `rtol`, and `on_failure` is ``"raise"``.
    """
    pulses = (pulse_or_pulses,) if isinstance(pulse_or_pulses, Pulse) else tuple(pulse_or_pulses)
    run = simulate_ensemble(
        potential,
        [pulses],
        duration,
        record=record,
        temperature=temperature,
        seed=seed,
        rtol=rtol,
        n_threads=n_threads,
        on_failure=on_failure,
        initial=initial,
    )
    return run.isel(trajectory=0, drop=True)


def simulate_ensemble(
    potential: Potential,
    pulses: Sequence[Pulse | Sequence[Pulse]],
    duration: float,
    *,
    record: Record = DEFAULT_RECORD,
    temperature: float = 0.0,
    seed: int = 0,
    rtol: float = 1e-8,
    n_threads: int = 1,
    on_failure: str = "raise",
    initial: Initial | None = None,
) -> xarray.Dataset:
    """Integrate one trajectory for each entry of `pulses`; parameters as in `simulate`.

    Parameters
    ----------
    pulses : sequence
        An entry is a pulse or a sequence of pulses that add up; an empty sequence is no field.
    initial : pair of array_like, optional
        Q and P at time 0, ``(n,)`` for all trajectories or ``(n_trajectories, n)``.

    Returns
    -------
    xarray.Dataset
        As from `simulate`, with the leading dimension ``trajectory``. Each trajectory is the same, bit for bit, as
        the one that `simulate` gives for its pulses alone; in a bath the number of the trajectory selects its random
        force, and `simulate` gives number 0.

    Raises
    ------
    InputError
        If an argument is out of its range.
    IntegrationError
        If a trajectory diverges or misses `rtol`, and `on_failure` is ``"raise"``.
    """
    groups = _checked_pulses(potential, pulses)
    _check_numerics(duration, temperature, seed, rtol, n_threads, on_failure)
    _check_size(len(groups) * record.count(duration) * potential.n_modes)
    times = record.times(duration)
    table = build_table(potential)
    bath = Bath(float(temperature), int(seed)) if temperature > 0 else None
    Q0, P0 = _initial_state(initial, len(groups), table, bath)
    grid = integration.Grid(record.start, record.every, len(times) - 1, float(duration))
    solution = integration.integrate(table, groups, Q0, P0, grid, rtol, n_threads, bath)
    if on_failure == "raise":
        _raise_failures(solution)
    numerics: dict[str, Any] = {
        "duration_ps": float(duration),
        "temperature_K": float(temperature),
        "seed": int(seed),
        "rtol": float(rtol),
        "n_threads": int(n_threads),
        "record": {"every": record.every, "start": record.start, "quantities": list(record.quantities)},
    }
    return run_dataset(potential, table, groups, times, record.quantities, solution, (Q0, P0), numerics)


def _checked_pulses(potential: Potential, pulses: Sequence[Pulse | Sequence[Pulse]]) -> list[tuple[Pulse, ...]]:
    """One tuple of pulses for each trajectory, every axis filled in."""
    groups = [(entry,) if isinstance(entry, Pulse) else tuple(entry) for entry in pulses]
    if not groups:
        raise InputError("There is no trajectory to run", found="no entry of pulses", fix="give at least one entry")
    for group in groups:
        for pulse in group:
            if not isinstance(pulse, Pulse):
                raise InputError(
                    "An entry is not a pulse", found=type(pulse).__name__, fix="give lattice.Pulse objects"
                )
    return [tuple(pulse.about(potential.axis) for pulse in group) for group in groups]


def _check_numerics(
    duration: float, temperature: float, seed: int, rtol: float, n_threads: int, on_failure: str
) -> None:
    low, high = RTOL_RANGE
    demands = (
        ("duration", duration, math.isfinite(duration) and duration > 0, "a duration > 0 ps"),
        ("rtol", rtol, low <= rtol <= high, f"rtol between {low:g} and {high:g}"),
        ("n_threads", n_threads, int(n_threads) == n_threads and n_threads >= 1, "a whole number of threads ≥ 1"),
        ("seed", seed, int(seed) == seed and 0 <= seed < 2**63, "a whole number, 0 … 2⁶³ − 1"),
        ("on_failure", on_failure, on_failure in {"raise", "keep"}, '"raise" or "keep"'),
        ("temperature", temperature, math.isfinite(temperature) and temperature >= 0, "a temperature ≥ 0 K"),
    )
    for name, value, good, wanted in demands:
        if not good:
            raise InputError(f"The run's {name} is out of range", found=repr(value), fix=f"give {wanted}")


def _check_size(numbers: int) -> None:
    if numbers > _MAX_NUMBERS:
        raise InputError(
            "The run would keep too many numbers",
            found=f"{numbers:.3g} values of Q (trajectories × times × coordinates)",
            fix=f"raise record.every or split the run; the limit is {_MAX_NUMBERS:.3g}",
        )


def _initial_state(initial: Initial | None, B: int, table: Table, bath: Bath | None) -> tuple[FloatArray, FloatArray]:
    """Q and P at time 0, ``(B, n)`` each."""
    if initial is None:
        rest = np.zeros((B, table.n_modes))
        return (rest, rest) if bath is None else thermal_state(table, bath, B)
    try:
        Q0, P0 = (np.array(np.broadcast_to(np.asarray(x, dtype=np.float64), (B, table.n_modes))) for x in initial)
    except ValueError as error:
        raise InputError(
            "The initial state does not fit the run",
            found=str(error),
            fix=f"give (Q, P), each ({table.n_modes},) or ({B}, {table.n_modes})",
        ) from error
    if not (np.isfinite(Q0).all() and np.isfinite(P0).all()):
        raise InputError("The initial state is not finite", found="NaN or infinity", fix="give finite Q and P")
    return Q0, P0


def _raise_failures(solution: integration.Solution) -> None:
    failed = np.flatnonzero(solution.status != integration.OK)
    if not len(failed):
        return
    first = int(failed[0])
    error = f"step error {solution.step_error[first]:.2g} at a step of {solution.step[first] * 1e3:.3g} fs"
    raise IntegrationError(
        f"{len(failed)} of {len(solution.status)} trajectories failed; "
        f"trajectory {first}: {integration.STATUS_TEXT[int(solution.status[first])]}",
        found=error,
        fix='lower the field, bound the potential with quartic terms, raise rtol, or use on_failure="keep"',
    )
