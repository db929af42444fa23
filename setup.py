"""Extension modules of `lattice`: list, flags and the OpenMP switch. Everything else is in pyproject.toml.

LATTICE_OPENMP=0 builds without OpenMP (one thread, the same bits); LATTICE_OPENMP=1 demands it;
unset: used where the compiler has it.
"""

import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup

OPENMP_FLAG = "-fopenmp"
# No -march=native and no -ffast-math: the same wheel gives the same bits on every machine of a family.
COMPILE_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno"]


def compiler_has_openmp() -> bool:
    """Try to compile and link an OpenMP program with the compiler that will build the extensions."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "probe.c")
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [*compiler, OPENMP_FLAG, str(source), "-o", str(source.with_suffix(".out"))]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def openmp_flags() -> list[str]:
    """Read the switch LATTICE_OPENMP."""
    wanted = os.environ.get("LATTICE_OPENMP", "auto")
    if wanted not in {"0", "1", "auto"}:
        raise SystemExit(f"LATTICE_OPENMP must be 0, 1 or auto, found {wanted!r}")
    if wanted == "0" or (wanted == "auto" and not compiler_has_openmp()):
        return []
    return [OPENMP_FLAG]


openmp = openmp_flags()
extensions = [
    Extension(
        "lattice._kernels.trajectory",
        ["lattice/_kernels/trajectory.pyx"],
        depends=["lattice/_kernels/philox.pxd", "lattice/_kernels/step.pxd"],
        extra_compile_args=COMPILE_FLAGS + openmp,
        extra_link_args=openmp,
    ),
    Extension("lattice._kernels.cubic", ["lattice/_kernels/cubic.pyx"], extra_compile_args=COMPILE_FLAGS),
]
setup(ext_modules=extensions)
