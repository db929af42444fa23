"""The Dask engines: the same bits as the local one; Slurm itself is tried by .ci/slurm."""

import sys

import pytest
from model_potentials import d3d_potential

import lattice
from lattice.anharmonic.files import save_potential
from lattice.errors import InputError, MissingDependency
from lattice.study.cluster import _seconds, client_of
from lattice.study.sweep import sweep


@pytest.fixture
def plan(tmp_path):
    save_potential(d3d_potential(), tmp_path / "d3d.toml")
    return {
        "source": str(tmp_path / "d3d.toml"),
        "duration": 4.0,
        "block": 2,
        "repeats": 2,
        "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 0.5}],
        "axes": {"temperature": {"values": [0.0, 50.0]}, "pulse.0.helicity": {"values": [-1.0, 1.0]}},
    }


def test_dask_workers_give_the_same_bits(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))  # of the workers
    sweep(plan, tmp_path / "local", workers=1, progress=False)
    counts = sweep(plan, tmp_path / "dask", "dask", workers=2, progress=False)
    assert counts == {"points": 8, "done": 8, "failed": 0, "resumed": 0}
    sums = {lattice.collect(tmp_path / name)["sha256"] for name in ("local", "dask")}
    assert len(sums) == 1


def test_a_client_serves_any_number_of_sweeps(plan, tmp_path):
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        for name in "ab":
            assert sweep(plan, tmp_path / name, client, progress=False)["done"] == 8
        assert len({lattice.collect(tmp_path / name)["sha256"] for name in "ab"}) == 1
        plan["repeats"] = 3
        assert sweep(plan, tmp_path / "a", client, extend_plan=True, progress=False)["done"] == 12
        assert client.status == "running"


def test_engines_that_do_not_exist_are_named(plan, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="did you mean slurm"):
        sweep(plan, tmp_path / "s", "slurn", progress=False)
    with pytest.raises(InputError, match="Unknown engine"):
        sweep(plan, tmp_path / "s", 7, progress=False)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with (
        pytest.raises(MissingDependency, match=r"phonon-lattice\[slurm\]"),
        client_of("slurm", {}, tmp_path, None, None),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 5400), ("10:30", 630), ("01:02:03", 3723), ("2-0", 172800), ("1-02:30", 95400), ("1-00:00:01", 86401)],
)
def test_time_limits_are_those_of_slurm(text, seconds):
    assert _seconds(text) == seconds


def test_what_is_no_time_limit_is_named():
    with pytest.raises(InputError, match="walltime"):
        _seconds("two hours")
