"""The commands: JSON, text, exit status, and what they leave on disk."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from lattice import __version__
from lattice.cli.app import COMMANDS, main
from lattice.cli.columns import row_of_numbers
from lattice.dynamics.runfile import load_run, save_run
from lattice.errors import IntegrationError

MODE_KEYS = {
    "index",
    "multiplet",
    "frequency_THz",
    "irrep",
    "degeneracy",
    "J",
    "m",
    "rotation_order",
    "ir_active",
    "raman_active",
    "mode_charge",
}
POTENTIAL = """
schema = 1
axis = [0.0, 0.0, 1.0]
[[mode]]
label = "Eu(1)x"
multiplet = "Eu(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]
[[mode]]
label = "Eu(1)y"
multiplet = "Eu(1)"
frequency = 2.0
linewidth = 0.1
pair = [0, 1]
[[term]]
modes = [0]
field = [0]
coefficient = -0.01
channel = "light"
[[term]]
modes = [1]
field = [1]
coefficient = -0.01
channel = "light"
"""


def lattice(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def in_a_process(*words, **options):
    code = f"import sys; sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False, **options
    )


def in_order(text, *words):
    place = -1
    for word in words:
        place = text.find(word, place + 1)
        if place < 0:
            return False
    return True


class TestModes:
    """`lattice modes`."""

    def test_json_is_that_of_the_contract(self):
        done = lattice("modes", "Bi2Se3", "--json")
        assert done.exit_code == 0
        table = json.loads(done.stdout)
        assert set(table) == {"spacegroup", "axis", "rotation_order", "modes"}
        assert table["spacegroup"] == "R-3m"
        assert table["axis"] == pytest.approx([0, 0, 1])
        assert table["rotation_order"] == 3
        assert [mode["index"] for mode in table["modes"]] == list(range(15))
        assert all(set(mode) == MODE_KEYS for mode in table["modes"])
        frequencies = [mode["frequency_THz"] for mode in table["modes"]]
        assert frequencies == sorted(frequencies)
        driven = [mode for mode in table["modes"] if mode["multiplet"] == "Eu(1)"]
        assert [(mode["irrep"], mode["degeneracy"], mode["m"], mode["ir_active"]) for mode in driven] == [
            ("Eu", 2, 1, True),
            ("Eu", 2, -1, True),
        ]
        assert [mode["J"] for mode in driven] == [pytest.approx([0, 0, 1]), pytest.approx([0, 0, -1])]
        plus, minus = ([complex(*z) for z in mode["mode_charge"]] for mode in driven)
        assert plus == pytest.approx([z.conjugate() for z in minus])

    def test_the_table_for_people_shows_the_same(self):
        done = lattice("modes", "Bi2Se3")
        assert done.exit_code == 0
        assert "R-3m (No. 166), 5 atoms" in done.stdout
        assert in_order(done.stdout, "mode", "irrep", "ν/THz", "ν/cm⁻¹", "J·n̂/ħ", "m", "|Z⊥|")
        assert in_order(done.stdout, "Eu(1)", "Eu", "IR", "2.1945", "73.20", "+1.0000", "+1", "1.2145")
        assert "force constants" in done.stdout

    def test_options_reach_the_solver(self):
        turned = json.loads(lattice("modes", "Bi2Se3", "--axis", 0, 0, -1, "--json").stdout)
        assert turned["axis"] == pytest.approx([0, 0, -1])
        split = json.loads(lattice("modes", "Bi2Se3", "--nac-direction", 0, 0, 1, "--json").stdout)
        plain = json.loads(lattice("modes", "Bi2Se3", "--json").stdout)
        highest = [
            max(mode["frequency_THz"] for mode in table["modes"] if mode["irrep"] == "A2u") for table in (plain, split)
        ]
        assert highest[1] > highest[0] + 0.01
        away = json.loads(lattice("modes", "Bi2Se3-noSOC", "--q", 0.5, 0, 0, "--json").stdout)
        assert min(mode["frequency_THz"] for mode in away["modes"]) > 0.5
        assert all(mode["m"] is None for mode in away["modes"]) == (away["rotation_order"] == 1)

    def test_force_constants_at_gamma_only_name_the_other_set(self):
        done = lattice("modes", "Bi2Se3", "--q", 0.5, 0, 0)
        assert done.exit_code == 2
        assert "Bi2Se3-noSOC" in done.stderr


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    done = lattice("run", "Bi2Se3", "-o", folder / "run.nc", "--figure", folder / "run.png", "--json")
    return done, folder


class TestRun:
    """`lattice run`."""

    def test_json_is_one_object_and_says_the_headline(self, written):
        done, _ = written
        assert done.exit_code == 0, done.stderr
        report = json.loads(done.stdout)
        assert set(report) == {"pulse", "axis", "multiplets", "ledger", "step_error", "verdict", "warnings"}
        assert report["verdict"].startswith("1 + 1 = -1: ")

    def test_the_files_are_whole_and_nothing_else_is_left(self, written):
        _, folder = written
        assert sorted(entry.name for entry in folder.iterdir()) == ["run.nc", "run.png"]
        run = load_run(folder / "run.nc")
        assert run["Q"].dims == ("time", "mode")
        assert float(run["time"][-1]) == pytest.approx(20.0)

    def test_the_report_is_at_most_25_lines_and_says_all(self):
        done = lattice("run", "Bi2Se3")
        assert done.exit_code == 0
        lines = done.stdout.rstrip("\n").split("\n")
        assert len(lines) <= 25
        assert max(map(len, lines)) <= 130
        assert in_order(
            done.stdout,
            "Bi2Se3/potential.toml",
            "light: 0.3 MV/cm inside, 2.05 THz, 1 ps",
            "step error",
            "ledger closes to",
            "Bi/Å",
            "Se/Å",
            "peak L/ħ",
            "helicity",
            "Eu(1)",
            "Eg(2)",
            "light",
            "exchange",
            "damping",
            "per quantum of Eg(2): Eu(1) gives +2.000000 ħ, Eg(2) gets -1 ħ, the crystal takes +3.000000 ħ",
            "nearest neighbour",
            "1 + 1 = -1: ",
        )

    def test_many_pulses_and_multiplets_still_fit(self, tmp_path):
        pulse = "[[pulse]]\namplitude = 0.1\nfrequency = 2.05\nduration = 1.0\n"
        (tmp_path / "run.toml").write_text('source = "Bi2Se3"\nduration = 6\n' + 5 * pulse, encoding="utf-8")
        text = lattice("run", tmp_path / "run.toml").stdout.rstrip("\n")
        assert len(text.split("\n")) <= 25
        assert "and 3 more pulses" in text
        mode = '[[mode]]\nlabel = "A({0})"\nmultiplet = "A({0})"\nfrequency = {0}.5\nlinewidth = 0.1\n'
        modes = "".join(mode.format(i) for i in range(1, 41))
        head, tail = POTENTIAL.split("[[term]]", 1)
        (tmp_path / "many.toml").write_text(head + modes + "[[term]]" + tail, encoding="utf-8")
        text = lattice("run", tmp_path / "many.toml", "--set", "duration=6").stdout.rstrip("\n")
        assert len(text.split("\n")) <= 25
        assert "and 34 multiplets that move less" in text

    def test_quiet_says_nothing_and_verbose_shows_every_channel(self):
        assert lattice("run", "Bi2Se3", "-q").output == ""
        loud = lattice("run", "Bi2Se3", "-v").stdout
        assert in_order(loud, "channel", "multiplet", "x/ħ", "harmonic") or "harmonic" not in loud
        assert in_order(loud, "1 + 1 = -1", "channel", "Eu(1)^2 Eg(2)", "crystal")

    def test_pulse_and_set_change_the_run(self):
        words = (
            "--pulse",
            "helicity=-1,amplitude=0.1",
            "--set",
            "duration=8",
            "--set",
            "overrides.Eg(2).linewidth=0.2",
        )
        report = json.loads(lattice("run", "Bi2Se3", *words, "--json").stdout)
        assert (report["pulse"]["helicity"], report["pulse"]["amplitude"]) == (-1.0, 0.1)
        rows = {row["multiplet"]: row for row in report["multiplets"]}
        assert rows["Eg(2)"]["linewidth_THz"] == 0.2
        assert rows["Eu(1)"]["helicity"] <= -0.95
        assert rows["Eg(2)"]["helicity"] >= 0.95

    @pytest.mark.parametrize(("choice", "frequency"), [("measured", 2.05), ("computed", 2.194535)])
    def test_frequencies_are_chosen(self, choice, frequency):
        report = json.loads(lattice("run", "Bi2Se3", "--frequencies", choice, "--set", "duration=8", "--json").stdout)
        rows = {row["multiplet"]: row for row in report["multiplets"]}
        assert rows["Eu(1)"]["frequency_THz"] == pytest.approx(frequency, abs=1e-6)
        assert report["pulse"]["frequency"] == pytest.approx(frequency, abs=1e-6)

    def test_a_run_file_and_a_potential_file(self, tmp_path):
        (tmp_path / "run.toml").write_text(
            'source = "Bi2Se3"\nduration = 6.0\n[[pulse]]\namplitude = 0.2\nfrequency = 2.0\nduration = 0.5\n'
            '[record]\nevery = 0.02\nquantities = ["Q", "P", "L"]\n',
            encoding="utf-8",
        )
        done = lattice("run", tmp_path / "run.toml", "--json", "-o", tmp_path / "run.nc")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["pulse"]["duration"] == 0.5
        run = load_run(tmp_path / "run.nc")
        assert float(run["time"][1]) == pytest.approx(0.02)
        assert "E" not in run
        (tmp_path / "potential.toml").write_text(POTENTIAL, encoding="utf-8")
        done = lattice("run", tmp_path / "potential.toml", "--json")
        assert done.exit_code == 0, done.stderr
        row = json.loads(done.stdout)["multiplets"][0]
        assert row["peak_displacement_A"] is None
        assert row["helicity"] == pytest.approx(1.0, abs=1e-3)
        assert lattice("run", tmp_path / "potential.toml").exit_code == 0

    def test_a_sampled_pulse_and_a_chirped_one(self, tmp_path):
        (tmp_path / "potential.toml").write_text(POTENTIAL, encoding="utf-8")
        times = [0.02 * i for i in range(200)]
        lines = [f"{t}, {0.1 * math.exp(-((t - 2) ** 2)) * math.cos(12.6 * (t - 2))}, 0" for t in times]
        (tmp_path / "thz.txt").write_text("# ps, MV/cm\n" + "\n".join(lines), encoding="utf-8")
        (tmp_path / "run.toml").write_text(
            'source = "potential.toml"\nduration = 8.0\n[[pulse]]\nfile = "thz.txt"\n'
            '[[pulse]]\namplitude = 0.1\nfrequency = 2.0\nduration = 0.5\nchirp = 0.5\nshape = "sech2"\nrotation = 9',
            encoding="utf-8",
        )
        done = lattice("run", tmp_path / "run.toml", "--json", "-o", tmp_path / "run.nc")
        assert done.exit_code == 2  # at 2 ps from its peak the sampled field has not faded
        assert "does not end near zero" in done.stderr
        lines = [f"{t} {0.1 * math.exp(-2 * (t - 2) ** 2) * math.cos(12.6 * (t - 2))}" for t in times]
        (tmp_path / "thz.txt").write_text("\n".join(lines), encoding="utf-8")
        done = lattice("run", tmp_path / "run.toml", "--json", "--pulse", "amplitude=0.2", "-o", tmp_path / "run.nc")
        assert done.exit_code == 0, done.stderr
        sampled, chirped = json.loads(done.stdout)["pulse"]
        assert (sampled["shape"], sampled["amplitude"], sampled["samples"]["count"]) == ("sampled", 0.2, 200)
        assert sampled["frequency"] == pytest.approx(12.6 / 6.2832, abs=0.02)
        assert (chirped["chirp"], chirped["rotation"], chirped["center"]) == (0.5, 9.0, 2.75)
        provenance = json.loads(load_run(tmp_path / "run.nc").attrs["provenance"])
        assert set(provenance["inputs"]) == {"run.toml", "potential.toml", "thz.txt"}
        shown = lattice("run", tmp_path / "run.toml").stdout
        assert in_order(shown, "200 samples of thz.txt", "sech2, 0.1 MV/cm", "chirp +0.5 THz/ps", "rotation +9 °/ps")

    def test_a_potential_beside_its_source(self, tmp_path):
        from lattice.anharmonic.files import load_potential

        load_potential("Bi2Se3").save(tmp_path / "mine.nc")
        (tmp_path / "run.toml").write_text('source = "Bi2Se3"\npotential = "mine.nc"\nduration = 8.0', encoding="utf-8")
        done = lattice("run", tmp_path / "run.toml", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["verdict"].startswith("1 + 1 = -1: ")
        other = tmp_path / "other.vasp"
        other.write_text(
            "NaCl\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n", encoding="utf-8"
        )
        (tmp_path / "run.toml").write_text('source = "other.vasp"\npotential = "mine.nc"', encoding="utf-8")
        done = lattice("run", tmp_path / "run.toml")
        assert done.exit_code == 2
        assert "another crystal" in done.stderr

    def test_warnings_go_to_stderr(self):
        done = lattice("run", "Bi2Se3", "--pulse", "amplitude=3", "--set", "duration=6")
        assert done.exit_code == 0
        assert "Warning: an atom moves by" in done.stderr
        assert "Warning" not in done.stdout


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    done = lattice("run", "Bi2Se3", "--set", "duration=4", "-q", "-o", folder / "run.nc")
    assert done.exit_code == 0, done.stderr
    return folder / "run.nc"


class TestOfRuns:
    """`lattice verify`, `ledger` and `plot`."""

    def test_verify_agrees_and_says_so(self, short_run):
        done = lattice("verify", short_run, "--json")
        assert done.exit_code == 0, done.stderr
        result = json.loads(done.stdout)
        assert set(result) == {"file", "ok", "reintegrated", "checks", "differs", "warnings"}
        assert result["ok"]
        assert result["reintegrated"]
        assert result["file"] == "run.nc"
        assert len(result["checks"]) > 40

    def test_verify_of_a_false_run_has_status_1(self, short_run, tmp_path):
        run = load_run(short_run)
        run["ledger"].values[0] *= 1.01
        save_run(run, tmp_path / "run.nc")
        done = lattice("verify", tmp_path / "run.nc")
        assert done.exit_code == 1
        assert in_order(done.stdout, "checksum of the file", "agrees", "closure of the ledger", "DIFFERS", "differ: ")

    def test_ledger_as_json_and_as_a_table(self, short_run):
        report = json.loads(lattice("ledger", short_run, "--json").stdout)
        assert set(report) == {"axis", "rows", "L_change_hbar", "gross_hbar", "closure", "closure_xyz", "summary"}
        for name, change in report["L_change_hbar"].items():
            booked = sum(row["received_hbar"][name] for row in report["rows"])
            assert booked == pytest.approx(change, abs=1e-10)
        assert report["summary"]["ratio"] == pytest.approx(2.0, abs=1e-6)
        text = lattice("ledger", short_run).stdout
        assert in_order(
            text, "Eu(1)", "crystal", "light", "Eu(1)^2 Eg(2)", "damping", "ΔL", "closes to", "ratio 2.0000"
        )
        assert "Eg(2)^4" not in text
        assert in_order(lattice("ledger", short_run, "-v").stdout, "Eg(2)^4", "x/ħ", "crystal")
        assert lattice("ledger", short_run, "--trajectory", "1").exit_code == 2

    @pytest.mark.parametrize("kind", ["trajectory", "spectrum", "ledger"])
    def test_plots(self, short_run, tmp_path, kind):
        done = lattice("plot", short_run, kind, "-o", tmp_path / "a.png", "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout) == {"kind": kind, "figure": "a.png"}
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def test_what_was_not_recorded_cannot_be_drawn(self, short_run, tmp_path):
        save_run(load_run(short_run).drop_vars(["Q", "P"]), tmp_path / "run.nc")
        done = lattice("plot", tmp_path / "run.nc", "spectrum", "-o", tmp_path / "a.png")
        assert done.exit_code == 2
        assert "not recorded" in done.stderr
        assert lattice("plot", tmp_path / "run.nc", "ledger", "-o", tmp_path / "a.svg").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modes", "no-such-crystal"], "Bi2Se3"),
        (["modes"], "Missing argument"),
        (["modes", "Bi2Se3", "--q", "a", "0", "0"], "not a valid float"),
        (["modes", "Bi2Se3", "--axis", "0", "0", "0"], "fix:"),
        (["run", "no-such-crystal"], "Bi2Se3"),
        (["run", "absent.toml"], "does not exist"),
        (["run", "Bi2Se3-noSOC"], "fix:"),
        (["run", "Bi2Se3", "--pulse", "helicty=-1"], "did you mean helicity?"),
        (["run", "Bi2Se3", "--pulse", "helicity=2"], "in [−1, 1]"),
        (["run", "Bi2Se3", "--pulse", "helicity"], "key=value"),
        (["run", "Bi2Se3", "--set", "duraton=1"], "did you mean duration?"),
        (["run", "Bi2Se3", "--set", "duration=-1"], "> 0 ps"),
        (["run", "Bi2Se3", "--set", "overrides.Eu(9).frequency=1"], "Eu(1)"),
        (["run", "Bi2Se3", "--pulse", "phase=1", "--set", "pulse.1.helicity=1"], "pulse.1.amplitude"),
        (["run", "Bi2Se3", "--set", "temperature=-1"], "temperature"),
        (["run", "Bi2Se3", "--frequencies", "guessed"], "measured"),
        (["run", "Bi2Se3", "-o", "absent/run.nc"], "mkdir -p absent"),
        (["run", "Bi2Se3", "-o", "run.txt"], ".nc"),
        (["run", "Bi2Se3", "-o", "n" * 300 + ".nc"], "shorter"),
        (["run", "Bi2Se3", "--figure", "n" * 300 + ".png"], "shorter"),
        (["run", "Bi2Se3", "--pulse", "frequency=1e9"], "carrier of pulse 0"),
        (["run", "Bi2Se3", "--set", "overrides.Eu(1).linewidth=1e300"], "linewidth of Eu(1)"),
        (["run", "Bi2Se3", "--set", "numerics.threads=3000000"], "1024"),
        (["run", "Bi2Se3", "--figure", "absent/run.png"], "mkdir -p absent"),
        (["run", "Bi2Se3", "--figure", "run.bmp"], ".png"),
        (["run", "Bi2Se3", "--figure", "run.png", "--set", 'record.quantities=["Q"]'], "not recorded"),
        (["run", "Bi2Se3", "--pulse", "shape=sech"], "sech2"),
        (["run", "Bi2Se3", "--pulse", "file=absent.txt"], "no such file"),
        (["run", "Bi2Se3", "--pulse", "edge=1"], "flat_top"),
        (["verify", "absent.nc"], "no such run"),
        (["ledger", "absent.nc"], "no such run"),
        (["plot", "absent.nc", "ledger", "-o", "a.png"], "no such run"),
        (["plot", "absent.nc", "ledger", "-o", "a.bmp"], ".png"),
        (["plot", "absent.nc", "leger", "-o", "a.png"], "ledger"),
        (["plot", "absent.nc", "ledger"], "Missing option"),
        (["runn"], "did you mean run?"),
        (["--unknown"], "No such option"),
    ],
)
def test_bad_input_is_one_message_and_status_2(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = lattice(*words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback():
    done = lattice("run", "no-such-crystal", "--debug")
    assert done.exit_code == 2
    assert "Traceback" in done.stderr
    assert "InputError" in done.stderr


def test_a_run_that_fails_has_status_1_and_writes_nothing(tmp_path, monkeypatch):
    # An unbounded cubic well: the driven mode runs away.
    (tmp_path / "bad.toml").write_text(
        POTENTIAL + '[[term]]\nmodes = [0, 0, 0]\nfield = []\ncoefficient = -0.5\nchannel = "away"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    done = lattice("run", "bad.toml", "--pulse", "amplitude=30", "-o", "run.nc", "--json")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "fix:" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.toml"]
    with pytest.raises(IntegrationError):
        lattice_run("bad.toml")


@pytest.mark.parametrize("quantities", ['["Q", "P", "L", "E"]', '["L"]'])
def test_a_run_that_failed_can_be_kept_and_looked_at(quantities, tmp_path, monkeypatch):
    (tmp_path / "bad.toml").write_text(
        POTENTIAL + '[[term]]\nmodes = [0, 0, 0]\nfield = []\ncoefficient = -0.5\nchannel = "away"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    words = ["run", "bad.toml", "--pulse", "amplitude=30", "--set", f"record.quantities={quantities}", "--keep"]
    done = lattice(*words, "-o", "run.nc", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["verdict"] == "not shown: the motion diverged"
    assert report["warnings"][0].startswith("the run did not end well")
    assert report["step_error"] is None
    assert {report["ledger"][key] for key in ("source_hbar", "closure", "ratio")} == {None}
    assert report["multiplets"][0]["peak_L_hbar"] is not None  # of the time before
    kept = load_run("run.nc")
    assert int(kept["status"]) == 1
    assert np.isnan(kept["L"].values[-1]).all()
    done = lattice(*words)
    assert done.exit_code == 1
    assert "nan" not in done.stdout
    if "Q" in quantities:
        assert lattice(*words, "--figure", "run.png", "-q").exit_code == 1
        assert os.path.getsize("run.png") > 10_000
    late = lattice(*words, "--set", "record.start=19")
    assert late.exit_code == 1
    assert "before the first recorded time" in late.stderr


def test_the_fix_of_a_failed_run_names_what_both_doors_have(tmp_path, monkeypatch):
    (tmp_path / "bad.toml").write_text(
        POTENTIAL + '[[term]]\nmodes = [0, 0, 0]\nfield = []\ncoefficient = -0.5\nchannel = "away"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    said = lattice("run", "bad.toml", "--pulse", "amplitude=30").stderr
    assert '--keep (in Python on_failure="keep")' in said


def test_small_transfers_are_shown_with_their_digits():
    assert row_of_numbers([0.1, -2e-5, 0.0, None]) == ("+0.100000", "-0.000020", "0.000000", "–")
    assert row_of_numbers([1.431e-7, -2.551e-7, 3e-17, None]) == ("+1.431e-07", "-2.551e-07", "0", "–")
    assert row_of_numbers([3e-17, -1e-16, math.nan]) == ("0.000000", "0.000000", "–")
    table = lattice("run", "Se", "--set", "duration=8").stdout
    row = next(line.split() for line in table.splitlines() if line.startswith("  E(1)^2 E(2)"))
    source, transferred, _, crystal = map(float, row[2:])
    ratio = float(next(line for line in table.splitlines() if line.startswith("per quantum")).split()[6])
    assert abs(source / transferred) == pytest.approx(abs(ratio), rel=2e-3)
    assert source + transferred + crystal == pytest.approx(0.0, abs=2e-3 * abs(crystal))


def lattice_run(source):
    from lattice.study.run import run_from_settings
    from lattice.study.settings import read_settings

    return run_from_settings(read_settings(source, pulse="amplitude=30"))


def test_a_full_disk_has_status_1_and_leaves_nothing(tmp_path, monkeypatch):
    def no_space(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    done = lattice("run", "Bi2Se3", "--set", "duration=3", "-o", tmp_path / "run.nc", "--json")
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_has_status_130(monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("lattice.study.run.simulate", interrupted)
    done = lattice("run", "Bi2Se3")
    assert done.exit_code == 130
    assert "Traceback" not in done.stderr


def test_alone_it_names_three_commands_and_help_names_all():
    alone = lattice()
    assert alone.exit_code == 0
    assert sum(line.startswith("  lattice ") for line in alone.stdout.splitlines()) == 3
    listed = lattice("--help")
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in COMMANDS)
    assert lattice("--version").stdout.strip() == f"lattice, version {__version__}"
    build = lattice("--version", "-v").stdout
    assert all(word in build for word in ("instruction set: ", "compiler: ", "OpenMP: "))
    for name in COMMANDS:
        assert lattice(name, "--help").exit_code == 0


class TestProcess:
    """What only a real process shows."""

    def test_help_loads_nothing_heavy(self):
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "from lattice.cli.app import main\n"
            "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
            "heavy = {'numpy', 'scipy', 'xarray', 'matplotlib', 'phonopy', 'ase', 'h5py'} & set(sys.modules)\n"
            "assert not heavy, heavy\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_a_bug_is_one_line_with_a_request_to_report_it(self):
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "import lattice.study.settings as settings\n"
            "settings.check_document = lambda document: 1 / 0\n"
            "from lattice.cli import main\nmain()\n"
        )
        for words, traceback in ((["run", "Bi2Se3"], False), (["run", "Bi2Se3", "--debug"], True)):
            done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 1
            assert ("Traceback" in done.stderr) == traceback
            assert "ZeroDivisionError" in done.stderr
            assert ("Please report it" in done.stderr) != traceback

    def test_a_closed_pipe_is_quiet(self):
        reader, writer = os.pipe()
        os.close(reader)
        code = f"import sys; sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "modes", "Bi2Se3"],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writer)
        assert done.returncode == 1
        assert done.stderr == ""

    def test_json_alone_is_on_stdout_whatever_the_locale(self):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("LC_")} | {
            "LANG": "C",
            "LC_ALL": "C",
        }
        done = in_a_process("run", "Bi2Se3", "--set", "duration=4", "--json", env=plain, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["axis"] == pytest.approx([0, 0, 1])


def test_page_of_a_run_and_of_modes(tmp_path):
    lattice("run", "Bi2Se3", "--set", "duration=4", "-o", tmp_path / "run.nc")
    lattice("modes", "Bi2Se3-noSOC", "--q", 0, 0, 0.25, "-o", tmp_path / "modes.nc")
    sources = ((tmp_path / "run.nc", "run.html"), (tmp_path / "modes.nc", "wave.html"), ("Bi2Se3", "modes.html"))
    for source, name in sources:
        done = lattice("page", source, "-o", tmp_path / name, "--json")
        assert done.exit_code == 0, done.stderr
        size = (tmp_path / name).stat().st_size
        assert json.loads(done.stdout) == {"page": name, "bytes": size}
        assert size < 3_000_000


def test_page_of_a_wave(tmp_path):
    done = lattice("page", "Bi2Se3-noSOC", "--q", 0.5, 0, 0, "-o", tmp_path / "wave.html")
    assert done.exit_code == 0, done.stderr
    assert "modes at q = (0.5 0 0)" in (tmp_path / "wave.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ["absent.nc", "-o", "a.html"],
        ["pyproject.toml", "-o", "a.html"],
        ["Bi2Se3", "-o", "a.pdf"],
        ["Bi2Se3", "-o", "absent/a.html"],
        ["Bi2Se3"],
        ["run.nc", "--q", "0.5", "0", "0", "-o", "a.html"],
    ],
)
def test_page_refuses_bad_input(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.nc").write_bytes(b"not netCDF")
    done = lattice("page", *words)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize("name", ["modes.json", "modes.csv"])
def test_export(name, tmp_path):
    done = lattice("export", "Bi2Se3", "-o", tmp_path / name, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"file": name, "bytes": (tmp_path / name).stat().st_size}
    assert lattice("export", "Bi2Se3", "-o", tmp_path / "a.extxyz").exit_code == 2
    assert lattice("export", "Bi2Se3", "-o", tmp_path / "a.txt").exit_code == 2
