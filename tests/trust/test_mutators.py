"""The mutations that `tests/soak/mutants.py` makes: each is another program, and what is explained still exists."""

import ast
import tomllib
from pathlib import Path

import mutators

ROOT = Path(__file__).parents[2]
SOURCE = '''
"""Text 1."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    N = 3

def f(x: int = 2, *, deep=False):
    """Text 2."""
    if x <= 3 and not deep:
        raise ValueError(f"more than {x + 1}")
    x -= 0.5
    for a, b in zip([1], x, strict=True):
        x[a] = -b
    return x[0] * 7
'''


def test_every_kind_of_mutation_is_made():
    made = {(m.before, m.after) for m in mutators.mutants("m", SOURCE)}
    assert made == {
        ("2", "3"), ("2", "1"), ("False", "True"), ("x <= 3 and (not deep)", "x <= 3 or not deep"), ("x <= 3", "x < 3"),
        ("3", "4"), ("3", "2"), ("not deep", "deep"), ("x -= 0.5", "x += 0.5"), ("0.5", "1.5"), ("1", "2"), ("-b", "b"),
        ("return x[0] * 7", "return None"), ("x[0] * 7", "x[0] / 7"), ("0", "1"), ("7", "8"), ("7", "6"),
    }  # fmt: skip


def test_every_mutant_is_another_program_and_has_its_own_name():
    found = mutators.mutants("m", SOURCE)
    programs = {ast.dump(mutators.mutate(SOURCE, m.number)) for m in found} | {ast.dump(ast.parse(SOURCE))}
    assert len(programs) == len(found) + 1
    assert len({m.name for m in found}) == len(found)
    for m in found:
        compile(mutators.mutate(SOURCE, m.number), "m", "exec")


def test_a_mutant_says_where_it_is():
    (found,) = [m for m in mutators.mutants("m", SOURCE) if m.before == "x <= 3"]
    assert (found.function, found.line, found.name) == ("f", 10, "m:f: x <= 3 → x < 3 in x <= 3 and (not deep)")


def test_explained_survivors_exist_and_have_a_reason():
    text = (ROOT / "tests" / "soak" / "mutants.toml").read_text("utf-8")
    for entry in tomllib.loads(text)["survivor"]:
        module = entry["mutant"].partition(":")[0]
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        assert entry["mutant"] in {m.name for m in mutators.mutants(module, source)}
        assert len(entry["why"]) > 20, entry["mutant"]
