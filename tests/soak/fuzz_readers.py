"""Read many damaged files with every reader: no crash, no hang, no error but `LatticeError`.

    PYTHONPATH=.:tests python tests/soak/fuzz_readers.py [INPUTS] [READER …]

The inputs (100 000 if not given) are shared among the readers. Each batch runs in a process of its own, so that a crash
of a library is seen and named by its seed. Exit status 1 if anything went wrong.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz import READERS, read_damaged

BATCH = 1000


def work(name, first, last):
    """Read the files of some seeds; print each seed before, so that the last one printed is that of a crash."""
    with TemporaryDirectory() as folder:
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


def main(total, names):
    failed, start = 0, time.perf_counter()
    share = -(-total // len(names))
    for name in names:
        count, found, begun = 0, [], time.perf_counter()
        for first in range(0, share, BATCH):
            wrong, n = batch(name, first, min(first + BATCH, share))
            found += wrong
            count += n
        seconds = time.perf_counter() - begun
        print(
            f"{name:22} {count:7d} inputs {len(found):4d} wrong {1e3 * seconds / max(count, 1):7.2f} ms each",
            flush=True,
        )
        for line in found[:10]:
            print("   ", line)
        failed += len(found)
    print(f"{share * len(names)} inputs, {failed} wrong, {time.perf_counter() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2:] or sorted(READERS)))
