"""Extension modules of `lattice`: list, flags, instruction sets and the OpenMP switch; all else is in pyproject.toml.

LATTICE_OPENMP=0 builds without OpenMP (one thread, the same bits); LATTICE_OPENMP=1 demands it;
unset: used where the compiler has it. LATTICE_DEBUG=bounds checks the index of every array access in the Cython parts,
LATTICE_DEBUG=sanitize compiles everything with AddressSanitizer and UndefinedBehaviorSanitizer (see .ci/sanitize).

The same source gives the same bytes of sdist and wheel in any folder (see .ci/reproduce): dates are SOURCE_DATE_EPOCH
or a constant, and the folder's path stays out of the compiled files.
"""

import gzip
import os
import platform
import subprocess
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

# The wheel's zip reads it too; 1980-01-01 is the first date that a zip can hold.
EPOCH = int(os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800"))

OPENMP_FLAG = "-fopenmp"
# No -march=native and no -ffast-math: the same wheel gives the same bits on every machine of a family.
PREFIX_FLAG = f"-ffile-prefix-map={Path.cwd()}=."
COMPILE_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", PREFIX_FLAG]

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
    "lattice._kernels.trajectory": ["trajectory_block.cpp", "trajectory_block.h"],
}
BLOCK_FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-exceptions", "-Wno-psabi", PREFIX_FLAG]
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
                    extra_postargs=BLOCK_FLAGS + contract + flags + debug_flags,
                )
        super().build_extension(ext)


def mode_of(mode: int) -> int:
    """Mode of a file without the umask of who made it."""
    return 0o755 if mode & 0o100 else 0o644


class SameSource(sdist):
    """`sdist` whose archive depends on the files alone: names in order, one date, no owner, modes without the umask."""

    def make_archive(self, base_name: str, format: str, root_dir=None, base_dir=None, owner=None, group=None) -> str:
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        root = Path(root_dir or ".")
        Path(base_name).parent.mkdir(parents=True, exist_ok=True)
        with (
            open(f"{base_name}.tar.gz", "wb") as file,
            gzip.GzipFile("", "wb", mtime=EPOCH, fileobj=file) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(path for path in (root / base_dir).rglob("*") if path.is_file()):
                entry = archive.gettarinfo(path, str(path.relative_to(root)))
                entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = EPOCH, 0, 0, "", ""
                entry.mode, entry.type, entry.linkname = mode_of(entry.mode), tarfile.REGTYPE, ""
                entry.size = path.stat().st_size  # nought for the second of two hard links
                with path.open("rb") as content:
                    archive.addfile(entry, content)
        return f"{base_name}.tar.gz"


class SameWheel(bdist_wheel):
    """`bdist_wheel` with modes without the umask; its dates are EPOCH already."""

    def write_wheelfile(self, *arguments, **options) -> None:
        super().write_wheelfile(*arguments, **options)  # the last step before the files are packed
        for path in Path(self.bdist_dir).rglob("*"):
            path.chmod(0o755 if path.is_dir() else mode_of(path.stat().st_mode))


def contract_flags() -> list[str]:
    """Flags that fuse products and sums.

    Clang's `fast` fuses the copies of an inlined function in different ways, so that the bits depend on which copy a
    trajectory or q-point went through; its `on` goes by the source. GCC up to 12 takes `on` for `off`.
    """
    compiler = (os.environ.get("CXX") or os.environ.get("CC") or sysconfig.get_config_var("CXX") or "c++").split()
    said = subprocess.run([*compiler, "--version"], capture_output=True, check=False, text=True).stdout
    return ["-ffp-contract=on" if "clang" in said.lower() else "-ffp-contract=fast"]


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


openmp, contract = openmp_flags(), contract_flags()
debug = debug_switch()
# GCC takes undefined registers of its own AVX-512 intrinsics for uninitialised variables once they are instrumented.
debug_flags = ["-O1"] if debug else []
if debug == "sanitize":
    debug_flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-Wno-maybe-uninitialized"]
extensions = [
    levelled("lattice._kernels.trajectory", "philox.h", "philox.pxd"),
    levelled("lattice._kernels.hermitian"),
    levelled("lattice._kernels.collocation"),
    levelled("lattice._kernels.ensemble", "philox.h", "philox.pxd"),
    Extension("lattice._kernels.cubic", ["lattice/_kernels/cubic.pyx"], extra_compile_args=COMPILE_FLAGS),
]
for extension in extensions:
    extension.extra_compile_args += debug_flags
    extension.extra_link_args += debug_flags
    if debug == "bounds":
        extension.cython_directives = {"boundscheck": True, "initializedcheck": True}  # these win over the .pyx's own
setup(ext_modules=extensions, cmdclass={"build_ext": BuildLevels, "sdist": SameSource, "bdist_wheel": SameWheel})
