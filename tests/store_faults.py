"""Faults at every write point of a sweep's store: no finished block is lost or wrong, and the next call completes it.

Like `faults`, which has the file layer: runs only where that is preloaded.
"""

import ctypes
import os
import shutil
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from faults import ENDINGS, NOT_REACHED, REFUSED, WRITTEN, fault, hash_of, run_preloaded
from model_potentials import d3d_potential

import lattice
from lattice.study.store import NOT_FINISHED, NUMBERS, open_store

PLAN = {
    "duration": 0.5,
    "block": 1,
    "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 0.2}],
    "record": {"every": 0.1, "keep": True, "quantities": ["L"]},
}


def plan_of(source, n):
    """The first n points; the last of four fails, so that its sentence is written too."""
    return PLAN | {"source": str(source), "axes": {"pulse.0.amplitude": {"values": [0.05, 0.1, 0.2, 1e6][:n]}}}


def fill(source, n, place):
    """Make, extend or complete a store of n points in this process."""
    lattice.sweep(plan_of(source, n), place, workers=1, progress=False, extend_plan=True)


def finished_rows(place):
    """Block → its bytes, of every finished block; empty without a store."""
    if not (place / "zarr.json").exists():
        return {}
    store = open_store(place)
    blocks = [store.layout.at(i) for i in np.flatnonzero(store.flags() != NOT_FINISHED).tolist()]
    return {
        block: [np.asarray(store.group[name][store.layout.box(block)]).tobytes() for name in (NUMBERS, *store.series)]
        + [sorted(store.failures(block).values())]
        for block in blocks
    }


def judge(place, before, good, ended, kind):
    """Return what is wrong after a fault, empty if nothing."""
    litter = [x.name for x in place.parent.iterdir() if x != place]
    if any(kind != "SIGKILL" or not x.startswith(".") for x in litter):
        return f"{litter} left behind"
    if ended not in ENDINGS.get(kind, (REFUSED, WRITTEN)):
        return f"ended with {ended}"
    found = finished_rows(place)
    if ended == WRITTEN and found.keys() != good.keys():
        return "said to be complete, but is not"
    if not found.keys() >= before.keys():
        return "finished blocks were lost"
    if any(rows != good[block] for block, rows in found.items()):
        return "a finished block is not what it should be"
    return ""


def storm(source, old, kinds, stride, folder):
    """Let every `stride`-th call fail while a store of four points is made (`old` None) or extended; what happened."""
    layer = ctypes.CDLL(os.environ["LD_PRELOAD"])
    layer.fault_count.restype = ctypes.c_long
    place, wrong, faults = Path(folder, "store"), [], 0

    def write(path):
        fill(source, 4, path)

    def reset():
        shutil.rmtree(folder)
        folder.mkdir()
        if old is not None:
            shutil.copytree(old, place)

    reset()
    before = finished_rows(place)
    layer.fault_arm(os.fsencode(folder), ctypes.c_long(0), 0, 0)
    write(place)
    calls = layer.fault_count()
    layer.fault_arm(b"", ctypes.c_long(0), 0, 0)
    good = finished_rows(place)
    for kind in kinds:
        for call in range(1 + hash_of(kind, stride), calls + 1, stride):
            reset()
            ended = fault(layer, write, place, call, kind)
            if ended == NOT_REACHED:  # Zarr's threads at times make a call less
                continue
            faults += 1
            found = judge(place, before, good, ended, kind)
            if not found:
                again = fault(layer, write, place, 0, kind)
                if again != WRITTEN or finished_rows(place) != good:
                    found = f"could not be completed afterwards: {again}"
            if found:
                wrong.append(f"{kind} at call {call} of {calls}: {found}")
    return {"calls": calls, "faults": faults, "wrong": wrong}


def main(kinds, stride, names=()):
    """In a process with the file layer: run the storms; return what happened."""
    result, start = {}, time.perf_counter()
    with warnings.catch_warnings(), TemporaryDirectory() as name:
        warnings.simplefilter("ignore")
        source = Path(name, "d3d.toml")
        d3d_potential().save(source)
        fill(source, 2, Path(name, "old"))
        for kind, old in {"store, made": None, "store, extended": Path(name, "old")}.items():
            if not names or kind in names:
                folder = Path(name, "storm")
                folder.mkdir(exist_ok=True)
                result[kind] = storm(source, old, kinds, stride, folder)
    return {"writers": result, "seconds": round(time.perf_counter() - start, 1)}


def run_storm(kinds, stride, names=()):
    """Start `main` in a process with the file layer preloaded; return its result."""
    return run_preloaded(f"store_faults.main({list(kinds)!r}, {stride}, {list(names)!r})")
