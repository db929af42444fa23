# ruff: noqa: E402 - the number of threads must be set before NumPy is imported
"""Modes on a mesh: lattice beside phonopy and Euphonic (where installed), one core each, one process, interleaved.

    python benchmarks/mesh.py [--mesh N] [--rounds N] [--json FILE]

Each row is one crystal and one solver: median processor time per q-point of the whole call (dynamical matrix,
eigenvalues, eigenvectors; lattice also J; "J only": eigenvectors are made but not stored, as in `lattice.solve_mesh`),
the ratio to phonopy, and beside it how accurate the modes are: the largest
residual |D ε − λ ε| relative to |λ|, and the largest difference of eigenvalues from phonopy's, both relative to the
largest. phonopy's time is that of ``run_mesh(with_eigenvectors=True)`` without symmetry, Euphonic's that of
``calculate_qpoint_phonon_modes`` with its C extension.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from model_crystals import MASSES, spring_crystal

from lattice._kernels import hermitian as kernel
from lattice.modes.batch import Batch, short_range, solve_short_range
from lattice.modes.grid import make_grid
from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal
from lattice.structure.phonopy_object import phonopy_from_crystal

N_ATOMS = (5, 9, 15)
TARGETS = {"x86-64-v3": {15: 4.0, 27: 4.0, 45: 1.0}, "x86-64-v4": {15: 7.0, 27: 7.0, 45: 1.0}}


def model(n_atoms: int) -> Crystal:
    """A crystal without symmetry, with springs of 8.5 Å and a 2 × 2 × 2 supercell."""
    rng = np.random.default_rng(n_atoms)
    vectors = np.array([[6.1, 0.2, 0.1], [-0.3, 6.6, 0.4], [0.5, -0.2, 7.0]])
    positions = np.empty((0, 3))
    while len(positions) < n_atoms:
        candidate = rng.random(3)
        difference = candidate - positions
        if (np.linalg.norm((difference - np.rint(difference)) @ vectors, axis=1) > 1.6).all():
            positions = np.vstack([positions, candidate])
    numbers = np.arange(n_atoms) % 4 + 1
    cell = Cell(vectors, positions, numbers, [MASSES[int(z)] for z in numbers])
    return spring_crystal(cell, 2 * np.eye(3, dtype=int), cutoff=8.5)


def euphonic_solver(phonon: Any, qpoints: np.ndarray) -> Callable[[], Any] | None:
    """Return a call of Euphonic for the same force constants, None where it is not installed."""
    try:
        from euphonic import ForceConstants
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonon.save(Path(folder, "phonopy.yaml"), settings={"force_constants": True})
        constants = ForceConstants.from_phonopy(path=folder, summary_name="phonopy.yaml")

    def solve() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it uses one thread is what is wanted
            return constants.calculate_qpoint_phonon_modes(qpoints, use_c=True, n_threads=1, reduce_qpts=False)

    return solve


def accuracy(batch: Batch, phonon: Any, qpoints: np.ndarray) -> tuple[float, float]:
    """Return the residual and the difference from phonopy at the first points."""
    few = qpoints[:200]
    phonon.run_qpoints(few, with_dynamical_matrices=True)
    matrices = phonon.qpoints.dynamical_matrices
    value, columns = batch.eigenvalue[:200], batch.eigenvectors[:200].transpose(0, 2, 1)
    size = np.abs(value).max()
    residual = np.abs(matrices @ columns - columns * value[:, None, :]).max() / size
    return float(residual), float(np.abs(np.linalg.eigvalsh(matrices) - value).max() / size)


def measure(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median time of the one core on each call; the rounds go through all of them in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def benchmark(n_atoms: int, mesh: tuple[int, int, int], rounds: int) -> list[dict[str, Any]]:
    """Measure one crystal."""
    crystal = model(n_atoms)
    phonon = phonopy_from_crystal(crystal)
    qpoints = make_grid(crystal, mesh, symmetry=False).qpoints

    def phonopy() -> None:
        phonon.run_mesh(mesh, with_eigenvectors=True, is_gamma_center=True, is_mesh_symmetry=False)

    def ours(isa: str, eigenvectors: bool = True) -> Batch:
        points = make_grid(crystal, mesh, symmetry=False).qpoints
        return solve_short_range(short_range(phonon), points, eigenvectors=eigenvectors, isa=isa)

    calls: dict[str, Callable[[], Any]] = {"phonopy": phonopy}
    calls |= {isa: (lambda isa=isa: ours(isa)) for isa in kernel.supported_levels()}
    calls |= {
        f"{isa}, J only": (lambda isa=isa: ours(isa, False)) for isa in kernel.supported_levels() if isa in TARGETS
    }
    euphonic = euphonic_solver(phonon, qpoints)
    if euphonic is not None:
        calls["euphonic"] = euphonic
    times = measure(calls, rounds)
    rows = []
    for name, seconds in times.items():
        row: dict[str, Any] = {
            "modes": 3 * n_atoms,
            "solver": name,
            "us_per_q": 1e6 * seconds / len(qpoints),
            "times_phonopy": times["phonopy"] / seconds,
            "target": TARGETS.get(name.split(",")[0], {}).get(3 * n_atoms),
        }
        if name in kernel.LEVELS:
            row["residual"], row["difference"] = accuracy(ours(name), phonon, qpoints)
        rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mesh", type=int, default=12, help="divisions of each axis")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the rows")
    options = parser.parse_args()
    print(f"{'modes':>5} {'solver':>17} {'µs/q':>8} {'× phonopy':>9} {'target':>6} {'residual':>9} {'difference':>10}")
    rows = []
    for n_atoms in N_ATOMS:
        for row in benchmark(n_atoms, (options.mesh,) * 3, options.rounds):
            rows.append(row)
            target = "" if row["target"] is None else f"{row['target']:.0f}"
            shown = f"{row['residual']:9.1e} {row['difference']:10.1e}" if "residual" in row else f"{'–':>9} {'–':>10}"
            head = f"{row['modes']:5d} {row['solver']:>17} {row['us_per_q']:8.2f}"
            print(f"{head} {row['times_phonopy']:9.2f} {target:>6} {shown}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    main()
