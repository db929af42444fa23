"""Quantum ESPRESSO: input files, output files, and self-consistent runs whose records are kept.

A record is one small JSON file: settings, positions (Å, Cartesian), energy (eV), forces (eV/Å), wall time (s).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

RYDBERG = 13.605693122994  # eV, CODATA 2018
BOHR = 0.529177210903  # Å, CODATA 2018
DENSITY = "charge-density.dat"
Record = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What a self-consistent run depends on besides the positions.

    Cut-off in Ry, mesh (6,) as in ``K_POINTS automatic`` (divisions, then shifts of half a step), threshold in Ry.
    """

    cutoff_Ry: float = 36.0  # noqa: N815  (a unit)
    mesh: tuple[int, ...] = (4, 4, 4, 0, 0, 1)
    threshold_Ry: float = 1e-10  # noqa: N815


@dataclass(frozen=True)
class Cell:
    """Lattice vectors as rows (3, 3) in Å, and the symbol, mass (amu) and pseudopotential file of the atoms.

    With `spin_orbit` the pseudopotentials are fully relativistic and runs are noncollinear.
    """

    lattice: np.ndarray
    symbols: tuple[str, ...]
    masses: dict[str, float]
    pseudopotentials: dict[str, str]
    spin_orbit: bool = True


@dataclass(frozen=True)
class Workplace:
    """Where records are kept, where files of running calculations go, and the folder of pseudopotentials."""

    results: Path
    scratch: Path
    pseudo: Path


def scf_input(
    cell: Cell,
    positions: np.ndarray,
    settings: Settings,
    pseudo: Path,
    *,
    start_density: bool = False,
    start_waves: bool = False,
    relax: float | None = None,
) -> str:
    """Return the input of one self-consistent run with forces.

    Parameters
    ----------
    positions : (n_atoms, 3), *Å*, Cartesian
    start_density, start_waves : bool
        Start from the charge density or the wave functions that lie in the scratch folder.
    relax : float, optional
        Move the atoms in the fixed cell until no force is above this, *eV/Å*.
    """
    spin = " noncolin=.true., lspinorb=.true.," if cell.spin_orbit else ""
    task = "scf" if relax is None else "relax"
    limit = "" if relax is None else f", forc_conv_thr={relax / RYDBERG * BOHR:.2e}, etot_conv_thr=1e-8"
    lines = [
        "&control",
        f" calculation='{task}', prefix='x', outdir='./tmp', pseudo_dir='{pseudo}', tprnfor=.true., disk_io='low'{limit}",
        "/",
        "&system",
        f" ibrav=0, nat={len(positions)}, ntyp={len(cell.masses)}, ecutwfc={settings.cutoff_Ry},",
        f"{spin} occupations='fixed'",
        "/",
        "&electrons",
        f" conv_thr={settings.threshold_Ry}, mixing_beta=0.7, diago_full_acc=.true.,",
        f" startingwfc='{'file' if start_waves else 'random'}', startingpot='{'file' if start_density else 'atomic'}'",
        "/",
        *([] if relax is None else ["&ions", "/"]),
        "ATOMIC_SPECIES",
        *(f"{symbol} {mass} {cell.pseudopotentials[symbol]}" for symbol, mass in cell.masses.items()),
        "CELL_PARAMETERS angstrom",
        *(" {:.12f} {:.12f} {:.12f}".format(*row) for row in cell.lattice),
        "ATOMIC_POSITIONS angstrom",
        *(f" {s} " + "{:.12f} {:.12f} {:.12f}".format(*x) for s, x in zip(cell.symbols, positions, strict=True)),
        "K_POINTS automatic",
        " ".join(str(value) for value in settings.mesh),
    ]
    return "\n".join(lines) + "\n"


def field_input(threshold: float) -> str:
    """Return the ``ph.x`` input for the response to an electric field: ε∞ and Born charges.

    More than five mixing steps make the response of this system diverge.
    """
    return (
        "Electric field response\n&inputph\n prefix='x', outdir='./tmp', epsil=.true., zeu=.true., trans=.false.,\n"
        f" tr2_ph={threshold:.1e}, alpha_mix(1)=0.7, nmix_ph=5, fildyn='dyn'\n/\n0.0 0.0 0.0\n"
    )


def read_scf(text: str, n_atoms: int) -> tuple[float, np.ndarray]:
    """Return total energy (eV) and forces (n_atoms, 3) (eV/Å) of a finished run; forces sum to zero.

    Raises
    ------
    ValueError
        The run did not converge or printed no energy or forces.
    """
    energies = re.findall(r"^!\s+total energy\s+=\s+(\S+) Ry", text, re.MULTILINE)
    rows = re.findall(r"atom\s+\d+ type\s+\d+\s+force =\s+(\S+)\s+(\S+)\s+(\S+)", text)
    if "convergence has been achieved" not in text or not energies or len(rows) < n_atoms:
        raise ValueError("the output holds no converged energy and forces; read the end of it for the reason")
    # With verbosity low the total force of every atom comes last.
    forces = np.array(rows[-n_atoms:], dtype=float) * RYDBERG / BOHR
    return float(energies[-1]) * RYDBERG, forces


def read_relaxed(text: str, n_atoms: int) -> np.ndarray:
    """Return the Cartesian positions (n_atoms, 3), *Å*, at the end of a relaxation.

    Raises
    ------
    ValueError
        The relaxation did not end.
    """
    _, found, end = text.rpartition("Begin final coordinates")
    rows = re.findall(r"^\w+\s+(-?\d+\.\d+)\s+(-?\d+\.\d+)\s+(-?\d+\.\d+)", end, re.MULTILINE)
    if not found or len(rows) < n_atoms or "ATOMIC_POSITIONS (angstrom)" not in end:
        raise ValueError("the relaxation did not end; read the end of its output for the reason")
    return np.array(rows[:n_atoms], dtype=float)


def read_field(text: str, n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ε∞ (3, 3) and raw Born charges (n_atoms, 3, 3), e, from a ``ph.x`` output.

    Charges are Z*_{αβ}: α the field, β the displacement, from the block "d Force / dE".

    Raises
    ------
    ValueError
        The output holds no dielectric constant or no effective charges.
    """
    _, _, response = text.partition("Dielectric constant in cartesian axis")
    _, _, charges = response.partition("Effective charges (d Force / dE)")
    number = r"(-?\d+\.\d+)"
    epsilon = re.findall(rf"\(\s+{number}\s+{number}\s+{number}\s+\)", response)[:3]
    # The first block is the raw one; ph.x repeats it with the acoustic sum rule imposed.
    rows = re.findall(rf"E[xyz]\s+\(\s+{number}\s+{number}\s+{number}\s+\)", charges)[: 3 * n_atoms]
    if len(epsilon) < 3 or len(rows) < 3 * n_atoms:
        raise ValueError("the output holds no field response; read the end of it for the reason")
    return np.array(epsilon, dtype=float), np.array(rows, dtype=float).reshape(n_atoms, 3, 3)


def execute(program: str, input_text: str, stem: str, folder: Path) -> str:
    """Run `program` on one core in `folder` and return its output.

    Raises
    ------
    RuntimeError
        The program ended with an error; the message names its output file.
    """
    (folder / f"{stem}.in").write_text(input_text)
    output = folder / f"{stem}.out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with output.open("w") as stream:
        done = subprocess.run(
            [program, "-in", f"{stem}.in"],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{program} stopped with status {done.returncode}; read {output}")
    return output.read_text()


def load_record(results: Path, name: str) -> Record | None:
    """Return the record `name`, or None where it has not been computed."""
    path = results / f"{name}.json"
    if not path.is_file():
        return None
    record: Record = json.loads(path.read_text())
    return record


def save_record(results: Path, name: str, record: Record) -> None:
    """Write the record `name` in one step, so that an interrupted run leaves no half of it."""
    results.mkdir(parents=True, exist_ok=True)
    partial = results / f".{name}.partial"
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(results / f"{name}.json")


def _save_folder(place: Workplace, name: str) -> Path:
    return place.scratch / name / "tmp" / "x.save"


def compute(
    place: Workplace,
    name: str,
    cell: Cell,
    positions: np.ndarray,
    settings: Settings,
    *,
    density: str | None = None,
    waves: str | None = None,
    keep: bool = False,
) -> Record:
    """Return the record `name`, computing it where it is missing.

    Parameters
    ----------
    density, waves : str, optional
        Runs whose charge density and wave functions start this one; they only shorten it and are ignored where they
        are gone. The wave functions must belong to the same k points, i.e. the same symmetry and mesh.
    keep : bool
        Keep the charge density and wave functions in the scratch folder.

    Raises
    ------
    ValueError
        A record of this name exists but has other settings or positions.
    """
    record = load_record(place.results, name)
    if record is not None:
        same = record["settings"] == json.loads(json.dumps(asdict(settings)))
        if not same or abs(np.array(record["positions_A"]) - positions).max() > 1e-7:
            raise ValueError(
                f"record {name} was computed with other settings or positions; remove it or rename the run"
            )
        return record
    folder = place.scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    saved = _save_folder(place, name)
    saved.parent.mkdir(parents=True)
    has_waves = waves is not None and _save_folder(place, waves).is_dir()
    if waves is not None and has_waves:
        shutil.copytree(_save_folder(place, waves), saved)
    saved.mkdir(exist_ok=True)
    has_density = density is not None and (_save_folder(place, density) / DENSITY).is_file()
    if density is not None and has_density:
        shutil.copy(_save_folder(place, density) / DENSITY, saved)
    text = scf_input(cell, positions, settings, place.pseudo, start_density=has_density, start_waves=has_waves)
    begin = time.time()
    energy, forces = read_scf(execute("pw.x", text, "scf", folder), len(positions))
    record = {
        "settings": asdict(settings),
        "positions_A": np.round(positions, 10).tolist(),
        "energy_eV": round(energy, 9),
        "forces_eV_per_A": np.round(forces, 9).tolist(),
        "walltime_s": round(time.time() - begin, 1),
    }
    save_record(place.results, name, record)
    if not keep:
        shutil.rmtree(folder / "tmp")
    print(f"{name}: {energy:.8f} eV, largest force {abs(forces).max():.5f} eV/Å, {record['walltime_s']} s", flush=True)
    return record


def compute_fields(
    place: Workplace,
    name: str,
    cell: Cell,
    positions: np.ndarray,
    settings: Settings,
    threshold: float,
    *,
    density: str | None = None,
    waves: str | None = None,
) -> Record:
    """Return the record `name` of ε∞ and raw Born charges, computing it, and `name`_scf before it, where it is missing.

    Raises
    ------
    RuntimeError
        `name`_scf has a record but its wave functions are gone.
    """
    known = load_record(place.results, name)
    if known is not None:
        return known
    ground = f"{name}_scf"
    scf = compute(place, ground, cell, positions, settings, density=density, waves=waves, keep=True)
    folder = place.scratch / ground
    if not _save_folder(place, ground).is_dir():
        raise RuntimeError(f"the wave functions of {ground} are gone; remove its record to compute them again")
    begin = time.time()
    output = execute("ph.x", field_input(threshold), "field", folder)
    epsilon, charges = read_field(output, len(cell.symbols))
    record = {
        "settings": {**asdict(settings), "response_threshold": threshold},
        "positions_A": scf["positions_A"],
        "epsilon": epsilon.tolist(),
        "born_charges_e": charges.tolist(),
        "walltime_s": round(time.time() - begin, 1),
    }
    save_record(place.results, name, record)
    shutil.rmtree(folder / "tmp")
    print(f"{name}: {record['walltime_s']} s", flush=True)
    return record
