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


@pytest.mark.parametrize(("name", "said"), [("modes.h5", "end it in .nc"), ("missing/modes.nc", "folder")])
def test_an_output_that_cannot_be_is_bad_input(name, said, capsys, tmp_path):
    status, out, err = call(capsys, "Bi2Se3", "-o", str(tmp_path / name))
    assert status == 2
    assert out == ""
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_lo_and_to_are_told_along_a_direction_alone(capsys):
    _, out, _ = call(capsys, "Bi2Se3", "--nac-direction", "0", "0", "1", "--json")
    rows = json.loads(out)["modes"]
    assert sorted(row["polar"] for row in rows if row["polar"]) == ["LO", "LO", "TO", "TO", "TO", "TO"]
    _, text, _ = call(capsys, "Bi2Se3", "--nac-direction", "0", "0", "1")
    assert "LO/TO" in text
    _, out, _ = call(capsys, "Bi2Se3", "--json")
    assert all("polar" not in row for row in json.loads(out)["modes"])


def test_charges_are_dropped_and_set_and_warned_of(capsys):
    status, out, err = call(capsys, "Bi2Se3", "--set-charge", "Z.2.zz=20", "--drop-charge", "eps.xy")
    assert status == 0
    assert "Z.2.zz = 20 e (Se)" in err
    assert "Z.2.zz: set to 20" in out
    assert "eps.xy: dropped" in out
    assert "warning" not in out
    _, out, err = call(capsys, "Bi2Se3", "--set-charge", "Z.2.zz=20", "--json")
    assert any("Z.2.zz" in line for line in json.loads(out)["warnings"])
    assert err == ""


@pytest.mark.parametrize(
    "words", [("--set-charge", "eps.zz"), ("--set-charge", "eps.zz=a"), ("--drop-charge", "zz"), ("--nac-method", "x")]
)
def test_bad_charges_are_bad_input(words, capsys):
    status, out, err = call(capsys, "Bi2Se3", *words)
    assert status == 2
    assert out == ""
    assert err


def test_eigenvectors_of_phonopy_are_read(capsys, tmp_path):
    from lattice.structure.phonopy_object import phonopy_from_crystal

    phonon = phonopy_from_crystal(lattice.load("Bi2Se3-noSOC"), with_nac=True)
    phonon.run_qpoints([[0, 0, 0.5]], with_eigenvectors=True)
    phonon.qpoints.write_hdf5(tmp_path / "qpoints.hdf5")
    words = ("Bi2Se3-noSOC", "--q", "0", "0", "0.5", "--json")
    status, out, _ = call(capsys, *words, "--eigenvectors", str(tmp_path / "qpoints.hdf5"))
    assert status == 0
    plain = json.loads(call(capsys, *words)[1])["modes"]
    for row, expected in zip(json.loads(out)["modes"], plain, strict=True):
        assert row["multiplet"] == expected["multiplet"]
        assert row["frequency_THz"] == pytest.approx(expected["frequency_THz"], abs=2e-6)
    status, out, err = call(capsys, "Bi2Se3-noSOC", "--eigenvectors", str(tmp_path / "qpoints.hdf5"))
    assert status == 2
    assert "not in qpoints.hdf5" in err
