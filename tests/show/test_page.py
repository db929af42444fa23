"""The page as a file: what it holds, that nothing in it can break out, and that it is complete or absent."""

import base64
import json
import re

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential

import lattice
from lattice.errors import InputError
from lattice.show.page import page_text
from lattice.show.page_data import modes_data, run_data

HOSTILE = "</script><script>document.title='owned'</script><!--<img src=x onerror=alert(1)>\"'&\u2028%%DATA%%"


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


@pytest.fixture(scope="module")
def run(potential):
    return lattice.simulate(potential, lattice.default_pulse(potential), 12.0)


@pytest.fixture(scope="module")
def data(run):
    return run_data(run)


def numbers(text, *shape):
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(shape)


def data_of(text):
    (packed,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    return json.loads(packed)


def test_the_file_stands_alone(run, tmp_path):
    lattice.write_page(run, tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]
    assert len(text.encode()) < 3_000_000
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"'<]*", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert not re.search(r"\b(src|href)=(?!\"data:,\")", text)
    assert data_of(text) == run_data(run)


def test_series_are_those_of_the_run(run, data):
    series, n = data["run"], len(run["time"])
    assert (series["t0"], series["n"], series["cut"]) == (0.0, n, None)
    assert np.array_equal(numbers(series["Q"], n, -1), run["Q"].values.astype("f4"))
    assert np.array_equal(numbers(series["E"], n, 3), run["E"].values.astype("f4"))
    columns = [run["multiplet"].values.tolist().index(name) for name in series["multiplets"]]
    assert np.array_equal(numbers(series["L"], n, -1), run["L"].values[:, columns, 2].astype("f4"))
    book = series["ledger"]
    growth = numbers(book["series"], n, len(book["channels"]), len(book["columns"]))
    assert np.abs(growth[-1] - book["totals"]).max() < 1e-5
    expected = run["ledger"].sel(channel=book["channels"], multiplet=book["columns"][:-1], axis="z")
    assert np.array_equal(np.array(book["totals"])[:, :-1], expected.values)
    assert data["verdict"].startswith("1 + 1 = -1: ")


def test_displacements_are_those_of_the_run(run, data):
    from lattice.observe.motion import displacements

    pattern = np.array(data["run"]["pattern"])
    moved = run["Q"].values @ pattern
    assert moved.reshape(len(moved), -1, 3) == pytest.approx(displacements(run), abs=1e-6)


def test_modes_of_a_run_are_those_of_the_crystal(data):
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    other = [row for row in modes_data(modes)["modes"] if "(ac)" not in row["multiplet"]]
    assert len(data["modes"]) == len(other) == 12
    for row in data["modes"]:
        twin = next(x for x in other if x["index"] == row["index"])
        assert (row["multiplet"], row["irrep"], row["sign"]) == (twin["multiplet"], twin["irrep"], twin["sign"])
        assert row["J"] == pytest.approx(twin["J"], abs=1e-6)
        assert row["m"] == twin["m"]
        ours, theirs = (np.array(x["re"]) + 1j * np.array(x["im"]) for x in (row, twin))
        overlap = abs(np.vdot(ours, theirs)) / np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert overlap == pytest.approx(1.0, abs=1e-3)


def test_away_from_gamma_each_cell_has_the_phase_of_the_wave():
    q = np.array([0.25, 0.25, 0.25])
    modes = lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), q)
    page = modes_data(modes)
    crystal = page["crystal"]
    assert crystal["phases"] == pytest.approx(np.array(crystal["shifts"]) @ q)
    pattern = np.array(page["modes"][7]["re"]) + 1j * np.array(page["modes"][7]["im"])
    wave = np.exp(2j * np.pi * np.array(crystal["fractional"]) @ q)
    expected = modes.eigenvectors[7] / np.sqrt(modes.crystal.masses)[:, None] * wave[:, None]
    assert pattern == pytest.approx(expected / np.sqrt((abs(expected) ** 2).sum(axis=1).max()), abs=2e-5)


def test_hostile_names_stay_text(potential):
    bad = make_potential([2.0, 2.0], [0.1, 0.1], [HOSTILE] * 2, [([0], [0], -0.01, HOSTILE)], pair=[1, 0])
    run = lattice.simulate(bad, lattice.Pulse(0.3, 2.0, 1.0), 4.0)
    page = run_data(run)
    crystal = run_data(lattice.simulate(potential, (), 1.0))["crystal"] | {"names": [HOSTILE, "Se"]}
    text = page_text(page | {"crystal": crystal, "verdict": HOSTILE, "title": HOSTILE, "warnings": [HOSTILE]})
    assert len(re.findall("(?i)<script", text)) == len(re.findall("(?i)</script", text)) == 2
    assert "<!--" not in text
    assert "\u2028" not in text
    assert data_of(text)["title"] == HOSTILE
    assert data_of(text)["run"]["multiplets"] == [HOSTILE]


def test_a_species_that_is_no_element_is_refused(run):
    strange = run.copy()
    strange["species"] = ("atom", np.array([HOSTILE, HOSTILE, "Se", "Se", "X"]), run["species"].attrs)
    with pytest.raises(InputError, match="not a chemical element"):
        run_data(strange)


def test_a_long_run_is_cut_to_fit_and_says_so():
    potential = d3d_potential()
    run = lattice.simulate(potential, lattice.Pulse(0.3, 2.05, 1.0), 900.0, rtol=1e-6)
    page = run_data(run)
    assert len(page_text(page).encode()) < 3_000_000
    series = page["run"]
    assert 1 / (series["dt"] * 4.05) >= 8
    assert series["cut"] == pytest.approx(900.0)
    assert series["n"] * series["dt"] < 900
    assert np.array_equal(
        numbers(series["Q"], series["n"], 4)[1], run["Q"].sel(time=series["dt"], method="nearest").values.astype("f4")
    )


def test_without_a_crystal_the_traces_remain():
    run = lattice.simulate(
        d3d_potential(), lattice.Pulse(0.3, 2.05, 1.0), 4.0, record=lattice.Record(quantities=("Q",))
    )
    page = run_data(run)
    assert page["crystal"] is None
    assert page["modes"] == []
    assert page["run"]["L"] is None
    assert page["run"]["E"] is None
    assert page["run"]["ledger"]["series"] is None


def test_what_cannot_be_shown_is_refused(run, potential, tmp_path):
    pulse = lattice.default_pulse(potential)
    bare = lattice.simulate(potential, pulse, 1.0, record=lattice.Record(quantities=("L",)))
    with pytest.raises(InputError, match="needs the motion"):
        lattice.write_page(bare, tmp_path / "a.html")
    ensemble = lattice.simulate_ensemble(potential, [pulse, pulse], 1.0)
    with pytest.raises(InputError, match="one trajectory"):
        lattice.write_page(ensemble, tmp_path / "a.html")
    lattice.write_page(ensemble.isel(trajectory=1), tmp_path / "one.html")
    broken = run.copy(deep=True)
    broken["Q"].values[-1] = np.inf
    with pytest.raises(InputError, match="no motion"):
        lattice.write_page(broken, tmp_path / "a.html")
    for wrong in (potential, lattice.ledger(run), "run.nc"):
        with pytest.raises(InputError, match="run, modes or a sweep"):
            lattice.write_page(wrong, tmp_path / "a.html")
    with pytest.raises(InputError, match=r"end the name in \.html"):
        lattice.write_page(run, tmp_path / "a.pdf")
    with pytest.raises(InputError, match="folder does not exist"):
        lattice.write_page(run, tmp_path / "absent" / "a.html")
    assert [path.name for path in tmp_path.iterdir()] == ["one.html"]
