"""Load and save potentials: TOML, to be read and edited by hand, and netCDF."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic import toml_text
from lattice.anharmonic.invariance import check_invariance
from lattice.anharmonic.overrides import override_multiplets
from lattice.anharmonic.pairs import derived_pairs
from lattice.anharmonic.potential import CellRecord, Potential
from lattice.anharmonic.potential_dataset import MAX_BYTES, fields_of_netcdf, potential_dataset
from lattice.anharmonic.raman import check_raman
from lattice.errors import FormatError, InputError
from lattice.modes.netcdf import write_netcdf
from lattice.structure import argument
from lattice.structure.bundled import bundled_file, bundled_names
from lattice.structure.complete_file import complete_file

if TYPE_CHECKING:
    from lattice.modes.modes import Modes

_FREQUENCIES = ("measured", "computed")
_REPLACED = "measured where known"  # value of source["frequencies"]
_CRYSTAL_KEYS = {"cell", "positions", "species", "masses"}


@argument.takes(frequencies=argument.text)
def load_potential(path_or_name: str | os.PathLike[str], *, frequencies: str = "measured") -> Potential:
    """Load a potential from a file or by its bundled name, and check it against the symmetry of its crystal.

    Parameters
    ----------
    path_or_name : str or path
        ``Bi2Se3``, or a ``.toml`` or ``.nc`` file.
    frequencies : {"measured", "computed"}
        Whether the measured frequencies and linewidths that the file holds replace the computed ones. A file without
        measured values is not changed.

    Returns
    -------
    Potential

    Raises
    ------
    InputError
        If there is no such file or name, or the choice of frequencies is unknown.
    FormatError
        If the file does not have the schema.
    SymmetryError
        If a term breaks the symmetry of the crystal in the file.

    Notes
    -----
    A saved potential keeps the frequencies that it has, not those that measured ones replaced: asking such a file for
    computed frequencies is an error.
    """
    if frequencies not in _FREQUENCIES:
        raise InputError("Unknown choice of frequencies", found=frequencies, fix="use 'measured' or 'computed'")
    path, name = _find(path_or_name)
    fields = fields_of_netcdf(path) if path.suffix == ".nc" else toml_text.parse(_read(path), str(path.name))
    potential, measured = _build(fields, str(path.name))
    checked = check_invariance(potential)
    check_raman(potential)
    modes = None if name is None else _bundled_modes(name, potential)
    source = dict(potential.source) | {
        "file": path.name if name is None else f"{name}/{path.name}",
        "symmetry": "checked" if checked else "not checked: the file holds no crystal or no eigenvectors",
        "frequencies": _kind_of_frequencies(potential, measured, frequencies),
    }
    potential = replace(potential, source=source, modes=modes)
    linewidths = {name: {"linewidth": entry["linewidth"]} for name, entry in measured.items() if "linewidth" in entry}
    chosen = measured if frequencies == "measured" else linewidths
    return override_multiplets(potential, {k: _numbers_only(v) for k, v in chosen.items()}) if chosen else potential


def _kind_of_frequencies(potential: Potential, measured: Mapping[str, Any], wanted: str) -> str:
    """Say which frequencies the potential has after loading."""
    if measured:
        return "computed" if wanted == "computed" else _REPLACED
    kept = str(potential.source.get("frequencies", "as in the file"))
    if wanted == "computed" and kept == _REPLACED:
        raise InputError(
            "The file does not hold the computed frequencies",
            found="a potential that was saved after measured frequencies had replaced them",
            fix="load the original with frequencies='computed' and save that, or leave the choice out",
        )
    return kept


def save_potential(potential: Potential, path: str | os.PathLike[str]) -> None:
    """Save a potential as TOML or netCDF, by the ending of the name; the file appears only when it is complete.

    Raises
    ------
    InputError
        If the ending is neither ``.toml`` nor ``.nc``, or the folder does not exist.
    LatticeError
        If the file cannot be written.
    """
    suffix = Path(path).suffix if isinstance(path, str | os.PathLike) else ""
    if suffix not in {".toml", ".nc"}:
        raise InputError("Unknown ending for a potential", found=repr(path), fix="end the name in .toml or .nc")
    if suffix == ".nc":
        write_netcdf(potential_dataset(potential, _crystal_table(potential)), path)
        return
    text = toml_text.text_of(potential, _crystal_table(potential), _range_table(potential))
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _find(path_or_name: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Return the file, and the name of the bundled crystal that it belongs to."""
    bundled = {n: file.parent / "potential.toml" for n in bundled_names() if (file := bundled_file(n))}
    names = ", ".join(n for n, file in bundled.items() if file.is_file())
    if not isinstance(path_or_name, str | os.PathLike):
        raise InputError(
            "A potential is given by its file or bundled name", found=repr(path_or_name), fix=f"give a path, or {names}"
        )
    if isinstance(path_or_name, str) and path_or_name in bundled:
        if not bundled[path_or_name].is_file():
            raise InputError(
                "No potential is bundled with this crystal", found=path_or_name, fix=f"use {names}, or a potential file"
            )
        return bundled[path_or_name], path_or_name
    path = Path(path_or_name)
    if not _is_file(path):
        raise InputError(
            "There is no such potential",
            found=str(path_or_name),
            fix=f"give a .toml or .nc file, or a bundled name: {names}; lattice couple makes one for another crystal",
        )
    if path.suffix not in {".toml", ".nc"}:
        raise InputError(
            "This file is no potential",
            found=path.name,
            fix="give a .toml or .nc file; lattice couple makes one from a crystal and a calculator or force constants",
        )
    return path, None


def _is_file(path: Path) -> bool:
    """Return whether a file exists; a name that the file system cannot hold does not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read(path: Path) -> str:
    """Read a text file of sane size."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FormatError(
                f"{path.name} is too large for a potential", found=f"{size} bytes", fix="give a potential file"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name} is not UTF-8 text", found=error.reason, fix="save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read", found=error.strerror, fix="check the permission") from None


def _build(fields: dict[str, Any], where: str) -> tuple[Potential, dict[str, dict[str, Any]]]:
    """Make the potential from parsed fields; return it with the measured overrides."""
    crystal = _crystal_record(fields.pop("crystal"), where)
    measured = fields.pop("measured")
    ranges = fields.pop("range")
    names = list(dict.fromkeys(fields["multiplet"]))
    for what, table in (("range", ranges), ("measured", measured)):
        unknown = sorted(set(table) - set(names))
        if unknown:
            raise FormatError(
                f"[{what}] of {where} names an unknown multiplet", found=unknown[0], fix=f"use {', '.join(names)}"
            )
    twice = next((x for i, x in enumerate(fields["labels"]) if x in fields["labels"][:i]), None)
    if twice is not None:
        raise FormatError(
            f"Two coordinates of {where} have the same label", found=twice, fix="give each [[mode]] a label of its own"
        )
    if fields["eigenvectors"] is None:
        _check_pairs(fields, where)
    arrays: dict[str, Any] = {k: v if v is None else np.asarray(v) for k, v in fields.items() if k != "source"}
    potential = Potential(
        **arrays,
        crystal=crystal,
        amplitude_range=np.array(_range_array(ranges, fields["multiplet"], where)) if ranges else None,
        source=fields["source"],
    )
    if crystal is not None and potential.eigenvectors is not None:
        _check_orthonormal(potential, where)
    if potential.eigenvectors is not None:
        potential = replace(potential, pair=derived_pairs(potential, where))
    return potential, measured


def _check_pairs(fields: Mapping[str, Any], where: str) -> None:
    """Without eigenvectors each multiplet of several coordinates must say which of them turn about the axis."""
    for i, (name, partner) in enumerate(zip(fields["multiplet"], fields["pair"], strict=True)):
        if fields["multiplet"].count(name) > 1 and partner < 0:
            raise FormatError(
                f"[[mode]] {i} of {where} belongs to a degenerate multiplet but has neither eigenvector nor pair",
                found=name,
                fix="add pair = [i, j], the numbers of the two coordinates that turn about the axis",
            )


def _check_orthonormal(potential: Potential, where: str) -> None:
    """Eigenvectors must be orthonormal and have one row for each atom."""
    assert potential.eigenvectors is not None
    assert potential.crystal is not None
    n_atoms = len(potential.crystal.species)
    if potential.eigenvectors.shape[1] != n_atoms:
        raise FormatError(
            f"The eigenvectors of {where} do not fit its crystal",
            found=f"{potential.eigenvectors.shape[1]} rows for {n_atoms} atoms",
            fix="give one row for each atom of [crystal]",
        )
    flat = potential.eigenvectors.reshape(potential.n_modes, -1)
    defect = np.abs(flat @ flat.T - np.eye(potential.n_modes))
    if defect.max(initial=0.0) > 1e-5:
        i, j = np.unravel_index(int(defect.argmax()), defect.shape)
        raise FormatError(
            f"The eigenvectors of {where} are not orthonormal",
            found=f"modes {i} and {j}: off by {defect.max():.1e}",
            fix="give mass-weighted, normalised eigenvectors (not displacements in Å)",
        )


def _crystal_record(table: Mapping[str, Any], where: str) -> CellRecord | None:
    if not table:
        return None
    missing, unknown = sorted(_CRYSTAL_KEYS - table.keys()), sorted(table.keys() - _CRYSTAL_KEYS)
    if missing or unknown:
        raise FormatError(
            f"[crystal] of {where} has the wrong keys",
            found=f"{missing or unknown}",
            fix="give cell, positions, species, masses",
        )
    species = table["species"]
    if not isinstance(species, list) or not all(isinstance(symbol, str) for symbol in species):
        raise FormatError(f"species of [crystal] of {where} is no list", found=species, fix='write ["Bi", "Se"]')
    n = len(species)
    arrays = {}
    for key, shape in (("cell", (3, 3)), ("positions", (n, 3)), ("masses", (n,))):
        try:
            arrays[key] = np.array(table[key], dtype=np.float64)
        except (TypeError, ValueError):
            raise FormatError(
                f"{key} of [crystal] of {where} is no array of numbers", found=table[key], fix="write numbers"
            ) from None
        if arrays[key].shape != shape:
            raise FormatError(
                f"{key} of [crystal] of {where} has the wrong shape",
                found=arrays[key].shape,
                fix=f"give an array of shape {shape}",
            )
    record = CellRecord(species=tuple(species), **arrays)
    record.to_cell()  # finite, a volume, real elements, positive masses
    return record


def _crystal_table(potential: Potential) -> dict[str, Any]:
    crystal = potential.crystal
    if crystal is None:
        return {}
    return {
        "cell": crystal.cell.tolist(),
        "positions": crystal.positions.tolist(),
        "species": list(crystal.species),
        "masses": crystal.masses.tolist(),
    }


def _range_table(potential: Potential) -> dict[str, float]:
    """Return the amplitude range by multiplet."""
    if potential.amplitude_range is None:
        return {}
    pairs = zip(potential.multiplet.tolist(), potential.amplitude_range.tolist(), strict=True)
    return {name: value for name, value in pairs if np.isfinite(value)}


def _range_array(table: Mapping[str, Any], multiplet: list[str], where: str) -> list[float]:
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise FormatError(
                f"The range of {name} in {where} must be a positive number", found=value, fix="give Å√amu"
            )
    return [float(table.get(name, np.nan)) for name in multiplet]


def _numbers_only(entry: Mapping[str, Any]) -> dict[str, float]:
    return {key: entry[key] for key in ("frequency", "linewidth") if key in entry}


def _bundled_modes(name: str, potential: Potential) -> Modes:
    """Solve for the modes of a bundled crystal; its potential must be written in their coordinates."""
    from lattice.modes.modes import real_coordinates
    from lattice.modes.solve import solve_modes
    from lattice.structure.load import load

    modes = solve_modes(load(name), axis=potential.axis.tolist())
    assert potential.mode_numbers is not None
    expected = real_coordinates(modes)[potential.mode_numbers]
    if potential.eigenvectors is None or np.abs(expected - potential.eigenvectors).max() > 1e-6:
        raise FormatError(
            f"The potential bundled with {name} is not written in the modes of its force constants",
            found="eigenvectors that differ",
            fix="reinstall the package, or run the recipe of the bundled crystal again",
        )
    return modes
