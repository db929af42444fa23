# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""Ensembles of driven trajectories: lattice beside heyoka's batch mode, one core, one process, interleaved.

    python benchmarks/ensemble.py [--trajectories N] [--rounds N] [--scaling] [--books] [--json FILE]

Each row is one potential and one solver: median processor time per trajectory of 40 ps with its pulse, its ratio to
heyoka's best, and the largest error of Q beside it, at 40 times, relative to the largest |Q| of its trajectory, against
`simulate_ensemble` at rtol 1e-10. heyoka (PyPI) has its best of batches of 4 and 8, 256 and 512 bit, code in one piece
or compact, the loosest tolerance with an error below 1e-8, and goes straight to the end; lattice has a fixed step, the
longest of 1/16, 1/17, … 1/40 ps with an error below 1e-8 with it and all shorter ones, and gathers its default
quantities every step. Without heyoka its rows are left out. GFLOP/s are those of the force, the drifts and the kicks
over the whole time; "of peak" is their share of the multiply-adds that the processor can do (benchmarks/peak.py). What
light and the gathering compute is not counted.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from coupled_modes import DURATION, d3d_pairs, gradient, potential_of, pulses_of, random_pairs
from peak import peak

import lattice
from lattice import units
from lattice.dynamics import ensemble
from lattice.dynamics.pattern import PAIRS, find_pattern
from lattice.dynamics.program import build_program
from lattice.dynamics.table import build_table
from lattice.modes.batch import kernel as levels

STEP = 0.04  # ps, of what is not held against peers
STEPS = [1.0 / count for count in range(16, 41)]  # ps, of what is
TOLERANCES = (1e-6, 5e-7, 2e-7, 1e-7, 5e-8, 2e-8, 1e-8)  # of heyoka, tried in turn
BOUND = 1e-8  # on the error of lattice and its peers
REFERENCE = 16  # trajectories whose error is measured
SYSTEMS = {"D3d pairs, n = 4": d3d_pairs, "general table, n = 12": random_pairs}
TARGETS = {"x86-64-v3": (10.0, 10.0), "x86-64-v4": (20.0, 13.0)}
TIMES = np.arange(1.0, DURATION + 0.5)


def ours(potential: Any, pulses: Any, isa: str, step: float, *, signals: bool = False) -> Any:
    """One run of lattice with one instruction set."""
    ensemble.LEVEL = levels.LEVELS.index(isa)
    more = {"signals": np.eye(potential.n_modes), "signal_times": TIMES} if signals else {}
    return lattice.simulate_reduced(potential, pulses, DURATION, observe=lattice.Observe(step, **more), step=step)


def longest_step(potential: Any, few: Any, exact: Any, isa: str) -> float:
    """Longest of `STEPS` with which, and with all shorter ones, the error of lattice is below `BOUND`.

    The error is no monotonic function of the step: a longer one that happens to pass does not count.
    """
    longest = None
    for step in reversed(STEPS):
        Q = ours(potential, few, isa, step, signals=True)["signal"].values.transpose(0, 2, 1)
        if not error_of(Q, exact) < BOUND:
            break
        longest = step
    if longest is None:
        raise SystemExit(f"no step of lattice has an error below {BOUND}")
    return longest


def heyoka_batches(system: Any, few: Any, exact: Any) -> dict[str, Any]:
    """Integrators of heyoka for the same system, empty without it."""
    try:
        import heyoka as hy
    except ImportError:
        return {}
    frequency, linewidth, terms = system
    n = len(frequency)
    q, p = hy.make_vars(*(f"q{i}" for i in range(n))), hy.make_vars(*(f"p{i}" for i in range(n)))
    amplitude, helicity, omega, phase = (hy.par[i] for i in range(4))
    u = hy.time - 4.0
    envelope = amplitude * hy.exp(-2.0 * u * u)
    light = [envelope * hy.cos(omega * u + phase), helicity * envelope * hy.sin(omega * u + phase)]
    rates = []
    for s, parts in enumerate(gradient(terms, n)):
        own = [-((units.TWO_PI * frequency[s]) ** 2) * q[s], -units.TWO_PI * linewidth[s] * p[s]]
        own += [hy.expression(-c) * hy.prod([q[i] for i in rest]) for c, rest in parts]
        rates.append(hy.sum([*own, *light[s : s + 1]] if s < 2 else own))
    equations = [*zip(q, p, strict=True), *zip(p, rates, strict=True)]
    found = {}
    for size, wide in ((4, False), (8, True)):
        for compact in (False, True) if n <= 4 else (True,):
            for tolerance in TOLERANCES:
                integrator = hy.taylor_adaptive_batch(
                    equations, np.zeros((2 * n, size)), tol=tolerance, pars=np.zeros((4, size)), compact_mode=compact,
                    force_avx512=wide,
                )  # fmt: skip
                if error_of(run_heyoka(integrator, few, REFERENCE, times=True), exact) < BOUND:
                    break
            name = f"heyoka {size} {tolerance:.0e}{' compact' if compact else ''}"
            found[name] = integrator
    return found


def error_of(Q: np.ndarray, exact: Any) -> float:
    """Largest error of Q (trajectory, time, n) relative to the largest |Q| of its trajectory."""
    scale = np.abs(exact["Q"].values).max(axis=(1, 2))[:, None, None]
    return float((np.abs(Q - exact["Q"].sel(time=TIMES, method="nearest").values) / scale).max())


def run_heyoka(integrator: Any, pulses: Any, n_trajectories: int, *, times: bool = False) -> np.ndarray:
    """Run trajectories batch by batch to the end; with `times` return Q at `TIMES`, (trajectory, time, n)."""
    size, n = integrator.state.shape[1], integrator.state.shape[0] // 2
    out = []
    for first in range(0, n_trajectories, size):
        part = slice(first, first + size)
        integrator.set_time(0.0)
        integrator.state[:] = 0.0
        values = (pulses.amplitude, pulses.helicity, units.TWO_PI * pulses.frequency, pulses.phase)
        for i, value in enumerate(values):
            integrator.pars[i] = value[part]
        if times:
            grid = np.repeat(np.append(0.0, TIMES)[:, None], size, axis=1)
            out.append(integrator.propagate_grid(grid)[1][1:, :n].transpose(2, 0, 1))
        else:
            integrator.propagate_until(DURATION)
    return np.concatenate(out) if out else np.zeros(0)


def flops(potential: Any, step: float) -> float:
    """Floating-point operations of one trajectory: 14 kicks and drifts in each step *ps*.

    A drift takes 6 for each coordinate. A kick takes 2 for each entry of the sparse table and each coordinate, and for
    each product 1 to make it and 4 to take its derivative back; the written-out force and its kick take 52.
    """
    table = build_table(potential)
    program, n = build_program(table, by_row=False), table.n_modes
    written_out = find_pattern(table)[0] == PAIRS
    kick = 52 if written_out else 2 * len(program.column) + 5 * program.n_dark + 2 * n
    return (kick + 6 * n) * 14 * DURATION / step


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median processor time of each call; the rounds go through all of them in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def benchmark(place: int, n_trajectories: int, rounds: int) -> list[dict[str, Any]]:
    """Measure one potential."""
    title = list(SYSTEMS)[place]
    system = SYSTEMS[title]()
    potential, pulses = potential_of(system), pulses_of(system[0][0], n_trajectories)
    few = pulses.take(np.arange(REFERENCE))
    exact = lattice.simulate_ensemble(potential, list(few), DURATION, record=lattice.Record(0.04), rtol=1e-10)
    integrators, share = heyoka_batches(system, few, exact), max(16, n_trajectories // 64)
    isas = [isa for isa in levels.supported_levels() if isa != "plain"]
    step = longest_step(potential, few, exact, isas[-1])
    calls: dict[str, Callable[[], Any]] = {isa: partial(ours, potential, pulses, isa, step) for isa in isas}
    calls |= {name: partial(run_heyoka, x, pulses, share) for name, x in integrators.items()}
    times = measure(calls, rounds)
    per = {name: t / (share if name in integrators else n_trajectories) for name, t in times.items()}
    best = min((per[name] for name in integrators), default=np.nan)
    rows = []
    for name, seconds in per.items():
        speed = None if name in integrators else flops(potential, step) / seconds
        if name in integrators:
            Q = run_heyoka(integrators[name], pulses, REFERENCE, times=True)
        else:
            Q = ours(potential, few, name, step, signals=True)["signal"].values.transpose(0, 2, 1)
        rows.append(
            {
                "system": title,
                "solver": name,
                "step_fs": None if name in integrators else 1e3 * step,
                "us_per_trajectory": 1e6 * seconds,
                "times_heyoka": best / seconds,
                "target": TARGETS.get(name, (None, None))[place],
                "error": error_of(Q, exact),
                "gflops": None if speed is None else speed / 1e9,
                "of_peak": None if speed is None else speed / peak(name),
            }
        )
    return rows


def scaling() -> None:
    """Print time and memory from 1 to 10⁶ trajectories."""
    system = d3d_pairs()
    potential = potential_of(system)
    ensemble.LEVEL = levels.LEVELS.index(levels.supported_levels()[-1])
    print(f"\n{'trajectories':>12} {'seconds':>9} {'µs each':>9} {'memory, MiB':>11}")
    for exponent in range(7):
        pulses = pulses_of(system[0][0], 10**exponent)
        start = time.process_time()
        lattice.simulate_reduced(potential, pulses, DURATION, observe=lattice.Observe(STEP), step=STEP)
        seconds = time.process_time() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{10**exponent:12d} {seconds:9.3f} {1e6 * seconds / 10**exponent:9.1f} {memory:11.0f}", flush=True)


def books(n_trajectories: int, rounds: int) -> None:
    """Print what the ledgers cost, for the widest instruction set."""
    ensemble.LEVEL = levels.LEVELS.index(levels.supported_levels()[-1])
    kinds: dict[str, dict[str, bool]] = {"none": {}, "L": {"ledger": True}, "energy": {"energy_ledger": True}}
    kinds["both"] = {"ledger": True, "energy_ledger": True}
    print(f"{'system':>22} {'ledgers':>8} {'µs':>8} {'× none':>7} {'closure of energy':>18}")
    for title, make in SYSTEMS.items():
        system = make()
        count = n_trajectories if len(system[0]) == 4 else max(64, n_trajectories // 4)
        potential, pulses = potential_of(system), pulses_of(system[0][0], count)
        looks = {name: lattice.Observe(STEP, **more) for name, more in kinds.items()}
        calls: dict[str, Callable[[], Any]] = {
            name: partial(lattice.simulate_reduced, potential, pulses, DURATION, observe=look, step=STEP)
            for name, look in looks.items()
        }
        times = measure(calls, rounds)
        for name, seconds in times.items():
            run = calls[name]() if looks[name].energy_ledger else None
            closure = "" if run is None else f"{float(run['energy_closure'].max()):.1e}"
            ratio = seconds / times["none"]
            print(f"{title:>22} {name:>8} {1e6 * seconds / count:8.1f} {ratio:7.2f} {closure:>18}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scaling", action="store_true", help="only: 1 to 10⁶ trajectories, time and memory")
    parser.add_argument("--books", action="store_true", help="only: what the ledgers cost")
    parser.add_argument("--json", type=Path, help="write the rows")
    options = parser.parse_args()
    if options.scaling:
        scaling()
        return
    if options.books:
        books(options.trajectories, options.rounds)
        return
    head = f"{'system':>22} {'solver':>22} {'step, fs':>8} {'µs':>8} {'× heyoka':>8} {'target':>6} {'error':>8}"
    print(f"{head} {'GFLOP/s':>8} {'of peak':>8}")
    rows = []
    for place in range(len(SYSTEMS)):
        count = options.trajectories if place == 0 else max(64, options.trajectories // 4)
        for row in benchmark(place, count, options.rounds):
            rows.append(row)
            target = "" if row["target"] is None else f"{row['target']:.0f}"
            speed = "" if row["gflops"] is None else f"{row['gflops']:8.1f} {row['of_peak']:8.0%}"
            step = "" if row["step_fs"] is None else f"{row['step_fs']:.1f}"
            head = f"{row['system']:>22} {row['solver']:>22} {step:>8} {row['us_per_trajectory']:8.1f}"
            print(f"{head} {row['times_heyoka']:8.2f} {target:>6} {row['error']:8.1e} {speed}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
