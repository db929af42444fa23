"""The tools that recipes share, and the bundled files of AlN and Se: they follow from the committed records."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from recipe_modules import recipe_modules

import lattice
from lattice.anharmonic.polynomial import polynomial_from_table

STRUCTURES = Path(__file__).parents[2] / "structures"
MODULES = ("espresso", "pseudopotentials", "phonons", "bundle", "material")
MATERIALS = ("AlN", "Se")

HGH_NITROGEN = """Hartwigsen-Goedecker-Hutter psp for N,  from PRB58, 3641 (1998)
   7   5  010605 zatom,zion,pspdat
 3 1   1 0 2001 0  pspcod,pspxc,lmax,lloc,mmax,r2well
  0.289179  -12.234820    1.766407    0.000000    0.000000 rloc, c1, c2, c3, c4
  0.256605   13.552243    0.000000    0.000000          rs, h11s, h22s, h33s
  0.270134    0.000000    0.000000    0.000000          rp, h11p, h22p, h33p
              0.003131    0.000000    0.000000                          k11p, k22p, k33p
  0.000000    0.000000    0.000000    0.000000          rd, h11d, h22d, h33d
              0.000000    0.000000    0.000000                          k11d, k22d, k33d
  0.000000    0.000000    0.000000    0.000000          rf, h11f, h22f, h33f
              0.000000    0.000000    0.000000                          k11f, k22f, k33f
"""

STAR = """
     Dynamical  Matrix in cartesian axes

     q = (    0.000000000   0.577350269  -0.312340596 )

    1    1
  0.30170726   0.00000000     0.10000000  -0.20000000     0.00000000   0.00000000
  0.10000000   0.20000000     0.30170726   0.00000000     0.00000000   0.00000000
  0.00000000   0.00000000     0.00000000   0.00000000     0.54834390   0.00000000

     Dynamical  Matrix in cartesian axes

     q = (    0.000000000  -0.577350269   0.312340596 )

    1    1
  0.30170726   0.00000000     0.10000000   0.20000000     0.00000000   0.00000000
  0.10000000  -0.20000000     0.30170726   0.00000000     0.00000000   0.00000000
  0.00000000   0.00000000     0.00000000   0.00000000     0.54834390   0.00000000

     Diagonalizing the dynamical matrix

     q = (    0.000000000   0.577350269  -0.312340596 )
"""

RELAXED = """
Begin final coordinates

ATOMIC_POSITIONS (angstrom)
Al            0.0000000000        1.7959057473        0.0000317106
N             0.0000000000        1.7959057473        1.9026352394
End final coordinates
"""


@pytest.fixture(scope="module")
def tools():
    """Import the tools, which stand beside each other in a folder that is no package."""
    with recipe_modules(MODULES, STRUCTURES / "recipe_tools") as modules:
        yield modules


def recipe_of(name):
    """Return the module of a recipe; it looks for the tools itself."""
    path = STRUCTURES / name / "recipe" / "recipe.py"
    spec = importlib.util.spec_from_file_location(f"recipe_of_{name}", path)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


@pytest.fixture(scope="module", params=MATERIALS)
def material(request, tools):
    return recipe_of(request.param).MATERIAL


@pytest.fixture
def source(tools, material):
    return tools.bundle.Source(STRUCTURES / material.name / "recipe" / "results")


def test_without_spin_orbit_coupling_a_channel_has_one_block(tools):
    table = tools.pseudopotentials.read_table(HGH_NITROGEN)
    blocks = tools.pseudopotentials.nonlocal_blocks(table, spin_orbit=False)
    assert [(ell, j) for ell, j, *_ in blocks] == [(0, 0.0), (1, 1.0)]
    both = tools.pseudopotentials.nonlocal_blocks(table)
    for ell, _, _, _, matrix in blocks:
        parts = [(2 * j + 1, other) for other_ell, j, _, _, other in both if other_ell == ell]
        mean = sum(weight * other for weight, other in parts) / sum(weight for weight, _ in parts)
        assert matrix == pytest.approx(mean, abs=1e-14)
    text = tools.pseudopotentials.upf_text(table, "N", spin_orbit=False)
    assert 'relativistic="scalar"' in text
    assert 'has_so="F"' in text
    assert "PP_SPIN_ORB" not in text
    assert text.count("<PP_BETA.") == len(blocks)


def test_the_input_of_a_relaxation_without_spin_orbit_coupling(tools, material):
    session = tools.material.Session(material, Path("folder"), None)
    positions = material.start @ material.lattice
    text = tools.espresso.scf_input(session.cell, positions, material.settings, Path("pseudo"), relax=1e-3)
    assert "calculation='relax'" in text
    assert "&ions" in text
    assert "noncolin" not in text
    force = float(text.split("forc_conv_thr=")[1].split(",")[0])
    assert force == pytest.approx(1e-3 / (tools.espresso.RYDBERG / tools.espresso.BOHR), rel=1e-2)


def test_the_end_of_a_relaxation_is_read(tools):
    positions = tools.espresso.read_relaxed(RELAXED, 2)
    assert positions == pytest.approx(np.array([[0, 1.7959057473, 3.17106e-5], [0, 1.7959057473, 1.9026352394]]))
    for cut in ("Begin final", "N  "):
        with pytest.raises(ValueError, match="did not end"):
            tools.espresso.read_relaxed(RELAXED[: RELAXED.index(cut)], 2)


def test_the_star_of_a_wave_vector_is_read(tools):
    a, c = 3.0, 3.0 * 0.5 / 0.312340596
    cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])
    (q, matrix), (other, conjugate) = tools.phonons.read_star(STAR, cell, 1)
    assert q == pytest.approx([0, 0.5, -0.5], abs=1e-8)
    assert other == pytest.approx(-q)
    assert conjugate == pytest.approx(matrix.conj())
    unit = tools.espresso.RYDBERG / tools.espresso.BOHR**2
    assert matrix[0, 0, 0, 1] == pytest.approx((0.1 - 0.2j) * unit)
    for cut in (STAR[:200], "nothing"):
        with pytest.raises(ValueError, match="dynamical matrix"):
            tools.phonons.read_star(cut, cell, 1)


def test_force_constants_come_back_from_their_dynamical_matrices(tools):
    """Φ(a in cell R; b in cell 0) with any periods, through D(q) as the records hold it."""
    rng = np.random.default_rng(3)
    grid = (3, 2, 1)
    cells = np.array(list(np.ndindex(*grid)))
    blocks = rng.normal(size=(*grid, 2, 2, 3, 3))
    # Φ(aα R; bβ 0) = Φ(bβ −R; aα 0)
    turned = np.array([blocks[tuple(-R % grid)] for R in cells]).reshape(blocks.shape)
    blocks = (blocks + turned.transpose(0, 1, 2, 4, 3, 6, 5)) / 2
    stars = []
    for steps in cells:
        q = steps / grid - (steps * 2 > grid)  # as in a record, between −1/2 and 1/2
        matrix = sum(blocks[tuple(R)] * np.exp(-2j * np.pi * q @ R) for R in cells)
        block = matrix.transpose(0, 2, 1, 3).reshape(6, 6)
        assert block == pytest.approx(block.conj().T)
        stars.append({"q": q.tolist(), "real_eV_per_A2": matrix.real, "imaginary_eV_per_A2": matrix.imag})
    records = [{"settings": {"grid": grid}, "stars": stars[:2]}, {"settings": {"grid": grid}, "stars": stars[2:]}]
    found, imaginary = tools.phonons.cell_blocks(tools.phonons.matrices(records))
    assert found == pytest.approx(blocks)
    assert imaginary < 1e-12
    places, atoms = np.repeat(cells, 2, axis=0), np.tile([0, 1], len(cells))
    full = tools.phonons.full_constants(found, places, atoms)
    assert full == pytest.approx(full.transpose(1, 0, 3, 2))
    i, j = 5, 2
    apart = tuple((places[i] - places[j]) % grid)
    assert full[i, j] == pytest.approx(blocks[apart][atoms[i], atoms[j]])
    with pytest.raises(ValueError, match="5 of 6 points"):
        tools.phonons.matrices([{"settings": {"grid": grid}, "stars": stars[1:]}])


def test_every_planned_cell_has_been_computed_where_it_was_planned(tools, material, source):
    cells = tools.bundle.planned_positions(source.results)
    rest = np.array(source.record("equilibrium")["positions_A"])
    for number, positions in enumerate(cells):
        record = source.record(tools.bundle.displaced_name(number))
        assert np.array(record["positions_A"]) == pytest.approx(positions, abs=1e-9)
        assert record["settings"]["mesh"] == list(material.force_settings.mesh)
        # no net force: the calculation keeps the centre of mass
        assert abs(np.array(record["forces_eV_per_A"]).sum(axis=0)).max() < 1e-6
    assert cells[0] == pytest.approx(rest, abs=1e-9)


def test_committed_files_follow_from_the_committed_records(tools, material, tmp_path):
    results = tmp_path / "results"
    folder = tmp_path / material.name
    results.symlink_to(STRUCTURES / material.name / "recipe" / "results")
    tools.bundle.write_all(material, results, folder)
    for name in filter(None, (material.name, material.mirror)):
        committed, again = lattice.load(name), lattice.load(tmp_path / name)
        for key in ("cell", "positions", "masses", "born_charges", "dielectric"):
            np.testing.assert_allclose(getattr(again, key), getattr(committed, key), atol=1e-8)
        np.testing.assert_allclose(again.force_constants.array, committed.force_constants.array, atol=1e-8)
        first, second = (lattice.load_potential(x) for x in (tmp_path / name / "potential.toml", name))
        np.testing.assert_allclose(first.frequency, second.frequency, atol=1e-8)
        assert table(first).keys() == table(second).keys()
        for key, value in table(second).items():
            assert table(first)[key] == pytest.approx(value, rel=1e-5, abs=1e-9), key
    committed = json.loads((STRUCTURES / material.name / "recipe" / "numbers.json").read_text())
    assert_close(json.loads((tmp_path / "numbers.json").read_text()), committed)


def table(potential):
    return polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)


def assert_close(found, committed):
    """Compare nested values: numbers to 1e-5 relative and 1e-7 absolute (round-off depends on the BLAS in use)."""
    assert type(found) is type(committed)
    if isinstance(found, dict):
        assert found.keys() == committed.keys()
        for key in found:
            assert_close(found[key], committed[key])
    elif isinstance(found, list):
        for a, b in zip(found, committed, strict=True):
            assert_close(a, b)
    else:
        assert found == pytest.approx(committed, rel=1e-5, abs=1e-7)


def test_fitted_frequencies_are_those_of_perturbation_theory(material):
    """Two roads to the Γ modes: linear response, and the odd forces of the displaced cells."""
    potential = lattice.load_potential(material.name, frequencies="computed")
    assert np.array(potential.source["fit"]["frequency"]) == pytest.approx(potential.frequency, rel=0.02)


def test_a_missing_record_names_the_step(tools, material, tmp_path):
    with pytest.raises(FileNotFoundError, match="run the step"):
        tools.bundle.write_all(material, tmp_path, tmp_path / "folder")


def test_the_command_ends_in_one_line_where_something_is_missing(tools, material, tmp_path, capsys):
    arguments = ["relax", "--work", str(tmp_path / "work"), "--hgh", str(tmp_path)]
    assert tools.material.main(material, tmp_path, arguments) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert ".hgh" in message
    with pytest.raises(SystemExit):
        tools.material.main(material, tmp_path, ["nonsense"])
    assert "unknown step 'nonsense'" in capsys.readouterr().err


def test_the_frequencies_in_the_documents_are_those_of_the_bundled_files(material):
    text = (STRUCTURES.parent / "docs" / "materials.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    rows = {row[1]: row for row in rows if row[0] == material.name and len(row) == 6}
    crystal = lattice.load(material.name)
    found = {x.label: float(x.frequency) for x in lattice.solve_modes(crystal).multiplets if not x.acoustic}
    for label, direction in (("A1 LO", (0, 0, 1)), ("E1 LO", (1, 0, 0))):
        if label in rows:
            found[label] = float(lattice.solve_modes(crystal, nac_direction=direction).frequency.max())
    assert rows.keys() == found.keys()
    for label, (_, _, frequency, wavenumber, _, difference) in rows.items():
        assert float(frequency) == pytest.approx(found[label], abs=6e-5)
        assert float(wavenumber) == pytest.approx(found[label] * 33.35641, abs=0.06)
        assert not difference or abs(float(difference.replace("−", "-"))) < 12
