"""The local engine: a few processes on this machine, replaced when they die."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import lattice
from lattice import errors
from lattice.errors import LatticeError
from lattice.study.layout import Block
from lattice.study.task import ATTEMPTS, run_task

GRACE = 5.0  #: s that an interrupted sweep waits for its running blocks, which last about two; Slurm waits thirty
LOST_BLOCK = -1  #: in place of the number of failed points: no process survived the block
_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def available_cores() -> int:
    """Return the number of cores that this process may use; in a Slurm job no more than it was given."""
    cores = len(os.sched_getaffinity(0))
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(cores, int(given)) if given.isdecimal() and int(given) > 0 else cores


def run_here(directory: Path, version: str, blocks: Sequence[Block]) -> Iterator[tuple[Block, int]]:
    """Compute blocks one after the other in this process; yields each with the number of its failed points."""
    for block in blocks:
        yield block, run_task(str(directory), version, block)


def run_processes(directory: Path, version: str, blocks: Sequence[Block], workers: int) -> Generator[tuple[Block, int]]:
    """Compute blocks in processes.

    Parameters
    ----------
    directory : Path
    version : str
        See `run_task`.
    blocks : sequence of tuple
    workers : int
        Number of processes.

    Yields
    ------
    block : tuple of int
    failed : int
        Number of its failed points; `LOST_BLOCK` where `ATTEMPTS` processes were killed at it.

    Raises
    ------
    LatticeError
        What a process could not do at all.

    Notes
    -----
    Interrupted, it lets the processes finish the blocks that they have, for `GRACE` seconds or until it is interrupted
    again, and drops what is not finished by then. The next call finds those blocks in the store.
    """
    waiting, attempts = deque(blocks), Counter[Block]()
    running: dict[IO[str], _Worker] = {}
    selector = selectors.DefaultSelector()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                worker = _Worker(directory, version, waiting.popleft())
                running[worker.answers] = worker
                selector.register(worker.answers, selectors.EVENT_READ)
            for key, _ in selector.select():
                worker = running[key.fileobj]  # type: ignore[index]
                block, failed = worker.block, worker.answer()
                if failed is None:
                    attempts[block] += 1
                    if attempts[block] < ATTEMPTS:
                        waiting.append(block)
                if failed is None or not waiting:
                    selector.unregister(worker.answers)
                    del running[worker.answers]
                    worker.stop()
                else:
                    worker.give(waiting.popleft())
                if failed is not None or attempts[block] >= ATTEMPTS:
                    yield block, LOST_BLOCK if failed is None else failed
    finally:
        selector.close()
        _dismiss(running.values())


def _dismiss(workers: Collection[_Worker]) -> None:
    """End processes, soon after the blocks that they have."""
    deadline = time.monotonic() + GRACE
    try:
        for worker in workers:
            worker.leave()
        for worker in workers:
            worker.wait(deadline - time.monotonic())
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """One process and the block that it has."""

    def __init__(self, directory: Path, version: str, block: Block) -> None:
        home = str(Path(lattice.__file__).parents[1])
        path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | dict.fromkeys(_ALONE, "1") | {"PYTHONPATH": path}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lattice.study.worker", str(directory), version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions: IO[str] = self._process.stdin
        self.answers: IO[str] = self._process.stdout
        self.give(block)

    def give(self, block: Block) -> None:
        """Hand over the next block; a process that has died is noticed when its answer is read."""
        self.block = block
        try:
            self._questions.write(json.dumps(block) + "\n")
            self._questions.flush()
        except BrokenPipeError:
            return

    def answer(self) -> int | None:
        """Read the number of failed points, None if the process has died.

        Raises
        ------
        LatticeError
            What the process could not do.
        """
        line = self.answers.readline()
        if not line.endswith("\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            kind, what, found, fix = answer["error"]
            raise getattr(errors, kind, LatticeError)(what, found=found, fix=fix)
        return int(answer["failed"])

    def leave(self) -> None:
        """Let the process end after the block that it has."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()

    def wait(self, seconds: float) -> None:
        """Wait until the process has ended, but no longer."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))

    def stop(self) -> None:
        """End the process; a block that it was computing is dropped."""
        self._process.kill()
        self._process.wait()
        self.answers.close()
        self.leave()
