"""Faults at every write point: each writer of files runs in a fork, its k-th call that changes a file fails.

Runs only with `faulty_files.c` preloaded; `main` starts such a process.
"""

import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from example_files import examples

SOURCE = Path(__file__).with_name("faulty_files.c")
#: name → (what happens, whether all later calls fail too)
KINDS = {
    "ENOSPC": (errno.ENOSPC, True),
    "EIO": (errno.EIO, False),
    "SIGTERM": (-signal.SIGTERM, False),
    "SIGKILL": (-signal.SIGKILL, False),
    "clock": (100_000, False),  # CLOCK_JUMPS of the file layer
}
#: a small one with trajectories; its source is bundled
SWEEP = {
    "source": "Bi2Se3",
    "duration": 0.5,
    "pulse": [{"frequency": 2.05, "duration": 0.5}],
    "record": {"every": 0.1, "keep": True},
    "axes": {"pulse.0.helicity": {"values": [-1.0, 1.0]}},
}
REFUSED, WRITTEN, TERMINATED, NOT_REACHED = 11, 12, 13, 14  #: exit status of a fork
ENDINGS = {"SIGKILL": (-9,), "SIGTERM": (TERMINATED, WRITTEN), "clock": (WRITTEN,)}


def build(folder):
    """Compile the file layer."""
    library = Path(folder, "faulty_files.so")
    words = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    return library


def writers():
    """Return name → (name of the file, function that writes it); each is called once before the storm."""
    import lattice
    from lattice.dynamics.runfile import load_run, save_run
    from lattice.observe.save import save_result
    from lattice.show.export import write_export
    from lattice.show.figure import run_figure

    with TemporaryDirectory() as name:
        folder = Path(name)
        for example in ("run.nc", "modes.nc"):
            examples()[example].write(folder)
        run, modes = load_run(folder / "run.nc"), lattice.load_modes(folder / "modes.nc")
    bundled = lattice.load_potential("Bi2Se3")
    sweep = TemporaryDirectory()  # stays as long as its writer
    lattice.sweep(SWEEP, Path(sweep.name, "store"), workers=1, progress=False)
    mesh = lattice.solve_mesh(lattice.load("Bi2Se3-noSOC"), (2, 2, 1))
    return {
        "run": ("run.nc", lambda path: save_run(run, path)),
        "modes": ("modes.nc", lambda path: lattice.save_modes(modes, path)),
        "potential": ("potential.nc", bundled.save),
        "potential as TOML": ("potential.toml", bundled.save),
        "mesh": ("mesh.nc", lambda path: save_result(mesh, path)),
        "page": ("page.html", lambda path: lattice.write_page(modes, path)),
        "table": ("run.csv", lambda path: write_export(run, path)),
        "figure": ("run.svg", lambda path: run_figure(run, path)),
        "sweep": ("sweep.nc", lambda path: lattice.collect(Path(sweep.name, "store"), path)),
    }


def contents_of(path):
    """What a file holds, for comparison; an error if it cannot be read."""
    if path.suffix == ".nc":
        import xarray

        with xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
            return {k: (v.dims, v.values.tobytes() if v.dtype.kind != "O" else v.values.tolist()) for k, v in
                    data.load().variables.items()}, {k: str(v) for k, v in data.attrs.items()}  # fmt: skip
    return path.read_bytes()


def _attempt(layer, write, path, call, kind):
    """In a fork: write with a fault; the exit status says how it went."""
    from lattice.cli.app import Terminated, terminate
    from lattice.errors import LatticeError

    signal.signal(signal.SIGTERM, terminate)
    what, stays = KINDS[kind]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # HDF5 prints what it met
    layer.fault_arm(os.fsencode(path.parent), ctypes.c_long(call), what, int(stays))
    try:
        write(path)
    except LatticeError:
        return REFUSED
    except Terminated:
        return TERMINATED
    return WRITTEN if layer.fault_count() >= call else NOT_REACHED


def fault(layer, write, path, call, kind):
    """Write in a fork with a fault; return how it ended: an exit status, or minus the signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = _attempt(layer, write, path, call, kind)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def storm(name, filename, write, kinds, stride, folder):
    """Let every `stride`-th call of a writer fail, with an older file in place and without; return what happened."""
    layer = ctypes.CDLL(os.environ["LD_PRELOAD"])
    layer.fault_count.restype = ctypes.c_long
    path = Path(folder, filename)
    write(path)
    layer.fault_arm(os.fsencode(folder), ctypes.c_long(0), 0, 0)
    write(path)
    calls = layer.fault_count()
    layer.fault_arm(b"", ctypes.c_long(0), 0, 0)
    new, wrong, faults = contents_of(path), [], 0
    for kind in kinds:
        for call in range(1 + hash_of(kind, stride), calls + 1, stride):
            for old in (None, b"an older file"):
                path.unlink(missing_ok=True)
                if old is not None:
                    path.write_bytes(old)
                ended = fault(layer, write, path, call, kind)
                faults += 1
                found = judge(path, old, new, ended, kind)
                if found:
                    wrong.append(f"{name}, {kind} at call {call} of {calls}, {'old' if old else 'no'} file: {found}")
                for litter in Path(folder).iterdir():
                    litter.unlink()
    return {"calls": calls, "faults": faults, "wrong": wrong}


def hash_of(kind, stride):
    """Begin each kind at another call, so that strides do not all miss the same ones."""
    return list(KINDS).index(kind) % stride


def judge(path, old, new, ended, kind):
    """Return what is wrong after a fault, empty if nothing: the old or the new file, whole, and nothing beside it."""
    litter = [x.name for x in path.parent.iterdir() if x != path]
    if litter and kind != "SIGKILL":
        return f"{litter} left behind"
    if any(not x.startswith(".") for x in litter):
        return f"{litter} is in the way"
    if ended not in ENDINGS.get(kind, (REFUSED, WRITTEN)):
        return f"ended with {ended}"
    is_old = path.read_bytes() == old if path.exists() else old is None
    if ended == WRITTEN and is_old:
        return "said to be written, but is not there"
    if not is_old and contents_of(path) != new:
        return "neither the old nor the new file"
    return ""


def main(kinds, stride, names=()):
    """In a process with the file layer: run the storms; return what happened."""
    result, start = {}, time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (filename, write) in writers().items():
            if not names or name in names:
                with TemporaryDirectory() as folder:
                    result[name] = storm(name, filename, write, kinds, stride, folder)
    return {"writers": result, "seconds": round(time.perf_counter() - start, 1)}


def run_storm(kinds, stride, names=()):
    """Start `main` in a process with the file layer preloaded; return its result."""
    return run_preloaded(f"faults.main({list(kinds)!r}, {stride}, {list(names)!r})")


def run_preloaded(call):
    """Call a function of a module in a process with the file layer preloaded; return its result."""
    with TemporaryDirectory() as folder:
        library = build(folder)
        module = call.partition(".")[0]
        code = f"import sys; sys.path[:0] = {sys.path!r}; import json, {module}; print(json.dumps({call}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])
