"""Sweeps: the same bits by every road, and what is done again, added, refused and lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray
from model_potentials import d3d_potential

import lattice
from lattice.anharmonic.files import save_potential
from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.errors import InputError, SchemaError
from lattice.observe.multiplet_motion import multiplet_helicity
from lattice.study.local import run_processes
from lattice.study.store import NOT_FINISHED, open_store
from lattice.study.sweep import dry_run, sweep

AMPLITUDE, HELICITY = "pulse.0.amplitude", "pulse.0.helicity"


@pytest.fixture
def folder(tmp_path):
    save_potential(d3d_potential(), tmp_path / "d3d.toml")
    save_potential(d3d_potential(a1g=1e-3), tmp_path / "a1g.toml")
    return tmp_path


def plan_in(folder, **more):
    axes = {AMPLITUDE: {"linspace": [0.05, 0.2, 4]}, HELICITY: {"values": [-1.0, 0.0, 1.0]}}
    plan = {
        "source": str(folder / "d3d.toml"),
        "duration": 6.0,
        "block": 2,
        "pulse": [{"amplitude": 0.1, "frequency": 2.05, "duration": 0.5}],
        "record": {"every": 0.05},
        "axes": axes,
    }
    return {key: value for key, value in (plan | more).items() if value is not None}


def silent(plan, place, engine="local", **options):
    return sweep(plan, place, engine, progress=False, **options)


def test_the_numbers_are_those_of_the_runs(folder):
    potential = d3d_potential()
    counts = silent(plan_in(folder), folder / "s", workers=1)
    assert counts == {"points": 12, "done": 12, "failed": 0, "resumed": 0}
    found = lattice.open_sweep(folder / "s")
    for amplitude in found[AMPLITUDE].values[[0, 3]]:
        for helicity in (-1.0, 0.0, 1.0):
            pulse = Pulse(amplitude, 2.05, 0.5, helicity=helicity)
            run = simulate(potential, pulse, 6.0, record=Record(0.05), rtol=1e-10)
            point = found.sel({AMPLITUDE: amplitude, HELICITY: helicity})
            L = run["L"].values[..., 2]
            peak = L[np.abs(L).argmax(axis=0), [0, 1]]
            assert np.allclose(point["L_peak"], peak, rtol=1e-6, atol=1e-12)
            assert np.allclose(point["L_mean"], L.mean(axis=0), rtol=1e-6, atol=1e-12)
            assert np.allclose(point["L_final"], L[-1], rtol=1e-6, atol=1e-12)
            assert np.allclose(point["Q_peak"], np.abs(run["Q"].values).max(axis=0), rtol=1e-6, atol=1e-12)
            assert np.allclose(point["ledger"], run["ledger"][..., 2], rtol=1e-6, atol=1e-11)
            assert np.allclose(point["crystal"], run["crystal"][..., 2], rtol=1e-6, atol=1e-11)
            # Of quanta and of the spectrum: the same for a motion near its own frequency, not for a displaced one.
            for name in ("Eu(1)", "Eg(2)"):
                spectral = multiplet_helicity(run, name)
                assert float(point["helicity"].sel(multiplet=name)) == pytest.approx(spectral, abs=0.02)
    assert (np.sign(found["L_peak"].sel({"multiplet": "Eg(2)", HELICITY: 1.0})) == -1).all()


def test_the_energy_ledger_is_that_of_the_runs_on_both_roads(folder):
    plan = plan_in(folder, axes={HELICITY: {"values": [-0.5, 1.0]}})
    asked = plan["record"] | {"energy_ledger": True, "every": 0.05}
    silent(plan | {"record": asked}, folder / "a", workers=1)
    silent(plan | {"record": asked | {"keep": True, "quantities": ["L"]}}, folder / "b", workers=1)
    silent(plan | {"record": asked | {"ledger": False}}, folder / "c", workers=1)
    a, b, c = (lattice.open_sweep(folder / name) for name in "abc")
    assert "ledger" not in c
    assert a["energy_ledger"].dims == b["energy_ledger"].dims == (HELICITY, "channel", "multiplet")
    assert a["energy_ledger"].attrs["units"] == "eV"
    for found in (a, b, c):
        assert (found["energy_closure"] < 1e-10).all()
        scale = float(np.abs(a["energy_ledger"]).max())
        np.testing.assert_allclose(found["energy_ledger"], a["energy_ledger"], rtol=0, atol=1e-6 * scale)
    assert float(a["energy_ledger"].sel(channel="light").sum("multiplet").min()) > 0
    again = silent(plan | {"record": asked}, folder / "a", workers=1)
    assert again["resumed"] == 2


@pytest.mark.parametrize("temperature", [0.0, 150.0])
def test_whole_trajectories_give_the_same_numbers_as_the_reduced_kernel(folder, temperature):
    """Two integrators, two reductions; in a bath they see different forces, so there only averages agree."""
    repeats = 1 if temperature == 0 else 40
    axes = {HELICITY: {"values": [-1.0, 1.0]}}
    plan = plan_in(folder, temperature=temperature, repeats=repeats, axes=axes, block=40)
    silent(plan, folder / "a", workers=1)
    silent(plan | {"record": {"every": 0.05, "keep": True, "quantities": ["L"]}}, folder / "b", workers=1)
    a, b = (lattice.open_sweep(folder / name) for name in "ab")
    assert "L" in b
    assert b["L"].sizes["time"] == 121
    for name in ("L_peak", "L_mean", "L_final", "energy_mean", "Q_peak", "ledger", "crystal"):
        left, right = a[name].values, b[name].values
        if temperature == 0:
            assert np.allclose(left, right, rtol=1e-6, atol=1e-6 * np.abs(right).max()), name
        else:
            axis = list(a[name].dims).index("repeat")
            error = np.sqrt((left.var(axis) + right.var(axis)) / repeats) + 1e-12
            assert (np.abs(left.mean(axis) - right.mean(axis)) / error).max() < 5.5, name


def test_every_cut_order_and_number_of_processes_gives_the_same_bits(folder, monkeypatch):
    axes = {"temperature": {"values": [0.0, 80.0]}, AMPLITUDE: {"linspace": [0.05, 0.2, 3]}}
    plan = plan_in(folder, repeats=2, axes=axes)
    sums = set()
    for name, block, options in (("a", 12, {"workers": 1}), ("b", 1, {"workers": 2}), ("c", 5, {"workers": 1})):
        silent(plan | {"block": block}, folder / name, **options)
        sums.add(lattice.collect(folder / name)["sha256"])
    monkeypatch.setattr("lattice.study.block.AT_A_TIME", 2)
    silent(plan | {"block": 12}, folder / "e", workers=1)
    sums.add(lattice.collect(folder / "e")["sha256"])
    for part in (2, 0, 1):
        silent(plan | {"block": 1}, folder / "d", workers=1, share=(part, 3))
    sums.add(lattice.collect(folder / "d")["sha256"])
    assert len(sums) == 1
    assert None not in sums


def test_a_second_call_finds_everything_finished_and_a_third_does_what_is_missing(folder):
    plan = plan_in(folder)
    first = silent(plan, folder / "s", workers=1, share=(0, 2))
    n = first["done"]
    assert first == {"points": 12, "done": n, "failed": 0, "resumed": 0}
    assert 0 < n < 12
    before = lattice.collect(folder / "s")
    assert before["sha256"] is None
    assert np.isnan(lattice.open_sweep(folder / "s")["L_peak"]).any()
    assert (lattice.open_sweep(folder / "s")["status"] == -1).sum() == 12 - n
    assert silent(plan, folder / "s", workers=1) == {"points": 12, "done": 12, "failed": 0, "resumed": n}
    assert silent(plan, folder / "s", workers=1)["resumed"] == 12


def test_another_plan_on_an_old_store_is_refused_with_the_difference(folder):
    silent(plan_in(folder), folder / "s", workers=1)
    with pytest.raises(InputError, match=r"duration was 6.0, is 7.0"):
        silent(plan_in(folder, duration=7.0), folder / "s")
    axes = {AMPLITUDE: {"values": [0.05, 0.1, 0.15, 0.2, 0.25]}, HELICITY: {"values": [-1.0, 0.0, 1.0]}}
    with pytest.raises(InputError, match="--extend"):
        silent(plan_in(folder, axes=axes), folder / "s")
    save_potential(d3d_potential(gamma=2e-3), folder / "d3d.toml")
    with pytest.raises(InputError, match=r"content of d3d.toml has changed"):
        silent(plan_in(folder), folder / "s")
    (folder / "other").mkdir()
    (folder / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not a sweep"):
        silent(plan_in(folder), folder / "other")
    with pytest.raises(InputError, match="does not exist"):
        silent(plan_in(folder), folder / "none" / "s")


@pytest.mark.parametrize("temperature", [0.0, 60.0])
def test_added_points_are_those_of_a_sweep_that_had_them_from_the_start(folder, temperature):
    small = plan_in(folder, temperature=temperature, repeats=1, block=5)
    axes = {AMPLITUDE: {"values": [0.05, 0.1, 0.15, 0.2, 0.19]}, HELICITY: {"values": [-1.0, 0.0, 1.0, 0.5]}}
    large = plan_in(folder, temperature=temperature, axes=axes, repeats=2, block=5)
    silent(
        small | {"axes": {**axes, AMPLITUDE: {"values": [0.05, 0.1, 0.2]}, HELICITY: {"values": [-1.0, 1.0]}}},
        folder / "x",
        workers=1,
    )
    with pytest.raises(InputError, match="value 2 of axis"):
        silent(large, folder / "x", extend_plan=True)
    start = {"axes": {AMPLITUDE: {"values": [0.05, 0.1, 0.15, 0.2]}, HELICITY: {"values": [-1.0, 0.0, 1.0]}}}
    silent(small | start, folder / "s", workers=1)
    counts = silent(large, folder / "s", workers=1, extend_plan=True)
    assert counts["points"] == counts["done"] == 40
    silent(large, folder / "fresh", workers=1)
    assert lattice.collect(folder / "s")["sha256"] == lattice.collect(folder / "fresh")["sha256"]


def test_failed_points_are_kept_with_a_sentence_and_the_rest_goes_on(folder):
    unbound = d3d_potential(gamma=0.5)
    save_potential(unbound, folder / "d3d.toml")
    axes = {HELICITY: {"values": [0.5, 3.0]}, AMPLITUDE: {"values": [0.001, 40.0]}}
    plan = plan_in(folder, axes=axes, block=4)
    counts = silent(plan, folder / "s", workers=1)
    assert counts == {"points": 4, "done": 1, "failed": 3, "resumed": 0}
    found = lattice.open_sweep(folder / "s")
    assert found["status"].values.tolist() == [[0, 1], [3, 3]]
    assert np.isfinite(found["L_peak"][0, 0]).all()
    assert np.isnan(found["L_peak"][1]).all()
    failures = lattice.sweep_failures(folder / "s")
    assert [entry["settings"] for entry in failures] == [
        {HELICITY: 0.5, AMPLITUDE: 40.0}, {HELICITY: 3.0, AMPLITUDE: 0.001}, {HELICITY: 3.0, AMPLITUDE: 40.0}
    ]  # fmt: skip
    assert "diverged" in failures[0]["message"]
    assert "helicity" in failures[1]["message"]
    assert silent(plan, folder / "s", workers=1)["resumed"] == 4
    again = silent(plan, folder / "s", workers=1, retry_failed=True)
    assert again == {"points": 4, "done": 1, "failed": 3, "resumed": 0}


def test_settings_that_fail_the_very_first_point_are_an_error_at_once(folder):
    with pytest.raises(InputError, match="helicity"):
        silent(plan_in(folder, axes={HELICITY: {"values": [3.0, 1.0]}}), folder / "s")
    assert not (folder / "s").exists()
    with pytest.raises(InputError, match="unknown multiplet"):
        dry_run(plan_in(folder, block=None, axes={"overrides.Eu(7).frequency": {"values": [2.0]}}))


def test_several_materials_share_one_table(folder):
    axes = {
        "source": {"values": [str(folder / "d3d.toml"), str(folder / "a1g.toml")]},
        AMPLITUDE: {"values": [0.1, 0.2]},
    }
    plan = plan_in(folder, axes=axes)
    del plan["source"]
    counts = silent(plan, folder / "s", workers=1)
    assert counts["done"] == 4
    found = lattice.open_sweep(folder / "s")
    assert found["source"].values.tolist() == ["d3d.toml", "a1g.toml"]
    extra = [name for name in found["multiplet"].values if name not in ("Eu(1)", "Eg(2)")]
    assert len(extra) == 1
    assert np.isnan(found["energy_mean"].sel(multiplet=extra[0], source="d3d.toml")).all()
    assert np.isfinite(found["energy_mean"].sel(source="a1g.toml")).all()


def test_a_material_is_added_if_it_has_the_same_modes(folder):
    save_potential(d3d_potential(gamma=2e-3), folder / "strong.toml")
    names = [str(folder / name) for name in ("d3d.toml", "strong.toml", "a1g.toml")]
    plans = [plan_in(folder, source=None, axes={"source": {"values": names[:n]}}) for n in (1, 2, 3)]
    silent(plans[0], folder / "s", workers=1)
    assert silent(plans[1], folder / "s", workers=1, extend_plan=True)["done"] == 2
    silent(plans[1], folder / "fresh", workers=1)
    assert lattice.collect(folder / "s")["sha256"] == lattice.collect(folder / "fresh")["sha256"]
    with pytest.raises(InputError, match="other modes or channels"):
        silent(plans[2], folder / "s", extend_plan=True)
    assert silent(plans[1], folder / "s", workers=1)["resumed"] == 2


def test_a_potential_beside_its_source_is_what_is_computed(folder):
    axes = {"frequencies": {"values": ["measured", "computed"]}}
    plan = {"source": "Bi2Se3", "potential": str(folder / "mine.nc"), "duration": 2.0, "axes": axes}
    lattice.load_potential("Bi2Se3", frequencies="computed").save(folder / "mine.nc")
    assert silent(plan, folder / "s", workers=1)["done"] == 2
    found = lattice.open_sweep(folder / "s")
    assert np.array_equal(found["L_peak"][0], found["L_peak"][1])
    assert [path.name.partition("-")[2] for path in (folder / "s" / "inputs").iterdir()] == ["mine.nc"]


def test_overrides_follow_the_point(folder):
    axes = {"overrides.Eu(1).frequency": {"values": [2.05, 1.8]}, "overrides.Eg(2).linewidth": {"values": [0.1, 0.4]}}
    silent(plan_in(folder, axes=axes), folder / "s", workers=1)
    found = lattice.open_sweep(folder / "s")
    for i in (0, 1):
        for j in (0, 1):
            report = lattice.run(lattice.sweep_point(folder / "s", (i, j)))
            peaks = [row["peak_L_hbar"] for row in report["multiplets"]]
            assert np.allclose(found["L_peak"][i, j], peaks, rtol=1e-6)
    assert len(np.unique(found["L_peak"].values.round(9))) == 8


def test_all_that_a_workflow_manager_passes_on_is_json_and_the_same_each_time(folder):
    plan, found = plan_in(folder, axes={AMPLITUDE: {"values": [0.1, 60.0]}}, source="Bi2Se3", block=1), []
    for name in ("a", "b"):
        place = folder / name
        counts = silent(json.loads(json.dumps(plan)), str(place), workers=1)
        document = lattice.sweep_point(str(place), {AMPLITUDE: 0})
        report = lattice.run(document, folder / f"{name}-point.nc")
        whole = lattice.collect(str(place), f"{place}.nc")
        found.append([counts, document, report, whole, lattice.sweep_failures(place)])
        assert json.loads(json.dumps(found[-1])) == found[-1]
        assert counts["failed"] == 1
        document["source"] = "the copy in the store"
    assert found[0] == found[1]
    for name in ("{}.nc", "{}-point.nc"):
        with xarray.open_dataset(folder / name.format("a")) as a, xarray.open_dataset(folder / name.format("b")) as b:
            assert a.equals(b)


def test_the_store_is_lazy_and_its_netcdf_is_the_same(folder):
    plan = plan_in(folder, repeats=2, temperature=20.0, record={"every": 0.1, "keep": True, "quantities": ["Q", "E"]})
    silent(plan, folder / "s", workers=1)
    found = lattice.open_sweep(folder / "s")
    assert not any(found[name].variable._in_memory for name in ("ledger", "Q", "status"))
    whole = lattice.open_sweep(folder / "s").load()
    for key in (
        {"multiplet": [1, 0], "channel": 2},
        {AMPLITUDE: [2, 0], "repeat": 1, "mode": slice(None, None, -1)},
        {AMPLITUDE: slice(3, 0, -2), "channel": slice(1, 4, 2), "multiplet": -1, "time": slice(5, 9)},
        {AMPLITUDE: 1, HELICITY: 1, "repeat": 0, "multiplet": 0, "channel": 0, "mode": 0, "time": 3, "axis": 1},
    ):
        assert found.isel(key).load().identical(whole.isel(key))
    lattice.collect(folder / "s", folder / "out.nc")
    with xarray.open_dataset(folder / "out.nc") as copied:
        assert copied.load().identical(whole)
    assert str(folder) not in json.dumps(whole.attrs)


def test_a_store_of_many_points_is_made_of_shards(folder, monkeypatch):
    plan = plan_in(folder, axes={AMPLITUDE: {"linspace": [0.05, 0.2, 60]}}, block=20)
    silent(plan, folder / "plain", workers=1)
    monkeypatch.setattr("lattice.study.store.MANY_POINTS", 50)
    silent(plan, folder / "shards", workers=1)
    assert open_store(folder / "plain").group["numbers"].shards is None
    array = open_store(folder / "shards").group["numbers"]
    assert array.shards[0] == 20
    assert array.chunks[-1] == 1
    assert len(list((folder / "shards" / "numbers").glob("c.*"))) == 3
    sums = {lattice.collect(folder / name)["sha256"] for name in ("plain", "shards")}
    assert len(sums) == 1


def test_a_dry_run_counts_points_tasks_time_and_bytes(folder):
    plan = plan_in(folder, repeats=10, block=7)
    estimate = dry_run(plan, workers=2)
    assert estimate["points"] == 120
    assert estimate["tasks"] == 24
    assert estimate["bytes"] == 8 * 120 * lattice.study.store.open_store(make(plan, folder / "s")).columns.width
    assert 0 < estimate["seconds_per_point"] < 1
    assert estimate["core_seconds"] == pytest.approx(120 * estimate["seconds_per_point"])
    assert sorted(path.name for path in folder.iterdir()) == ["a1g.toml", "d3d.toml", "s"]


def make(plan, place):
    silent(plan, place, workers=1, share=(0, 10**6))
    return place


def test_a_folder_of_another_schema_is_refused(folder):
    make(plan_in(folder), folder / "s")
    path = folder / "s" / "zarr.json"
    path.write_text(path.read_text("utf-8").replace('"schema": 1', '"schema": 99'), encoding="utf-8")
    with pytest.raises(SchemaError, match="99"):
        lattice.open_sweep(folder / "s")
    with pytest.raises(InputError, match="no sweep"):
        lattice.open_sweep(folder)


def before_block(folder, monkeypatch, statement):
    """Let the processes of the local engine execute a statement before each block."""
    poison = folder / "poison"
    poison.mkdir()
    (poison / "sitecustomize.py").write_text(
        "import os, signal, sys, time\n"
        "if 'lattice.study.worker' in ' '.join(sys.orig_argv):\n"
        "    import lattice.study.task as task\n"
        "    good = task.run_task\n"
        "    def run_task(directory, version, block):\n"
        f"        {statement}\n"
        "        return good(directory, version, block)\n"
        "    task.run_task = run_task\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(poison))


def test_a_killed_process_is_replaced_and_a_block_that_kills_three_is_given_up(folder, monkeypatch):
    """A process that dies at a block: the others are computed, the block is booked as lost, its flag is up."""
    plan = plan_in(folder, axes={AMPLITUDE: {"linspace": [0.05, 0.2, 3]}}, block=1)
    make(plan, folder / "s")
    before_block(folder, monkeypatch, "if block[0] == 1: os.kill(os.getpid(), signal.SIGKILL)")
    counts = silent(plan, folder / "s", workers=2)
    assert counts["failed"] == 1
    assert lattice.open_sweep(folder / "s")["status"].values.tolist() == [0, 4, 0]
    assert "killed 3 times" in lattice.sweep_failures(folder / "s")[0]["message"]
    monkeypatch.delenv("PYTHONPATH")
    assert silent(plan, folder / "s", workers=2, retry_failed=True)["done"] == 3


def interrupted(folder, grace, monkeypatch):
    """Interrupt two processes after the first of six blocks; return how many are finished, and the seconds it took."""
    make(plan_in(folder), folder / "s")
    monkeypatch.setattr("lattice.study.local.GRACE", grace)
    store = open_store(folder / "s")
    sweep = run_processes(folder / "s", "v", [store.layout.at(i) for i in range(6)], 2)
    next(sweep)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sweep.throw(KeyboardInterrupt)
    return (store.flags() != NOT_FINISHED).sum(), time.monotonic() - begin


def test_an_interrupt_lets_the_running_blocks_be_finished(folder, monkeypatch):
    assert interrupted(folder, 60.0, monkeypatch)[0] == 3


def test_an_interrupt_drops_blocks_that_take_long(folder, monkeypatch):
    before_block(folder, monkeypatch, "time.sleep(60.0 if block[0] else 0.0)")
    finished, spent = interrupted(folder, 0.2, monkeypatch)
    assert finished in (1, 2)  # those with another block[0] sleep
    assert spent < 30


def test_what_a_process_cannot_do_at_all_is_raised(folder):
    make(plan_in(folder), folder / "s")
    shutil.rmtree(folder / "s" / "inputs")
    version, blocks = "v", [(0, 0, 0), (1, 0, 0)]
    assert [failed for _, failed in run_processes(folder / "s", version, blocks, 2)] == [2, 2]
    (folder / "s" / "zarr.json").unlink()
    with pytest.raises(InputError, match="no sweep"):
        list(run_processes(folder / "s", version, blocks, 2))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_and_the_next_one_goes_on(folder, number, status):
    plan = folder / "plan.toml"
    plan.write_text(
        'source = "d3d.toml"\nduration = 40.0\nblock = 1\n'
        "[[pulse]]\namplitude = 0.1\nfrequency = 2.05\nduration = 1.0\n"
        '[record]\nevery = 0.01\nkeep = true\nquantities = ["L"]\n'
        f'[axes]\n"{AMPLITUDE}" = {{ linspace = [0.05, 0.3, 400] }}\n',
        encoding="utf-8",
    )
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # background jobs ignore it
        f"sys.path[:0] = {sys.path!r}; from lattice.cli import main; main(['sweep', *sys.argv[1:]])"
    )
    words = [sys.executable, "-c", code, str(plan), "-d", str(folder / "s"), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)
    for _ in range(600):
        if list((folder / "s" / "finished").glob("c.*")):
            break
        time.sleep(0.05)
    process.send_signal(number)
    message = process.communicate(timeout=30)[1].decode()
    assert process.returncode == status, message
    assert "Traceback" not in message
    assert "the same command goes on from there" in message
    flags = open_store(folder / "s").flags()
    assert 0 < (flags != NOT_FINISHED).sum() < 400
    done = lattice.open_sweep(folder / "s")
    assert np.isfinite(done["L_peak"].values[flags != NOT_FINISHED]).all()
    resumed = silent(plan, folder / "s", workers=1, share=(int(np.flatnonzero(flags == NOT_FINISHED)[0]), 400))
    assert resumed["resumed"] == (flags != NOT_FINISHED).sum()
    assert resumed["done"] == resumed["resumed"] + 1
