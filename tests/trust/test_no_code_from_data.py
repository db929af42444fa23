"""Data never become code: no such call stands in the package, nor in the scripts of its pages."""

import ast
import re
from pathlib import Path

import pytest

import lattice

PACKAGE = Path(lattice.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
#: calls that run or build what stands in data, and the shell
FORBIDDEN = re.compile(
    r"(?:(?:builtins\.)?(?:eval|exec|compile|__import__)|(?:c?[pP]ickle|marshal|dill|cloudpickle|joblib)\.\w+|shelve\.open"
    r"|yaml\.(?:load|load_all|unsafe_load|full_load|unsafe_load_all|full_load_all)|os\.(?:system|popen)|pty\.spawn"
    r"|np\.fromregex|pd\.read_pickle|xml\.\w+(?:\.\w+)*\.(?:parse|fromstring))"
)


def calls(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_runs_what_stands_in_data(path):
    for call in calls(path):
        name, keywords = ast.unparse(call.func), {k.arg: ast.unparse(k.value) for k in call.keywords}
        assert not FORBIDDEN.fullmatch(name), f"line {call.lineno}: {name}"
        assert keywords.get("shell", "False") == "False", f"line {call.lineno}: a shell"
        assert keywords.get("allow_pickle", "False") == "False", f"line {call.lineno}: pickles"


def test_the_rule_finds_what_it_forbids():
    for text in ("eval", "pickle.loads", "yaml.load", "os.system", "cloudpickle.loads"):
        assert FORBIDDEN.fullmatch(text)
    for text in ("re.compile", "yaml.parse", "self.evaluate", "json.loads", "path.open"):
        assert not FORBIDDEN.fullmatch(text)


def test_one_door_runs_code_of_the_user():
    """`--calculator module:factory` imports what it is told; others import by names that stand in the code."""
    doors = []
    for path in MODULES:
        for call in calls(path):
            if ast.unparse(call.func) in {"import_module", "importlib.import_module"}:
                doors.append(str(path.relative_to(PACKAGE)))
    assert sorted(set(doors)) == ["__init__.py", "anharmonic/calculators.py", "cli/app.py", "study/cluster.py"]


def test_the_scripts_of_a_page_write_text_never_markup():
    scripts = sorted((PACKAGE / "show" / "web").glob("*.js"))
    assert scripts
    for path in scripts:
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"on|srcdoc|"
            r"fetch\(|XMLHttpRequest|import\(|WebSocket",
            path.read_text(encoding="utf-8"),
        )
        assert found == [], path.name
