"""Kill local sweeps with SIGKILL at random moments, and check that no finished block is lost or wrong.

    python tests/soak/kill_sweeps.py [KILLS] [SEED]

Each sweep runs in processes of its own and is killed a random time after its first sign of life: the driver alone, one
of its workers, or all of them at once. After every kill each block whose flag is up must have, bit for bit, the numbers
of a sweep that nobody disturbed, and no block that was finished before may have lost its flag. Not part of the test
suite: 200 kills take about ten minutes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import lattice
from lattice.study.store import NOT_FINISHED, NUMBERS, open_store

PLAN = {
    "source": "Bi2Se3",
    "duration": 4.0,
    "block": 2,
    "repeats": 2,
    "pulse": [{"frequency": 2.05, "duration": 1.0}],
    "record": {"every": 0.05, "keep": True, "quantities": ["L"]},
    "axes": {
        "temperature": {"values": [0.0, 100.0]},
        "pulse.0.amplitude": {"linspace": [0.05, 0.3, 15]},
        "pulse.0.helicity": {"values": [-1.0, 1.0]},
    },
}
COMMAND = "import json, sys, lattice; lattice.sweep(json.loads(sys.argv[1]), sys.argv[2], workers=2, progress=False)"


def main(kills: int = 200, seed: int = 0) -> None:
    """Kill until it was done `kills` times."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder, "reference")
        lattice.sweep(PLAN, reference, workers=1, progress=False)
        good = rows(reference)
        place, done, completed, resumed = Path(folder, "sweep"), 0, 0, 0
        before: set[int] = set()
        while done < kills:
            process = start(place)
            kind = chance.choice(["driver", "worker", "all"])
            wait_for_life(process, place, before)
            time.sleep(chance.uniform(0.0, 1.0))
            killed = kill(process, kind, chance)
            process.wait()
            wait_for_workers(process.pid)
            before = check(place, good, before)
            done += killed
            resumed += bool(before)
            if len(before) == open_store(place).layout.n_blocks:
                shutil.rmtree(place)
                completed, before = completed + 1, set()
            if killed and done % 20 == 0:
                print(f"{done} kills, {completed} sweeps completed in spite of them", flush=True)
        lattice.sweep(PLAN, place, workers=2, progress=False)
        wanted, found = (lattice.collect(path)["sha256"] for path in (reference, place))
        if wanted != found:
            sys.exit(f"checksum {found}, not {wanted}")
    print(f"{kills} kills, {completed + 1} sweeps completed, {resumed} times resumed; no finished block lost or wrong")


def start(place: Path) -> subprocess.Popen[bytes]:
    """Start a sweep in a session of its own."""
    words = [sys.executable, "-c", COMMAND, json.dumps(PLAN), str(place)]
    return subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)


def wait_for_life(process: subprocess.Popen[bytes], place: Path, before: set[int]) -> None:
    """Wait until the sweep has written a block, or has ended."""
    while process.poll() is None and len(list(place.glob("finished/c.*"))) <= len(before):
        time.sleep(0.01)


def kill(process: subprocess.Popen[bytes], kind: str, chance: random.Random) -> bool:
    """Kill the driver, a worker (then the driver goes on), or the whole session; whether anything was alive."""
    members = session(process.pid)
    if process.poll() is not None or not members:
        return False
    workers = [pid for pid in members if pid != process.pid]
    if kind == "worker" and workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
        process.wait()
        if process.returncode != 0:
            sys.exit("the sweep did not survive the death of a worker")
        return True
    for pid in members if kind == "all" else [process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return True


def session(leader: int) -> list[int]:
    """Processes of a session, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for_workers(leader: int) -> None:
    """Wait until workers whose driver is dead have noticed it."""
    for _ in range(600):
        if not session(leader):
            return
        time.sleep(0.1)
    sys.exit("a worker outlived its driver by a minute")


def rows(place: Path) -> list[dict[str, bytes]]:
    """Bytes of every block."""
    store = open_store(place)
    boxes = [store.layout.box(store.layout.at(i)) for i in range(store.layout.n_blocks)]
    return [{name: np.asarray(store.group[name][box]).tobytes() for name in (NUMBERS, *store.series)} for box in boxes]


def check(place: Path, good: list[dict[str, bytes]], before: set[int]) -> set[int]:
    """Compare all finished blocks; returns them."""
    finished = set(np.flatnonzero(open_store(place).flags() != NOT_FINISHED).tolist())
    if lost := before - finished:
        sys.exit(f"blocks {sorted(lost)} lost their flags")
    found = rows(place)
    if wrong := [i for i in finished if found[i] != good[i]]:
        sys.exit(f"blocks {wrong} are not what they should be")
    return finished


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
