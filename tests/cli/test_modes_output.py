"""`lattice modes -o`."""

import json

import numpy as np
import pytest

import lattice
from lattice.cli import main


def call(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["modes", *words])
    out, err = capsys.readouterr()
    return end.value.code, out, err


def test_the_file_holds_what_is_printed(capsys, tmp_path):
    status, out, _ = call(capsys, "Bi2Se3", "--json", "-o", str(tmp_path / "modes.nc"))
    assert status == 0
    printed = json.loads(out)["modes"]
    modes = lattice.load_modes(tmp_path / "modes.nc")
    np.testing.assert_array_equal(modes.frequency, [row["frequency_THz"] for row in printed])
    np.testing.assert_array_equal(modes.J, [row["J"] for row in printed])


@pytest.mark.parametrize("name", ["modes.h5", "missing/modes.nc"])
def test_an_output_that_cannot_be_is_bad_input(name, capsys, tmp_path):
    status, out, err = call(capsys, "Bi2Se3", "-o", str(tmp_path / name))
    assert status == 2
    assert out == ""
    assert "output file" in err
    assert list(tmp_path.iterdir()) == []
