# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""Langevin steps: lattice beside NumPy and Numba, one core, one process, interleaved.

    python benchmarks/langevin.py [--trajectories N] [--rounds N] [--json FILE]

Each row is one potential and one solver: median processor time per trajectory and step of 5 fs, and its ratio to the
best of NumPy and Numba. All make the same step: half a kick by all couplings, the exact Ornstein–Uhlenbeck step of each
mode with two normal numbers, half a kick, the force kept between steps. NumPy moves all trajectories at once in arrays
that fit the cache, Numba loops over trajectories with the derivatives written out as source and draws normal numbers
with PCG64 and the ziggurat. Beside it, as accuracy: the mean of ½(P² + ω²Q²) over k_B T in the second half of the run,
of the mode that is farthest from 1, and its standard error. lattice also gathers its default quantities.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from coupled_modes import d3d_pairs, gradient, potential_of, random_pairs
from ensemble import measure

import lattice
from lattice import units
from lattice.dynamics import ensemble
from lattice.dynamics.bath import lower_triangle, unit_covariance
from lattice.dynamics.scheme import damped_flow
from lattice.modes.batch import kernel as levels

STEP, STEPS = 0.005, 4000  # ps
ENERGY = 1.0  # k_B T, amu Å²/ps²
TEMPERATURE = ENERGY / units.KB
SYSTEMS = {"D3d pairs, n = 4": d3d_pairs, "general table, n = 12": random_pairs}


def coefficients(system: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flow (n, 4), random increments (n, 3) of a step, and ω² (n,)."""
    omega_squared, gamma = (units.TWO_PI * system[0]) ** 2, units.TWO_PI * system[1]
    flow = damped_flow(omega_squared, gamma, np.array([STEP]))[0]
    spread = np.sqrt(2.0 * gamma * ENERGY)[:, None] * lower_triangle(unit_covariance(omega_squared, gamma, STEP))
    return flow, spread, omega_squared


def source(system: Any) -> str:
    """Derivatives of the potential of one trajectory as Python source, f0 = … and so on."""
    lines = []
    for s, parts in enumerate(gradient(system[2], len(system[0]))):
        lines.append(f"f{s} = " + " ".join(f"- {c!r} * {' * '.join(f'q{i}' for i in rest)}" for c, rest in parts))
    return "\n".join(lines)


def program(system: Any, *, loop: bool) -> Any:
    """Function (n_trajectories, steps, generator) → mean of P² + ω²Q² over the second half, (n,)."""
    n = len(system[0])
    flow, spread, omega_squared = coefficients(system)
    force, step = source(system).split("\n"), []
    for s in range(n):
        draw = "rng.standard_normal()" if loop else "rng.standard_normal(N)"
        step += [f"p{s} = p{s} + {0.5 * STEP!r} * f{s}", f"x = {draw}", f"y = {draw}"]
        a, b, c, d = (float(x) for x in flow[s])
        u, v, w = (float(x) for x in spread[s])
        step += [f"q{s}, p{s} = {a!r}*q{s} + {b!r}*p{s} + {u!r}*x, {c!r}*q{s} + {d!r}*p{s} + {v!r}*x + {w!r}*y"]
    step += force + [f"p{s} = p{s} + {0.5 * STEP!r} * f{s}" for s in range(n)]
    add = "{} " if loop else "np.sum({})"
    tail = ["if i >= steps // 2:"]
    squares = [f"p{s}*p{s} + {float(omega_squared[s])!r}*q{s}*q{s}" for s in range(n)]
    tail += [f"    total[{s}] += {add.format(square)}" for s, square in enumerate(squares)]
    zero = "0.0" if loop else "np.zeros(N)"
    begin = [f"q{s} = {zero}; p{s} = {zero}; f{s} = {zero}" for s in range(n)]
    body = [*begin, "for i in range(steps):", *(f"    {line}" for line in [*step, *tail])]
    if loop:
        body = ["for trajectory in range(N):", *(f"    {line}" for line in body)]
    text = "\n".join(["def run(N, steps, rng):", f"    total = np.zeros({n})", *(f"    {line}" for line in body)])
    text = "import numpy as np\n\n\n" + text + "\n    return total / (N * (steps - steps // 2))\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "peer.py")
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("peer", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.run


def peers(system: Any, n_trajectories: int) -> dict[str, Callable[[], Any]]:
    """Calls of NumPy and, where it is installed, Numba."""
    few = 512
    run = program(system, loop=False)
    calls: dict[str, Callable[[], Any]] = {
        "numpy": lambda: [
            run(few, STEPS, np.random.Generator(np.random.SFC64(1))) for _ in range(n_trajectories // few)
        ]
    }
    try:
        import numba
    except ImportError:
        return calls
    compiled = numba.njit(fastmath=True, error_model="numpy")(program(system, loop=True))
    calls["numba"] = lambda: compiled(n_trajectories, STEPS, np.random.default_rng(1))
    compiled(1, 2, np.random.default_rng(1))
    return calls


def ours(potential: Any, n_trajectories: int, isa: str) -> Any:
    """One run of lattice with one instruction set."""
    ensemble.LEVEL = levels.LEVELS.index(isa)
    look = lattice.Observe(8 * STEP, start=STEP * STEPS / 2)
    return lattice.simulate_reduced(
        potential, [()] * n_trajectories, STEP * STEPS, observe=look, temperature=TEMPERATURE, initial="rest", step=STEP
    )


def farthest(ratio: np.ndarray) -> tuple[float, float]:
    """Mean over trajectories of the mode that is farthest from 1, and its standard error; ratio (N, n)."""
    mean = ratio.mean(axis=0)
    worst = int(np.argmax(np.abs(mean - 1)))
    return float(mean[worst]), float(ratio[:, worst].std() / np.sqrt(len(ratio)))


def benchmark(title: str, n_trajectories: int, rounds: int) -> list[dict[str, Any]]:
    """Measure one potential."""
    system = SYSTEMS[title]()
    potential = potential_of(system)
    calls: dict[str, Callable[[], Any]] = {
        isa: partial(ours, potential, n_trajectories, isa) for isa in levels.supported_levels() if isa != "plain"
    }
    others = peers(system, n_trajectories)
    times = measure(calls | others, rounds)
    best = min(times[name] for name in others)
    rows = []
    for name, seconds in times.items():
        row: dict[str, Any] = {"system": title, "solver": name, "ns_per_step": 1e9 * seconds / n_trajectories / STEPS}
        row |= {"times_best_peer": best / seconds, "target": None if name in others else 10}
        if name in others:
            mean = np.mean(np.atleast_2d(others[name]()), axis=0) / (2.0 * ENERGY)
            row["energy"] = float(mean[np.argmax(np.abs(mean - 1))])
        else:
            row["energy"], row["error"] = farthest(calls[name]()["energy_mean"].values * units.EV / ENERGY)
        rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the rows")
    options = parser.parse_args()
    print(f"{'system':>22} {'solver':>10} {'ns per step':>11} {'× best peer':>11} {'target':>6} {'E/kT':>8} {'±':>7}")
    rows = []
    for title in SYSTEMS:
        for row in benchmark(title, options.trajectories, options.rounds):
            rows.append(row)
            head = f"{row['system']:>22} {row['solver']:>10} {row['ns_per_step']:11.1f} {row['times_best_peer']:11.2f}"
            error = "" if "error" not in row else f"{row['error']:.4f}"
            target = "" if row["target"] is None else row["target"]
            print(f"{head} {target:>6} {row['energy']:8.4f} {error:>7}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
