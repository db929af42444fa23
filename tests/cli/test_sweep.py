"""The commands `lattice sweep` and `lattice collect`: JSON, text, exit status."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xarray
from click.testing import CliRunner

import lattice
from lattice.cli.app import main

PLAN = """\
source = "Bi2Se3"
duration = 4.0
block = 3
[[pulse]]
amplitude = 0.1
frequency = 2.05
duration = 0.5
[axes]
"pulse.0.helicity" = { values = [-1.0, 0.0, 1.0] }
"pulse.0.amplitude" = { linspace = [0.1, 0.2, 3] }
[slurm]
nodes = 2
partition = "short"
prologue = ["module load python"]
directives = ["--exclusive"]
"""
CLUSTER = Path(__file__).parents[2] / "docs" / "cluster.md"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def call(*words, status=0):
    done = CliRunner().invoke(main, words)
    assert done.exit_code == status, done.output
    return done


def test_sweep_and_collect_as_json():
    counts = json.loads(call("sweep", "plan.toml", "-d", "s", "--workers", "1", "--json").stdout)
    assert counts == {"points": 9, "done": 9, "failed": 0, "resumed": 0}
    again = json.loads(call("sweep", "plan.toml", "-d", "s", "--json").stdout)
    assert again == counts | {"resumed": 9}
    found = json.loads(call("collect", "s", "-o", "out.nc", "--json").stdout)
    assert {key: found[key] for key in counts} == again
    assert re.fullmatch("[0-9a-f]{64}", found["sha256"])
    with xarray.open_dataset("out.nc") as written:
        assert written["L_peak"].dims == ("pulse.0.helicity", "pulse.0.amplitude", "multiplet")


def test_sweep_and_collect_as_text():
    assert "9 of 9 points done" in call("sweep", "plan.toml", "-d", "s", "--workers", "1").stdout
    assert "found finished" in call("sweep", "plan.toml", "-d", "s").stdout
    assert "SHA-256" in call("collect", "s").stdout
    assert call("sweep", "plan.toml", "-d", "s", "-q").output == ""


def test_shares_add_up():
    for i in (0, 1):
        call("sweep", "plan.toml", "-d", "s", "--workers", "1", "--share", f"{i}/2")
    assert json.loads(call("collect", "s", "--json").stdout)["done"] == 9
    assert "form I/N" in call("sweep", "plan.toml", "-d", "s", "--share", "2", status=2).stderr
    assert "no such share" in call("sweep", "plan.toml", "-d", "s", "--share", "2/2", status=2).stderr


def test_a_dry_run_writes_nothing(folder):
    found = json.loads(call("sweep", "plan.toml", "--dry-run", "--json").stdout)
    assert (found["points"], found["tasks"], found["points_per_task"]) == (9, 3, 3)
    assert {"seconds_per_point", "core_seconds", "workers", "seconds", "bytes"} < set(found)
    assert "9 points in 3 tasks" in call("sweep", "plan.toml", "--dry-run").stdout
    assert [path.name for path in folder.iterdir()] == ["plan.toml"]


def test_the_array_script_covers_every_block():
    script = call("sweep", "plan.toml", "-d", "s", "--array").stdout
    for line in ("#SBATCH --array=0-1", "#SBATCH --partition=short", "#SBATCH --exclusive", "module load python"):
        assert f"\n{line}\n" in script
    words = script.splitlines()[-1].split()
    assert words[:2] == ["exec", "lattice"]
    for i in (0, 1):
        call(*(word.replace("$SLURM_ARRAY_TASK_ID", str(i)) for word in words[2:]))
    assert json.loads(call("collect", "s", "--json").stdout)["done"] == 9


def test_bad_input_ends_with_status_2():
    assert "-d DIR" in call("sweep", "plan.toml", status=2).stderr
    assert "does not exist" in call("sweep", "none.toml", "-d", "s", status=2).stderr
    assert "no sweep" in call("collect", "none", status=2).stderr
    assert "does not exist" in call("sweep", "plan.toml", "-d", "no/such", status=2).stderr
    call("sweep", "plan.toml", "-d", "s", "--share", "0/9", "--workers", "1")
    Path("plan.toml").write_text(PLAN.replace("duration = 4.0", "duration = 5.0"), encoding="utf-8")
    assert "duration was 4.0, is 5.0" in call("sweep", "plan.toml", "-d", "s", status=2).stderr
    assert "end it in .nc" in call("collect", "s", "-o", "out.csv", status=2).stderr


def test_a_sweep_of_nothing_but_failures_ends_with_status_1():
    Path("plan.toml").write_text(PLAN.replace("linspace = [0.1, 0.2, 3]", "values = [1e6]"), encoding="utf-8")
    counts = json.loads(call("sweep", "plan.toml", "-d", "s", "--workers", "1", "--json", status=1).stdout)
    assert counts == {"points": 3, "done": 0, "failed": 3, "resumed": 0}
    assert "--retry-failed" in call("sweep", "plan.toml", "-d", "s", status=1).stdout


def test_the_page_on_clusters_says_what_runs(folder):
    """Its plan, its commands on one machine, its Python, and its array script."""
    text = CLUSTER.read_text(encoding="utf-8")
    (plan,) = re.findall(r"^```toml\n(.*?)^```$", text, re.M | re.S)
    Path("plan.toml").write_text(plan.replace("duration = 20.0", "duration = 5.0"), encoding="utf-8")
    shell = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    for line in shell[0].splitlines():
        call(*line.split()[1:])
    first = next(code for code in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S))
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{first}"], capture_output=True, check=True
    )
    assert float(done.stdout) < 0  # the receiver turns the other way
    shutil.rmtree("results")
    script = call(*shell[2].splitlines()[0].removesuffix(" > array.sh").split()[1:]).stdout
    assert script == shell[3]
    point = lattice.sweep_point("results", {"pulse.0.amplitude": 3, "pulse.0.helicity": 2})
    assert point["pulse"][0]["helicity"] == 1.0
    assert json.loads(json.dumps(point)) == point
