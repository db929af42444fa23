"""Time the chain from a structure file to a page: couple, run, page, with CHGNet's forces on one core.

    pip install 'phonon-lattice[chgnet]'
    python benchmarks/couple_chain.py [ORDER]

POSCAR and BORN are those of the bundled Bi2Se3; its force constants and couplings are not used.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copyfile

ONE_CORE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LATTICE = [sys.executable, "-c", "from lattice.cli import main; main()"]


def timed(*words: str) -> tuple[float, str]:
    """Run a command of lattice on one core; return its wall time in s and what it printed."""
    begin = time.perf_counter()
    done = subprocess.run(
        [*LATTICE, *words], env={**os.environ, **ONE_CORE}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"lattice {' '.join(words)} failed:\n{done.stderr}")
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    """Print the wall time of each step and what came out."""
    order = sys.argv[1] if len(sys.argv) > 1 else "4"
    bundled = Path(__file__).resolve().parent.parent / "structures" / "Bi2Se3"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("POSCAR", "BORN"):
            copyfile(bundled / file, folder / file)
        potential, run, page = (str(folder / file) for file in ("potential.nc", "run.nc", "page.html"))
        coupled, table = timed(
            "couple", str(folder), "--calculator", "chgnet", "--order", order, "-o", potential, "--json"
        )
        ran, report = timed("run", potential, "-o", run, "--json")
        shown, _ = timed("page", run, "-o", page)
        couplings, moved = json.loads(table), json.loads(report)
        print(f"couple {coupled:.1f} s ({couplings['force_calls']} + {couplings['check_calls']} force calls)")
        print(f"run {ran:.1f} s, page {shown:.1f} s ({Path(page).stat().st_size / 1e6:.2f} MB)")
        print(f"chain {coupled + ran + shown:.1f} s; {moved['verdict']}")
        for warning in (*couplings["warnings"], *moved["warnings"]):
            print(f"warning: {warning}")


if __name__ == "__main__":
    main()
