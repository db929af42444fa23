"""Faults at every write point of every writer: full disk, failing disk, SIGTERM and kill -9 at each call, one by one.

    PYTHONPATH=.:tests python tests/soak/faults.py [WRITER …]

After each fault the old or the new file must be there, whole, and nothing beside it (after kill -9 a hidden temporary
file may stay). Exit status 1 if anything was lost. Needs a C compiler.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import KINDS, run_storm


def main(names):
    result = run_storm(KINDS, 1, names)
    lost = 0
    for name, found in result["writers"].items():
        print(f"{name:20} {found['calls']:4d} calls {found['faults']:5d} faults {len(found['wrong']):4d} lost")
        for line in found["wrong"]:
            print("   ", line)
        lost += len(found["wrong"])
    total = sum(found["faults"] for found in result["writers"].values())
    print(f"{total} faults ({', '.join(KINDS)}), {lost} lost, {result['seconds']} s")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
