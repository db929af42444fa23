"""Exports: read back by other programs, the numbers are those of the run and of the modes."""

import csv
import json

import numpy as np
import pytest
from ase.io import read
from model_potentials import d3d_potential

import lattice
from lattice import units
from lattice.errors import InputError
from lattice.observe.motion import displacements
from lattice.show.export import write_export


@pytest.fixture(scope="module")
def run():
    potential = lattice.load_potential("Bi2Se3")
    record = lattice.Record(every=0.05)
    return lattice.simulate(potential, lattice.default_pulse(potential), 4.0, record=record)


@pytest.fixture(scope="module")
def wave():
    return lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0.25, 0.25, 0.25))


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_ase_reads_the_trajectory(run, tmp_path):
    write_export(run, tmp_path / "run.extxyz")
    frames = read(tmp_path / "run.extxyz", index=":")
    assert len(frames) == len(run["time"])
    moved = displacements(run)
    assert frames[0].get_chemical_symbols() == run["species"].values.tolist()
    assert [frame.info["Time"] for frame in frames] == pytest.approx(run["time"].values)
    for i in (0, 50, 80):
        assert np.allclose(frames[i].cell.array, run["cell"].values, atol=1e-8)
        assert frames[i].pbc.all()
        assert frames[i].positions == pytest.approx(run["position"].values @ run["cell"].values + moved[i], abs=1e-8)
        assert frames[i].arrays["displacement"] == pytest.approx(moved[i], abs=1e-8)


def test_the_velocities_and_displacements_carry_the_angular_momentum(run, tmp_path):
    write_export(run, tmp_path / "run.extxyz")
    mass = run["mass"].values[:, None]
    for frame, L in zip(read(tmp_path / "run.extxyz", index=":"), run["L"].values.sum(axis=1), strict=True):
        mechanical = np.cross(frame.arrays["displacement"], mass * frame.arrays["velocity"]).sum(axis=0) / units.HBAR
        assert mechanical == pytest.approx(L, abs=1e-6)


def test_the_table_of_a_run(run, tmp_path):
    write_export(run, tmp_path / "run.csv")
    header, *rows = rows_of(tmp_path / "run.csv")
    assert header[:4] == ["time (ps)", "E_x (MV/cm)", "E_y (MV/cm)", "E_z (MV/cm)"]
    values = np.array(rows, dtype=float)
    assert np.array_equal(values[:, header.index("Q Eu(1)x (Å√amu)")], run["Q"].sel(mode="Eu(1)x").values)
    assert np.array_equal(
        values[:, header.index("L_z Eg(2) (ħ per cell)")], run["L"].sel(multiplet="Eg(2)", axis="z").values
    )
    assert values.shape == (len(run["time"]), 1 + 3 + 12 + 3 * 8)


def test_the_table_of_modes(wave, tmp_path):
    write_export(wave, tmp_path / "modes.csv")
    header, *rows = rows_of(tmp_path / "modes.csv")
    assert len(rows) == 15
    assert [float(row[header.index("frequency (THz)")]) for row in rows] == pytest.approx(wave.frequency)
    assert [float(row[header.index("J_z (ħ)")]) for row in rows] == pytest.approx(wave.J[:, 2], abs=1e-12)


def test_phononwebsite_shows_the_motion_of_the_mode(wave, tmp_path):
    """What the website draws, Re[v exp(2πi q·R) exp(+iωt)], is Re[ε exp(2πi q·(R + x)) exp(−iωt)]/√m."""
    write_export(wave, tmp_path / "modes.json")
    data = json.loads((tmp_path / "modes.json").read_text(encoding="utf-8"))
    crystal = wave.crystal
    assert data["eigenvalues"][0] == pytest.approx(wave.frequency * 33.35641, rel=1e-6)
    assert np.array(data["atom_pos_car"]) == pytest.approx(crystal.positions @ crystal.cell)
    assert min(data["repetitions"]) >= 1
    vectors = np.array(data["vectors"])[0] @ [1, 1j]
    R, phase = np.array([1, -2, 3]), 0.7
    drawn = (vectors * np.exp(2j * np.pi * np.dot(data["qpoints"][0], R)) * np.exp(1j * phase)).real
    place = np.exp(2j * np.pi * (crystal.positions + R) @ wave.qpoint)
    true = (wave.eigenvectors / np.sqrt(crystal.masses)[:, None] * place[:, None] * np.exp(-1j * phase)).real
    assert drawn == pytest.approx(true)


def test_any_name_stays_in_its_cell(run, tmp_path):
    strange = run.assign_coords(mode=['a,"b"\n;c', *run["mode"].values[1:]])
    write_export(strange, tmp_path / "run.csv")
    header, *rows = rows_of(tmp_path / "run.csv")
    assert header[4] == 'Q a,"b"\n;c (Å√amu)'
    assert {len(row) for row in rows} == {len(header)}


def test_what_cannot_be_exported_is_refused(run, wave, tmp_path):
    for source, name, words in (
        (run, "a.json", "in this form"),
        (wave, "a.extxyz", "in this form"),
        (run, "a.txt", "in this form"),
        (run, "absent/a.csv", "folder does not exist"),
        (lattice.ledger(run), "a.csv", "one trajectory"),
        (run.drop_vars("Q"), "a.extxyz", "no positions"),
        (lattice.simulate(d3d_potential(), (), 1.0), "a.extxyz", "no positions"),
    ):
        with pytest.raises(InputError, match=words):
            write_export(source, tmp_path / name)
    injected = run.copy()
    injected["species"] = ("atom", np.array(["Bi\n5", "Bi", "Se", "Se", "Se"]), run["species"].attrs)
    with pytest.raises(InputError, match="not a chemical element"):
        write_export(injected, tmp_path / "a.extxyz")
    assert list(tmp_path.iterdir()) == []
