"""Driven trajectories of a potential: the public face of the integrator."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice.anharmonic.potential import Potential
from lattice.dynamics import integrate as integration
from lattice.dynamics.bath import Bath, thermal_state
from lattice.dynamics.dataset import run_dataset
from lattice.dynamics.failure import raise_failures
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.steps import Grid
from lattice.dynamics.table import Table, build_table, checked_potential
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array, checked_number, checked_whole

if TYPE_CHECKING:
    import xarray

RTOL_RANGE = (1e-12, 1e-2)  #: below, round-off of long runs decides; above, the step error means nothing
SHORTEST = 1e-9  #: ps, of a run: far below the period of any light; shorter ones underflow
MAX_THREADS = 1024  #: more than any machine has cores; the system may refuse to start them, without an error
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
        *ps*, at least 1e-9. If it is no multiple of the recording interval the run still goes to its end: the ledger
        and `L_change` cover 0 … duration, the last recorded time is earlier.
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
        Threads over trajectories, at most 1024; the result has the same bits for any number.
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
        If an argument is out of its range, or the run would need more steps than can be made in a bearable time.
    IntegrationError
        If the run diverges or misses `rtol`, and `on_failure` is ``"raise"``.
    """
    run = simulate_ensemble(
        potential,
        [_group(pulse_or_pulses)],
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
        If an argument is out of its range, or the runs would need more steps than can be made in a bearable time.
    IntegrationError
        If a trajectory diverges or misses `rtol`, and `on_failure` is ``"raise"``.
    """
    potential = checked_potential(potential)
    groups = checked_groups(potential, pulses)
    numerics = checked_numerics(duration, temperature, seed, rtol, n_threads)
    _check_choices(record, on_failure)
    end, bath = numerics["duration_ps"], None
    _check_size(len(groups) * record.count(end) * potential.n_modes)
    times = record.times(end)
    table = build_table(potential)
    if numerics["temperature_K"] > 0:
        bath = Bath(numerics["temperature_K"], numerics["seed"])
    Q0, P0 = _initial_state(initial, len(groups), table, bath)
    grid = _grid(record, len(times) - 1, end)
    solution = integration.integrate(table, groups, Q0, P0, grid, numerics["rtol"], numerics["n_threads"], bath)
    if on_failure == "raise":
        raise_failures(potential, groups, times, bath, solution)
    numerics["record"] = {"every": record.every, "start": record.start, "quantities": list(record.quantities)}
    return run_dataset(potential, table, groups, times, record.quantities, solution, (Q0, P0), numerics)


def _group(entry: object) -> tuple[Pulse, ...]:
    """Pulses of one trajectory."""
    if isinstance(entry, Pulse):
        return (entry,)
    fix = "give lattice.Pulse objects, or an empty sequence for no field"
    if isinstance(entry, str) or not isinstance(entry, Iterable):
        raise InputError("An entry is not a pulse", found=reprlib.repr(entry), fix=fix)
    group = tuple(entry)
    for pulse in group:
        if not isinstance(pulse, Pulse):
            raise InputError("An entry is not a pulse", found=reprlib.repr(pulse), fix=fix)
    return group


def checked_groups(potential: Potential, pulses: object) -> list[tuple[Pulse, ...]]:
    """One tuple of pulses for each trajectory, every axis filled in."""
    if not isinstance(pulses, Iterable):
        raise InputError(
            "An ensemble needs one entry for each trajectory",
            found=reprlib.repr(pulses),
            fix="give a sequence of pulses, or run one trajectory with lattice.simulate",
        )
    groups = [_group(entry) for entry in pulses]
    if not groups:
        raise InputError("There is no trajectory to run", found="no entry of pulses", fix="give at least one entry")
    return [tuple(pulse.about(potential.axis) for pulse in group) for group in groups]


def checked_numerics(
    duration: object, temperature: object, seed: object, rtol: object, n_threads: object
) -> dict[str, Any]:
    """Numbers of a run under their names in the provenance."""
    low, high = RTOL_RANGE
    demands: tuple[tuple[str, object, str, Callable[[object, str, str], float], float, float], ...] = (
        ("duration_ps", duration, f"a duration > 0 ps, at least {SHORTEST:g}", checked_number, SHORTEST, math.inf),
        ("temperature_K", temperature, "a temperature ≥ 0 K", checked_number, 0, math.inf),
        ("seed", seed, "a whole number, 0 … 2⁶³ − 1", checked_whole, 0, 2**63 - 1),
        ("rtol", rtol, f"rtol between {low:g} and {high:g}", checked_number, low, high),
        ("n_threads", n_threads, f"a whole number of threads, 1 … {MAX_THREADS}", checked_whole, 1, MAX_THREADS),
    )
    out: dict[str, Any] = {}
    for key, value, wanted, check, smallest, largest in demands:
        name = key.removesuffix("_ps").removesuffix("_K")
        out[key] = check(value, f"The run's {name}", f"give {wanted}")
        if not smallest <= out[key] <= largest:
            raise InputError(f"The run's {name} is out of range", found=reprlib.repr(value), fix=f"give {wanted}")
    return out


def _check_choices(record: object, on_failure: object) -> None:
    if not isinstance(record, Record):
        raise InputError(
            "The run's record is not a Record", found=reprlib.repr(record), fix="give lattice.Record(every=0.01)"
        )
    if not isinstance(on_failure, str) or on_failure not in {"raise", "keep"}:
        raise InputError(
            "The run's on_failure is unknown", found=reprlib.repr(on_failure), fix='give "raise" or "keep"'
        )


def _grid(record: Record, n_intervals: int, duration: float) -> Grid:
    """Grid of the recorded times; a run that records only its start has no longer interval than itself."""
    return Grid(record.start, record.every if n_intervals else min(record.every, duration), n_intervals, duration)


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
    fix = f"give (Q, P), each ({table.n_modes},) or ({B}, {table.n_modes})"
    pair = tuple(initial) if isinstance(initial, Iterable) else ()
    if len(pair) != 2:
        raise InputError("The initial state is not a pair", found=reprlib.repr(initial), fix=fix)
    given = [checked_array(x, f"The initial state's {name}", fix) for name, x in zip("QP", pair, strict=True)]
    try:
        Q0, P0 = (np.array(np.broadcast_to(x, (B, table.n_modes))) for x in given)
    except ValueError as error:
        raise InputError("The initial state does not fit the run", found=str(error), fix=fix) from error
    return Q0, P0
