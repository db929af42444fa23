"""`lattice couple --q` and `lattice channels --fc3`: couplings of phonons at wave vectors on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lattice
from lattice.cli.app import main

SHEET = Path(__file__).parents[2] / "docs" / "examples" / "h-BN"
FC3 = SHEET / "fc3.hdf5"


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_potential_of_waves_is_written_and_runs(tmp_path):
    target = tmp_path / "waves.nc"
    result = call("couple", SHEET, "--fc3", FC3, "--q", 0, 0, 0, "--q", "1/4", 0, 0, "-o", target, "--json")
    assert result.exit_code == 0, result.stderr
    table = json.loads(result.stdout)
    assert table["qpoints"] == [[0, 0, 0], [0.25, 0, 0]]
    assert table["n_cells"] == 4
    assert table["warnings"] == []
    largest = max(abs(t["coefficient_eV"]) for t in table["terms"])
    for defect in ("forbidden_max", "permutation_defect", "sum_rule_defect"):
        assert 0 < table[defect] < 2e-3 * largest
    potential = lattice.load_potential(target)
    assert potential.crystal.species == ("B", "N") * 4
    report = call("run", target, "--set", "duration=1", "--set", "record.every=0.004", "--json")
    assert report.exit_code == 0, report.stderr
    rows = {row["multiplet"]: row for row in json.loads(report.stdout)["multiplets"]}
    assert abs(rows["E'(1)"]["peak_L_hbar"]) > 1e-6
    assert rows["A1(2)@1/4,0,0"]["peak_L_hbar"] == 0


def test_the_report_for_people():
    result = call("couple", SHEET, "--fc3", FC3, "--q", 0.25, 0, 0, "--q", 0.5, 0, 0)
    assert result.exit_code == 0, result.stderr
    assert "18 real coordinates at ±(1/4,0,0), (1/2,0,0); V, L and Q are those of N = 4 cells" in result.stdout
    assert "light drives none" in result.stderr
    alone = call("couple", SHEET, "--fc3", FC3, "--q", "1/4", 0, 0)
    assert "no couplings" in alone.stderr


def test_channels_with_their_size():
    waves = ("--q", "1/4", 0, 0, "--q2", "-1/4", 0, 0)
    table = json.loads(call("channels", SHEET, *waves, "--fc3", FC3, "--json").stdout)
    crystal = lattice.load(SHEET)
    modes = [lattice.solve_modes(crystal, q) for q in ((0.25, 0, 0), (-0.25, 0, 0), (0, 0, 0))]
    triple = lattice.project_triple(*modes, FC3)
    # E'(1)₊ and E'(1)₋ of Γ are conjugates of one another
    conjugate = np.array([int(j) if j >= 0 else i for i, j in enumerate(modes[2].pair)])
    for row in table["channels"]:
        a, b, c = row["modes"]
        assert complex(*row["coupling_eV"]) == pytest.approx(triple.array[a, b, conjugate[c]], abs=1e-9)
        assert abs(complex(*row["coupling_eV"])) > 3 * table["forbidden_max"]
    text = call("channels", SHEET, *waves, "--fc3", FC3)
    assert "|Φ|" in text.stdout
    assert "coupling_eV" not in json.loads(call("channels", SHEET, *waves, "--json").stdout)["channels"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("couple", SHEET, "--fc3", FC3, "--q", "1/3", 0, 0), "nearest is 1/4,0,0"),
        (("couple", SHEET, "--fc3", FC3, "--q", "1/0", 0, 0), "fraction"),
        (("couple", SHEET, "--fc3", FC3, "--q", "nan", 0, 0), "three finite numbers"),
        (("couple", SHEET, "--fc3", FC3, "--q", "x", 0, 0), "not a valid float"),
        (("couple", SHEET, "--calculator", "lj", "--q", 0, 0, 0), "give --fc3 alone"),
        (("couple", SHEET, "--fc3", FC3, "--fc4", FC3, "--q", 0, 0, 0), "give --fc3 alone"),
        (("couple", SHEET, "--fc3", FC3, "--q", "1/4", 0, 0, "--q", 0, "1/4", 0), "missing"),
        (("couple", SHEET, "--fc3", FC3, "--q", "1/4", 0, 0, "--multiplet", "E'(1)"), "cannot be chosen"),
        (("channels", SHEET, "--fc3", FC3), "--q and --q2"),
        (("channels", SHEET, "--fc3", FC3, "--q", "1/3", 0, 0, "--q2", 0, 0, 0), "commensurate"),
    ],
)
def test_wrong_input_is_named(words, message):
    result = call(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
