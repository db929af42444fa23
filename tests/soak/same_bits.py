"""The parallel kernels give the same bits again and again, with 1, 2 and 4 threads, at every instruction set.

    PYTHONPATH=.:tests python tests/soak/same_bits.py [ROUNDS]

A thread that reads what another has not yet written, or shares its work space, shows as another bit sooner or later.
Each of 50 rounds (if not given) runs every kernel with every number of threads; all must have the first one's bytes.
Exit status 1 if any differs.
"""

import hashlib
import sys
import time

import numpy as np
from model_potentials import d3d_potential, random_potential

import lattice
from lattice._kernels.hermitian import supported_levels
from lattice.dynamics.bath import Bath
from lattice.dynamics.integrate import Grid, Refinement
from lattice.dynamics.table import build_table
from lattice.modes.batch import solve_matrices

THREADS = (1, 2, 4)


def eigensolver(isa):
    rng = np.random.default_rng(1)
    a = rng.standard_normal((203, 15, 15)) + 1j * rng.standard_normal((203, 15, 15))
    a = a + a.conj().transpose(0, 2, 1)

    def run(threads):
        solved = solve_matrices(a, isa=isa, n_threads=threads)
        return solved.eigenvalue, solved.eigenvectors, solved.J

    return run


def splitting(bath):
    table, n = build_table(random_potential(1)), 21
    pulses = [(lattice.Pulse(0.1 * (i + 1), 2.5, 0.5, center=0.4),) for i in range(n)]
    rest, grid = np.zeros((n, 12)), Grid(0.0, 0.02, 30, 0.6)

    def run(threads):
        solved = Refinement(table, pulses, rest, rest, grid, 2, threads, bath, np.arange(n)).level(np.arange(n), 1)
        return solved.Q, solved.P, solved.Q_end, solved.P_end, solved.ledger

    return run


def ensemble(temperature):
    rng, n, potential = np.random.default_rng(2), 75, d3d_potential(a1g=1e-3)
    pulses = lattice.PulseArray(
        rng.uniform(0, 0.3, n), rng.uniform(1.9, 2.2, n), rng.uniform(0.5, 1.5, n), helicity=rng.uniform(-1, 1, n)
    )
    keep = lattice.Observe(0.02, signals=np.eye(potential.n_modes), signal_times=[2.0, 4.0], ledger=True)

    def run(threads):
        done = lattice.simulate_reduced(
            potential, pulses, 4.0, observe=keep, step=0.02, temperature=temperature, seed=5, n_threads=threads
        )
        return [value.values for _, value in sorted(done.items())]

    return run


def kernels():
    """Name → function of the number of threads that returns arrays."""
    return {
        **{f"eigensolver, {isa}": eigensolver(isa) for isa in supported_levels()},
        "splitting": splitting(None),
        "splitting, 100 K": splitting(Bath(100.0, 4)),
        "ensemble": ensemble(0.0),
        "ensemble, 100 K": ensemble(100.0),
    }


def digest(arrays):
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def differences(rounds):
    """Run all kernels; return (number of runs, names of those whose bits differ)."""
    runs, wrong = 0, []
    for name, run in kernels().items():
        first = digest(run(1))
        for i in range(rounds):
            for threads in THREADS:
                runs += 1
                if digest(run(threads)) != first:
                    wrong.append(f"{name}: round {i}, {threads} threads")
    return runs, wrong


def main(rounds=50):
    start = time.perf_counter()
    runs, wrong = differences(rounds)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{runs} runs of {len(kernels())} kernels, {len(wrong)} with other bits, {time.perf_counter() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
