"""CHGNet on Bi2Se3, from structure and Born charges to a page; without the charges, what can be said."""

import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
from click.testing import CliRunner

import lattice
from lattice.cli.app import main
from lattice.dynamics.runfile import load_run

pytest.importorskip("chgnet")

BUNDLED = Path(lattice.__file__).resolve().parent.parent / "structures" / "Bi2Se3"


def command(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("order", [3, 4])
def test_couple_run_page(order, tmp_path):
    for name in ("POSCAR", "BORN"):
        copyfile(BUNDLED / name, tmp_path / name)
    potential, run, page = (tmp_path / name for name in ("potential.nc", "run.nc", "page.html"))
    coupled = command("couple", tmp_path, "--calculator", "chgnet", "--order", order, "-o", potential, "--json")
    assert coupled.exit_code == 0, coupled.stderr
    table = json.loads(coupled.stdout)
    assert table["force_calls"] <= (40 if order == 3 else 120)
    largest = max(abs(term["coefficient_eV"]) for term in table["terms"])
    assert table["forbidden_max"] < 1e-9 * largest  # double precision throughout
    ran = command("run", potential, "-o", run, "--json")
    assert ran.exit_code == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert not any("beyond the amplitudes" in words for words in report["warnings"])
    assert report["ledger"]["closure"] < 1e-9
    assert np.isfinite(load_run(run)["Q"].values).all()
    shown = command("page", run, "-o", page)
    assert shown.exit_code == 0, shown.stderr
    assert page.stat().st_size > 50_000


def test_without_born_charges(tmp_path):
    copyfile(BUNDLED / "POSCAR", tmp_path / "POSCAR")
    potential = tmp_path / "potential.nc"
    coupled = command("couple", tmp_path / "POSCAR", "--calculator", "chgnet", "--order", 3, "-o", potential)
    assert coupled.exit_code == 0, coupled.stderr
    assert "light cannot be coupled" in coupled.stderr
    found = command("channels", tmp_path / "POSCAR", "--json")
    assert json.loads(found.stdout)["channels"]
    ran = command("run", potential)
    assert ran.exit_code == 2
    assert "Born charges" in ran.stderr
