"""What a sweep costs beyond its trajectories, and how it behaves at 10⁵ tasks.

    python benchmarks/sweep.py overhead [SMALL LARGE]    D3d model, default 100000 1000000 points
    python benchmarks/sweep.py empty [TASKS]             tasks that compute nothing, default 100000

`overhead`: marginal cost, from the small to the large number of points, of a sweep on all cores with store, flags and
progress, against the bare kernel in as many processes on the same points; memory of driver and workers, files, and
collect. `empty`: the same administration by Dask for tasks without work, which gives the figures of 10⁹ trajectories.
"""

from __future__ import annotations

import functools
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tree_memory import TreeMemory

import lattice
from lattice.anharmonic.potential import Potential
from lattice.study.block import BlockResult
from lattice.study.columns import GOOD
from lattice.study.group import groups_of
from lattice.study.layout import cut
from lattice.study.local import available_cores
from lattice.study.plan import read_plan
from lattice.study.prepare import Preparation
from lattice.study.reducer import Reducer
from lattice.study.store import Store, create, open_store
from lattice.study.sweep import State

ELEMENTS = 1000  #: of the job array whose walk is measured
GAMMA, CHARGE = 1.2e-3, 1.21  # of the D3d model: eV/(Å√amu)³, e/√amu


def d3d_potential() -> Potential:
    """E_u pair (0, 1) driven by light, E_g pair (2, 3) at twice its frequency, V3 = γ Re[u²g]."""
    terms = [([0, -1, -1], 0, -0.01 * CHARGE), ([1, -1, -1], 1, -0.01 * CHARGE)]
    terms += [([0, 0, 2], -1, GAMMA), ([1, 1, 2], -1, -GAMMA), ([0, 1, 3], -1, -2 * GAMMA)]
    multiplet = ["Eu(1)", "Eu(1)", "Eg(2)", "Eg(2)"]
    return Potential(
        axis=np.array([0.0, 0.0, 1.0]),
        frequency=[2.05, 2.05, 4.05, 4.05],
        linewidth=[0.16, 0.16, 0.1, 0.1],
        labels=[f"{name}{part}" for name, part in zip(multiplet, "xyxy", strict=True)],
        multiplet=multiplet,
        coefficient=[c for *_, c in terms],
        mode_index=np.array([modes for modes, *_ in terms]),
        field_axis=np.array([[field] for _, field, _ in terms]),
        channel=["dipole", "dipole", *["Eu(1)^2 Eg(2)"] * 3],
        pair=[1, 0, 3, 2],
    )


def plan_of(potential: str, points: int) -> dict[str, Any]:
    """Sobol points over amplitude, helicity, frequency and angle of the pulse."""
    sobol = {
        "pulse.0.amplitude": [0.01, 0.3],
        "pulse.0.helicity": [-1.0, 1.0],
        "pulse.0.frequency": [1.9, 2.2],
        "pulse.0.angle": [0.0, 360.0],
    }
    return {
        "source": potential,
        "duration": 40.0,
        "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 1.0}],
        "record": {"every": 0.04},
        "axes": {key: {"sobol": [*ends, points]} for key, ends in sobol.items()} | {"zip": [list(sobol)]},
    }


def seconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, of this process and of those that it waited for: other load does not count."""
    begin = _used()
    work()
    return _used() - begin


def _used() -> float:
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def bare(plan: dict[str, Any], first: int, last: int) -> None:
    """Only the kernel, on the points of the whole tasks between two numbers; no store."""
    checked = read_plan(plan)
    reducer, chunk = Reducer(checked), 50_000
    for begin in range(first, last, chunk):
        numbers = np.arange(begin, min(begin + chunk, last))
        index = (numbers, np.zeros_like(numbers))
        for group in groups_of(checked, index):
            reducer.numbers(group)


def bare_processes(plan: dict[str, Any], points: int, workers: int) -> None:
    """Run the bare kernel in several processes."""
    ends = np.linspace(0, points, workers + 1).astype(int).tolist()
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[4]); import sweep; "
        "sweep.bare(json.loads(sys.argv[1]), *map(int, sys.argv[2:4]))"
    )
    here = str(Path(__file__).parent)
    started = [
        subprocess.Popen([sys.executable, "-c", code, json.dumps(plan), str(a), str(b), here])
        for a, b in itertools.pairwise(ends)
    ]
    if any(process.wait() for process in started):
        sys.exit("the bare kernel failed")


def overhead(small: int = 100_000, large: int = 1_000_000) -> None:
    """Print the marginal cost of a sweep against that of the kernel."""
    workers = available_cores()
    with tempfile.TemporaryDirectory() as folder:
        potential = str(Path(folder, "d3d.toml"))
        d3d_potential().save(potential)
        wall: dict[str, list[float]] = {"kernel": [], "sweep": []}
        used: dict[str, list[float]] = {"kernel": [], "sweep": []}
        for points in (small, large):
            plan, place = plan_of(potential, points), Path(folder, str(points))
            kernel = functools.partial(bare_processes, plan, points, workers)
            whole = functools.partial(watched_sweep, plan, place, workers)
            for name, work in (("kernel", kernel), ("sweep", whole)):
                used[name].append(processor_seconds(lambda name=name, work=work: wall[name].append(seconds(work))))
            store = open_store(place)
            files = [path.stat().st_size for path in place.rglob("*") if path.is_file()]
            print(f"{points} points in {store.layout.n_blocks} tasks, {len(files)} files, {sum(files) / 1e6:.0f} MB")
        for label, times in (("wall", wall), ("processor", used)):
            kernel, whole = (1e6 * (b - a) / (large - small) for a, b in times.values())
            told = f"kernel {kernel:.1f} µs, sweep {whole:.1f} µs for a point"
            print(f"marginal {label} time: {told}, overhead {100 * (whole / kernel - 1):.1f} %")
        out = Path(folder, "out.nc")
        with TreeMemory() as memory:
            spent = seconds(lambda: lattice.collect(place, out))
        print(f"collect to netCDF: {spent:.1f} s, {out.stat().st_size / 1e6:.0f} MB; memory: {memory}")


def watched_sweep(plan: dict[str, Any], place: Path, workers: int) -> None:
    """Run a sweep and print its memory."""
    with TreeMemory() as memory:
        lattice.sweep(plan, place, workers=workers)
    print(f"memory of the sweep: {memory}")


def no_work(directory: str, block: tuple[int, ...]) -> int:
    """Write a block without computing it."""
    store = _opened(directory)
    n = int(np.prod(store.layout.sizes(block)))
    store.write(block, BlockResult(store.columns.empty(n, GOOD), {}))
    return 0


_STORES: dict[str, Store] = {}


def _opened(directory: str) -> Store:
    if directory not in _STORES:
        _STORES[directory] = open_store(Path(directory), write=True)
    return _STORES[directory]


def empty_store(folder: Path, tasks: int) -> Store:
    """Store of a sweep of `tasks` tasks of one point: far more than `lattice.sweep` would make of any plan."""
    potential = folder / "d3d.toml"
    d3d_potential().save(potential)
    preparation = Preparation(read_plan(plan_of(str(potential), tasks)))
    place = folder / "store"
    layout = cut(preparation.plan.shape, 1)
    create(place, preparation.stored, preparation.columns, layout, {}, preparation.inputs, {"provenance": {}})
    return open_store(place, write=True)


def empty(tasks: int = 100_000) -> None:
    """Print what tasks cost that do nothing: first those of one element of a job array, then all others by Dask."""
    with tempfile.TemporaryDirectory() as folder, TreeMemory() as memory:
        store = empty_store(Path(folder), tasks)
        walk_of_an_element(store)
        submitted_by_dask(store)
        flags = seconds(store.flags)
        print(f"reading {tasks} flags: {flags:.1f} s; files {sum(1 for p in store.path.rglob('*') if p.is_file())}")
        used = processor_seconds(lambda: lattice.collect(store.path, Path(folder, "out.nc")))
        print(f"collect: {used:.1f} s of processor, {1e3 * used / tasks:.2f} ms for a task")
    print(f"memory with the scheduler in the driver: {memory}")


def walk_of_an_element(store: Store) -> None:
    """Find and do the share of the first of `ELEMENTS` elements of a job array, as `--share 0/ELEMENTS` does."""
    begin, used = time.perf_counter(), _used()
    todo = State.of(store).waiting(store, (0, ELEMENTS))
    found = time.perf_counter()
    for block in todo:
        no_work(str(store.path), block)
    spent = time.perf_counter() - found
    print(
        f"array: one of {ELEMENTS} elements finds its {len(todo)} tasks in {found - begin:.1f} s, "
        f"then {1e3 * spent / len(todo):.1f} ms for each; {_used() - used:.1f} s of processor in all"
    )


def submitted_by_dask(store: Store) -> None:
    """Let Dask do what is not finished, through the loop of `lattice sweep --engine dask`."""
    from distributed import Client, LocalCluster

    from lattice.study.cluster import map_blocks

    blocks = State.of(store).waiting(store, None)
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.upload_file(__file__)  # the workers know it as the module `sweep`
        import sweep as module

        begin, worst, last = time.perf_counter(), 0.0, time.perf_counter()
        used = time.process_time()
        for _ in map_blocks(client, module.no_work, (str(store.path),), blocks):
            worst, last = max(worst, time.perf_counter() - last), time.perf_counter()
        spent, used = last - begin, time.process_time() - used
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    workers = after.ru_utime + after.ru_stime - others.ru_utime - others.ru_stime
    print(f"Dask: {len(blocks)} tasks in {spent:.0f} s, at worst {worst:.2f} s between two that are finished")
    print(
        f"processor time for a task: {1e3 * used / len(blocks):.2f} ms of scheduler and driver, "
        f"{1e3 * workers / len(blocks):.2f} ms of a worker"
    )


if __name__ == "__main__":
    {"overhead": overhead, "empty": empty}[sys.argv[1]](*map(int, sys.argv[2:]))
