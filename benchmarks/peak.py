"""The limit that figures are held against: multiply-adds per second of one core, measured, for each instruction set.

    python benchmarks/peak.py

A small C program keeps twelve independent chains of multiply-adds in registers, which hides their latency, and takes
the best of many short bursts by processor time. x86-64-v2 has no fused multiply-add: there it is a product and a sum.
Needs a C compiler; without one the figures are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from lattice._kernels.hermitian import supported_levels

LANES = {"plain": 2, "x86-64-v2": 2, "x86-64-v3": 4, "x86-64-v4": 8}  # doubles in a register
SOURCE = """
#include <stdio.h>
#include <time.h>
typedef double real __attribute__((vector_size(8 * LANES)));
enum { CHAINS = 12, ROUNDS = 1000000, BURSTS = 60 };
int main(int count, char **words)
{
    const real factor = real_of(1.0 - 1e-9 * count), shift = real_of(1e-9 * count);
    double best = 0.0, sum = 0.0;
    (void)words;
    for (int burst = 0; burst < BURSTS; burst++) {
        real x[CHAINS];
        struct timespec begin, end;
        for (int i = 0; i < CHAINS; i++)
            x[i] = real_of(1.0 + i);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < CHAINS; i++)
                x[i] = x[i] * factor + shift;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        for (int i = 0; i < CHAINS; i++)
            sum += x[i][0];
        const double seconds = (end.tv_sec - begin.tv_sec) + 1e-9 * (end.tv_nsec - begin.tv_nsec);
        const double speed = 2.0 * LANES * CHAINS * (double)ROUNDS / seconds;
        best = speed > best ? speed : best;
    }
    printf("%.17g %.17g\\n", best, sum);
    return 0;
}
""".replace("int main", "static inline real real_of(double x) { return x - (real){0}; }\nint main")


@cache
def peak(isa: str) -> float:
    """Return the largest number of floating-point operations per second of one core; NaN without a compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return float("nan")
    flags = [] if isa == "plain" else [f"-march={isa}", "-mprefer-vector-width=512"]
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "peak.c")
        source.write_text(SOURCE, encoding="utf-8")
        program = str(source.with_suffix(""))
        options = ["-O3", "-ffp-contract=fast", "-funroll-loops", f"-DLANES={LANES[isa]}", *flags]
        subprocess.run([compiler, *options, str(source), "-o", program], check=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[0])


def main() -> None:
    """Print the table."""
    print("| instruction set | GFLOP/s |\n| --- | --- |")
    for isa in supported_levels():
        print(f"| {isa} | {peak(isa) / 1e9:.1f} |")


if __name__ == "__main__":
    main()
