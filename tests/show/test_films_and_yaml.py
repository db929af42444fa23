"""Films, YAML of modes and tables of probes: read back, the numbers are those of the source."""

import csv
import shutil
import subprocess

import numpy as np
import pytest
import yaml

import lattice
from lattice.errors import InputError, MissingDependency
from lattice.observe.motion import displacements
from lattice.show import animation
from lattice.show.animation import LARGEST, frame_numbers, write_animation
from lattice.show.export import write_export


@pytest.fixture(scope="module")
def run():
    potential = lattice.load_potential("Bi2Se3")
    return lattice.simulate(potential, lattice.default_pulse(potential), 6.0)


@pytest.fixture(scope="module")
def modes():
    return lattice.solve_modes(lattice.load("Bi2Se3"))


def test_phonopy_readers_take_the_yaml_and_find_the_same_modes(modes, tmp_path):
    write_export(modes, tmp_path / "qpoints.yaml")
    again = lattice.read_modes(tmp_path / "qpoints.yaml", crystal=modes.crystal)
    assert again.frequency == pytest.approx(modes.frequency, abs=1e-9)
    assert again.eigenvectors == pytest.approx(modes.eigenvectors, abs=1e-8)
    assert pytest.approx(modes.J, abs=1e-8) == again.J


def test_the_yaml_at_a_general_wave_vector_too(tmp_path):
    wave = lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0.1, 0.2, 0.3))
    write_export(wave, tmp_path / "qpoints.yaml")
    again = lattice.read_modes(tmp_path / "qpoints.yaml", (0.1, 0.2, 0.3), crystal=wave.crystal)
    assert again.frequency == pytest.approx(wave.frequency, abs=1e-9)
    overlap = np.abs(np.einsum("ska,ska->s", again.eigenvectors.conj(), wave.eigenvectors))
    assert overlap == pytest.approx(1.0, abs=1e-9)


def test_the_yaml_has_j_m_and_irreps(modes, tmp_path):
    write_export(modes, tmp_path / "modes.yaml")
    data = yaml.safe_load((tmp_path / "modes.yaml").read_text(encoding="utf-8"))
    bands = data["phonon"][0]["band"]
    assert [band["pseudo_angular_momentum"] for band in bands] == modes.m.tolist()
    assert np.array([band["angular_momentum"] for band in bands]) == pytest.approx(modes.J, abs=1e-12)
    assert {band["irrep"] for band in bands} == {"Eg", "Eu", "A1g", "A2u"}
    assert np.array(data["reciprocal_lattice"]) @ np.array(data["lattice"]).T == pytest.approx(np.eye(3), abs=1e-12)
    assert [point["symbol"] for point in data["points"]] == ["Bi", "Bi", "Se", "Se", "Se"]


def test_the_table_of_a_probe(run, tmp_path):
    probe = lattice.Probe(epsilon=(5 + 1.5j) ** 2, geometry="reflection")
    seen = lattice.kerr(run, probe, raman={"Eg(2)x.xx": 0.5})
    write_export(seen, tmp_path / "probe.csv")
    with (tmp_path / "probe.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[0] == "time (ps)"
    assert header[-2:] == ["g_x Eg(2) (Å√amu)", "g_y Eg(2) (Å√amu)"]
    table = np.array(rows, dtype=float)
    assert table[:, 0] == pytest.approx(seen["time"].values)
    assert table[:, 1:3] == pytest.approx(seen["rotation"].sel(angle=[0.0, 45.0]).values)
    assert table[:, -2:] == pytest.approx(seen["g"].values)
    with pytest.raises(InputError, match="cannot be exported"):
        write_export(seen, tmp_path / "probe.extxyz")


def test_a_gif_has_its_frames(run, tmp_path):
    from PIL import Image

    write_animation(run, tmp_path / "run.gif", frames=6)
    with Image.open(tmp_path / "run.gif") as film:
        assert film.n_frames == 6
        film.seek(0)
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(3)
        later = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(first - later).max() > 100


def test_the_frames_surround_the_largest_motion_and_the_atoms_are_on_their_paths(run):
    chosen = frame_numbers(run, 60)
    top = int(np.argmax((run["Q"].values ** 2).sum(axis=1)))
    assert chosen[0] < top < chosen[-1]
    period = 1 / 2.05
    step = float(run["time"].values[1] - run["time"].values[0])
    assert np.diff(chosen).max() * step <= period / 12 + step
    figure, draw, frames = animation._scene(run, 60)
    moved = displacements(run)[frames]
    draw(0)
    before = figure.axes[0].collections[0].get_offsets().copy()
    draw(7)
    after = figure.axes[0].collections[0].get_offsets()
    flat, _ = animation.view(run["rotation_axis"].values)
    largest = np.linalg.norm(displacements(run), axis=2).max()
    assert np.asarray(after - before) == pytest.approx(LARGEST / largest * (moved[7] - moved[0]) @ flat.T, abs=1e-9)
    assert figure.axes[0].get_title() == f"{run['time'].values[frames[7]]:.2f} ps"


def test_without_ffmpeg_an_mp4_is_refused_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="ffmpeg"):
        write_export(run, tmp_path / "run.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
def test_an_mp4_has_its_frames(run, tmp_path):
    write_animation(run, tmp_path / "run.mp4", frames=6)
    words = ["ffmpeg", "-i", str(tmp_path / "run.mp4"), "-f", "null", "-"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    assert "frame=    6" in said


def test_films_that_cannot_be_are_refused(run, modes, tmp_path):
    with pytest.raises(InputError, match="film"):
        write_animation(run, tmp_path / "run.avi")
    with pytest.raises(InputError, match="Nothing moves"):
        write_animation(run.assign(Q=0 * run["Q"]), tmp_path / "run.gif", frames=3)
    with pytest.raises(InputError, match="motion of atoms"):
        write_animation(run.drop_vars("L"), tmp_path / "run.gif", frames=3)
    with pytest.raises(InputError, match="Modes cannot"):
        write_export(modes, tmp_path / "modes.gif")
