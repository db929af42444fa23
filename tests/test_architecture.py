"""The shape of the code: rooms, sizes, lazy imports, public names, and the texts that repeat what files say."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lattice
from lattice.cli.app import COMMANDS

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "lattice").rglob("*.py"))
HEAVY = {
    "ase",
    "click",
    "dask",
    "h5netcdf",
    "h5py",
    "matplotlib",
    "numpy",
    "phonopy",
    "scipy",
    "spglib",
    "torch",
    "xarray",
}


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def length(function):
    """Lines of a function without its docstring."""
    text = ast.get_docstring(function, clean=False)
    return function.end_lineno - function.lineno + 1 - (0 if text is None else text.count("\n") + 1)


def test_there_is_code_to_check():
    assert len(MODULES) > 30
    assert ROOT / "lattice" / "cli" / "run.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert [f.name for f in functions(path) if length(f) > 60] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_thin(name):
    module, function = COMMANDS[name][0].split(":")
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    body = next(f for f in functions(path) if f.name == function).body
    assert body[-1].end_lineno - body[1].lineno + 1 <= 25


def test_the_import_contract_holds():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_importing_lattice_loads_nothing_heavy():
    code = f"import sys; sys.path[:0] = {sys.path!r}; import lattice; print(*{HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_exists_and_has_a_docstring():
    assert set(lattice.__all__) == {*lattice._HOME, "__version__"}
    for name in lattice.__all__:
        value = getattr(lattice, name)
        assert name == "__version__" or value.__doc__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = lattice.no_such_name


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert project["version"] == lattice.__version__
    assert f"\nversion: {lattice.__version__}\n" in citation
    assert f"## [{lattice.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
