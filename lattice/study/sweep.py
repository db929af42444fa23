"""A sweep: from a plan to a complete store, on whichever engine, from wherever an earlier call left it."""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from lattice.errors import InputError
from lattice.structure import argument
from lattice.study import cluster, local
from lattice.study.layout import Block
from lattice.study.plan import Plan, read_plan, same_sweep
from lattice.study.prepare import Preparation
from lattice.study.progress import Progress
from lattice.study.sbatch import array_script
from lattice.study.schema import nearest
from lattice.study.store import NOT_FINISHED, Store, create, exists, extend, open_store
from lattice.study.task import write_lost

ENGINES = ("local", "dask", "slurm")


@argument.takes(
    directory=argument.path,
    extend_plan=argument.flag,
    retry_failed=argument.flag,
    share=argument.optional(argument.array),
    progress=argument.flag,
)
def sweep(
    plan: str | Path | Mapping[str, Any],
    directory: str | Path,
    engine: Any = "local",
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    extend_plan: bool = False,
    retry_failed: bool = False,
    share: tuple[int, int] | None = None,
    progress: bool = True,
) -> dict[str, int]:
    """Run every point of a plan that is not finished yet.

    Parameters
    ----------
    plan : path or mapping
        A plan file, or the table that such a file holds.
    directory : path
        Folder of the store; made if it does not exist. A later call goes on where this one ended, however it ended.
    engine : {"local", "dask", "slurm"} or distributed.Client
        Processes on this machine; Dask workers, those of `scheduler` or of this machine; Dask workers in Slurm jobs as
        the table `slurm` of the plan describes; or the workers of a client. The numbers are the same, bit for bit.
    workers : int, optional
        Processes (local, dask) or Slurm jobs; default: the cores of this machine, the `nodes` of the plan.
    scheduler : str, optional
        Address of a Dask scheduler, with ``engine="dask"``.
    extend_plan : bool
        Whether the plan may have more points than the store: more values at the ends of axes, more repeats.
    retry_failed : bool
        Whether blocks with failed points are computed again.
    share : (int, int), optional
        Compute only every n-th block, from the i-th on: (i, n), for jobs that know nothing of each other.
    progress : bool
        Whether progress goes to stderr.

    Returns
    -------
    dict
        `points` of the plan; `done`, good ones; `failed`, those with a status other than 0; `resumed`, points that were
        found finished.

    Raises
    ------
    InputError
        The plan cannot be used, or the folder holds another sweep; the message names the difference.
    MissingDependency
        The engine needs a package that is not installed.
    """
    checked = read_plan(plan)
    _check_engine(engine)
    store = prepare_store(checked, Path(directory), extend_plan=extend_plan)
    state = State.of(store)
    if retry_failed:
        for number in np.flatnonzero(state.flags > 0).tolist():
            store.clear(store.layout.at(number))
        state = State.of(store)
    todo = state.waiting(store, share)
    bar = Progress(store.plan.n_points, state.finished, shown=progress)
    try:
        # Closed, so that the processes have ended when an interrupt leaves this function.
        with _interruptible(), contextlib.closing(_run(engine, store, todo, checked, workers, scheduler)) as results:
            for block, failed in results:
                lost = write_lost(store, block) if failed == local.LOST_BLOCK else failed
                bar.add(math.prod(store.layout.sizes(block)), lost)
    finally:
        bar.close()
    return State.of(store).counts() | {"resumed": state.finished}


@dataclass(frozen=True, slots=True)
class State:
    """What a store holds.

    Attributes
    ----------
    flags : ndarray
        ``(n_blocks,)``, see `Store.flags`.
    points : int
        Of the plan.
    finished : int
        Points of finished blocks, failed ones included.
    failed : int
    """

    flags: np.ndarray[Any, np.dtype[np.int64]]
    points: int
    finished: int
    failed: int

    @classmethod
    def of(cls, store: Store) -> State:
        """Read the flags of a store."""
        flags = store.flags()
        finished = np.flatnonzero(flags != NOT_FINISHED)
        return cls(flags, store.plan.n_points, int(store.layout.n_points(finished).sum()), int(flags[finished].sum()))

    def counts(self) -> dict[str, int]:
        """Points, done and failed."""
        return {"points": self.points, "done": self.finished - self.failed, "failed": self.failed}

    def waiting(self, store: Store, share: tuple[int, int] | None) -> list[Block]:
        """Blocks that are not finished; of a share only its own."""
        numbers = np.flatnonzero(self.flags == NOT_FINISHED)
        if share is not None:
            part, count = share if np.shape(share) == (2,) else (0, 0)
            if not 0 <= part < count:
                raise InputError("There is no such share", found=f"{part}/{count}", fix="give I/N with 0 ≤ I < N")
            numbers = numbers[numbers % count == part]
        return [store.layout.at(number) for number in numbers.tolist()]


def prepare_store(plan: Plan, directory: Path, *, extend_plan: bool = False) -> Store:
    """Open the store of a plan, or make it.

    Raises
    ------
    InputError
        The folder holds another sweep, or fewer points of this one and `extend_plan` is false.
    """
    preparation = Preparation(plan)
    if not exists(directory):
        create(
            directory,
            preparation.stored,
            preparation.columns,
            preparation.layout,
            preparation.series,
            preparation.inputs,
            {"provenance": preparation.provenance()},
        )
    store = open_store(directory, write=True)
    difference = same_sweep(store.plan, preparation.stored) or _other_inputs(store, preparation)
    if difference is not None:
        raise InputError(
            "The folder holds another sweep", found=difference, fix="name another folder, or take the change back"
        )
    if store.plan.shape == plan.shape:
        return store
    if not extend_plan:
        dim, old, new = next(
            (d, a, b) for d, a, b in zip(plan.dims, store.plan.shape, plan.shape, strict=True) if a != b
        )
        raise InputError(
            "The plan has more points than the store",
            found=f"{dim}: {old} in the store, {new} in the plan",
            fix="add them with --extend (extend_plan=True), or name another folder",
        )
    if preparation.columns != store.columns:
        raise InputError(
            "The added points have other modes or channels than the store",
            found=", ".join(sorted(_other_labels(store, preparation))),
            fix="make another sweep for them",
        )
    extend(store, preparation.stored, preparation.inputs)
    return open_store(directory, write=True)


def _other_labels(store: Store, preparation: Preparation) -> set[str]:
    """Names of multiplets, modes and channels that only the store or only the plan has."""
    labels = [
        {w for words in columns.labels.values() for w in words} for columns in (store.columns, preparation.columns)
    ]
    return labels[0] ^ labels[1]


def _other_inputs(store: Store, preparation: Preparation) -> str | None:
    """Say which file of the plan has another content than the copy in the store."""
    for name, path in preparation.inputs.items():
        known = store.group.attrs["inputs"].get(name)
        if known is not None and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != known["sha256"]:
            return f"the content of {name} has changed"
    return None


def _check_engine(engine: object) -> None:
    if isinstance(engine, str) and engine not in ENGINES:
        raise InputError("Unknown engine", found=engine, fix=nearest(engine, ENGINES))


def _run(
    engine: Any, store: Store, todo: Sequence[Block], plan: Plan, workers: int | None, scheduler: str | None
) -> Generator[tuple[Block, int]]:
    """Blocks as they become finished."""
    if not todo:
        return
    version = "x".join(map(str, store.layout.shape))
    directory = store.path.absolute()
    if isinstance(engine, str) and engine == "local":
        count = min(workers or local.available_cores(), len(todo))
        if count == 1:
            yield from local.run_here(directory, version, todo)
        else:
            yield from local.run_processes(directory, version, todo, count)
        return
    with cluster.client_of(engine, plan.slurm, directory, workers, scheduler) as client:
        yield from cluster.run_on(client, directory, version, todo)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGTERM (scancel, time limit, pre-emption) into an orderly exit with status 143.

    Running blocks are finished where that is soon done (processes of this machine), else dropped: without their flags
    they are computed again.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def dry_run(plan: str | Path | Mapping[str, Any], *, workers: int | None = None) -> dict[str, Any]:
    """Say what a sweep would be, from a few of its points.

    Parameters
    ----------
    plan : path or mapping
    workers : int, optional
        Processes; default: the cores of this machine.

    Returns
    -------
    dict
        `points`, `tasks`, `points_per_task`, `seconds_per_point` (one core, measured), `core_seconds`, `seconds` on
        `workers` processes, `bytes` of the numbers before compression.

    Raises
    ------
    InputError
        The plan cannot be used.
    """
    checked = read_plan(plan)
    preparation = Preparation(checked)
    each = preparation.seconds_per_point
    count = workers or local.available_cores()
    layout = preparation.layout
    kept = sum(math.prod(lengths.values()) for lengths in preparation.series.values())
    largest = math.prod(layout.block)
    tasks_each = math.ceil(layout.n_blocks / count)
    return {
        "points": checked.n_points,
        "tasks": layout.n_blocks,
        "points_per_task": largest,
        "seconds_per_point": each,
        "core_seconds": each * checked.n_points,
        "workers": count,
        "seconds": min(tasks_each * largest, checked.n_points) * each,
        "bytes": 8 * checked.n_points * (preparation.columns.width + kept),
    }


def prepare_array(plan: Path, directory: Path, *, extend_plan: bool = False) -> str:
    """Make the store of a plan, and return the sbatch script of a job array that fills it; see `array_script`."""
    checked = read_plan(plan)
    store = prepare_store(checked, directory, extend_plan=extend_plan)
    return array_script(plan, directory, checked.slurm, store.layout.n_blocks)


def parse_share(text: str) -> tuple[int, int]:
    """Read a share as I/N.

    Raises
    ------
    InputError
        It is not of that form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None:
        raise InputError("A share has the form I/N", found=text, fix="write for example --share 0/4")
    return int(found[1]), int(found[2])
