"""The documents say what the program does: their numbers, names and links. Their code: test_document_blocks.py."""

import re
from pathlib import Path

import numpy as np
import pytest

import lattice
from lattice import units
from lattice.cli.app import COMMANDS
from lattice.observe.report import run_report
from lattice.study.schema import RUN_KEYS
from lattice.study.settings import RunSettings, read_settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.M | re.S)


def tables(path):
    """Rows of cells of every table, headers included, rules left out."""
    rows = [line for line in text_of(path).splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def number(cell):
    return float(cell.replace("−", "-"))


@pytest.fixture(scope="module")
def modes():
    return lattice.solve_modes(lattice.load("Bi2Se3"))


def test_frequencies_in_the_documents_are_those_of_the_bundled_files(modes):
    rows = {row[0]: row for row in tables("docs/bi2se3.md")}
    for multiplet in modes.multiplets:
        if multiplet.acoustic:
            continue
        cells = rows[multiplet.label]
        assert number(cells[1]) == pytest.approx(multiplet.frequency, abs=5e-5)
        assert number(cells[2]) == pytest.approx(multiplet.frequency * units.INVERSE_CM_PER_THZ, abs=5e-3)


def test_computed_frequencies_are_within_twelve_percent_of_every_measured_one(modes):
    rows = {row[0]: row for row in tables("docs/bi2se3.md")}
    for multiplet in modes.multiplets:
        if multiplet.acoustic:
            continue
        _, _, _, films, literature, to_films, to_literature = rows[multiplet.label]
        middle = np.mean([float(value) for value in literature.split("–")]) / units.INVERSE_CM_PER_THZ
        for measured, difference in ((float(films) if films else None, to_films), (middle, to_literature)):
            assert (measured is None) == (not difference)
            if measured is not None:
                found = 100 * (multiplet.frequency / measured - 1)
                assert abs(found) < 12
                assert number(difference) == pytest.approx(found, abs=0.051)


def test_measured_frequencies_in_the_documents_are_those_that_a_run_takes():
    potential = lattice.load_potential("Bi2Se3")
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    rows = {row[0]: row for row in tables("docs/bi2se3.md")}
    for name in potential.multiplets:
        used = float(potential.frequency[potential.multiplet == name][0])
        plain = float(computed.frequency[computed.multiplet == name][0])
        assert used == pytest.approx(number(rows[name][3]) if rows[name][3] else plain, abs=1e-12)


def test_the_ionic_dielectric_tensor_in_the_documents(modes):
    stable = modes.frequency > 0.1
    charge, omega = modes.mode_charge[stable], units.TWO_PI * modes.frequency[stable]
    tensor = np.einsum("sa,sb,s->ab", charge.conj(), charge, omega**-2.0) * units.EPSILON_IONIC / modes.crystal.volume
    found = re.search(r"is ([\d.]+) in the plane and\s+([\d.]+) along the axis", text_of("docs/bi2se3.md"))
    in_plane, along = map(float, found.groups())
    assert tensor == pytest.approx(np.diag([in_plane, in_plane, along]), abs=5e-3)


@pytest.mark.parametrize(("column", "frequencies"), [(1, "measured"), (2, "computed")])
def test_the_main_job_in_the_documents(column, frequencies):
    potential = lattice.load_potential("Bi2Se3", frequencies=frequencies)
    report = run_report(lattice.simulate(potential, lattice.default_pulse(potential), 20.0), potential)
    rows = {row["multiplet"]: row for row in report["multiplets"]}
    written = {row[0]: row[column] for row in tables("docs/bi2se3.md") if len(row) == 3}
    for name in ("Eu(1)", "Eg(2)"):
        assert number(written[f"peak L of {name} (ħ per cell)"]) == pytest.approx(rows[name]["peak_L_hbar"], abs=5e-4)
        assert number(written[f"line of {name} (THz)"]) == pytest.approx(rows[name]["spectral_peak_THz"], abs=5e-4)
        assert number(written[f"helicity of {name}"]) == pytest.approx(rows[name]["helicity"], abs=5e-4)
    displacement = number(written["largest displacement of Se by Eu(1) (Å)"])
    assert displacement == pytest.approx(rows["Eu(1)"]["peak_displacement_A"]["Se"], abs=5e-5)


def test_the_readme_has_one_block_of_exactly_two_commands():
    pairs = [block for block in blocks("README.md", "sh") if len(block.splitlines()) == 2]
    assert len(pairs) == 1
    first, second = pairs[0].splitlines()
    assert "lattice run Bi2Se3" in first
    assert "pytest" in second


def test_the_run_file_of_the_documents_is_the_default_run(tmp_path):
    block = next(block for block in blocks("docs/files.md", "toml") if block.startswith("source"))
    path = tmp_path / "run.toml"
    path.write_text(block.replace('potential = "potential.nc"', ""), encoding="utf-8")
    settings = read_settings(path)
    assert settings.record == RunSettings(source="Bi2Se3").record
    assert settings.duration == RunSettings(source="Bi2Se3").duration
    assert settings.rtol == RunSettings(source="Bi2Se3").rtol
    pulse = lattice.default_pulse(lattice.load_potential("Bi2Se3"))
    assert settings.pulses[0] == {key: getattr(pulse, key) for key in settings.pulses[0]}
    assert all(re.search(rf"^(\[+)?{key}\b", block, re.M) for key in RUN_KEYS)


def test_the_documents_name_every_public_name_and_command():
    reference, changes = text_of("docs/reference.md"), text_of("CHANGELOG.md")
    for name in set(lattice.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\b", reference), name
        assert re.search(rf"\b{name}\b", changes), name
    for name in COMMANDS:
        assert f"## `lattice {name} " in reference
        assert f"`lattice {name}`" in changes


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target
