"""The reported numbers do not depend on threads of BLAS and OpenMP or on the instruction set."""

import json
import os
import subprocess
import sys

import pytest
from same_reports import assert_same

from lattice._kernels.hermitian import supported_levels

CODE = f"import sys; sys.path[:0] = {sys.path!r}; from lattice.cli import main; main()"
WORDS = (("run", "Bi2Se3", "--json"), ("mesh", "Bi2Se3-noSOC", "--mesh", "3", "3", "1", "--json"))
SETTINGS = {
    "two threads": {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
    **{level: {"LATTICE_ISA": level} for level in supported_levels()},
}


def reported(words, **settings):
    plain = {key: value for key, value in os.environ.items() if key != "LATTICE_ISA"}
    environment = plain | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} | settings
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def usual():
    return [reported(words) for words in WORDS]


def test_a_wrong_instruction_set_is_refused():
    """So that the levels above are really used."""
    with pytest.raises(AssertionError, match="names an instruction set"):
        reported(WORDS[1], LATTICE_ISA="sse9")


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_numbers(name, usual):
    for words, expected in zip(WORDS, usual, strict=True):
        assert_same(reported(words, **SETTINGS[name]), expected)


def test_a_difference_is_seen(usual):
    other = json.loads(json.dumps(usual[0]))
    other["multiplets"][0]["frequency_THz"] += 1e-7
    with pytest.raises(AssertionError, match="frequency_THz"):
        assert_same(other, usual[0])
