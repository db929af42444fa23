"""`lattice edelstein` and `lattice modes --moments`."""

import json

import numpy as np
import pytest

import lattice
from lattice.cli import main


def call(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    out, err = capsys.readouterr()
    return end.value.code, out, err


def test_json(capsys):
    words = ("edelstein", "Bi2Se3-noSOC", "--mesh", "2", "2", "2", "--temperature", "100", "--temperature", "300")
    status, out, _ = call(capsys, *words, "--json")
    table = json.loads(out)
    assert status == 0
    assert set(table) == {
        "spacegroup",
        "inversion",
        "mesh",
        "qpoints",
        "left_out",
        "lifetime_ps",
        "temperature_K",
        "alpha",
    }
    assert table["inversion"]
    assert (table["mesh"], table["temperature_K"], table["lifetime_ps"]) == ([2, 2, 2], [100, 300], 1)
    assert np.shape(table["alpha"]) == (2, 3, 3)
    status, out, _ = call(capsys, *words)
    assert status == 0
    assert "ħ Å⁻² K⁻¹" in out
    assert "zero by symmetry" in out


@pytest.mark.parametrize(
    "words",
    [
        ("Bi2Se3", "--mesh", "2", "2", "2"),
        ("Bi2Se3-noSOC",),
        ("Bi2Se3-noSOC", "--mesh", "0", "2", "2"),
        ("Bi2Se3-noSOC", "--mesh", "2", "2", "2", "--temperature", "-1"),
    ],
)
def test_bad_input(words, capsys):
    status, out, err = call(capsys, "edelstein", *words)
    assert status == 2
    assert out == ""
    assert err


def test_moments(capsys):
    status, out, _ = call(capsys, "modes", "Bi2Se3", "--moments", "--json")
    assert status == 0
    printed = [row["magnetic_moment_muN"] for row in json.loads(out)["modes"]]
    expected = lattice.magnetic_moment(lattice.solve_modes(lattice.load("Bi2Se3")))
    np.testing.assert_allclose(printed, expected, atol=1e-15)
    assert "μ/μ_N" in call(capsys, "modes", "Bi2Se3", "--moments")[1]
