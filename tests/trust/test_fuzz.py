"""A few hundred damaged files of every reader; `tests/soak/fuzz_readers.py` reads many more."""

import fuzz
import numpy as np
import pytest
from example_files import examples

from lattice.errors import InputError


def test_every_example_is_fuzzed():
    assert set(fuzz.READERS) == set(examples())


@pytest.mark.parametrize("name", sorted(fuzz.READERS))
def test_damaged_files_are_read_or_refused(name, tmp_path):
    wrong = {
        seed: found for seed in range(20) if (found := fuzz.read_damaged(name, 10**6 + seed, tmp_path)) is not None
    }
    assert wrong == {}


def test_the_same_seed_makes_the_same_file():
    data = examples()["phonopy.yaml"].files["phonopy.yaml"]
    first, again, other = (fuzz.mutate(data, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first not in (other, data)


@pytest.mark.parametrize(
    ("raised", "wrong"),
    [
        (InputError("a", found="b", fix="c"), None),
        (InputError("a", found="b", fix=""), "no fix"),
        (ZeroDivisionError("x"), "ZeroDivisionError: x"),
        (MemoryError(), "MemoryError"),
        (fuzz.TooLate(), "5 s"),
    ],
)
def test_what_counts_as_wrong(raised, wrong, tmp_path, monkeypatch):
    def read(_path):
        raise raised

    monkeypatch.setitem(fuzz.READERS, "POSCAR", read)
    found = fuzz.read_damaged("POSCAR", 0, tmp_path)
    assert found is None if wrong is None else wrong in found
