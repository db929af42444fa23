"""Every code block of the README and of docs/ runs, and prints what the page says."""

from pathlib import Path

import pytest
from document_blocks import (
    Block,
    Session,
    alike,
    check_syntax,
    files_of,
    first_difference,
    folder_for,
    logical_lines,
    read_blocks,
)

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"python", "sh", "text", "toml", "json"}


def installs(block):
    """Whether a block makes an environment: the two commands of the README, which .ci/run runs in a clean copy."""
    return block.language == "sh" and "pip install" in block.text


def pages_with_code():
    return [page for page in PAGES if any(block.language in {"python", "sh"} for block in read_blocks(page))]


@pytest.mark.parametrize("page", pages_with_code(), ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    folder = folder_for(page, tmp_path)
    monkeypatch.chdir(folder)
    session = Session(folder, page)
    for block in read_blocks(page):
        if not installs(block):
            session.run(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_names_a_language(page):
    for block in read_blocks(page):
        assert block.language in LANGUAGES, f"{page.name}:{block.line}"


def test_blocks_are_found_with_their_reasons(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- files: a b/c -->\n```sh\nls \\\n  -l  # all\n\n```\n"
        "*Not run in the tests: needs VASP.*\n\n```python\nx = 1\n```\n- item\n\n  ```text\n  1\n  ```\n",
        encoding="utf-8",
    )
    shell, python, text = read_blocks(page)
    assert logical_lines(shell.text) == ["ls  -l  # all"]
    assert (shell.line, shell.reason) == (2, None)
    assert (python.language, python.text, python.reason) == ("python", "x = 1\n", "needs VASP")
    assert (text.text, text.reason) == ("1\n", None)
    assert files_of(page) == [tmp_path / "a", tmp_path / "b/c"]


def test_a_block_that_is_not_run_must_parse():
    for language, text, wrong in (
        ("python", "f(1)\n", "f(\n"),
        ("sh", "srun vasp", "if true; then"),
        ("toml", "a = 1", "a ="),
    ):
        check_syntax(Block(language, text, 1, "reason"))
        with pytest.raises((SyntaxError, AssertionError, ValueError)):
            check_syntax(Block(language, wrong, 1, "reason"))


def test_blocks_share_names_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    session.run(Block("python", "x = 2\nprint(x)\n", 1, None))
    session.run(Block("text", "2\n", 2, None))
    session.run(Block("toml", "# a.toml\nb = 1\n", 3, None))
    session.run(Block("sh", "grep -c b a.toml\nlattice --version | cut -d, -f1\n", 4, None))
    assert session.printed == "1\nlattice\n"
    session.run(Block("python", "print(x + 1)\n", 5, None))
    with pytest.raises(AssertionError, match="expected but not printed"):
        session.run(Block("text", "4\n", 6, None))
    with pytest.raises(AssertionError, match="absent"):
        session.run(Block("sh", "lattice modes absent\n", 7, None))
    with pytest.raises(AssertionError):
        session.run(Block("sh", "false\n", 8, None))
    with pytest.raises(ZeroDivisionError):
        session.run(Block("python", "1 / 0\n", 9, None))


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("Eu(1)   2.050 THz", "Eu(1) 2.051 THz", True),
        ("Eu(1) 2.050", "Eu(1) 2.052", False),
        ("Eu(1) 2.050", "Eu(2) 2.050", False),
        ("-1.2e-03", "-1.3e-03", True),
        ("-1.2e-03", "1.2e-03", False),
        ("15 points", "16 points", False),
        ("took … s, 3 modes", "took 0.1234 s, 3 modes", True),
        ("took … s, 3 modes", "took 0.1234 s, 4 modes", False),
    ],
)
def test_lines_are_compared_by_words_and_digits(expected, printed, same):
    assert alike(" ".join(expected.split()), printed) is same


def test_outputs_are_compared_line_by_line():
    assert first_difference("a\n…\nc\n", "a\nb\nb\nc\n") is None
    assert first_difference("a\n…\n", "a\nb\n") is None
    assert "expected" in first_difference("a\nc\n", "a\nb\nc\n")
    assert "not expected: b" in first_difference("a\n", "a\nb\n")
    assert "expected" in first_difference("a\n…\nd\n", "a\nb\n")
