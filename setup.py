"""Extension modules of `lattice`: list, flags, instruction sets and the OpenMP switch; all else is in pyproject.toml.

LATTICE_OPENMP=0 builds without OpenMP (one thread, the same bits); LATTICE_OPENMP=1 demands it;
unset: used where the compiler has it. LATTICE_DEBUG=bounds checks the index of every array access in the Cython parts,
LATTICE_DEBUG=sanitize compiles everything with AddressSanitizer and UndefinedBehaviorSanitizer (see .ci/sanitize).
"""

import os
import platform
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

OPENMP_FLAG = "-fopenmp"
# No -march=native and no -ffast-math: the same wheel gives the same bits on every machine of a family.
COMPILE_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno"]

# Inner loops that are compiled once for each instruction set (x86-64 levels; plain: that of the compiler's default) and
# chosen at import. The features named here are those that levels.h asks the processor for.
BLOCKS = {
    "lattice._kernels.hermitian": [
        "hermitian_block.cpp",
        "hermitian_block.h",
        "hermitian_diagonal.h",
        "hermitian_lanes.h",
    ],
    "lattice._kernels.collocation": ["collocation_block.cpp", "collocation_block.h"],
    "lattice._kernels.ensemble": ["ensemble_block.cpp", "ensemble_block.h", "ensemble_lanes.h", "ensemble_pattern.h"],
}
BLOCK_FLAGS = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-exceptions", "-Wno-psabi"]
V3_FLAGS = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
V4_FLAGS = [*V3_FLAGS, *(f"-mavx512{part}" for part in ("f", "bw", "cd", "dq", "vl")), "-mprefer-vector-width=512"]
LEVELS = {"plain": (2, [])}  # name: doubles in a register, flags
if platform.machine().lower() in {"x86_64", "amd64"}:
    LEVELS |= {"v2": (2, ["-msse4.2", "-mpopcnt"]), "v3": (4, V3_FLAGS), "v4": (8, V4_FLAGS)}


class BuildLevels(build_ext):
    """`build_ext` that first compiles the inner loops for every instruction set and links all of them."""

    def build_extension(self, ext: Extension) -> None:
        if ext.name in BLOCKS:
            for level, (lanes, flags) in LEVELS.items():
                ext.extra_objects += self.compiler.compile(
                    [f"lattice/_kernels/{BLOCKS[ext.name][0]}"],
                    output_dir=os.path.join(self.build_temp, level),
                    macros=[("LANES", str(lanes)), ("LEVEL", level)],
                    extra_postargs=BLOCK_FLAGS + flags + sanitize,
                )
        super().build_extension(ext)


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


def debug_switch() -> str:
    """Read the switch LATTICE_DEBUG."""
    wanted = os.environ.get("LATTICE_DEBUG", "")
    if wanted not in {"", "bounds", "sanitize"}:
        raise SystemExit(f"LATTICE_DEBUG must be bounds or sanitize, found {wanted!r}")
    return wanted


def levelled(name: str, *depends: str) -> Extension:
    """Extension with an inner loop in `BLOCKS`."""
    folder = "lattice/_kernels/"
    return Extension(
        name,
        [f"{name.replace('.', '/')}.pyx"],
        depends=[folder + file for file in (*BLOCKS[name], "levels.h", *depends)],
        define_macros=[("LATTICE_X86_LEVELS", None)] if len(LEVELS) > 1 else [],
        extra_compile_args=COMPILE_FLAGS + openmp,
        extra_link_args=openmp,
    )


openmp = openmp_flags()
debug = debug_switch()
sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] if debug == "sanitize" else []
extensions = [
    Extension(
        "lattice._kernels.trajectory",
        ["lattice/_kernels/trajectory.pyx"],
        depends=["lattice/_kernels/philox.pxd", "lattice/_kernels/step.pxd"],
        extra_compile_args=COMPILE_FLAGS + openmp,
        extra_link_args=openmp,
    ),
    levelled("lattice._kernels.hermitian"),
    levelled("lattice._kernels.collocation"),
    levelled("lattice._kernels.ensemble", "philox.pxd"),
    Extension("lattice._kernels.cubic", ["lattice/_kernels/cubic.pyx"], extra_compile_args=COMPILE_FLAGS),
]
for extension in extensions:
    extension.extra_compile_args += sanitize
    extension.extra_link_args += sanitize
    if debug == "bounds":
        extension.cython_directives = {"boundscheck": True, "initializedcheck": True}  # these win over the .pyx's own
setup(ext_modules=extensions, cmdclass={"build_ext": BuildLevels})
