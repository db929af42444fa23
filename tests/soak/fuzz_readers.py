"""Read many damaged files with every reader: no crash, no hang, no error but `LatticeError`.

    PYTHONPATH=.:tests python tests/soak/fuzz_readers.py [--keep FILE] [INPUTS] [READER …]

The inputs (100 000 if not given) are shared among the readers. Each batch runs in a process of its own, so that a crash
of a library is seen and named by its seed. With `--keep` every batch is noted in FILE, and a later call does only those
that are missing there. Exit status 1 if anything went wrong.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz import READERS, read_damaged

BATCH = 1000
#: the files are tiny and rewritten for every input: a disk would be most of the time
MEMORY = Path("/dev/shm")


def work(name, first, last):
    """Read the files of some seeds; print each seed before, so that the last one printed is that of a crash."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for seed in range(first, last):
            print("seed", seed, flush=True)
            wrong = read_damaged(name, seed, folder)
            if wrong is not None:
                print("WRONG", seed, wrong.replace("\n", " / "), flush=True)


def batch(name, first, last):
    """Run one batch in a process; return what went wrong, and how many inputs were read."""
    words = [sys.executable, __file__, "--work", name, str(first), str(last)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    seeds = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seed")]
    if done.returncode != 0:
        wrong.append(f"CRASH at seed {seeds[-1] if seeds else first}: status {done.returncode} {done.stderr[-300:]}")
    return wrong, len(seeds)


def batches(total, names, keep):
    """Yield (reader, number of inputs, what went wrong) of every batch, all readers in turn."""
    known = {}
    if keep is not None and keep.exists():
        known = {tuple(entry["batch"]): entry for entry in map(json.loads, keep.read_text().splitlines())}
    share = -(-total // len(names))
    for first in range(0, share, BATCH):
        for name in names:
            key = (name, first, min(first + BATCH, share))
            if key not in known:
                wrong, count = batch(*key)
                known[key] = {"batch": key, "count": count, "wrong": wrong}
                if keep is not None:
                    with keep.open("a") as file:
                        file.write(json.dumps(known[key]) + "\n")
            yield name, known[key]["count"], known[key]["wrong"]


def main(total, names, keep):
    start, counts, found = time.perf_counter(), Counter(), defaultdict(list)
    for name, count, wrong in batches(total, names, keep):
        counts[name] += count
        found[name] += wrong
        for line in wrong:
            print(f"{name:22} {line}", flush=True)
    for name in names:
        print(f"{name:22} {counts[name]:7d} inputs {len(found[name]):4d} wrong")
    failed = sum(map(len, found.values()))
    print(f"{counts.total()} inputs, {failed} wrong, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("inputs", type=int, nargs="?", default=100_000)
        parser.add_argument("readers", nargs="*", default=sorted(READERS))
        parser.add_argument("--keep", type=Path)
        given = parser.parse_args()
        sys.exit(main(given.inputs, given.readers or sorted(READERS), given.keep))
