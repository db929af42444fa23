"""`lattice channels`: one JSON object with the keys of the contract, a readable table, and bad input."""

import json

import pytest

from lattice.cli import main

KEYS = {
    "modes", "multiplets", "m", "delta_m", "rotation_order", "umklapp", "J", "delta_J", "detuning_THz",
    "detuning_difference_THz", "drivable", "detectable",
}  # fmt: skip


def call(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(["channels", *words])
    out, err = capsys.readouterr()
    return end.value.code, out, err


def test_json(capsys):
    status, out, _ = call(capsys, "Bi2Se3", "--json")
    table = json.loads(out)
    assert status == 0
    assert (table["spacegroup"], table["axis"], table["rotation_order"], table["order"]) == ("R-3m", [0, 0, 1], 3, 3)
    home = {row["index"]: row for row in table["modes"]}
    assert table["channels"]
    for row in table["channels"]:
        assert set(row) == KEYS
        assert [home[i]["multiplet"] for i in row["modes"]] == row["multiplets"]
        a, b, c = (home[i] for i in row["modes"])
        detuning = c["frequency_THz"] - a["frequency_THz"] - b["frequency_THz"]
        assert row["detuning_THz"] == pytest.approx(detuning, abs=1e-12)
        assert row["drivable"] == (a["ir_active"] and b["ir_active"])
        assert row["delta_J"] == pytest.approx(a["J"][2] + b["J"][2] - c["J"][2], abs=1e-9)
        assert row["delta_m"] == a["m"] + b["m"] - c["m"]
        assert row["umklapp"] == (row["delta_m"] != 0)


def test_order_four_and_axis(capsys):
    status, out, _ = call(capsys, "Bi2Se3", "--order", "4", "--axis", "1", "0", "0", "--json")
    table = json.loads(out)
    assert status == 0
    assert (table["order"], table["rotation_order"]) == (4, 2)
    assert all(len(row["modes"]) == len(row["m"]) == 4 for row in table["channels"])


def test_a_structure_alone(capsys, tmp_path):
    from ase.build import bulk
    from ase.io import write

    write(tmp_path / "POSCAR", bulk("AlN", "wurtzite", a=3.11, c=4.98), format="vasp")
    status, out, err = call(capsys, str(tmp_path / "POSCAR"))
    assert status == 0, err
    assert "no force constants" in out
    assert "E1(1)₊ · E1(1)₊ → E2(1)₋" in out  # m is conserved, J reverses
    status, out, _ = call(capsys, str(tmp_path / "POSCAR"), "--json")
    table = json.loads(out)
    assert all(row["detuning_THz"] is None for row in table["channels"])
    assert {row["frequency_THz"] for row in table["modes"]} == {0.0, None}


def test_text_is_cut_to_the_nearest_and_whole_with_v(capsys):
    _, short, _ = call(capsys, "Bi2Se3")
    _, long, _ = call(capsys, "Bi2Se3", "-v")
    assert "the 40 nearest to resonance" in short
    assert len(long.splitlines()) > len(short.splitlines())
    row = next(line for line in long.splitlines() if line.startswith("Eu(1)₊ · Eu(1)₊ → Eg(2)₋"))
    assert " U IR Ra " in row
    assert " +3 " in row


@pytest.mark.parametrize("words", [("Bi2Se3", "--order", "5"), ("nothing-there",), ("Bi2Se3", "--axis", "0", "0", "0")])
def test_bad_input(capsys, words):
    status, out, err = call(capsys, *words)
    assert status == 2
    assert out == ""
    assert err


def test_channels_among_wave_vectors(capsys):
    words = ("Bi2Se3-noSOC", "--q", "0.1", "0.1", "0.1", "--q2", "-0.1", "-0.1", "-0.1")
    status, out, _ = call(capsys, *words, "--json")
    table = json.loads(out)
    assert status == 0
    assert table["qpoints"][2] == [0, 0, 0]
    assert [len(modes) for modes in table["modes_at"]] == [15, 15, 15]
    row = table["channels"][0]
    a, b, c = (modes[i] for modes, i in zip(table["modes_at"], row["modes"], strict=True))
    assert row["detuning_THz"] == pytest.approx(c["frequency_THz"] - a["frequency_THz"] - b["frequency_THz"], abs=1e-9)
    assert not c["multiplet"].endswith("(ac)")
    status, out, _ = call(capsys, *words)
    assert status == 0
    assert "a(q) · b(q') → c(q + q')" in out


@pytest.mark.parametrize(
    "words",
    [
        ("Bi2Se3-noSOC", "--q", "0", "0", "0.1"),
        ("Bi2Se3-noSOC", "--q", "0", "0", "0.1", "--q2", "0", "0", "0.1", "--order", "4"),
        ("Bi2Se3", "--q", "0", "0", "0.1", "--q2", "0", "0", "0.1"),
    ],
)
def test_wave_vectors_that_cannot_be(capsys, words):
    status, out, err = call(capsys, *words)
    assert status == 2
    assert out == ""
    assert err
