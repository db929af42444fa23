"""Fits whose forces another program computes: displaced structures go out, outputs come back."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lattice.anharmonic.coordinates import Coordinates, gamma_coordinates
from lattice.anharmonic.fit_forces import potential_from_forces
from lattice.anharmonic.fit_plan import MAX_CONDITION, FitPlan, plan_fit
from lattice.anharmonic.forces import atoms_of
from lattice.anharmonic.harmonic import coordinates_without_forces
from lattice.anharmonic.potential import Potential
from lattice.anharmonic.rays import Rays
from lattice.errors import FitError, FormatError, InputError
from lattice.modes.solve import solve_modes
from lattice.structure import argument
from lattice.structure.complete_file import complete_file
from lattice.structure.crystal import Crystal, FloatArray
from lattice.structure.force_outputs import ForceOutput, read_force_output
from lattice.structure.phonopy_object import write_displacement_yaml
from lattice.structure.safe_yaml import MAX_BYTES

MANIFEST = "manifest.json"
SCHEMA = 1
SAME_PLACE = 1e-3  #: Å; outputs are printed with few digits
#: ASE's formats, the name of the file, and what ASE's writer needs to be told.
STRUCTURE_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "vasp": ("POSCAR", {"direct": True}),
    "aims": ("geometry.in", {"scaled": True}),
    "extxyz": ("structure.extxyz", {}),
    "xsf": ("structure.xsf", {}),
}


@argument.takes(
    crystal=argument.crystal,
    directory=argument.path,
    multiplets=argument.optional(argument.words),
    amplitudes=argument.optional(argument.array),
    max_condition=argument.number,
    format=argument.text,
)
def write_displacements(
    crystal: Crystal,
    directory: str | os.PathLike[str],
    *,
    multiplets: Sequence[str] | None = None,
    order: int = 4,
    amplitudes: Sequence[float] | None = None,
    axis: Sequence[float] | None = None,
    max_condition: float = MAX_CONDITION,
    format: str = "vasp",
) -> FitPlan:
    """Write the displaced structures of a fit: one folder each, a manifest, and phonopy's ``phonopy_disp.yaml``.

    Parameters
    ----------
    crystal : Crystal
    directory : path
        Made if it does not exist; must be empty. ``disp-0000`` is not displaced. The manifest is written last.
    multiplets, order, amplitudes, axis, max_condition
        As in `fit_potential`.
    format : str
        ``vasp``, ``aims``, ``extxyz`` or ``xsf``.

    Returns
    -------
    FitPlan

    Raises
    ------
    InputError
        If the folder or the format cannot be used.
    """
    if format not in STRUCTURE_FORMATS:
        raise InputError("Structures are not written in this format", found=format, fix=", ".join(STRUCTURE_FORMATS))
    folder = Path(directory)
    if not folder.parent.is_dir() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise InputError(
            "The folder for displaced structures cannot be used",
            found=f"{directory}: {'not empty' if folder.is_dir() else 'no such place'}",
            fix="name a new or empty folder in an existing one",
        )
    plan = plan_fit(
        crystal, multiplets=multiplets, order=order, amplitudes=amplitudes, axis=axis, max_condition=max_condition
    )
    folder.mkdir(exist_ok=True)
    file, options = STRUCTURE_FORMATS[format]
    for i, displacement in enumerate(plan.displacements):
        place = folder / _name(i)
        place.mkdir()
        atoms: Any = atoms_of(crystal, displacement)
        with complete_file(place / file) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of ASE, that a writer will move to another package
            atoms.write(temporary, format=format, **options)
    write_displacement_yaml(crystal, plan.displacements, folder / "phonopy_disp.yaml")
    with complete_file(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(_manifest(plan, file), indent=1), encoding="utf-8")
    return plan


@argument.takes(
    crystal=argument.crystal,
    directory=argument.path,
    program=argument.optional(argument.text),
    linewidth=argument.number,
)
def read_forces(
    crystal: Crystal, directory: str | os.PathLike[str], *, program: str | None = None, linewidth: float = 0.0
) -> Potential:
    """Fit the potential to the outputs that lie beside the structures of `write_displacements`.

    Parameters
    ----------
    crystal : Crystal
        That from which the structures were written.
    directory : path
    program : str, optional
        Read the outputs with phonopy's reader of this program; default: recognised by content with ASE (VASP, Quantum
        ESPRESSO, FHI-aims, ABINIT, GPAW, CASTEP, extended XYZ), by name with phonopy (CP2K, SIESTA, DFTB+, …).
    linewidth : float
        *THz*, of every mode.

    Returns
    -------
    Potential
        As of `fit_potential`.

    Raises
    ------
    InputError
        If there is no manifest, or it belongs to another crystal.
    FormatError
        If the manifest is damaged.
    FitError
        If outputs are missing, failed, or belong to other structures; all are named.
    """
    folder = Path(directory)
    manifest = _read_manifest(folder / MANIFEST)
    plan = _plan_from(manifest, crystal, folder / MANIFEST)
    expected = plan.displacements + crystal.positions @ crystal.cell
    forces, wrong, files = [], [], []
    for i, positions in enumerate(expected):
        place = folder / _name(i)
        try:
            if not place.is_dir():
                raise InputError("The folder is missing", found="nothing", fix="run the structure again")
            output = read_force_output(place, crystal.n_atoms, skip=str(manifest["file"]), program=program)
            forces.append(_in_order(output, positions, crystal))
            files.append(output.file)
        except InputError as error:
            wrong.append(f"{place.name}: {error.what} ({error.found})")
    if wrong:
        raise FitError(
            f"{len(wrong)} of {len(expected)} outputs are missing or failed",
            found="; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else ""),
            fix="finish these calculations, then read the forces again",
        )
    source = {
        "couplings": "fitted to forces",
        "calculator": ", ".join(sorted(set(files))),
        "structure": "; ".join(crystal.found),
    }
    return potential_from_forces(plan, np.array(forces), linewidth=linewidth, source=source)


def _name(number: int) -> str:
    return f"disp-{number:04d}"


def _in_order(output: ForceOutput, positions: FloatArray, crystal: Crystal) -> FloatArray:
    """Return forces in the order of the crystal's atoms; an output tells positions, or keeps the order."""
    if output.positions is None:
        return output.forces
    inverse = np.linalg.inv(crystal.cell)
    difference = (output.positions[None, :] - positions[:, None]) @ inverse
    distance = np.linalg.norm((difference - np.rint(difference)) @ crystal.cell, axis=2)
    order = distance.argmin(axis=1)
    farthest = float(distance.min(axis=1).max())
    if farthest > SAME_PLACE or len(set(order.tolist())) != len(order):
        raise InputError(
            f"{output.file} belongs to another structure",
            found=f"an atom is {farthest:.2g} Å from its place",
            fix="run the structure of this folder without relaxation",
        )
    if output.numbers is not None and (output.numbers[order] != crystal.numbers).any():
        raise InputError(
            f"{output.file} belongs to another structure",
            found="an atom of another species at its place",
            fix="run the structure of this folder with its own species",
        )
    return np.asarray(output.forces[order])


def _manifest(plan: FitPlan, file: str) -> dict[str, Any]:
    """Return all that is needed to read the forces again, as plain values."""
    coordinates, rays = plan.coordinates, plan.rays
    crystal = coordinates.crystal
    axis = coordinates.modes.axis
    return {
        "schema": SCHEMA,
        "file": file,
        "n_fit": rays.n_fit,
        "n_check": rays.n_check,
        "crystal": {
            "cell": crystal.cell.tolist(),
            "positions": crystal.positions.tolist(),
            "numbers": crystal.numbers.tolist(),
            "masses": crystal.masses.tolist(),
        },
        "plan": {
            "order": plan.order,
            "has_frequencies": plan.has_frequencies,
            "chosen": None if plan.chosen is None else list(plan.chosen),
            "axis": None if axis is None else axis.tolist(),
            "multiplets": [name for name, _ in coordinates.blocks],
            "eigenvectors": coordinates.eigenvectors.tolist(),
            "condition": {str(p): c for p, c in plan.condition.items()},
            "directions": rays.directions.tolist(),
            "amplitudes": rays.amplitudes.tolist(),
            "images": rays.images.tolist(),
            "image_matrices": rays.image_matrices.tolist(),
        },
    }


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            "There are no displaced structures here", found=f"no {path.name}", fix="write them: --write-displacements"
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"schema {data.get('schema') if isinstance(data, dict) else None!r}")
    except (ValueError, OSError, RecursionError) as error:
        raise FormatError(f"{path.name} cannot be read", found=error, fix="write the displacements again") from None
    return data


def _plan_from(manifest: dict[str, Any], crystal: Crystal, path: Path) -> FitPlan:
    """Rebuild the plan of a manifest in the coordinates that the crystal has now."""
    try:
        written, plan = manifest["crystal"], manifest["plan"]
        same = _same_crystal(written, crystal)
        arrays = {
            k: np.array(plan[k], dtype=np.float64) for k in ("directions", "amplitudes", "images", "image_matrices")
        }
        rays = Rays(**arrays)
        old = np.array(plan["eigenvectors"], dtype=np.float64)
        order, known = int(plan["order"]), bool(plan["has_frequencies"])
        condition = {int(p): float(c) for p, c in plan["condition"].items()}
        multiplets, chosen, axis = plan["multiplets"], plan["chosen"], plan["axis"]
        shape = rays.directions.shape[1], crystal.n_atoms, 3
        if same and (old.shape != shape or rays.image_matrices.shape != (len(rays.images), shape[0], shape[0])):
            raise ValueError(f"eigenvectors of shape {old.shape}")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(f"{path.name} is damaged", found=repr(error), fix="write the displacements again") from None
    if not same:
        raise InputError(
            "The displaced structures belong to another crystal",
            found="cell, atoms or masses differ",
            fix="name the SOURCE with which they were written",
        )
    now = _coordinates(crystal, known, multiplets, axis)
    turn = np.einsum("ska,tka->st", now.eigenvectors, old)
    if turn.shape[0] != turn.shape[1] or np.abs(turn @ turn.T - np.eye(len(turn))).max() > 1e-6:
        raise InputError(
            "The displaced structures belong to other modes",
            found="coordinates that span another space",
            fix="give the same force constants as when the structures were written",
        )
    return FitPlan(now, order, rays.turned(turn), condition, known, None if chosen is None else tuple(chosen))


def _coordinates(crystal: Crystal, known: bool, multiplets: list[str], axis: list[float] | None) -> Coordinates:
    """Return the coordinates of a plan."""
    if known:
        return gamma_coordinates(solve_modes(crystal, axis=axis), multiplets)
    return coordinates_without_forces(crystal, axis)


def _same_crystal(written: dict[str, Any], crystal: Crystal) -> bool:
    """Whether cell, positions, species and masses are those that were written."""
    for name in ("cell", "positions", "numbers", "masses"):
        array, own = np.array(written[name], dtype=np.float64), np.asarray(getattr(crystal, name))
        if array.shape != own.shape or np.abs(array - own).max() > 1e-6:
            return False
    return True
