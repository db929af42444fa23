"""Runs and modes for other programs: trajectories, phononwebsite, tables."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice import units
from lattice.dynamics.stored_potential import potential_of_run
from lattice.errors import InputError
from lattice.modes.modes import Modes
from lattice.observe.mode_table import mode_table
from lattice.observe.motion import displacements
from lattice.show.animation import FILMS, write_animation
from lattice.show.modes_yaml import modes_yaml
from lattice.structure.complete_file import complete_file
from lattice.structure.species import numbers_of_species, species_of_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray import Dataset

    from lattice.structure.crystal import FloatArray

_NOUN = {"run": "A run", "probe": "A probe", "modes": "Modes"}
DRAWN_ATOMS = 60  #: about how many atoms phononwebsite is asked to draw at first


def write_export(source: Dataset | Modes, path: str | os.PathLike[str]) -> None:
    """Write a run or modes in a form that other programs read; the ending says which.

    - ``.extxyz``: the run as an extended XYZ trajectory, one frame for each recorded time: species, positions and
      displacements in Å, velocities in Å/ps where P was recorded, and the time in ps;
    - ``.csv``: of a run time, E, Q and L (x, y, z of each multiplet), of modes their table; units are in the header;
    - ``.csv`` of the result of a probe: time, rotation and ellipticity at the probe angles 0° and 45°, and (g_x, g_y);
    - ``.gif``, ``.mp4``: the run as a film (`lattice.show.animation`);
    - ``.yaml``: modes in the form of phonopy's ``qpoints.yaml``, with J, m and irreps (`lattice.show.modes_yaml`);
    - ``.json``: modes for phononwebsite (henriquemiranda.github.io/phononwebsite), frequencies in cm⁻¹ (negative if
      imaginary), degenerate ones as circular partners. The website lets time run as exp(+iωt), here it is exp(−iωt);
      the file holds the complex conjugate of ε exp(2πi q·x)/√m at −q, which there moves as the mode does here.

    Parameters
    ----------
    source : xarray.Dataset or Modes
        One trajectory, or the result of `solve_modes`.
    path : path
        Written under a temporary name and renamed.

    Raises
    ------
    InputError
        The ending is unknown or does not suit the source, what it needs was not recorded, or the folder does not exist.
    LatticeError
        The file cannot be written.
    """
    kind = _kind(source)
    suffix = Path(path).suffix.lower()
    if kind == "run" and suffix in FILMS:
        write_animation(source, path)  # type: ignore[arg-type]
        return
    writers: dict[tuple[str, str], Any] = {
        ("run", ".extxyz"): _trajectory,
        ("run", ".csv"): _run_table,
        ("probe", ".csv"): _probe_table,
        ("modes", ".csv"): _modes_table,
        ("modes", ".yaml"): modes_yaml,
        ("modes", ".json"): _phononwebsite,
    }
    writer = writers.get((kind, suffix))
    if writer is None:
        known = [ending for owner, ending in writers if owner == kind] + (list(FILMS) if kind == "run" else [])
        raise InputError(
            f"{_NOUN[kind]} cannot be exported in this form",
            found=Path(path).name,
            fix=f"end the name in {' or '.join(known)}",
        )
    lines: Iterable[str] = writer(source)
    with complete_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)


def _kind(source: Dataset | Modes) -> str:
    """Return ``modes``, ``probe`` or ``run``; refuse what is none of them."""
    if isinstance(source, Modes):
        return "modes"
    if getattr(source, "attrs", {}).get("kind") == "lattice probe":
        return "probe"
    _check_run(source)
    return "run"


def _check_run(run: Dataset) -> None:
    """Refuse what is not one trajectory of a run."""
    if getattr(run, "attrs", {}).get("kind") != "lattice run" or "trajectory" in run.dims:
        raise InputError(
            "Only one trajectory, a probe or modes can be exported",
            found=f"{type(run).__name__} with dimensions {dict(getattr(run, 'sizes', {}))}",
            fix="give a run of `lattice.simulate`, run.isel(trajectory=0) of an ensemble, or modes",
        )


def _trajectory(run: Dataset) -> Iterable[str]:
    """Frames of extended XYZ."""
    moved, crystal = displacements(run), potential_of_run(run).crystal
    if moved is None or crystal is None:
        raise InputError(
            "The run holds no positions of atoms",
            found="no Q, no eigenvectors or no crystal",
            fix="record Q, and use a potential with its crystal",
        )
    numbers_of_species(crystal.species)  # a name that is no element could break the format
    velocity = displacements(run.assign(Q=run["P"])) if "P" in run else None
    rest = crystal.positions @ crystal.cell
    columns = "species:S:1:pos:R:3:displacement:R:3" + ("" if velocity is None else ":velocity:R:3")
    cell = " ".join(f"{x:.10g}" for x in crystal.cell.ravel())
    return (
        _frame(crystal.species, f'Lattice="{cell}" Properties={columns} Time={time:.10g} pbc="T T T"', rows)
        for time, rows in zip(run["time"].values, _rows(rest, moved, velocity), strict=True)
    )


def _rows(rest: FloatArray, moved: FloatArray, velocity: FloatArray | None) -> Iterable[FloatArray]:
    """Numbers of every frame."""
    for i, u in enumerate(moved):
        yield np.hstack([rest + u, u] if velocity is None else [rest + u, u, velocity[i]])


def _frame(species: tuple[str, ...], comment: str, rows: FloatArray) -> str:
    """One frame."""
    lines = [
        f"{name:2s} " + " ".join(f"{x:.10g}" for x in row) for name, row in zip(species, rows.tolist(), strict=True)
    ]
    return "\n".join([str(len(species)), comment, *lines, ""])


def _run_table(run: Dataset) -> Iterable[str]:
    """Columns over time."""
    columns = [("time (ps)", run["time"].values)]
    axes = run["axis"].values.tolist()
    if "E" in run:
        columns += [(f"E_{a} (MV/cm)", run["E"].values[:, i]) for i, a in enumerate(axes)]
    if "Q" in run:
        columns += [(f"Q {name} (Å√amu)", run["Q"].values[:, s]) for s, name in enumerate(run["mode"].values.tolist())]
    if "L" in run:
        names = run["multiplet"].values.tolist()
        columns += [
            (f"L_{a} {name} (ħ per cell)", run["L"].values[:, s, i])
            for s, name in enumerate(names)
            for i, a in enumerate(axes)
        ]
    return _csv([name for name, _ in columns], np.column_stack([values for _, values in columns]).tolist())


def _probe_table(seen: Dataset) -> Iterable[str]:
    """Columns over time of what a probe sees."""
    columns = [("time (ps)", seen["time"].values)]
    for name in ("rotation", "ellipticity"):
        total = seen[f"source_{name}"].sum("source").values
        columns += [(f"{name} at {angle:g}° (rad)", total[:, i]) for i, angle in enumerate(seen["channel"].values)]
    if "g" in seen:
        columns += [(f"g_{a} {seen.attrs['multiplet']} (Å√amu)", seen["g"].values[:, i]) for i, a in enumerate("xy")]
    return _csv([name for name, _ in columns], np.column_stack([values for _, values in columns]).tolist())


def _modes_table(modes: Modes) -> Iterable[str]:
    """One row for each mode."""
    header = ["index", "multiplet", "irrep", "frequency (THz)", "m", "rotation order", "J_x (ħ)", "J_y (ħ)", "J_z (ħ)"]
    header += ["IR active", "Raman active"]
    keys = ["index", "multiplet", "irrep", "frequency_THz", "m", "rotation_order"]
    activity = ["ir_active", "raman_active"]
    rows = [
        [*(row[key] for key in keys), *row["J"], *(row[key] for key in activity)] for row in mode_table(modes)["modes"]
    ]
    return _csv(header, rows)


def _csv(header: list[str], rows: Iterable[list[Any]]) -> Iterable[str]:
    """Lines of a table."""
    for cells in (header, *rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        yield line.getvalue()


def _phononwebsite(modes: Modes) -> Iterable[str]:
    """The one JSON object that the website reads; see `write_export` for the sign of time."""
    crystal = modes.crystal
    species = list(species_of_numbers(crystal.numbers))
    phases = np.exp(2j * np.pi * crystal.positions @ modes.qpoint)
    patterns = (modes.eigenvectors / np.sqrt(crystal.masses)[None, :, None] * phases[None, :, None]).conj()
    heights = 1.0 / np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
    cells = max(1.0, DRAWN_ATOMS / crystal.n_atoms)
    edge = (cells * float(np.prod(heights))) ** (1 / 3)
    name = "Γ" if modes.at_gamma else ""
    data = {
        "name": crystal.name or "".join(dict.fromkeys(species)),
        "natoms": crystal.n_atoms,
        "lattice": crystal.cell.tolist(),
        "atom_types": species,
        "atom_numbers": crystal.numbers.tolist(),
        "chemical_symbols": list(dict.fromkeys(species)),
        "atomic_numbers": list(dict.fromkeys(crystal.numbers.tolist())),
        "formula": "".join(species),
        "repetitions": [max(1, round(edge / height)) for height in heights.tolist()],
        "atom_pos_car": (crystal.positions @ crystal.cell).tolist(),
        "atom_pos_red": crystal.positions.tolist(),
        "highsym_qpts": [[0, name]],
        "line_breaks": [[0, 1]],
        "qpoints": [(-modes.qpoint + 0.0).tolist()],
        "distances": [0.0],
        "eigenvalues": [(modes.frequency * units.INVERSE_CM_PER_THZ).tolist()],
        "vectors": [np.stack([patterns.real, patterns.imag], axis=-1).tolist()],
    }
    yield json.dumps(data, allow_nan=False, ensure_ascii=False)
