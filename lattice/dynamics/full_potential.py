"""A run with the forces of a calculator instead of the anharmonic polynomial, to check the polynomial.

The same pulse drives the same coordinates through the same field terms (Z*·E, and Raman terms where the potential has
them), with the same linewidths; all other forces come from the calculator. Both ledgers have the rows of a polynomial
run: each channel gets the torque and the work of its own terms at the motion as it is, and the row ``exchange`` what
remains, those of the calculator's forces less those of the harmonic and the anharmonic terms: what the polynomial does
not describe. The energy of a multiplet is ½ Σ (P² + ω² Q²) with the frequencies of the potential, as in `simulate`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lattice import units
from lattice.anharmonic.calculators import checked_calculator, potential_calculator
from lattice.anharmonic.forces import calculator_name
from lattice.anharmonic.potential import CellRecord, Potential
from lattice.anharmonic.supercell_forces import supercell_forces
from lattice.dynamics import integrate as integration
from lattice.dynamics.dataset import run_dataset
from lattice.dynamics.failure import KEEP
from lattice.dynamics.full_motion import EXCHANGE, METHODS, FullMotion, Method, Path, follow, step_error
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.steps import Grid, first_steps
from lattice.dynamics.table import HARMONIC, Table, build_table, checked_potential
from lattice.dynamics.twin import twin_of_table
from lattice.errors import InputError, IntegrationError
from lattice.structure import argument
from lattice.structure.crystal import FloatArray
from lattice.structure.number import checked_array, checked_number, checked_whole

if TYPE_CHECKING:
    import xarray

FINEST = 1e-5  #: of the bound on the step error: every halving doubles the force calls
MAX_HALVINGS = 4
SHORTEST = 1e-6  #: ps, of a run
_PROBE = 0.02  #: Å√amu, displacement at which the calculator's own frequencies are found
_DEFAULT_RECORD = Record(every=0.01)


@argument.takes(supercell=argument.vector, method=argument.text, on_failure=argument.text)
def simulate_full_potential(
    potential: Potential,
    pulse_or_pulses: Pulse | Sequence[Pulse],
    duration: float,
    calculator: Any,
    *,
    supercell: Sequence[int] = (1, 1, 1),
    method: str = "srkn6",
    record: Record = _DEFAULT_RECORD,
    rtol: float = FINEST,
    initial: tuple[ArrayLike, ArrayLike] | None = None,
    born_charges: FloatArray | None = None,
    rattle: float = 0.0,
    seed: int = 0,
    on_failure: str = "raise",
) -> xarray.Dataset:
    """Integrate one trajectory with the forces of a calculator, at 0 K, and book it as `simulate` does.

    Parameters
    ----------
    potential : Potential
        With crystal and eigenvectors: its coordinates are followed, its field terms and linewidths used.
    pulse_or_pulses, duration, record, initial
        As in `simulate`.
    calculator : object or str
        An ASE calculator, or ``lj``, ``emt``, ``chgnet``, ``module:factory`` (this imports and runs what it names).
        ``lj`` is the Lennard-Jones potential to which the couplings were fitted, if they were.
    supercell : sequence of int
        Cells along each cell vector. In one cell only motions at Γ exist; in a larger one the others may grow.
    method : {"srkn6", "verlet"}
        Splitting of order 4 with the exact harmonic flow, or velocity Verlet. Both book to round-off at any step.
    rtol : float
        Bound on the step error as in `simulate`, never finer than 1e-5; the step is halved at most four times.
    born_charges : ndarray, optional
        ``(n_atoms, 3, 3)`` *e*: light then moves what is outside the coordinates too, e.g. polar modes left out.
    rattle : float
        *Å*, standard deviation of random displacements outside the coordinates at time 0.
    seed : int
        Of these displacements.
    on_failure : {"raise", "keep"}
        Whether a run whose step error stays above `rtol` raises.

    Returns
    -------
    xarray.Dataset
        As from `simulate`, with the ledger row ``exchange``. The provenance has ``full_potential``: `calculator`,
        `force_calls`, `supercell`, `method`, `frequency_THz` (multiplet → of the calculator), `rest_force_eV_A` (on the
        undisplaced atoms, taken off), `outside_A` (largest displacement of an atom outside the coordinates).

    Raises
    ------
    InputError
        If an argument cannot be used, or the potential has no crystal and eigenvectors.
    FitError
        If the calculator fails.
    IntegrationError
        If the motion is not finite, or its step error stays above `rtol`.
    """
    crystal, eigenvectors = _atoms_of(checked_potential(potential))
    choices = _checked(method, on_failure, record)
    numbers = _checked_numbers(duration, rtol, rattle, seed)
    pulses = _checked_pulses(potential, pulse_or_pulses)
    engine = (
        potential_calculator(calculator, potential) if isinstance(calculator, str) else checked_calculator(calculator)
    )
    forces = supercell_forces(crystal.to_cell(), engine, tuple(supercell))
    rows = build_table(potential)
    if EXCHANGE in rows.rows:
        raise InputError(f"A channel is called {EXCHANGE}", found=EXCHANGE, fix="rename it: the ledger needs the name")
    table = replace(rows, rows=_with_exchange(rows.rows))
    motion = FullMotion(
        table=table,
        twin=_twin(potential, table),
        forces=forces,
        eigenvectors=eigenvectors,
        masses=crystal.masses,
        pulses=pulses,
        method=choices,
        charges=_checked_charges(born_charges, len(crystal.masses)),
        rest=np.zeros_like(forces.home),
    )
    motion.rest = _rattled(motion, numbers["rattle_A"], numbers["seed"])
    Q0, P0 = _start(initial, table.n_modes)
    frequency = own_frequencies(motion, potential)
    solved = _solve(motion, Q0, P0, record, numbers)
    if on_failure == "raise":
        _check_end(solved, numbers["rtol"])
    return _labelled(potential, motion, solved, (Q0, P0), record, numbers, frequency, calculator_name(engine))


def own_frequencies(motion: FullMotion, potential: Potential) -> dict[str, float]:
    """Return multiplet → ν *THz* that the calculator's forces give its first coordinate; negative if imaginary."""
    found = {}
    for name in potential.multiplets:
        first = int(np.flatnonzero(potential.multiplet == name)[0])
        Q = np.zeros(motion.table.n_modes)
        Q[first] = _PROBE
        still = np.zeros_like(motion.rest)
        plus, minus = (motion.accelerations(sign * Q, still)[0][first] for sign in (1.0, -1.0))
        found[name] = units.frequency_from_curvature(float(minus - plus) / (2 * _PROBE) / units.EV)
    return found


@dataclass(frozen=True, slots=True)
class _Solved:
    """The finer of the last two paths, its grid and step, and how far they differ."""

    path: Path
    grid: Grid
    step: float
    error: float


def _solve(motion: FullMotion, Q0: FloatArray, P0: FloatArray, record: Record, numbers: dict[str, Any]) -> _Solved:
    """Halve the step until two paths agree to the bound."""
    end = numbers["duration_ps"]
    n = record.count(end) - 1
    every = record.every if n else min(record.every, end)
    grid = Grid(record.start, every, n, end)
    bound, series = max(numbers["rtol"], FINEST), "ledger" in record.quantities
    first = first_steps(motion.table, [motion.pulses], grid, motion.method.composition, None)[0]
    steps = motion.method.finer * first
    if n >= 2:  # the first coarse path strides over every second recorded time
        coarse = follow(motion, Q0, P0, Grid(record.start, 2 * every, n // 2, end), steps)
        stride = 2
    else:
        steps *= 2
        coarse, stride = follow(motion, Q0, P0, grid, steps // 2), 1
    for level in range(MAX_HALVINGS + 1):
        fine = follow(motion, Q0, P0, grid, steps * 2**level, series=series)
        shared = (fine.Q[::stride][: len(coarse.Q)], fine.Q_end)
        error = step_error((coarse.Q, coarse.Q_end), shared, motion.table.multiplet_of)
        if error <= bound:
            break
        coarse, stride = fine, 1
    return _Solved(fine, grid, grid.every / (steps * 2**level), error)


def _check_end(solved: _Solved, rtol: float) -> None:
    if not np.isfinite(solved.path.Q_end).all():
        raise IntegrationError(
            "The motion under the calculator's forces is not finite",
            found=f"step {1e3 * solved.step:.3g} fs",
            fix=f"lower the field, {KEEP}",
        )
    if not solved.error <= max(rtol, FINEST):
        raise IntegrationError(
            "The run with the calculator's forces missed its accuracy",
            found=f"step error {solved.error:.1e} at {1e3 * solved.step:.3g} fs",
            fix=f"raise rtol, lower record.every, {KEEP}",
        )


def _labelled(
    potential: Potential,
    motion: FullMotion,
    solved: _Solved,
    initial: tuple[FloatArray, FloatArray],
    record: Record,
    numbers: dict[str, Any],
    frequency: dict[str, float],
    calculator: str,
) -> xarray.Dataset:
    """Label the path as a run."""
    path, bound = solved.path, max(numbers["rtol"], FINEST)
    finite = bool(np.isfinite(path.Q_end).all())
    status = integration.DIVERGED if not finite else integration.OK if solved.error <= bound else integration.UNRESOLVED
    solution = integration.Solution(
        Q=path.Q[None],
        P=path.P[None],
        Q_end=path.Q_end[None],
        P_end=path.P_end[None],
        ledger=path.ledger[None] * units.HBAR,
        energy=path.energy[None],
        ledger_series=path.ledger_series[None] * units.HBAR,
        energy_series=path.energy_series[None],
        status=np.array([status], dtype=np.int32),
        step=np.array([solved.step]),
        step_error=np.array([solved.error]),
    )
    kept = {"every": record.every, "start": record.start, "quantities": list(record.quantities)}
    method = next(name for name, known in METHODS.items() if known is motion.method)
    numerics = {**numbers, "temperature_K": 0.0, "n_threads": 1, "method": method, "record": kept}
    times, start = record.times(numbers["duration_ps"]), (initial[0][None], initial[1][None])
    run = run_dataset(
        potential, motion.table, [motion.pulses], times, record.quantities, solution, start, numerics, single=True
    )
    provenance = json.loads(run.attrs["provenance"])
    provenance["integrator"] = f"{motion.method.text}, step halving, forces of a calculator"
    provenance["full_potential"] = {
        "calculator": calculator,
        "force_calls": motion.forces.calls,
        "supercell": list(motion.forces.multiple),
        "method": method,
        "frequency_THz": frequency,
        "rest_force_eV_A": float(np.abs(motion.forces.at_rest).max()),
        "outside_A": path.outside,
        "light_outside": motion.charges is not None,
    }
    return run.assign_attrs(provenance=json.dumps(provenance, ensure_ascii=False))


def _atoms_of(potential: Potential) -> tuple[CellRecord, FloatArray]:
    """Return what turns Q into displacements."""
    if potential.crystal is None or potential.eigenvectors is None:
        raise InputError(
            "A calculator needs the atoms of the potential",
            found="a potential without crystal or eigenvectors",
            fix="use one that `lattice couple` or lattice.fit_potential made",
        )
    return potential.crystal, potential.eigenvectors


def _checked(method: str, on_failure: str, record: Record) -> Method:
    if method not in METHODS:
        raise InputError("There is no such method", found=method, fix=f"choose from {', '.join(METHODS)}")
    if on_failure not in ("raise", "keep"):
        raise InputError("on_failure is unknown", found=on_failure, fix='give "raise" or "keep"')
    if not isinstance(record, Record):
        raise InputError("This is no Record", found=type(record).__name__, fix="give lattice.Record(every=0.01)")
    return METHODS[method]


def _checked_numbers(duration: object, rtol: object, rattle: object, seed: object) -> dict[str, Any]:
    """Numbers of the run under their names in the provenance."""
    found = {
        "duration_ps": checked_number(duration, "The run's duration", f"give ps, at least {SHORTEST:g}"),
        "rtol": checked_number(rtol, "The run's rtol", "give a number between 1e-12 and 1e-2"),
        "rattle_A": checked_number(rattle, "The run's rattle", "give Å, ≥ 0"),
        "seed": checked_whole(seed, "The run's seed", "give a whole number ≥ 0"),
    }
    least = {"duration_ps": SHORTEST, "rtol": 1e-12, "rattle_A": 0.0, "seed": 0}
    for name, value in found.items():
        if value < least[name] or (name == "rtol" and value > 1e-2):
            raise InputError(f"The run's {name.split('_')[0]} is out of range", found=value, fix=f"≥ {least[name]:g}")
    return found


def _checked_pulses(potential: Potential, given: Pulse | Sequence[Pulse]) -> tuple[Pulse, ...]:
    """Pulses with their axes."""
    group = (given,) if isinstance(given, Pulse) else tuple(given) if isinstance(given, Iterable) else (given,)
    wrong = [type(pulse).__name__ for pulse in group if not isinstance(pulse, Pulse)]
    if wrong:
        raise InputError("This is no pulse", found=wrong[0], fix="give lattice.Pulse objects")
    return tuple(pulse.about(potential.axis) for pulse in group)


def _checked_charges(charges: FloatArray | None, n_atoms: int) -> FloatArray | None:
    if charges is None:
        return None
    array = checked_array(charges, "The Born charges", f"give ({n_atoms}, 3, 3) in e")
    if array.shape != (n_atoms, 3, 3):
        raise InputError("The Born charges do not fit the crystal", found=array.shape, fix=f"give ({n_atoms}, 3, 3)")
    return array


def _with_exchange(rows: tuple[str, ...]) -> tuple[str, ...]:
    """Put the row of what remains before the harmonic one."""
    place = rows.index(HARMONIC)
    return (*rows[:place], EXCHANGE, *rows[place:])


def _twin(potential: Potential, table: Table) -> Any:
    """Return the forces of the potential's terms."""
    terms = (potential.coefficient, potential.mode_index, potential.field_axis, potential.channel.tolist())
    return twin_of_table(
        potential.frequency, potential.linewidth, potential.multiplet.tolist(), table.multiplets, table.matrix, terms
    )


def _rattled(motion: FullMotion, rattle: float, seed: int) -> FloatArray:
    """Return random displacements outside the coordinates and translations, ``(n_cells, n_atoms, 3)`` *Å√amu*."""
    if rattle == 0.0 or not motion.moves_outside:
        return np.zeros_like(motion.rest)
    displacement = rattle * np.random.default_rng(seed).standard_normal(motion.rest.shape)
    displacement -= (motion.forces.share[:, None] * displacement).sum(axis=(0, 1))
    return motion.split(displacement * np.sqrt(motion.masses)[:, None])[1]


def _start(initial: tuple[ArrayLike, ArrayLike] | None, n: int) -> tuple[FloatArray, FloatArray]:
    """Q and P at time 0, ``(n,)`` each."""
    if initial is None:
        return np.zeros(n), np.zeros(n)
    fix = f"give (Q, P), each ({n},)"
    pair = tuple(initial) if isinstance(initial, Iterable) else ()
    if len(pair) != 2:
        raise InputError("The initial state is not a pair", found=type(initial).__name__, fix=fix)
    Q, P = (checked_array(x, f"The initial state's {name}", fix) for name, x in zip("QP", pair, strict=True))
    if Q.shape != (n,) or P.shape != (n,):
        raise InputError("The initial state does not fit the run", found=f"{Q.shape}, {P.shape}", fix=fix)
    return Q, P
