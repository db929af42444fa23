"""The code blocks of a Markdown page, run in order in one folder.

- ``python``: run; what earlier blocks of the page defined is there.
- ``sh``: run line by line. ``lattice …`` is called in this process, everything else by bash.
- ``text``: what the block before it prints. Numbers may differ by one unit of their last digit, blanks do not count, a
  line ``…`` stands for any lines and ``…`` within a line for anything.
- ``toml``: read; with a first line ``# NAME.toml`` written to that file.
- ``json``: read.

A block after the line *Not run in the tests: REASON.* is checked for its syntax only; `STAND_INS` does for some pages
what the missing program would have done. Files of the repository that a page starts from are named in a comment
``<!-- files: PATH … -->``, relative to the page.

`python tests/document_blocks.py PAGE …` writes into the pages what their blocks print now; a line with ``…`` stays
as it is while it fits. Read the difference before you keep it.
"""

import contextlib
import difflib
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path

import ase.io
from click.testing import CliRunner
from force_texts import vasprun

from lattice.cli import main

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^( *)```([\w{}-]*)[^\n]*\n(.*?)^\1```$", re.M | re.S)
NOT_RUN = re.compile(r"^\*Not run in the tests: (?P<reason>.+)\.\*\s*\Z", re.M | re.S)
FILES = re.compile(r"<!-- files: ([^>]+?) -->")
NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
SHELL_SIGNS = re.compile(r"[|&;<>$`(){}]")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, line in the page, and why it is not run (None: it is)."""

    language: str
    text: str
    line: int
    reason: str | None


def read_blocks(page):
    """Return the blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    blocks, end = [], 0
    for match in FENCE.finditer(text):
        indent, language, body = match.groups()
        mark = NOT_RUN.search(text[end : match.start()].rstrip())
        body = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(language, body, line, mark["reason"] if mark else None))
        end = match.end()
    return blocks


def files_of(page):
    """Return the files that a page starts from."""
    return [page.parent / name for found in FILES.findall(page.read_text(encoding="utf-8")) for name in found.split()]


def folder_for(page, parent):
    """Make the folder that a page runs in, with its files; named after the folder of the first, else the page."""
    files = files_of(page)
    folder = Path(parent) / (files[0].parent.name if files else page.stem)
    folder.mkdir()
    for path in files:
        shutil.copy(path, folder)
    return folder


def logical_lines(text):
    """Split a shell block into commands: continued lines joined, comments and empty lines left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [line for line in map(str.strip, joined.splitlines()) if line and not line.startswith("#")]


def stand_in_for_vasp(folder):
    """Write into each folder of `runs` what VASP would have left there; the forces are those of a Tersoff potential."""
    calculator = runpy.run_path(str(DOCS / "examples" / "h-BN" / "tersoff.py"))["calculator"]()
    for place in sorted(folder.glob("runs/disp-*")):
        atoms = ase.io.read(place / "POSCAR")
        atoms.calc = calculator
        vasprun(place, atoms, atoms.get_forces())


STAND_INS = {"vasp.md": stand_in_for_vasp}


class Session:
    """One page in one folder: what its blocks have defined and printed."""

    def __init__(self, folder, page=None):
        self.folder = folder
        self.stand_in = STAND_INS.get(page.name if page else None, lambda _folder: None)
        self.names = {}
        self.printed = ""

    def run(self, block):
        """Run one block; an error of any kind is raised with what it printed."""
        if block.reason is not None:
            check_syntax(block)
            self.stand_in(self.folder)
            self.printed = None
        elif block.language == "python":
            self.printed = self._python(block)
        elif block.language == "sh":
            self.printed = "".join(self._command(line) for line in logical_lines(block.text))
        elif block.language == "text":
            assert self.printed is not None, "an output stands after a block that is not run"
            difference = first_difference(block.text, self.printed)
            assert difference is None, f"line {block.line}: {difference}\n--- printed ---\n{self.printed}"
        else:
            self._data(block)

    def _python(self, block):
        script = self.folder / ".block.py"
        script.write_text("\n" * block.line + block.text, encoding="utf-8")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            found = runpy.run_path(str(script), init_globals=self.names)
        script.unlink()
        self.names |= {name: value for name, value in found.items() if not name.startswith("__")}
        return out.getvalue()

    def _command(self, line):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line.split(" #")[0])
        words = shlex.split(line, comments=True)
        if words[0] != "lattice" or SHELL_SIGNS.search(bare):
            return self._bash(line)
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # a command may warn, as in a shell
            done = CliRunner().invoke(main, words[1:])
        assert done.exit_code == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def _bash(self, line):
        code = f"import sys; sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
        setup = f'lattice() {{ {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"; }}\n'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", setup + line],
            cwd=self.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def _data(self, block):
        if block.language == "toml":
            tomllib.loads(block.text)
            name = re.match(r"# ([\w.-]+\.toml)\n", block.text)
            if name:
                (self.folder / name[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "json":
            json.loads(block.text)


def check_syntax(block):
    """Raise if a block that is not run could not be read by what it is meant for."""
    if block.language == "python":
        compile(block.text, f"line {block.line}", "exec")
    elif block.language == "sh":
        done = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif block.language == "toml" and "…" not in block.text:
        tomllib.loads(block.text)


def first_difference(expected, printed):
    """Return the first expected line that was not printed where it should be, or None."""
    wanted = [line.split() for line in expected.splitlines() if line.strip()]
    found = [line.split() for line in printed.splitlines() if line.strip()]
    place, anywhere = 0, False
    for words in wanted:
        if words == ["…"]:
            anywhere = True
            continue
        line = " ".join(words)
        last = len(found) if anywhere else place + 1
        hit = next((i for i in range(place, min(last, len(found))) if alike(line, " ".join(found[i]))), None)
        if hit is None:
            return f"expected but not printed: {line}"
        place, anywhere = hit + 1, False
    if place < len(found) and not anywhere:
        return f"printed but not expected: {' '.join(found[place])}"
    return None


def alike(expected, printed):
    """Whether two lines have the same words, and numbers within one unit of the last digit written."""
    words = NUMBER.split(expected)
    pattern = f"({NUMBER.pattern})".join(re.escape(word).replace("…", ".*?") for word in words)
    match = re.fullmatch(pattern, printed)
    if match is None:
        return False
    pairs = zip(NUMBER.findall(expected), match.groups(), strict=True)
    return all(near(wanted, found) for wanted, found in pairs)


def near(wanted, found):
    """Whether two written numbers differ by at most one unit of the last digit of the first."""
    digits, _, exponent = wanted.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    first, second = (float(word.replace("−", "-")) for word in (wanted, found))
    if unit == 1.0 and exponent == "":
        return first == second  # a count
    return abs(first - second) <= 1.001 * unit


def refreshed(expected, printed):
    """Return the text of an output block with what is printed now; lines ``…`` stay, other lines take the likeliest."""
    if "…" not in expected.split():
        return printed
    lines = [line for line in printed.splitlines() if line.strip()]
    kept = []
    for line in expected.splitlines():
        fits = any(alike(" ".join(line.split()), " ".join(other.split())) for other in lines)
        nearest = difflib.get_close_matches(line, lines, n=1, cutoff=0.3)
        kept.append(line if fits or not line.strip() or line.strip() == "…" or not nearest else nearest[0].rstrip())
    return "\n".join(kept) + "\n"


def refresh(page):
    """Run a page and write into it what its blocks print."""
    start = Path.cwd()
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as parent:
        folder = folder_for(page, parent)
        blocks = read_blocks(page)
        os.chdir(folder)
        session = Session(folder, page)
        for block in blocks:
            if block.language == "text" and session.printed is not None:
                text = text.replace(
                    f"```text\n{block.text}```", f"```text\n{refreshed(block.text, session.printed)}```", 1
                )
            elif "pip install" not in block.text:
                session.run(block)
        os.chdir(start)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name).resolve())
