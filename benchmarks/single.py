# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""One driven trajectory: lattice beside SciPy, Numba, heyoka, numbalsoda and diffrax, in one process, interleaved.

    python benchmarks/single.py [--modes 4 12 45 120] [--chain] [--rounds N] [--json FILE]

Every solver integrates the same polynomial potential under the same chirp-free pulse from rest over 40 ps and returns
Q at 4000 times. Its tolerance is the loosest of a list with an error of Q ≤ 1e-8 of the largest |Q|, against a solution
of Numba's right-hand side by DOP853 at 1e-13. What is compiled or set up once for a potential is done before the clock
starts, for lattice as for the others. Times are medians of processor seconds; a solver that is not installed is left
out, and said so. "lattice" is one pass of the kernel, drive included, for each instruction set that the processor has;
"+ ledgers" books angular momentum and energy too; "simulate" is the public call: two passes on two grids, error
measured, both ledgers, labelled dataset. "of peak" is the share of the multiply-adds that the processor can do
(benchmarks/peak.py) in which the kernel evaluates forces at its nodes and applies its weights; light and ledgers are
not counted. "simulate - kernel" is what the call adds for one small trajectory.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import importlib.util
import json
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peak import peak
from polynomials import Model, chain_model, gradient, pair_model, random_model

from lattice import Record, simulate, units
from lattice._kernels.hermitian import supported_levels
from lattice.dynamics import collocate
from lattice.dynamics.field_table import tabulate_field
from lattice.dynamics.steps import Grid
from lattice.dynamics.window import make_window

DURATION, EVERY = 40.0, 0.01
TIMES = np.arange(1, round(DURATION / EVERY) + 1) * EVERY
GOAL = 1e-8
TOLERANCES = [1e-6, 1e-7, 3e-8, 1e-8, 3e-9, 1e-9, 3e-10, 1e-10, 1e-11, 1e-12]
ISA_VARIABLE = "LATTICE_ISA"
Solver = Callable[[float], np.ndarray]
OPERATIONS: dict[tuple[int, str, float], float] = {}  # of one run: modes, instruction set, tolerance → number


def numpy_rate(model: Model) -> Callable[[float, np.ndarray], np.ndarray]:
    """Right-hand side in NumPy and SciPy."""
    from scipy.sparse import csr_array

    start, column, value, products = gradient(model)
    n, pulse = model.n, model.pulse
    sparse = csr_array((value, column, start), (n, len(products)))
    matrix = sparse.toarray() if n <= 12 else sparse
    stiffness, gamma, charge = model.omega**2, model.gamma, model.charge
    width, rate = pulse.duration / np.sqrt(4.0 * np.log(2.0)), units.TWO_PI * pulse.frequency
    a, b, c = products.T.copy()

    def rhs(t: float, y: np.ndarray) -> np.ndarray:
        q, p = y[:n], y[n:]
        full = np.append(q, 1.0)
        s = t - pulse.center
        envelope, angle = pulse.amplitude * np.exp(-0.5 * (s / width) ** 2), rate * s + pulse.phase
        force = matrix @ (full[a] * full[b] * full[c]) - stiffness * q - gamma * p
        force += envelope * (charge[:, 0] * np.cos(angle) + pulse.helicity * charge[:, 1] * np.sin(angle))
        return np.concatenate([p, force])

    return rhs


def numba_core(model: Model) -> Any:
    """Right-hand side in Numba with the products that terms share, as in lattice's own plan: (t, y, dy)."""
    import numba

    plan, _ = collocate._plans(model.potential())
    _, _, row, start, pull_start = plan.programs[0]
    left, right = plan.factor
    column, value, pull, n_nodes = plan.column, plan.value, plan.pull, plan.n_dark
    n, pulse = model.n, model.pulse
    stiffness, gamma, charge = model.omega**2, model.gamma.copy(), model.charge.copy()
    width, rate = pulse.duration / np.sqrt(4.0 * np.log(2.0)), units.TWO_PI * pulse.frequency
    center, amplitude, helicity, phase = pulse.center, pulse.amplitude, pulse.helicity, pulse.phase

    @numba.njit(fastmath=True)
    def core(t: float, y: np.ndarray, dy: np.ndarray) -> None:
        s = t - center
        envelope, angle = amplitude * np.exp(-0.5 * (s / width) ** 2), rate * s + phase
        ex, ey = envelope * np.cos(angle), helicity * envelope * np.sin(angle)
        X, G = np.zeros(n_nodes), np.zeros(n_nodes)
        X[:n] = y[:n]
        for k in range(n + 4, n_nodes):
            X[k] = X[left[k]] * X[right[k]]
        for r in range(len(start) - 1):
            total = 0.0
            for e in range(start[r], start[r + 1]):
                total += value[e] * X[column[e]]
            for e in range(pull_start[r], pull_start[r + 1]):
                total += G[pull[e, 0]] * X[pull[e, 1]]
            G[row[r]] = total
        for i in range(n):
            dy[i] = y[n + i]
            dy[n + i] = G[i] - stiffness[i] * y[i] - gamma[i] * y[n + i] + charge[i, 0] * ex + charge[i, 1] * ey

    return core


def scipy_solver(rhs: Callable[..., np.ndarray], n: int, method: str) -> Solver:
    """`solve_ivp`, kept from jumping over the pulse."""
    from scipy.integrate import solve_ivp

    def solve(tolerance: float) -> np.ndarray:
        keys = {"rtol": max(tolerance, 3e-14), "atol": tolerance * 1e-2, "t_eval": TIMES, "max_step": 1.0}
        return solve_ivp(rhs, (0.0, DURATION), np.zeros(2 * n), method, **keys).y[:n].T

    return solve


def numbalsoda_solver(core: Any, n: int, method: str) -> Solver:
    """DOP853 or LSODA of numbalsoda."""
    import numba
    import numbalsoda

    @numba.cfunc(numbalsoda.lsoda_sig)
    def rate(t: float, u: Any, du: Any, _p: Any) -> None:
        core(t, numba.carray(u, (2 * n,)), numba.carray(du, (2 * n,)))

    times, run = np.concatenate([[0.0], TIMES]), getattr(numbalsoda, method)
    extra = {"mxstep": 100000} if method == "lsoda" else {}
    address = rate.address
    keep = [rate]

    def solve(tolerance: float) -> np.ndarray:
        out, good = run(address, np.zeros(2 * n), times, rtol=tolerance, atol=tolerance * 1e-2, **extra)
        return out[1:, :n] if good and keep else np.full((len(TIMES), n), np.nan)

    return solve


def heyoka_solver(model: Model) -> Solver:
    """Taylor integrator of heyoka, compiled once for each tolerance."""
    import heyoka as hy

    n, pulse = model.n, model.pulse
    q, p = (hy.make_vars(*[f"{letter}{i}" for i in range(n)]) for letter in "qp")
    s = hy.time - pulse.center
    width = pulse.duration / np.sqrt(4.0 * np.log(2.0))
    envelope = pulse.amplitude * hy.exp(-0.5 * (s / width) * (s / width))
    angle = units.TWO_PI * pulse.frequency * s + pulse.phase
    field = envelope * hy.cos(angle), pulse.helicity * envelope * hy.sin(angle)
    forces: list[list[Any]] = [[-(model.omega[i] ** 2) * q[i], -model.gamma[i] * p[i]] for i in range(n)]
    for i, axis in zip(*model.charge.nonzero(), strict=True):
        forces[i].append(float(model.charge[i, axis]) * field[axis])
    for key, c in model.terms.items():
        for i, power in Counter(key).items():
            rest = list(key)
            rest.remove(i)
            term = hy.expression(-c * power)
            for k in rest:
                term = term * q[k]
            forces[i].append(term)
    system = [(q[i], p[i]) for i in range(n)] + [(p[i], hy.sum(forces[i])) for i in range(n)]
    compiled: dict[float, Any] = {}
    times = np.concatenate([[0.0], TIMES])

    def solve(tolerance: float) -> np.ndarray:
        if tolerance not in compiled:
            compiled[tolerance] = hy.taylor_adaptive(system, [0.0] * (2 * n), tol=tolerance, compact_mode=n > 4)
        integrator = compiled[tolerance]
        integrator.time = 0.0
        integrator.state[:] = 0.0
        return integrator.propagate_grid(times)[-1][1:, :n]

    return solve


def diffrax_solver(model: Model) -> Solver:
    """Dopri8 of diffrax under jit."""
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    start, column, value, products = gradient(model)
    n, pulse = model.n, model.pulse
    matrix = np.zeros((n, len(products)))
    for i in range(n):
        matrix[i, column[start[i] : start[i + 1]]] = value[start[i] : start[i + 1]]
    dense, (a, b, c) = jnp.array(matrix), products.T
    stiffness, gamma, charge = (jnp.array(x) for x in (model.omega**2, model.gamma, model.charge))
    width = pulse.duration / np.sqrt(4.0 * np.log(2.0))

    def rate(t: Any, y: Any, amplitude: Any) -> Any:
        q, p = y[:n], y[n:]
        full, s = jnp.append(q, 1.0), t - pulse.center
        envelope, angle = amplitude * jnp.exp(-0.5 * (s / width) ** 2), units.TWO_PI * pulse.frequency * s + pulse.phase
        force = dense @ (full[a] * full[b] * full[c]) - stiffness * q - gamma * p
        force += envelope * (charge[:, 0] * jnp.cos(angle) + pulse.helicity * charge[:, 1] * jnp.sin(angle))
        return jnp.concatenate([p, force])

    compiled: dict[float, Any] = {}

    def solve(tolerance: float) -> np.ndarray:
        if tolerance not in compiled:
            control = diffrax.PIDController(rtol=tolerance, atol=tolerance * 1e-2, dtmax=0.5)
            save, term = diffrax.SaveAt(ts=jnp.array(TIMES)), diffrax.ODETerm(rate)
            compiled[tolerance] = jax.jit(
                lambda amplitude: diffrax.diffeqsolve(
                    term, diffrax.Dopri8(), 0.0, DURATION, 0.01, jnp.zeros(2 * n), args=amplitude, saveat=save,
                    stepsize_controller=control, max_steps=1_000_000,
                ).ys
            )  # fmt: skip
        return np.asarray(compiled[tolerance](pulse.amplitude))[:, :n]

    return solve


def lattice_solver(model: Model, isa: str, *, book: bool) -> Solver:
    """One pass of the kernel; set-up is done once for each tolerance."""
    potential = model.potential()
    table = collocate.table_of(potential)
    plan, booking = collocate._plans(potential)
    rest, grid = np.zeros(model.n), Grid(0.0, EVERY, len(TIMES), DURATION)
    problem = collocate.Problem(table, plan, booking, tabulate_field((model.pulse,), DURATION), rest, rest, grid)
    calls: dict[float, tuple[Any, ...]] = {}
    kernel_call = collocate.kernel.advance

    def prepare(tolerance: float) -> tuple[Any, ...]:
        found: list[tuple[Any, ...]] = []

        def record(*arguments: Any) -> Any:
            found.append(arguments)
            return kernel_call(*arguments)

        os.environ[ISA_VARIABLE] = isa
        collocate.kernel.advance = record
        try:
            problem.run(tolerance, family=1, book=book)
        finally:
            collocate.kernel.advance = kernel_call
            del os.environ[ISA_VARIABLE]
        return found[-1]

    def solve(tolerance: float) -> np.ndarray:
        if tolerance not in calls:
            calls[tolerance] = prepare(tolerance)
        arguments = calls[tolerance]
        state, account, record = arguments[9:12]
        state[:] = 0.0
        if account is not None:
            account[:] = 0.0
        _, _, windows, passes = kernel_call(*arguments)
        OPERATIONS[model.n, isa, tolerance] = flops(plan, model.n, windows, passes)
        return record[0]

    return solve


def flops(plan: Any, n: int, windows: int, passes: int) -> float:
    """Floating-point operations of one pass of the kernel over the run, eight nodes at a time.

    A pass of the fixed point takes 17 for the weights and 5 for the comparison of each coordinate that is pushed, 1 for
    each product, 2 for each entry of the sparse table and each step of the chain rule, and 1 for each row. A window
    takes 17 for the extrapolation of each of these coordinates, and 3 for the free motion, 18 for the error and 20 for
    each block of eight outputs (one here) of every coordinate.
    """
    _, pushed, _, start, pull_start = plan.programs[0]
    one_pass = 22 * pushed + (plan.n_dark - n - 4) + 2 * (start[-1] - start[0]) + 2 * (pull_start[-1] - pull_start[0])
    return 8.0 * (passes * (one_pass + len(start) - 1) + windows * (17 * pushed + 41 * n))


def solvers(model: Model) -> dict[str, tuple[Solver, list[float]]]:
    """All that are installed and bearable for this size, with the tolerances to try."""
    n, found = model.n, {}
    if n <= 45:
        found["scipy DOP853, NumPy"] = scipy_solver(numpy_rate(model), n, "DOP853"), TOLERANCES
    if importlib.util.find_spec("numba"):
        import numba

        core = numba_core(model)

        @numba.njit
        def rate(t: float, y: np.ndarray) -> np.ndarray:
            dy = np.empty_like(y)
            core(t, y, dy)
            return dy

        rate(0.0, np.zeros(2 * n))
        found["scipy DOP853, Numba"] = scipy_solver(rate, n, "DOP853"), TOLERANCES
        if n <= 45:
            found["scipy LSODA, Numba"] = scipy_solver(rate, n, "LSODA"), TOLERANCES[3:]
        if importlib.util.find_spec("numbalsoda"):
            for method in ("dop853", "lsoda"):
                found[f"numbalsoda {method}"] = numbalsoda_solver(core, n, method), TOLERANCES
    if importlib.util.find_spec("heyoka"):
        found["heyoka"] = heyoka_solver(model), TOLERANCES[:6] if n < 45 else TOLERANCES[1:2]
    if importlib.util.find_spec("diffrax") and n <= 12:
        found["diffrax Dopri8, jit"] = diffrax_solver(model), TOLERANCES[3:]
    for isa in supported_levels():
        found[f"lattice {isa}"] = lattice_solver(model, isa, book=False), TOLERANCES
    found["lattice + ledgers"] = lattice_solver(model, supported_levels()[-1], book=True), TOLERANCES
    potential, record = model.potential(), Record(EVERY)

    def public(tolerance: float) -> np.ndarray:
        return np.asarray(simulate(potential, model.pulse, DURATION, record=record, rtol=tolerance).Q.values[1:])

    found["lattice.simulate"] = public, [1e-8]
    return found


def compare(model: Model, rounds: int) -> list[dict[str, Any]]:
    """Tolerances first, then interleaved times."""
    found = solvers(model)
    reference_solver = found.get("scipy DOP853, Numba", found.get("scipy DOP853, NumPy"))
    reference = reference_solver[0](1e-13)
    size, rows = np.abs(reference).max(), []
    for label, (solve, tolerances) in found.items():
        for tolerance in tolerances:
            error = float(np.abs(solve(tolerance) - reference).max() / size)
            if error <= GOAL:
                break
        rows.append({"solver": label, "tolerance": tolerance, "error": error, "seconds": []})
    for _ in range(rounds):
        for row in rows:
            if len(row["seconds"]) >= 3 and min(row["seconds"]) > 0.5:
                continue
            begin = time.process_time()
            found[row["solver"]][0](row["tolerance"])
            row["seconds"].append(time.process_time() - begin)
    for row in rows:
        row["median_ms"] = 1e3 * statistics.median(row.pop("seconds"))
        isa = row["solver"].removeprefix("lattice ")
        done = OPERATIONS.get((model.n, isa, row["tolerance"]))
        row["gflops"] = None if done is None else done / row["median_ms"] / 1e6
        row["of_peak"] = None if done is None else row["gflops"] * 1e9 / peak(isa)
    return rows


def report(n: int, rows: list[dict[str, Any]]) -> None:
    """Print a table of Markdown."""
    peers = [row for row in rows if not row["solver"].startswith("lattice") and row["error"] <= GOAL]
    best = min(row["median_ms"] for row in peers)
    print(f"\n{n} modes, 40 ps, 4000 recorded times\n")
    print("| solver | tolerance | error | median ms | best peer / this | GFLOP/s | of peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in sorted(rows, key=lambda row: -row["median_ms"]):
        ratio = f"{best / row['median_ms']:.2f}" if row["error"] <= GOAL else "misses the goal"
        cells = (row["solver"], f"{row['tolerance']:.0e}", f"{row['error']:.1e}", f"{row['median_ms']:.3f}", ratio)
        speed = ("", "") if row["gflops"] is None else (f"{row['gflops']:.1f}", f"{row['of_peak']:.0%}")
        print("| " + " | ".join(cells + speed) + " |")


def chain(rounds: int) -> list[dict[str, Any]]:
    """Cost against the number of terms."""
    rows = []
    for n in (250, 500, 1000, 2000):
        model = chain_model(n)
        solve = lattice_solver(model, supported_levels()[-1], book=False)
        solve(GOAL)
        seconds = []
        for _ in range(rounds):
            begin = time.process_time()
            solve(GOAL)
            seconds.append(time.process_time() - begin)
        terms = len(model.terms)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"modes": n, "terms": terms, "median_ms": 1e3 * statistics.median(seconds), "memory_MiB": memory})
    print("\n| chain: modes | terms | median ms | ns per term and ps | memory so far, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        each = 1e6 * row["median_ms"] / row["terms"] / DURATION
        print(f"| {row['modes']} | {row['terms']} | {row['median_ms']:.1f} | {each:.0f} | {row['memory_MiB']:.0f} |")
    return rows


def overhead(rounds: int) -> dict[str, float]:
    """What `simulate` takes beyond the kernel for one small trajectory: checks, pulse, ledgers, dataset."""
    model, record = pair_model(), Record(0.05)
    potential, kernel_call = model.potential(), collocate.kernel.advance
    inside: list[int] = []
    whole: list[int] = []

    def timed(*given: Any) -> Any:
        begin = time.process_time_ns()
        out = kernel_call(*given)
        inside[-1] += time.process_time_ns() - begin
        return out

    collocate.kernel.advance = timed
    try:
        for _ in range(20 * rounds):
            inside.append(0)
            begin = time.process_time_ns()
            simulate(potential, model.pulse, 2.0, record=record)
            whole.append(time.process_time_ns() - begin)
    finally:
        collocate.kernel.advance = kernel_call
    beyond = [1e-6 * (a - b) for a, b in zip(whole, inside, strict=True)]
    found = {"least_ms": min(beyond), "median_ms": statistics.median(beyond), "kernel_ms": 1e-6 * min(inside)}
    print(
        f"\nsimulate - kernel, 4 modes, 2 ps, 41 recorded times: {found['least_ms']:.2f} ms at least, "
        f"{found['median_ms']:.2f} ms median; the kernel itself {found['kernel_ms']:.2f} ms"
    )
    return found


def weights(rounds: int) -> float:
    """Milliseconds that the weights of a window of 45 modes take, which are made once and kept."""
    rng = np.random.default_rng(0)
    omega_squared, gamma = (rng.uniform(low, high, 45).tobytes() for low, high in ((-50, 1400), (0, 90)))
    spent = []
    for i in range(10 * rounds):
        begin = time.process_time_ns()
        make_window(omega_squared, gamma, 0.04 + 1e-9 * i, 4)
        spent.append(1e-6 * (time.process_time_ns() - begin))
    print(f"\nweights of a window, 45 modes: {min(spent):.2f} ms at least, {statistics.median(spent):.2f} ms median")
    return statistics.median(spent)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", type=int, nargs="*", default=[4, 12, 45, 120])
    parser.add_argument("--chain", action="store_true", help="also chains of 250 to 2000 sites")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    absent = [name for name in ("numba", "heyoka", "numbalsoda", "diffrax") if not importlib.util.find_spec(name)]
    print(f"not installed: {', '.join(absent) or 'nothing'}; instruction sets: {', '.join(supported_levels())}")
    results: dict[str, Any] = {}
    for n in arguments.modes:
        results[str(n)] = compare(pair_model() if n == 4 else random_model(n), arguments.rounds)
        report(n, results[str(n)])
    results["overhead"] = overhead(arguments.rounds)
    results["weights_ms"] = weights(arguments.rounds)
    if arguments.chain:
        results["chain"] = chain(arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
