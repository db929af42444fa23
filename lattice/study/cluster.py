"""The Dask engines: workers of a given scheduler, of this machine, or in Slurm jobs that are replaced when lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lattice.errors import InputError, MissingDependency
from lattice.study.layout import Block
from lattice.study.local import LOST_BLOCK, available_cores
from lattice.study.task import run_task

OUTSTANDING = 2000  #: blocks that the scheduler holds at a time: its memory and the time of its start stay small
PATIENCE = 2  #: s after which a worker that has gone silent is replaced
SETTINGS = {
    # scale() would never replace a job that was cancelled; adapt() does, once it takes the lost worker for lost.
    "distributed.deploy.lost-worker-timeout": f"{PATIENCE}s",
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.allowed-failures": 3,
    "distributed.worker.daemon": False,
    "distributed.admin.log-format": "%(name)s - %(levelname)s - %(message)s",
    "logging.distributed": "error",
}
MARGIN = 120  #: s before the time limit of a job at which its worker ends by itself
SHORT = 900  #: s: jobs with less time are used to their end
PAGE = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  #: no status page; None would still ask for port 8787
ORPHANED = 20  #: s after which a worker without scheduler ends


@contextlib.contextmanager
def client_of(
    engine: Any, slurm: Mapping[str, Any], directory: Path, workers: int | None, scheduler: str | None
) -> Iterator[Any]:
    """Yield a Dask client and close what was made for it.

    Parameters
    ----------
    engine : {"dask", "slurm"} or distributed.Client
    slurm : mapping
        Table `slurm` of the plan.
    directory : Path
        Folder of the store; logs of the jobs go to `logs` in it.
    workers, scheduler
        See `lattice.sweep`.

    Raises
    ------
    InputError
        The engine is none of these, the scheduler cannot be reached, or no partition takes the jobs.
    MissingDependency
        distributed or dask-jobqueue is not installed.
    """
    distributed = _import("distributed", "dask")
    import dask

    if isinstance(engine, distributed.Client):
        yield engine
        return
    if not isinstance(engine, str) or engine not in ("dask", "slurm"):
        raise InputError("Unknown engine", found=repr(engine), fix="use local, dask, slurm, or a distributed.Client")
    with dask.config.set(SETTINGS), contextlib.ExitStack() as stack:
        if engine == "dask" and scheduler is not None:
            yield stack.enter_context(_reach(distributed, scheduler))
            return
        if engine == "dask":
            cluster = distributed.LocalCluster(
                n_workers=workers or available_cores(),
                threads_per_worker=1,
                dashboard_address=None,
                host="127.0.0.1",
                scheduler_kwargs=PAGE,
            )
        else:
            cluster = _slurm_cluster(slurm, directory, workers)
        stack.enter_context(cluster)
        yield stack.enter_context(distributed.Client(cluster))


def run_on(client: Any, directory: Path, version: str, blocks: Sequence[Block]) -> Iterator[tuple[Block, int]]:
    """Compute blocks on the workers of a client; yields as `lattice.study.local.run_processes` does."""
    yield from map_blocks(client, run_task, (str(directory), version), blocks)


def map_blocks(
    client: Any, work: Any, arguments: tuple[Any, ...], blocks: Sequence[Block]
) -> Iterator[tuple[Block, int]]:
    """Call ``work(*arguments, block)`` on the workers for every block, never more than `OUTSTANDING` at a time."""
    distributed = _import("distributed", "dask")
    waiting = iter(blocks)
    held: dict[Any, Block] = {}

    def submit() -> list[Any]:
        some = [block for _, block in zip(range(OUTSTANDING - len(held)), waiting, strict=False)]
        futures = client.map(partial(work, *arguments), some, pure=False, retries=2)
        held.update(zip(futures, some, strict=True))
        return list(futures)

    finished = distributed.as_completed(submit())
    for future in finished:
        block = held.pop(future)
        if future.status == "error" and isinstance(future.exception(), distributed.scheduler.KilledWorker):
            yield block, LOST_BLOCK
        else:
            yield block, int(future.result())  # raises what the worker could not do at all
        future.release()
        if len(held) <= OUTSTANDING // 2:
            finished.update(submit())


def _slurm_cluster(slurm: Mapping[str, Any], directory: Path, workers: int | None) -> Any:
    """Jobs of one process on each of their cores; as many as wanted are kept running."""
    jobqueue = _import("dask_jobqueue", "slurm")
    cores = slurm.get("cores", 1)
    walltime = slurm.get("walltime", "01:00:00")
    jobs = workers or slurm.get("nodes", 1)
    for name, value in (("cores", cores), ("nodes", jobs)):
        if value < 1:
            raise InputError(f"slurm.{name} must be at least 1", found=value, fix=f"write {name} = 1")
    extra = ["--no-dashboard"]
    if (seconds := _seconds(walltime)) > SHORT:
        extra += ["--lifetime", f"{seconds - MARGIN}s", "--lifetime-stagger", f"{MARGIN // 2}s"]
    logs = directory / "logs"
    logs.mkdir(exist_ok=True)
    cluster = jobqueue.SLURMCluster(
        queue=slurm.get("partition"),
        account=slurm.get("account"),
        walltime=walltime,
        cores=cores,
        processes=cores,
        memory=slurm.get("memory", f"{2 * cores}GB"),
        interface=slurm.get("interface"),
        job_script_prologue=[*(f"export {name}=1" for name in _ALONE), *slurm.get("prologue", ())],
        job_extra_directives=list(slurm.get("directives", ())),
        log_directory=str(logs),
        death_timeout=ORPHANED,
        worker_extra_args=extra,
        scheduler_options=PAGE,
    )
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs, interval="1s")
    return cluster


_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


_SCALES: dict[int, tuple[int, ...]] = {1: (60,), 2: (60, 1), 3: (3600, 60, 1)}  #: by the number of parts


def _seconds(walltime: str) -> int:
    """Seconds of a time limit of Slurm: minutes, M:S, H:M:S, D-H, D-H:M or D-H:M:S.

    Raises
    ------
    InputError
        It is none of these.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", walltime.strip())
    if found is None:
        raise InputError("slurm.walltime is no time limit", found=walltime, fix='write walltime = "01:00:00"')
    days, *rest = (None if part is None else int(part) for part in found.groups())
    given = [part for part in rest if part is not None]
    scales = (3600, 60, 1) if days is not None else _SCALES[len(given)]
    return 86400 * (days or 0) + sum(scale * part for scale, part in zip(scales, given, strict=False))


def _reach(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(
            "The Dask scheduler cannot be reached",
            found=f"{scheduler}: {error}",
            fix="give tcp://HOST:PORT of a running one",
        ) from error


def _import(name: str, extra: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependency(
            f"The engine needs {name.replace('_', '-')}", found=error, fix=f"pip install 'phonon-lattice[{extra}]'"
        ) from error
