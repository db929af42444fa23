"""The run file: keys, types, paths, and how the command line changes it."""

import inspect

import pytest

from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.errors import FormatError, InputError
from lattice.study.run_file import change_document, read_run_document, toml_value
from lattice.study.schema import NUMERICS_KEYS, PULSE_KEYS, RECORD_KEYS, RUN_KEYS
from lattice.study.settings import RunSettings, read_settings, settings_from_document

FULL = """
source = "Bi2Se3"
frequencies = "computed"
duration = 12.5
temperature = 300
seed = 7
[[pulse]]
amplitude = 0.1
frequency = 2.05
duration = 1.0
helicity = -1.0
angle = 30
phase = 0.5
center = 3.0
axis = [0, 0, 1]
shape = "gaussian"
[[pulse]]
amplitude = 0.2
frequency = 4.05
duration = 0.3
[record]
every = 0.02
start = 1.0
quantities = ["Q", "L"]
[numerics]
rtol = 1e-9
threads = 2
[overrides."Eu(1)"]
frequency = 2.1
linewidth = 0.2
"""


def write(folder, text):
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_of_the_file_arrives(tmp_path):
    settings = read_settings(write(tmp_path, FULL))
    assert settings == RunSettings(
        source="Bi2Se3",
        frequencies="computed",
        duration=12.5,
        temperature=300.0,
        seed=7,
        pulses=(
            {
                "amplitude": 0.1,
                "frequency": 2.05,
                "duration": 1.0,
                "helicity": -1.0,
                "angle": 30.0,
                "phase": 0.5,
                "center": 3.0,
                "axis": (0.0, 0.0, 1.0),
                "shape": "gaussian",
            },
            {"amplitude": 0.2, "frequency": 4.05, "duration": 0.3},
        ),
        record=Record(0.02, start=1.0, quantities=("Q", "L")),
        rtol=1e-9,
        threads=2,
        overrides={"Eu(1)": {"frequency": 2.1, "linewidth": 0.2}},
        run_file=str(tmp_path / "run.toml"),
        command="lattice run run.toml",
    )


def test_the_schema_names_what_the_types_take():
    assert set(PULSE_KEYS) - {"file"} == set(inspect.signature(Pulse).parameters) - {"samples"}
    assert set(RECORD_KEYS) == set(inspect.signature(Record).parameters)
    taken = set(inspect.signature(RunSettings).parameters) - {"pulses", "run_file", "command", *NUMERICS_KEYS}
    assert set(RUN_KEYS) == taken | {"pulse", "numerics"}


def test_a_bundled_name_is_the_default_run():
    assert read_settings("Bi2Se3") == RunSettings(source="Bi2Se3", command="lattice run Bi2Se3")


def test_paths_are_relative_to_the_file(tmp_path):
    document = read_run_document(write(tmp_path, 'source = "POSCAR"\npotential = "sub/potential.nc"'))
    assert document == {"source": str(tmp_path / "POSCAR"), "potential": str(tmp_path / "sub/potential.nc")}


def test_bundled_names_are_not_paths(tmp_path):
    assert read_run_document(write(tmp_path, 'source = "Bi2Se3"')) == {"source": "Bi2Se3"}


def test_a_potential_file_is_a_source(tmp_path):
    path = write(tmp_path, 'schema = 1\n[[mode]]\nlabel = "A"')
    assert read_run_document(path) == {"source": str(path)}


@pytest.mark.parametrize(
    ("text", "where", "advice"),
    [
        ('source = "Bi2Se3"\ndurration = 1', "durration", "did you mean duration?"),
        ('source = "Bi2Se3"\n[[pulse]]\namplitud = 1', "pulse.0.amplitud", "did you mean amplitude?"),
        ('source = "Bi2Se3"\n[record]\nevry = 1', "record.evry", "did you mean every?"),
        ('source = "Bi2Se3"\n[numerics]\nthread = 1', "numerics.thread", "did you mean threads?"),
        ('source = "Bi2Se3"\n[overrides."Eu(1)"]\nwidth = 1', "overrides.Eu(1).width", "did you mean linewidth?"),
        ('source = "Bi2Se3"\nzzz = 1', "zzz", "use one of: source"),
        ('source = "Bi2Se3"\nduration = "long"', "duration must be a number", "duration = 1.0"),
        ('source = "Bi2Se3"\nduration = true', "duration must be a number", "duration"),
        ('source = "Bi2Se3"\nduration = nan', "duration must be a number", "duration"),
        ('source = "Bi2Se3"\nseed = 1.5', "seed must be an integer", "seed"),
        ('source = "Bi2Se3"\nfrequencies = "mesured"', "frequencies", "did you mean measured?"),
        ('source = "Bi2Se3"\npulse = 1', "pulse must be a list", "[[pulse]]"),
        ('source = "Bi2Se3"\n[pulse]\namplitude = 1', "pulse must be a list", "[[pulse]]"),
        ('source = "Bi2Se3"\nrecord = 1', "record must be a table", "every"),
        ('source = "Bi2Se3"\n[[pulse]]\naxis = [0, 1]', "pulse.0.axis must be three numbers", "axis"),
        ('source = "Bi2Se3"\n[record]\nquantities = "Q"', "record.quantities must be a list", "quantities"),
        ("source = 3", "source must be a string", "source"),
        ("duration = 3", "needs a source", "source"),
    ],
)
def test_wrong_keys_and_types_say_where_and_how_to_mend(tmp_path, text, where, advice):
    with pytest.raises(InputError) as caught:
        read_settings(write(tmp_path, text))
    assert where in caught.value.what
    assert advice in caught.value.fix


def test_what_is_not_there_or_not_toml_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_settings(tmp_path / "absent.toml")
    with pytest.raises(FormatError, match="not TOML"):
        read_settings(write(tmp_path, "source = "))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2.5e-3", -2.5e-3),
        ("computed", "computed"),
        ('"computed"', "computed"),
        ("[0, 0, 1]", [0, 0, 1]),
        ("true", True),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_values_on_the_command_line(text, value):
    assert toml_value(text) == value
    assert type(toml_value(text)) is type(value)


def test_dotted_keys_change_every_part(tmp_path):
    settings = read_settings(
        write(tmp_path, FULL),
        pulse="helicity=1, axis=[1,0,0],angle=-15",
        assignments=[
            "pulse.1.duration=0.5",
            "pulse.2.amplitude=1",
            "record.every=0.05",
            "overrides.Eg(2).linewidth=0.1",
        ],
        frequencies="measured",
    )
    assert settings.pulses[0]["helicity"] == 1.0
    assert settings.pulses[0]["axis"] == (1.0, 0.0, 0.0)
    assert settings.pulses[0]["angle"] == -15.0
    assert settings.pulses[0]["amplitude"] == 0.1
    assert settings.pulses[1]["duration"] == 0.5
    assert settings.pulses[2] == {"amplitude": 1.0}
    assert settings.record.every == 0.05
    assert settings.overrides["Eg(2)"] == {"linewidth": 0.1}
    assert settings.overrides["Eu(1)"]["frequency"] == 2.1
    assert settings.frequencies == "measured"


def test_changing_leaves_the_original_alone():
    document = {"source": "Bi2Se3", "pulse": [{"amplitude": 0.1}]}
    change_document(document, ["pulse.0.amplitude=0.2", "record.every=1"])
    assert document == {"source": "Bi2Se3", "pulse": [{"amplitude": 0.1}]}


@pytest.mark.parametrize("assignment", ["duration", "=3", "pulse.5.amplitude=1", "pulse.x.amplitude=1", "duration.x=1"])
def test_settings_that_lead_nowhere_are_refused(assignment):
    with pytest.raises(InputError):
        read_settings("Bi2Se3", assignments=["duration=3", assignment])


def test_a_record_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="unknown quantity"):
        settings_from_document({"source": "Bi2Se3", "record": {"quantities": ["Z"]}})


def test_the_file_of_a_sampled_pulse_is_relative_to_the_run_file(tmp_path):
    text = 'source = "Bi2Se3"\n[[pulse]]\nfile = "fields/thz.txt"\nhelicity = -1.0\n'
    text += '[[pulse]]\nshape = "sech2"\nchirp = 0.1'
    settings = read_settings(write(tmp_path, text), pulse="amplitude=0.2")
    assert settings.pulses[0] == {"file": str(tmp_path / "fields/thz.txt"), "helicity": -1.0, "amplitude": 0.2}
    assert settings.pulses[1] == {"shape": "sech2", "chirp": 0.1}


def test_the_command_keeps_no_folder_of_a_sampled_field():
    settings = read_settings("Bi2Se3", pulse="file=/some/where/thz.txt,angle=3", assignments=["pulse.1.file=../a/b.nc"])
    assert settings.command == "lattice run Bi2Se3 --pulse file=thz.txt,angle=3 --set pulse.1.file=b.nc"
