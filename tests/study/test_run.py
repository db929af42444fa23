"""From settings to a run: pulses, overrides, potentials, provenance."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from lattice.anharmonic.files import load_potential
from lattice.dynamics.pulse import Pulse, default_pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.errors import InputError
from lattice.structure.bundled import bundled_file
from lattice.study.run import make_pulses, run_from_settings
from lattice.study.settings import read_settings


@pytest.fixture(scope="module")
def potential():
    return load_potential("Bi2Se3")


def test_a_run_from_settings_is_the_run_from_python(potential, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'source = "Bi2Se3"\nduration = 4\n[[pulse]]\namplitude = 0.2\nfrequency = 2.1\nduration = 0.5\n'
        "helicity = -0.5\n"
        "[[pulse]]\namplitude = 0.1\nfrequency = 4.0\nduration = 0.4\ncenter = 2.0\n[record]\nevery = 0.02\n"
        '[overrides."Eg(2)"]\nfrequency = 4.2\n',
        encoding="utf-8",
    )
    run, used = run_from_settings(read_settings(path))
    assert used.frequency[used.multiplet == "Eg(2)"].tolist() == [4.2, 4.2]
    pulses = [Pulse(0.2, 2.1, 0.5, helicity=-0.5), Pulse(0.1, 4.0, 0.4, center=2.0)]
    direct = simulate(used, pulses, 4.0, record=Record(0.02))
    for name in ("Q", "P", "L", "E", "ledger"):
        assert np.array_equal(run[name].values, direct[name].values), name
    assert used.source["overrides"]["Eg(2)"]["frequency"] == 4.2
    assert potential.frequency[potential.multiplet == "Eg(2)"].tolist() == [4.05, 4.05]


def test_what_the_first_pulse_leaves_out_is_that_of_the_default_pulse(potential):
    default = default_pulse(potential)
    assert make_pulses((), potential) == (default,)
    (changed,) = make_pulses(({"amplitude": 0.1, "helicity": -1.0},), potential)
    assert (changed.amplitude, changed.helicity) == (0.1, -1.0)
    assert (changed.frequency, changed.duration) == (default.frequency, default.duration)


def test_later_pulses_must_be_complete(potential):
    with pytest.raises(InputError, match="Pulse 1 is incomplete"):
        make_pulses(({}, {"amplitude": 0.1, "frequency": 2.0}), potential)


def test_the_provenance_has_every_input_and_the_command_but_no_place(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('source = "Bi2Se3"\nduration = 2\n', encoding="utf-8")
    settings = read_settings(path, pulse="helicity=-1", assignments=["record.every=0.02"], frequencies="computed")
    run, _ = run_from_settings(settings)
    provenance = json.loads(run.attrs["provenance"])
    folder = bundled_file("Bi2Se3").parent
    files = {
        "run.toml": path,
        "Bi2Se3/potential.toml": folder / "potential.toml",
        f"Bi2Se3/{bundled_file('Bi2Se3').name}": bundled_file("Bi2Se3"),
    }
    assert provenance["inputs"] == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    assert provenance["command"] == (
        "lattice run run.toml --frequencies computed --pulse helicity=-1 --set record.every=0.02"
    )
    assert str(tmp_path) not in json.dumps(run.attrs)


def test_runs_are_the_same_bits_in_another_process():
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from lattice.study.run import run_from_settings\n"
        "from lattice.study.settings import read_settings\n"
        "import hashlib\n"
        "run, _ = run_from_settings(read_settings('Bi2Se3', assignments=['duration=3']))\n"
        "print(hashlib.sha256(run['Q'].values.tobytes() + run['ledger'].values.tobytes()).hexdigest())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run, _ = run_from_settings(read_settings("Bi2Se3", assignments=["duration=3", "numerics.threads=2"]))
    here = hashlib.sha256(run["Q"].values.tobytes() + run["ledger"].values.tobytes()).hexdigest()
    assert done.stdout.strip() == here
