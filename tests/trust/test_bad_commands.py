"""Command lines that cannot be: one message, status 2, nothing written; runs that fail: status 1."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time

import pytest
from bad_inputs import COMMAND_LINES, FAILURES, make_surroundings
from bounded import BYTES, assert_refused, contents
from example_files import examples

CODE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # background jobs ignore it
    f"sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("surroundings")
    make_surroundings(path, examples())
    return path


@pytest.mark.parametrize(("words", "said"), COMMAND_LINES, ids=[words[:60] for words, _ in COMMAND_LINES])
def test_command_lines(words, said, folder):
    assert_refused(shlex.split(words), folder, said)


@pytest.mark.parametrize(("words", "said"), FAILURES, ids=[words[:60] for words, _ in FAILURES])
def test_runs_that_fail(words, said, folder):
    assert_refused([*shlex.split(words), "-o", "failed.nc"], folder, said, status=1)


def process(words, folder, **options):
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **options,
    )


def _bounded():
    resource.setrlimit(resource.RLIMIT_AS, (3 * BYTES, 3 * BYTES))  # the libraries alone map 2 GiB of addresses
    resource.setrlimit(resource.RLIMIT_CPU, (15, 15))


@pytest.mark.parametrize(
    "words",
    [
        "modes POSCAR --fc pipe",
        "modes /dev/zero",
        "run potential.toml --set duration=1e15 -o a.nc",
        "page absent.nc -o a.html",
    ],
)
def test_as_processes(words, folder):
    before = contents(folder)
    started = process(shlex.split(words), folder, preexec_fn=_bounded)
    out, err = started.communicate(timeout=30)
    assert started.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("Error: ")
    assert "\n  fix:   " in err
    assert contents(folder) == before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_stopped_in_the_middle_of_a_run(number, status, tmp_path):
    examples()["run.toml"].write(tmp_path)
    before = contents(tmp_path)
    words = ["run", "run.toml", "--set", "duration=5000", "--set", "record.every=1"]
    words += ["--set", "numerics.method=splitting"]
    started = process([*words, "-o", "run.nc", "--figure", "run.png"], tmp_path)
    time.sleep(1.5)
    assert started.poll() is None
    started.send_signal(number)
    out, err = started.communicate(timeout=30)
    assert started.returncode == status, err
    assert err.strip() == "interrupted"
    assert out == ""
    assert contents(tmp_path) == before


def test_missing_extra_names_its_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "chgnet", None)
    monkeypatch.setitem(sys.modules, "chgnet.model", None)
    examples()["POSCAR"].write(tmp_path)
    assert_refused(["couple", "POSCAR", "--calculator", "chgnet"], tmp_path, "chgnet]", status=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    examples()["run.toml"].write(tmp_path)
    tmp_path.chmod(0o500)
    assert_refused(["run", "run.toml", "-o", "run.nc"], tmp_path, "permission", status=1)
    tmp_path.chmod(0o700)
