"""A process of the local engine: ``python -m lattice.study.worker DIR VERSION``.

Blocks come in as lines of JSON, what became of them goes out. A process of its own, and not one of `multiprocessing`,
so that a script that calls `lattice.sweep` needs no guard around its main part.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from lattice.errors import LatticeError


def serve(directory: str, version: str) -> None:
    """Compute blocks until there are no more, or the driver has gone."""
    # The driver decides what an interrupt means; terminals and Slurm send it to every process. Without driver there are
    # no more blocks. What libraries print must not get between the answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from lattice.study.task import run_task

    for line in sys.stdin:
        block = tuple(json.loads(line))
        try:
            answer = {"block": block, "failed": run_task(directory, version, block)}
        except LatticeError as error:
            answer = {"error": [type(error).__name__, error.what, str(error.found), error.fix]}
        except OSError as error:
            answer = {
                "error": ["LatticeError", "A block could not be written", str(error.strerror), "check free space"]
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:3])
