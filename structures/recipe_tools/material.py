"""A crystal without spin-orbit coupling from first principles: the steps that every recipe of one has in common.

relax (atoms in the measured cell), phonons (perturbation theory on a grid of q), fields (ε∞ and Born charges on a denser
mesh), forces (displaced cells that `lattice`
plans), checks (some of these cells with a higher cut-off and a denser mesh), assemble (the files of the bundled
crystal). A finished calculation is a record in ``results/`` and is never repeated. ``assemble`` needs `lattice` only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import bundle
import espresso
import numpy as np
import phonons
import pseudopotentials

from lattice.anharmonic.external import write_displacements

EQUILIBRIUM = "equilibrium"
FIELD_THRESHOLD = 1e-14


@dataclass(frozen=True)
class Material:
    """What a recipe decides.

    Lattice vectors (rows, *Å*) and fractional positions to start from; symbols in the order of the atoms; masses, *amu*;
    denser settings for ε∞ and Born charges; grid of q; highest order of the couplings and lengths of Q, *Å√amu*, of the displaced cells; settings by which the
    check runs differ; measured frequencies, *THz*, by multiplet with their citation.
    """

    name: str
    lattice: np.ndarray
    start: np.ndarray
    symbols: tuple[str, ...]
    masses: Mapping[str, float]
    settings: espresso.Settings
    field_settings: espresso.Settings
    grid: phonons.Grid
    order: int
    amplitudes: tuple[float, ...]
    checks: Mapping[str, espresso.Settings]
    linewidth: float
    measured: Mapping[str, float]
    citation: str
    force_limit: float = 5e-4
    mirror: str = ""


@dataclass(frozen=True)
class Session:
    """A material, its folder in ``structures``, and where to work."""

    material: Material
    folder: Path
    place: espresso.Workplace

    @property
    def cell(self) -> espresso.Cell:
        """The cell with scalar-relativistic pseudopotentials."""
        material = self.material
        names = pseudopotentials.upf_names(material.masses, spin_orbit=False)
        return espresso.Cell(material.lattice, material.symbols, dict(material.masses), names, spin_orbit=False)


def relax(session: Session) -> None:
    """Let the atoms move in the fixed cell until the forces vanish; the record ``equilibrium`` is the last structure."""
    material, place = session.material, session.place
    if espresso.load_record(place.results, EQUILIBRIUM) is not None:
        return
    folder = place.scratch / "relax"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = espresso.scf_input(
        session.cell, material.start @ material.lattice, material.settings, place.pseudo, relax=material.force_limit
    )
    output = espresso.execute("pw.x", text, "relax", folder)
    positions = espresso.read_relaxed(output, len(material.symbols))
    shutil.rmtree(folder / "tmp")
    _ground(session, positions)


def _ground(session: Session, positions: np.ndarray) -> espresso.Record:
    """Compute the undisplaced cell and keep its wave functions."""
    return espresso.compute(
        session.place, EQUILIBRIUM, session.cell, positions, session.material.settings, keep=True
    )


def phonon_grid(session: Session) -> None:
    """Compute the dynamical matrices of all irreducible q, ε∞ and the Born charges."""
    records = session.place.results
    equilibrium = bundle.Source(records).record(EQUILIBRIUM)
    saved = session.place.scratch / EQUILIBRIUM / "tmp" / "x.save" / espresso.DENSITY
    if not saved.is_file() and not bundle.has_phonons(records):
        (records / f"{EQUILIBRIUM}.json").unlink()
        _ground(session, np.array(equilibrium["positions_A"]))
    material = session.material
    phonons.compute(session.place, session.cell, EQUILIBRIUM, material.grid, material.settings)


def fields(session: Session) -> None:
    """Compute ε∞ and the Born charges on the denser mesh."""
    place = session.place
    positions = np.array(bundle.Source(place.results).record(EQUILIBRIUM)["positions_A"])
    settings = session.material.field_settings
    espresso.compute_fields(place, "fields", session.cell, positions, settings, FIELD_THRESHOLD, density=EQUILIBRIUM)


def forces(session: Session) -> None:
    """Plan displaced cells with `lattice` from the phonons, once, and compute the forces in them."""
    results = session.place.results
    if not (results / bundle.MANIFEST).is_file():
        crystal = bundle.write_crystal(session.material, bundle.Source(results), session.folder)
        planned = session.place.scratch / "displacements"
        shutil.rmtree(planned, ignore_errors=True)
        planned.parent.mkdir(parents=True, exist_ok=True)
        material = session.material
        write_displacements(crystal, planned, order=material.order, amplitudes=material.amplitudes)
        shutil.copy(planned / bundle.MANIFEST, results)
    for number, positions in enumerate(bundle.planned_positions(results)):
        _displaced(session, bundle.displaced_name(number), positions, session.material.settings)


def _displaced(session: Session, name: str, positions: np.ndarray, settings: espresso.Settings) -> None:
    same_mesh = settings.mesh == session.material.settings.mesh
    espresso.compute(
        session.place, name, session.cell, positions, settings, density=EQUILIBRIUM if same_mesh else None
    )


def checks(session: Session) -> None:
    """Compute the undisplaced cell and the farthest pair of the first ray with other settings."""
    positions = bundle.planned_positions(session.place.results)
    for label, settings in session.material.checks.items():
        for number in bundle.check_numbers(session.place.results):
            _displaced(session, f"{label}_{bundle.displaced_name(number)}", positions[number], settings)


STEPS: dict[str, Callable[[Session], None]] = {
    "relax": relax,
    "phonons": phonon_grid,
    "fields": fields,
    "forces": forces,
    "checks": checks,
    "assemble": lambda session: bundle.write_all(session.material, session.place.results, session.folder),
}


def main(material: Material, recipe: Path, arguments: list[str] | None = None) -> int:
    """Run the steps named on the command line, all of them by default; `recipe` is the folder of the recipe."""
    parser = argparse.ArgumentParser(description=f"{material.name} from first principles, one resumable command.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="one or more of: " + ", ".join(STEPS))
    parser.add_argument("--work", type=Path, default=Path("recipe-work"), help="scratch folder (default: ./recipe-work)")
    parser.add_argument(
        "--hgh", help=f"folder of the HGH tables (default: ${pseudopotentials.PSEUDO_DIR_VARIABLE} or Debian's)"
    )
    options = parser.parse_args(arguments)
    unknown = [step for step in options.steps if step not in STEPS]
    if unknown:
        parser.error(f"unknown step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    work = (options.work / material.name).resolve()
    session = Session(material, recipe.parent, espresso.Workplace(recipe / "results", work, work / "pseudo"))
    steps = options.steps or list(STEPS)
    begin = time.time()
    try:
        if steps != ["assemble"]:
            pseudopotentials.write_all(session.place.pseudo, material.masses, options.hgh, spin_orbit=False)
        for step in steps:
            print(f"step {step}, after {time.time() - begin:.0f} s", flush=True)
            STEPS[step](session)
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        print(f"recipe.py: {error}", file=sys.stderr)
        return 1
    return 0
