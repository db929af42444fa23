"""Ensembles reduced as they run: the public face of the SIMD kernel."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lattice import units
from lattice.anharmonic.potential import Potential
from lattice.dynamics.ensemble import Ensemble
from lattice.dynamics.ensemble_steps import choose_steps, run_ensemble
from lattice.dynamics.initial_state import STATISTICS, drawn_state
from lattice.dynamics.observation import Observe, Times, book_intervals, signal_intervals, times_of
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.pulse_array import PulseArray
from lattice.dynamics.reduced_dataset import Collector, reduced_dataset
from lattice.dynamics.simulate import checked_groups, checked_numerics
from lattice.dynamics.table import Table, build_table, checked_potential
from lattice.errors import InputError
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array, checked_number

if TYPE_CHECKING:
    import xarray

Pulses = PulseArray | Sequence[PulseArray] | Sequence[Pulse | Sequence[Pulse]]
Initial = str | tuple[ArrayLike, ArrayLike]
CHECKS = ("sample", "all", "none")
DEFAULT_OBSERVE = Observe()
_LAST_NUMBER = 2**32 - 1


def simulate_reduced(
    potential: Potential,
    pulses: Pulses,
    duration: float,
    *,
    observe: Observe = DEFAULT_OBSERVE,
    changes: Mapping[str, ArrayLike] | None = None,
    initial: Initial | None = None,
    temperature: ArrayLike = 0.0,
    bath: bool = True,
    seed: int = 0,
    numbers: ArrayLike | None = None,
    rtol: float = 1e-8,
    step: float | None = None,
    check: str = "sample",
    n_threads: int = 1,
) -> xarray.Dataset:
    """Run many trajectories and keep a few numbers of each, gathered as it runs: 10⁶ need no storage over time.

    Parameters
    ----------
    potential : Potential
    pulses : PulseArray, sequence of PulseArray, or sequence as in `simulate_ensemble`
        One array: a pulse for each trajectory; several add up. Or an entry, one pulse or some, for each trajectory.
        An empty sequence is no field. An array of one pulse is the same for all.
    duration : float
        *ps*.
    observe : Observe
        What to gather, and how often to look.
    changes : mapping, optional
        ``frequency`` and ``linewidth`` ``(n_trajectories, n)`` *THz*, ``coefficient`` ``(n_trajectories, n_terms)`` in
        the unit of the potential: a potential of its own for each trajectory. One without trajectories is for all.
    initial : {"rest", "thermal", "wigner"} or pair of array_like, optional
        Statistics of the state at time 0 (see `lattice.dynamics.initial_state`), or Q and P, ``(n,)`` or
        ``(n_trajectories, n)``. Default: at rest, or thermal where a temperature is > 0.
    temperature : array_like
        *K*, one or ``(n_trajectories,)``. Above 0 every damped coordinate feels the classical random force.
    bath : bool
        False: the temperature is that of the initial state only.
    seed : int
        Of the random numbers, 0 … 2⁶³ − 1.
    numbers : array_like, optional
        ``(n_trajectories,)`` whole numbers below 2³², which select the random numbers of each; default 0, 1, 2, …
    rtol : float
        Bound on the step error, see `lattice.dynamics.ensemble_steps`; in a bath never finer than 1e-3.
    step : float, optional
        *ps*; the longest step of at most this that divides the interval between observations is used, and no error is
        measured unless `check` is ``"all"``.
    check : {"sample", "all", "none"}
        Whose step error is measured: of a sample with the ends of every range of parameters, which sets one step for
        all; or of every trajectory, each refined until it is ≤ `rtol`. ``"none"`` needs `step`. With ``"sample"`` the
        step depends on all trajectories of the call: for parts of a run give `step` from `reduced_step`.
    n_threads : int
        The result has the same bits for any number.

    Returns
    -------
    xarray.Dataset
        With the leading dimension ``trajectory``, as far as asked for: ``L_final``, ``L_peak``, ``L_mean`` (multiplet,
        axis) *ħ* and the same along n̂ ending in ``_axial`` (a peak is the value of the largest size, with its sign);
        ``Q_peak`` (mode) *Å√amu*; ``energy_mean`` (mode) *eV*, ½(P² + ω²Q²); ``ledger`` (channel, multiplet, axis),
        ``crystal`` (channel, axis), ``L_change`` (multiplet, axis) *ħ*, ``energy_ledger`` (channel, multiplet),
        ``energy_change`` (multiplet) *eV*, as `simulate` has them, and both ledgers up to the times asked for,
        ``ledger_series`` (time, channel, multiplet, axis), ``energy_series`` (time, channel, multiplet);
        ``energy_closure`` = max over multiplets of |ΔE − Σ rows| / Σ |rows|, NaN where nothing moves; ``amplitude``
        (line, mode, part) *Å√amu ps*, ∫ w(t) Q(t) exp(−2πiνt) dt with the Tukey window of `lattice.observe.spectrum`,
        and ``helicity`` (line, multiplet) of the pairs at ±ν; ``signal`` (signal_number, signal_time).
        Always ``status`` (0 ok, 1 diverged, with NaN for its numbers, 2 step error above rtol), ``step`` *ps*,
        ``step_error`` (NaN where not measured), ``number``. Attribute ``provenance``: one JSON object.

    Raises
    ------
    InputError
        If an argument is out of its range, arrays do not fit together, or the run would need too many steps.
    """
    ensemble, numerics = _ensemble(
        potential, pulses, duration, observe, changes, initial, temperature, bath, seed, numbers, rtol, n_threads
    )
    if check not in CHECKS or (check == "none" and step is None):
        raise InputError(
            "The check of the step is unknown, or none without a step",
            found=f"check={check!r}, step={step!r}",
            fix='give "sample" or "all", or a step',
        )
    steps = None if step is None else _steps_of(step, ensemble.times)
    collector = Collector(ensemble)
    outcome = run_ensemble(ensemble, numerics["rtol"], steps, check, collector)
    return reduced_dataset(ensemble, collector.kept, outcome, numerics | {"check": check, "step_ps": step})


def reduced_step(
    potential: Potential,
    pulses: Pulses,
    duration: float,
    *,
    observe: Observe = DEFAULT_OBSERVE,
    changes: Mapping[str, ArrayLike] | None = None,
    initial: Initial | None = None,
    temperature: ArrayLike = 0.0,
    bath: bool = True,
    seed: int = 0,
    numbers: ArrayLike | None = None,
    rtol: float = 1e-8,
    n_threads: int = 1,
) -> float:
    """Return the step in *ps* that `simulate_reduced` would choose with ``check="sample"``; parameters as there.

    Give it as `step` for every part of a run that is made in parts: then each trajectory has the bits that it has in
    the whole.

    Raises
    ------
    InputError
        As `simulate_reduced`.
    """
    ensemble, numerics = _ensemble(
        potential, pulses, duration, observe, changes, initial, temperature, bath, seed, numbers, rtol, n_threads
    )
    return ensemble.times.interval / choose_steps(ensemble, numerics["rtol"])


def _ensemble(
    potential: object,
    pulses: object,
    duration: object,
    observe: object,
    changes: object,
    initial: object,
    temperature: object,
    bath: bool,
    seed: object,
    numbers: object,
    rtol: object,
    n_threads: object,
) -> tuple[Ensemble, dict[str, Any]]:
    """Check every argument and put the trajectories together; also the numbers for the provenance."""
    checked = checked_potential(potential)
    if not isinstance(observe, Observe):
        raise InputError("observe is no Observe", found=reprlib.repr(observe), fix="give lattice.Observe(every=0.02)")
    kelvin = checked_array(temperature, "The temperature", "give K, ≥ 0")
    if kelvin.ndim > 1 or (kelvin < 0).any():
        raise InputError("The temperature is out of range", found=reprlib.repr(temperature), fix="give K, ≥ 0")
    numerics = checked_numerics(duration, float(kelvin.max(initial=0.0)), seed, rtol, n_threads)
    table = build_table(checked)
    arrays = _checked_pulses(checked, pulses)
    own = _checked_changes(checked, table, changes)
    state = _checked_initial(initial, table)
    lengths = {"pulses": {len(a) for a in arrays if len(a) != 1}, "changes": {len(x) for x in own.values()} - {1}}
    lengths |= {"temperature": {len(kelvin)} if kelvin.ndim else set()}
    lengths |= {"initial": {len(x) for x in state if x.ndim == 2} if isinstance(state, tuple) else set()}
    given = None if numbers is None else _checked_numbers(numbers)
    lengths |= {"numbers": set() if given is None else {len(given)}}
    n = _common_length(lengths)
    number = np.arange(n, dtype=np.uint64) if given is None else given
    kelvin = np.broadcast_to(kelvin, n)
    hot = bool(kelvin.max() > 0)
    statistics = ("thermal" if hot else "rest") if state is None else state
    own = {name: np.broadcast_to(x, (n, x.shape[1])) for name, x in own.items()}
    if isinstance(statistics, str):
        omega_squared = own.get("omega_squared", table.omega_squared)
        Q0, P0 = drawn_state(statistics, table, omega_squared, kelvin, numerics["seed"], number)
    else:
        Q0, P0 = (np.broadcast_to(x, (n, table.n_modes)) for x in statistics)
    times = times_of(observe, numerics["duration_ps"])
    _check_signals(observe, times, table)
    ensemble = Ensemble(
        checked, table, tuple(_repeated(a, n) for a in arrays), Q0, P0, units.KB * kelvin, number, own,
        bath and hot, numerics["seed"], observe, times, numerics["n_threads"],
    )  # fmt: skip
    words = statistics if isinstance(statistics, str) else "given"
    return ensemble, numerics | {"initial": words, "bath": bath and hot, "n_trajectories": n}


def _checked_pulses(potential: Potential, pulses: object) -> tuple[PulseArray, ...]:
    """Arrays of pulses, the same number of trajectories each or one."""
    if isinstance(pulses, PulseArray):
        return (pulses,)
    entries = list(pulses) if isinstance(pulses, Iterable) else None
    if not entries and entries is not None:
        return ()
    if entries is not None and all(isinstance(entry, PulseArray) for entry in entries):
        return tuple(entries)
    groups = checked_groups(potential, pulses)
    arrays = []
    for place in range(max(len(group) for group in groups)):
        kinds: dict[object, list[int]] = {}
        for i, group in enumerate(groups):
            if len(group) > place:
                kinds.setdefault(group[place].samples, []).append(i)
        for members in kinds.values():
            silent = dataclasses.replace(groups[members[0]][place], amplitude=0.0)
            chosen = set(members)
            arrays.append(PulseArray.of([groups[i][place] if i in chosen else silent for i in range(len(groups))]))
    return tuple(arrays) or (PulseArray([0.0] * len(groups), 1.0, 1.0),)  # type: ignore[arg-type]


def _repeated(array: PulseArray, n: int) -> PulseArray:
    return array.take(np.zeros(n, dtype=np.int64)) if len(array) == 1 and n > 1 else array


def _checked_changes(potential: Potential, table: Table, changes: object) -> dict[str, FloatArray]:
    """Own ω², Γ and coefficients in kernel units, two dimensions each."""
    if changes is None:
        return {}
    widths = {"frequency": table.n_modes, "linewidth": table.n_modes, "coefficient": len(potential.coefficient)}
    fix = f"give any of {', '.join(f'{name} (n_trajectories, {width})' for name, width in widths.items())}"
    if not isinstance(changes, Mapping) or not set(changes) <= set(widths):
        raise InputError("The changes of the potential are unknown", found=reprlib.repr(changes), fix=fix)
    out = {}
    for name, value in changes.items():
        array = np.atleast_2d(checked_array(value, f"The changed {name}", fix))
        if array.ndim != 2 or array.shape[1] != widths[name]:
            raise InputError(f"The changed {name} does not fit the potential", found=array.shape, fix=fix)
        if name == "frequency":
            omega = units.TWO_PI * array
            out["omega_squared"] = omega * np.abs(omega)
        elif name == "linewidth":
            if (array < 0).any():
                raise InputError("A changed linewidth is negative", found=array.min(), fix="give THz, ≥ 0")
            out["gamma"] = units.TWO_PI * array
        else:
            out["coefficient"] = array * units.EV
    return out


def _checked_initial(initial: object, table: Table) -> str | tuple[FloatArray, ...] | None:
    fix = (
        f"give one of {', '.join(STATISTICS)}, or (Q, P), each ({table.n_modes},) or (n_trajectories, {table.n_modes})"
    )
    if initial is None or (isinstance(initial, str) and initial in STATISTICS):
        return initial
    pair = tuple(initial) if isinstance(initial, Iterable) and not isinstance(initial, str) else ()
    if len(pair) != 2:
        raise InputError("The initial state is neither a statistics nor a pair", found=reprlib.repr(initial), fix=fix)
    arrays = tuple(checked_array(x, f"The initial state's {name}", fix) for name, x in zip("QP", pair, strict=True))
    if any(x.ndim not in (1, 2) or x.shape[-1] != table.n_modes for x in arrays):
        raise InputError("The initial state does not fit the run", found=[x.shape for x in arrays], fix=fix)
    return arrays


def _checked_numbers(numbers: object) -> NDArray[np.uint64]:
    array = checked_array(numbers, "The numbers of the trajectories", "give whole numbers")
    if array.ndim != 1 or not len(array) or (array != np.rint(array)).any() or array.min() < 0:
        raise InputError("The numbers of the trajectories are none", found=reprlib.repr(numbers), fix="give 0, 1, 2, …")
    if array.max() > _LAST_NUMBER:
        raise InputError("A trajectory's number is too large", found=array.max(), fix="give numbers below 2³²")
    return array.astype(np.uint64)


def _common_length(lengths: Mapping[str, set[int]]) -> int:
    """Number of trajectories that all arrays agree on; 1 where there is none."""
    every = set().union(*lengths.values())
    if len(every) > 1 or 0 in every:
        found = ", ".join(f"{name} {sorted(values)}" for name, values in lengths.items() if values)
        raise InputError(
            "The arrays do not agree on the number of trajectories",
            found=found,
            fix="give one entry for each trajectory, or one for all",
        )
    return every.pop() if every else 1


def _check_signals(observe: Observe, times: Times, table: Table) -> None:
    signal_intervals(observe, times)
    book_intervals(observe, times)
    if observe.signals is not None and observe.signals.shape[1] != table.n_modes:
        raise InputError(
            "The weights of the signals do not fit the potential",
            found=observe.signals.shape,
            fix=f"give (n_signals, {table.n_modes})",
        )


def _steps_of(step: object, times: Times) -> int:
    length = checked_number(step, "The step", "give ps, > 0")
    if not length > 0:
        raise InputError("The step is out of range", found=length, fix="give ps, > 0")
    return max(1, math.ceil(times.interval / length - 1e-9))
