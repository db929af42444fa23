"""Full disk, failing disk, SIGTERM, kill -9 and clocks that jump, at write points: the old or the new file, whole.

`tests/soak/faults.py` does this at every write point of every writer.
"""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import tempfile
from pathlib import Path

import faults
import pytest
import store_faults
from example_files import command, examples

import lattice


@pytest.mark.parametrize(
    ("names", "stride"), [(("potential", "potential as TOML", "table", "page"), 2), (("run", "modes"), 7)]
)
def test_no_fault_loses_a_file(names, stride):
    found = faults.run_storm(faults.KINDS, stride, names)["writers"]
    assert set(found) == set(names)
    assert all(entry["calls"] >= 4 for entry in found.values())  # made, filled, put on disk, renamed
    assert all(entry["faults"] >= 2 * len(faults.KINDS) for entry in found.values())
    assert [line for entry in found.values() for line in entry["wrong"]] == []


@pytest.mark.parametrize(
    ("left", "ended", "kind", "words"),
    [
        ({}, faults.WRITTEN, "EIO", "said to be written"),
        ({"a.csv": b"half"}, faults.REFUSED, "EIO", "neither the old"),
        ({".a-1.csv": b"half"}, faults.REFUSED, "EIO", "left behind"),
        ({".a-1.csv": b"half"}, -9, "SIGKILL", ""),
        ({"b.csv": b"half"}, -9, "SIGKILL", "in the way"),
        ({}, -11, "ENOSPC", "ended with -11"),
        ({}, 1, "EIO", "ended with 1"),
        ({"a.csv": b"new"}, faults.WRITTEN, "SIGTERM", ""),
        ({}, faults.TERMINATED, "SIGTERM", ""),
    ],
)
def test_the_judge_sees_what_is_lost(left, ended, kind, words, tmp_path):
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    found = faults.judge(tmp_path / "a.csv", None, b"new", ended, kind)
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize("name", ["store, made", "store, extended"])
def test_no_fault_loses_a_block_of_a_sweep(name):
    found = store_faults.run_storm(faults.KINDS, 31, (name,))["writers"][name]
    assert found["calls"] > 40  # metadata, coordinates, inputs; per block data, sentences and a flag, each renamed
    assert found["faults"] >= 2 * len(faults.KINDS)
    assert found["wrong"] == []


@pytest.mark.parametrize(
    ("found", "ended", "kind", "words"),
    [
        ({(0,): "good", (1,): "good"}, faults.WRITTEN, "EIO", ""),
        ({(0,): "good"}, faults.REFUSED, "ENOSPC", ""),
        ({(0,): "good"}, faults.WRITTEN, "EIO", "not"),
        ({}, -9, "SIGKILL", "lost"),
        ({(0,): "good", (1,): "half"}, -9, "SIGKILL", "not what it should be"),
        ({(0,): "good"}, faults.REFUSED, "clock", "ended with"),
        ({(0,): "good"}, 1, "EIO", "ended with 1"),
    ],
)
def test_the_judge_of_stores_sees_what_is_lost(found, ended, kind, words, tmp_path, monkeypatch):
    monkeypatch.setattr(store_faults, "finished_rows", lambda _place: found)
    good = {(0,): "good", (1,): "good"}
    said = store_faults.judge(tmp_path / "store", {(0,): "good"}, good, ended, kind)
    assert words in said
    assert bool(words) == bool(said)


@contextlib.contextmanager
def small_disk(size):
    """A file system of a few bytes."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
        if subprocess.run(words, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting a file system needs root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    "words", ["run run.toml -o {}/run.nc", "modes Bi2Se3 -o {}/modes.nc", "run run.toml --figure {}/a.png"]
)
def test_a_disk_that_is_really_full(words, tmp_path, monkeypatch):
    examples()["run.toml"].write(tmp_path)
    monkeypatch.chdir(tmp_path)
    with small_disk("16k") as disk:
        done = command(*words.format(disk).split())
        assert done.exit_code == 1, done.output
        assert "No space left on device" in done.stderr
        assert list(disk.iterdir()) == []


def test_a_sweep_on_a_full_disk_goes_on_where_there_is_room_again(tmp_path):
    plan = store_faults.plan_of("Bi2Se3", 3) | {"record": {"every": 0.001, "keep": True}}
    with small_disk("200k") as disk:
        with pytest.raises(lattice.LatticeError, match="No space left") as error:
            lattice.sweep(plan, disk / "s", workers=1, progress=False)
        assert "could not be" in error.value.what
        assert subprocess.run(["mount", "-o", "remount,size=60m", disk], check=False).returncode == 0
        assert lattice.sweep(plan, disk / "s", workers=1, progress=False)["done"] == 3


def test_files_may_not_grow(tmp_path):
    """The limit of the shell's ulimit -f."""
    potential = lattice.load_potential("Bi2Se3")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(lattice.LatticeError, match="could not be written"):
            potential.save(tmp_path / "potential.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_read_only_disk(tmp_path, monkeypatch):
    opened = os.open

    def read_only(path, flags, *mode, **options):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", read_only)
    examples()["run.toml"].write(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = command("run", "run.toml", "-o", "run.nc")
    assert done.exit_code == 1
    assert "Read-only file system" in done.stderr


def test_a_clock_that_jumps(tmp_path, monkeypatch):
    """Nothing depends on the time of day but the date in the provenance."""
    import time

    times = iter([1e9, 2e9, -5.0, 0.0] * 1000)
    monkeypatch.setattr(time, "time", lambda: next(times))
    examples()["run.toml"].write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command("run", "run.toml", "-q", "-o", "run.nc").exit_code == 0
    assert command("verify", "run.nc").exit_code == 0
