"""Bi2Se3 from first principles with spin-orbit coupling, one resumable command.

Steps: relax, harmonic, couplings, doubled, denser, fields, denser_fields, checks, boundary, assemble. A finished
calculation is a record in ``results/`` and is never repeated; an interrupted one starts again. Only ``assemble`` runs
without Quantum ESPRESSO.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "recipe_tools"))

import assemble
import boundary
import espresso
import harmonic
import numpy as np
import patterns
import plan
import pseudopotentials
import records

HERE = Path(__file__).resolve().parent
RELAXED = (
    0.400256421848711,
    0.21129276781666687,
)  # u (Bi), v (Se2): the end of a relaxation with the settings of plan.K4
FORCE_LIMIT = 0.005  # eV/Å, the residual force that ends the relaxation
HESSIAN_STEP = 0.02  # Å
MAX_NEWTON_STEPS = 6
# ph.x refuses the full D3d of this cell ("FFT grid incompatible with symmetry"); a tiny E_g displacement leaves C2h.
SYMMETRY_BREAKING = 5e-4  # Å
FIELD_THRESHOLD = 1e-12
DENSER_FIELD_THRESHOLD = 2e-9  # on the 4×4×4 mesh five of the nine iterations


@dataclass(frozen=True)
class Session:
    """Where to work and with which cell, and the internal parameters to start from."""

    place: espresso.Workplace
    cell: espresso.Cell
    start: tuple[float, float]

    def compute(self, name: str, positions: np.ndarray, settings: espresso.Settings, **options: Any) -> espresso.Record:
        """Return the record `name`, computing it where it is missing."""
        return espresso.compute(self.place, name, self.cell, positions, settings, **options)

    def run(self, run: plan.Run) -> espresso.Record:
        """Return the record of one planned run, displaced from the relaxed positions."""
        reference = plan.EQUILIBRIUM[run.settings]
        positions = records.reference_positions(self.place.results) + patterns.displacement(run.amplitudes)
        return self.compute(
            run.name,
            positions,
            run.settings,
            density=reference if reference != run.name else plan.EQUILIBRIUM[plan.K4],
            waves=run.waves,
            keep=run.keep,
        )


def relax(session: Session) -> None:
    """Find u and v where the forces vanish: Newton steps with a 2×2 Hessian from two displaced runs.

    Raises
    ------
    RuntimeError
        The forces are above the limit after six steps.
    """
    results = session.place.results
    if espresso.load_record(results, plan.EQUILIBRIUM[plan.K4]) is not None:
        return
    internal = np.array(session.start)
    hessian: np.ndarray | None = None
    for number in range(MAX_NEWTON_STEPS):
        name = f"relax_{number}"
        record = session.compute(name, patterns.positions(*internal), plan.K4, keep=True)
        force = _internal_forces(record)
        if abs(force).max() < FORCE_LIMIT:
            espresso.save_record(results, plan.EQUILIBRIUM[plan.K4], record)
            (results / f"{name}.json").unlink()
            (session.place.scratch / name).rename(session.place.scratch / plan.EQUILIBRIUM[plan.K4])
            return
        if hessian is None:
            columns = []
            for label, shift in (("u", (HESSIAN_STEP, 0.0)), ("v", (0.0, HESSIAN_STEP))):
                moved = patterns.positions(*(internal + np.array(shift) / patterns.C))
                displaced = session.compute(f"relax_hessian_{label}", moved, plan.K4, density=name, waves=name)
                columns.append((force - _internal_forces(displaced)) / HESSIAN_STEP)
            hessian = np.array(columns).T
        internal = internal + np.linalg.solve(hessian, force) / patterns.C
    raise RuntimeError(f"forces are still {abs(force).max():.4f} eV/Å after {MAX_NEWTON_STEPS} steps; start nearer")


def _internal_forces(record: espresso.Record) -> np.ndarray:
    """Return the forces (2,) along z on Bi and Se2, eV/Å."""
    return np.array(record["forces_eV_per_A"])[[0, 3], 2]


def fields(session: Session) -> None:
    """Compute ε∞ and the Born charges by the linear response to an electric field (record ``fields``)."""
    results = session.place.results
    if espresso.load_record(results, "fields") is not None:
        return
    positions = records.reference_positions(results).copy()
    positions[:2, 1] += SYMMETRY_BREAKING * np.array([1, -1])
    settings = replace(plan.K4, threshold_Ry=1e-11)
    espresso.compute_fields(
        session.place,
        "fields",
        session.cell,
        positions,
        settings,
        FIELD_THRESHOLD,
        density=plan.EQUILIBRIUM[plan.K4],
        waves="g1y+",
    )


def denser_fields(session: Session) -> None:
    """Relax, and compute ε∞ and the Born charges, on the 6×6×6 mesh (records ``k6_fields_scf``, ``k6_fields``).

    Raises
    ------
    RuntimeError
        One Newton step from the positions of the 4×4×4 mesh leaves forces above the limit.
    """
    results = session.place.results
    if espresso.load_record(results, "k6_fields") is not None:
        return
    dense = plan.EQUILIBRIUM[plan.K6]
    positions = harmonic.newton_positions(results, dense)
    positions[:2, 1] += SYMMETRY_BREAKING * np.array([1, -1])
    ground = session.compute("k6_fields_scf", positions, plan.K6, density=dense, keep=True)
    left = abs(_internal_forces(ground)).max()
    if left > FORCE_LIMIT:
        raise RuntimeError(f"forces on the 6x6x6 mesh are still {left:.4f} eV/Å after one Newton step")
    espresso.compute_fields(
        session.place, "k6_fields", session.cell, positions, plan.K6, DENSER_FIELD_THRESHOLD, density=dense
    )


def zone_boundary(session: Session) -> None:
    """Compute the displaced doubled cells of Z, F and L."""
    reference = records.reference_positions(session.place.results)
    for name, point in boundary.POINTS.items():
        doubled = boundary.cell(session.cell, point)
        for run in boundary.runs(name):
            espresso.compute(
                session.place,
                run.name,
                doubled,
                boundary.positions(reference, run),
                boundary.settings(point),
                density=run.density,
                waves=run.waves,
                keep=run.moved == boundary.PAIRS[0],
            )


def _runs(runs: Callable[..., list[plan.Run]], *, needs_modes: bool = False) -> Callable[[Session], None]:
    """Return a step that computes planned runs; with `needs_modes` the plan takes the harmonic eigenvectors."""

    def step(session: Session) -> None:
        for run in runs(harmonic.first_modes(session.place.results)) if needs_modes else runs():
            session.run(run)

    return step


STEPS: dict[str, Callable[[Session], None]] = {
    "relax": relax,
    "harmonic": _runs(plan.harmonic),
    "couplings": _runs(plan.couplings, needs_modes=True),
    "doubled": _runs(plan.doubled),
    "denser": _runs(plan.denser, needs_modes=True),
    "fields": fields,
    "denser_fields": denser_fields,
    "checks": _runs(plan.checks, needs_modes=True),
    "boundary": zone_boundary,
    "assemble": lambda session: assemble.write(session.place.results, HERE),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the steps named on the command line, all of them by default, in the order of STEPS."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help="one or more of: " + ", ".join(STEPS))
    parser.add_argument(
        "--work", type=Path, default=Path("recipe-work"), help="scratch folder (default: ./recipe-work)"
    )
    parser.add_argument(
        "--hgh", help=f"folder of the HGH tables (default: ${pseudopotentials.PSEUDO_DIR_VARIABLE} or Debian's)"
    )
    parser.add_argument(
        "--start", nargs=2, type=float, default=RELAXED, metavar=("U", "V"), help="internal parameters to relax from"
    )
    options = parser.parse_args(arguments)
    unknown = [step for step in options.steps if step not in STEPS]
    if unknown:
        parser.error(f"unknown step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    steps = options.steps or list(STEPS)
    try:
        _follow(steps, options)
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        print(f"recipe.py: {error}", file=sys.stderr)
        return 1
    return 0


def _follow(steps: list[str], options: argparse.Namespace) -> None:
    """Convert the pseudopotentials where a step needs them and run the steps in the order given."""
    pseudo = (options.work / "pseudo").resolve()
    if steps != ["assemble"]:
        pseudopotentials.write_all(pseudo, patterns.MASSES, options.hgh)
    cell = espresso.Cell(
        patterns.LATTICE, patterns.SYMBOLS, patterns.MASSES, pseudopotentials.upf_names(patterns.MASSES)
    )
    session = Session(espresso.Workplace(HERE / "results", options.work.resolve(), pseudo), cell, tuple(options.start))
    for step in steps:
        print(f"step {step}", flush=True)
        STEPS[step](session)


if __name__ == "__main__":
    sys.exit(main())
