"""Manners of the command line: help, completion, colours, levels of output, and a fix in every error."""

import ast
import errno
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import lattice
from lattice import errors
from lattice.cli.app import COMMANDS, main
from lattice.cli.failure import explain

ROOT = Path(lattice.__file__).parents[1]
CODE = f"import sys; sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
ESCAPE = "\x1b["
#: The arguments that a command cannot do without, for a crystal or run that does not exist.
NEEDED = {
    "mesh": ["--mesh", "2", "2", "2"],
    "edelstein": ["--mesh", "2", "2", "2"],
    "couple": ["--calculator", "lj"],
    "page": ["-o", "a.html"],
    "export": ["-o", "a.csv"],
    "plot": ["ledger", "-o", "a.png"],
    "sweep": ["-d", "results"],
}
#: One sensible call of every command; `{run}` is a saved run, `{plan}` a plan of two points, `{sweep}` its results.
CALLS = {
    "modes": ["Bi2Se3"],
    "bands": ["Bi2Se3-noSOC", "--npoints", "30"],
    "mesh": ["Bi2Se3-noSOC", "--mesh", "2", "2", "2"],
    "channels": ["Bi2Se3"],
    "edelstein": ["Bi2Se3-noSOC", "--mesh", "2", "2", "2"],
    "couple": ["Bi2Se3", "--write-displacements", "runs", "--order", "3"],
    "run": ["Bi2Se3", "--set", "duration=3"],
    "sweep": ["{plan}", "-d", "results", "--workers", "1"],
    "collect": ["{sweep}"],
    "probe": ["{run}"],
    "page": ["{run}", "-o", "a.html"],
    "export": ["{run}", "-o", "a.csv"],
    "ledger": ["{run}"],
    "plot": ["{run}", "ledger", "-o", "a.svg"],
    "verify": ["{run}"],
    "completion": ["bash"],
}


def call(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Files that commands read: a run, a plan, and its results."""
    folder = tmp_path_factory.mktemp("manners")
    files = {"run": folder / "run.nc", "plan": folder / "plan.toml", "sweep": folder / "sweep"}
    files["plan"].write_text(
        'source = "Bi2Se3"\nduration = 3.0\n[[pulse]]\namplitude = 0.1\n'
        '[axes]\n"pulse.0.amplitude" = { values = [0.1, 0.2] }\n',
        encoding="utf-8",
    )
    assert call("run", "Bi2Se3", "--set", "duration=3", "-o", files["run"], "-q").output == ""
    assert call("sweep", files["plan"], "-d", files["sweep"], "--workers", "1", "-q").output == ""
    return files


def commands():
    return {name: main.get_command(click.Context(main), name) for name in COMMANDS}


class TestLevels:
    """-q, -v and --json mean the same for every command."""

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_the_options(self, name):
        options = {word for param in commands()[name].params for word in param.opts}
        assert {"-q", "--quiet", "-v", "--verbose", "--json", "--debug"} <= options

    @pytest.mark.parametrize("name", COMMANDS)
    def test_quiet_prints_nothing_and_verbose_says_more(self, name, saved, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        words = [name, *(word.format(**saved) for word in CALLS[name])]
        quiet = call(*words, "-q")
        assert (quiet.exit_code, quiet.output) == (0, "")
        shutil.rmtree("runs", ignore_errors=True)
        loud = call(*words, "-v")
        assert loud.exit_code == 0, loud.stderr
        assert loud.stdout
        assert re.search(r"^took \d+\.\d\d s$", loud.stderr, re.M)
        shutil.rmtree("runs", ignore_errors=True)
        both = call(*words, "-v", "--json")
        assert json.loads(both.stdout)

    def test_verbose_says_what_was_read(self):
        assert "read: cell: phonopy_params.yaml" in call(*["channels", *CALLS["channels"], "-v"]).stderr
        assert call(*["channels", *CALLS["channels"]]).stderr == ""

    def test_verbose_bands_list_every_point(self):
        words = ["bands", *CALLS["bands"]]
        plain, loud = (call(*words, *more).stdout for more in ([], ["-v"]))
        points = json.loads(call(*words, "--json").stdout)["points"]
        assert len(loud.splitlines()) - len(plain.splitlines()) >= sum(point["label"] is None for point in points) > 0


class TestColours:
    """Colours on a terminal and nowhere else."""

    def on_a_terminal(self, *words, **variables):
        """Run a command whose output is a terminal, and return what it wrote there."""
        controller, terminal = pty.openpty()
        environment = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TERM"}}
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, *words],
            stdout=terminal,
            stderr=terminal,
            env=environment | {"TERM": "xterm"} | variables,
        )
        os.close(terminal)
        written = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
        process.wait()
        os.close(controller)
        return written.decode()

    def test_an_error(self):
        words = ("modes", "no-such-crystal")
        shown = self.on_a_terminal(*words)
        assert f"{ESCAPE}31m{ESCAPE}1mError:{ESCAPE}0m" in shown
        assert f"{ESCAPE}1mfix:" in shown
        assert ESCAPE not in self.on_a_terminal(*words, NO_COLOR="1")
        assert ESCAPE not in self.on_a_terminal(*words, TERM="dumb")
        assert ESCAPE in self.on_a_terminal(*words, NO_COLOR="")

    def test_a_report(self):
        words = ("run", "Bi2Se3", "--set", "duration=8")
        shown = self.on_a_terminal(*words)
        assert f"{ESCAPE}32m{ESCAPE}1m1 + 1 = -1: " in shown
        assert f"{ESCAPE}1mmultiplet" in shown
        assert ESCAPE not in self.on_a_terminal(*words, NO_COLOR="1")
        assert ESCAPE not in call(*words).output
        assert ESCAPE not in call(*words, "--json", color=True).stdout


class TestCompletion:
    """What a shell asks for after a tab."""

    def completed(self, words, **variables):
        """Return what the program answers to the bash script."""
        line = {"_LATTICE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", CODE], env=os.environ | line | variables, capture_output=True, text=True, check=True
        )
        return [tuple(answer.split(",", 1)) for answer in done.stdout.splitlines()]

    def test_commands_options_choices_crystals_and_files(self):
        assert self.completed(["lattice", "cha"]) == [("plain", "channels")]
        assert ("plain", "--nac-method") in self.completed(["lattice", "modes", "--nac"])
        assert self.completed(["lattice", "plot", "run.nc", "led"]) == [("plain", "ledger")]
        assert self.completed(["lattice", "modes", "Bi2Se3-"])[1:] == [("plain", "Bi2Se3-noSOC")]
        for words in (["run", "ru"], ["verify", "ru"], ["modes", "Bi2Se3", "--fc", "F"], ["run", "Bi2Se3", "-o", "r"]):
            assert self.completed(["lattice", *words])[0][0] == "file", words

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_scripts(self, shell):
        script = call("completion", shell).stdout
        assert f"_LATTICE_COMPLETE={shell}_complete" in script
        if shutil.which(shell):
            subprocess.run([shell, "-n", "-c", script], check=True)
        assert call("completion", "cmd").exit_code == 2

    def test_bash_completes(self, tmp_path):
        program = tmp_path / "lattice"
        program.write_text(f"#!{sys.executable}\n{CODE}\n", encoding="utf-8")
        program.chmod(0o755)
        ask = 'COMP_WORDS=(lattice ver); COMP_CWORD=1; _lattice_completion lattice ver lattice; echo "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "-c", f"{call('completion', 'bash').stdout}\n{ask}"],
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "verify"


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LatticeError)]


def raised_errors():
    """Every place in the package that makes an error of its own: (where, keywords)."""
    names = {kind.__name__ for kind in KINDS}
    for path in sorted((ROOT / "lattice").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in names:
                yield f"{path.name}:{node.lineno}", {word.arg: word.value for word in node.keywords}


class TestErrorsNameAFix:
    """Every error says what to do."""

    def test_every_error_of_the_package(self):
        places = list(raised_errors())
        assert len(places) > 200
        for where, keywords in places:
            assert "fix" in keywords, where
            fix = keywords["fix"]
            words = fix.value if isinstance(fix, ast.Constant) else ast.unparse(fix)
            assert len(words.split()) >= 2 or not isinstance(fix, ast.Constant), f"{where}: {words!r}"

    @pytest.mark.parametrize("name", COMMANDS)
    def test_wrong_words(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for words in ([], ["--no-such-option"], ["absent", *NEEDED.get(name, [])]):
            done = call(name, *words)
            assert done.exit_code == 2, words
            assert re.search(r"^Error: \S", done.stderr), words
            assert re.search(r"^  fix:   \S", done.stderr, re.M), done.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("code", sorted(errno.errorcode))
    def test_the_operating_system(self, code):
        assert re.search(r"\n  fix:   \S", click.unstyle(explain(OSError(code, os.strerror(code), "a.nc"))))

    def test_a_full_disk_and_a_full_memory(self, monkeypatch):
        for error, fix in (
            (OSError(errno.ENOSPC, "No space left on device"), "free space"),
            (MemoryError(), "smaller"),
        ):
            monkeypatch.setattr("lattice.study.run.simulate", _raising(error))
            done = call("run", "Bi2Se3")
            assert done.exit_code == 1
            assert fix in done.stderr
            assert "Traceback" not in done.stderr


def _raising(error):
    def function(*_words, **_options):
        raise error

    return function
