"""Modes on disk: one netCDF-4 file that exists only when it is complete."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lattice.errors import FormatError, InputError, LatticeError, SchemaError
from lattice.modes.modes import MODES, ComplexArray, Modes, Multiplet
from lattice.modes.netcdf import write_netcdf
from lattice.structure import argument
from lattice.structure.array_file import check_array_file, kind_of_file
from lattice.structure.crystal import Crystal, SpaceGroup

if TYPE_CHECKING:
    import xarray

SCHEMA = "lattice modes 1"
_MAX_BYTES = 2**30  # eigenvectors of 2000 atoms; anything larger is another file

#: name → (dimensions, kind of dtype, unit); complex arrays end in the dimension ``part`` (re, im)
REQUIRED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "qpoint": (("axis",), "f", "1"),
    "rotation_axis": (("axis",), "f", "1"),
    "rotation_order": ((), "i", "1"),
    "translation_phase": (("part",), "f", "1"),
    "frequency": (("mode",), "f", "THz"),
    "eigenvector": (("mode", "atom", "axis", "part"), "f", "1"),
    "m": (("mode",), "f", "1"),
    "J": (("mode", "axis"), "f", "hbar"),
    "pair": (("mode",), "i", "1"),
    "label": (("multiplet",), "U", ""),
    "irrep": (("multiplet",), "U", ""),
    "irrep_reason": (("multiplet",), "U", ""),
    "degeneracy": (("multiplet",), "i", "1"),
    "multiplet_frequency": (("multiplet",), "f", "THz"),
    "acoustic": (("multiplet",), "i", "1"),
    "ir_active": (("multiplet",), "i", "1"),
    "raman_active": (("multiplet",), "i", "1"),
    "cell": (("cell_vector", "axis"), "f", "Angstrom"),
    "position": (("atom", "cell_vector"), "f", "1"),
    "number": (("atom",), "i", "1"),
    "mass": (("atom",), "f", "amu"),
    "rotation": (("operation", "row", "cell_vector"), "i", "1"),
    "translation": (("operation", "cell_vector"), "f", "1"),
    "transformation_matrix": (("row", "cell_vector"), "f", "1"),
}
OPTIONAL: dict[str, tuple[tuple[str, ...], str, str]] = {
    "mode_charge": (("mode", "axis", "part"), "f", "e amu^(-1/2)"),
    "direction": (("axis",), "f", "1"),
    "born_charge": (("atom", "axis", "row"), "f", "e"),
    "dielectric": (("axis", "row"), "f", "1"),
}
_WORDS = ("name", "found", "dispersion_name", "spacegroup", "long_range")


@argument.takes(modes=MODES, path=argument.path)
def save_modes(modes: Modes, path: str | os.PathLike[str]) -> None:
    """Write modes as netCDF-4, with their crystal but without its force constants.

    Parameters
    ----------
    modes : Modes
    path : path
        Ends in ``.nc``; an older file of this name is replaced only by a complete new one.

    Raises
    ------
    InputError
        If the folder does not exist or the ending is not ``.nc``.
    LatticeError
        If the file cannot be written.
    """
    if Path(path).suffix != ".nc":
        raise InputError("Modes are written as netCDF", found=Path(path).name, fix="end the name in .nc")
    write_netcdf(_dataset(modes), path)


def holds_modes(path: str | os.PathLike[str]) -> bool:
    """Return whether a file says that it holds modes, of any version; False for what is no netCDF file."""
    return kind_of_file(path) == SCHEMA.rstrip("0123456789 ")


@argument.takes(path=argument.path)
def load_modes(path: str | os.PathLike[str]) -> Modes:
    """Read modes that `save_modes` wrote, and check their schema.

    Parameters
    ----------
    path : path

    Returns
    -------
    Modes
        Every number as it was saved; ``crystal.force_constants`` is None.

    Raises
    ------
    InputError
        If there is no such file.
    FormatError
        If the file is damaged, or its numbers do not fit each other.
    SchemaError
        If it is not a file of modes, or one of another version.
    """
    import xarray as xr

    place = Path(path)
    if not place.is_file():
        raise InputError("There is no such file of modes", found=str(path), fix="give a file that save_modes wrote")
    check_array_file(place)
    try:
        with xr.open_dataset(place, engine="h5netcdf", decode_times=False, phony_dims="sort") as opened:
            size = sum(variable.nbytes for variable in opened.variables.values())
            if size > _MAX_BYTES:
                raise ValueError(f"{size} bytes are too many for modes")
            data = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise FormatError(
            f"{place.name} cannot be read as netCDF", found=error, fix="give a complete .nc file"
        ) from None
    words = _checked(data, place.name)
    try:
        modes = _modes(data, words)
    except (KeyError, TypeError, ValueError, LatticeError) as error:
        raise FormatError(
            f"The numbers in {place.name} do not fit each other",
            found=f"{error.what}: {error.found}" if isinstance(error, LatticeError) else error,
            fix="write the file again",
        ) from None
    _check_orthonormal(modes, place.name)
    return modes


def _parts(values: ComplexArray) -> NDArray[np.float64]:
    """Complex numbers as a last axis (re, im)."""
    return np.stack([values.real, values.imag], axis=-1)


def _complex(data: xarray.DataArray) -> ComplexArray:
    """Complex numbers of a last axis (re, im)."""
    values = data.values
    return np.asarray(values[..., 0] + 1j * values[..., 1])


def _dataset(modes: Modes) -> xarray.Dataset:
    """Return modes as a Dataset of the schema."""
    import xarray as xr

    crystal, group, multiplets = modes.crystal, modes.crystal.spacegroup, modes.multiplets
    values: dict[str, Any] = {
        "qpoint": modes.qpoint,
        "rotation_axis": np.full(3, np.nan) if modes.axis is None else modes.axis,
        "rotation_order": modes.rotation_order,
        "translation_phase": _parts(np.asarray(modes.translation_phase)),
        "frequency": modes.frequency,
        "eigenvector": _parts(modes.eigenvectors),
        "m": modes.m,
        "J": modes.J,
        "pair": modes.pair,
        "label": [x.label for x in multiplets],
        "irrep": [x.irrep or "" for x in multiplets],
        "irrep_reason": [x.irrep_reason for x in multiplets],
        "degeneracy": [len(x.indices) for x in multiplets],
        "multiplet_frequency": [x.frequency for x in multiplets],
        **{key: [int(getattr(x, key)) for x in multiplets] for key in ("acoustic", "ir_active", "raman_active")},
        "cell": crystal.cell,
        "position": crystal.positions,
        "number": crystal.numbers,
        "mass": crystal.masses,
        "rotation": group.rotations,
        "translation": group.translations,
        "transformation_matrix": group.transformation_matrix,
        "mode_charge": None if modes.mode_charge is None else _parts(modes.mode_charge),
        "direction": modes.direction,
        "born_charge": crystal.born_charges,
        "dielectric": crystal.dielectric,
    }
    words = {
        "name": crystal.name,
        "found": list(crystal.found),
        "dispersion_name": crystal.dispersion_name,
        "spacegroup": [group.number, group.symbol, group.point_group, group.symprec],
        "long_range": modes.long_range,
    }
    variables = {}
    for name, (dimensions, kind, unit) in (REQUIRED | OPTIONAL).items():
        if values[name] is not None:
            array = np.array(values[name], dtype=np.str_ if kind == "U" else None)
            variables[name] = (dimensions, array, {"units": unit} if unit else {})
    coordinates = {"axis": list("xyz"), "part": ["re", "im"]}
    return xr.Dataset(variables, coords=coordinates, attrs={"schema": SCHEMA, "words": json.dumps(words)})


def _checked(data: xarray.Dataset, name: str) -> Mapping[str, Any]:
    """Check the schema of a Dataset; return its words."""
    if data.attrs.get("schema") != SCHEMA:
        raise SchemaError(
            f"{name} is not a file of modes of this version",
            found=data.attrs.get("schema", "no schema"),
            fix="give a file that save_modes or `lattice modes -o` wrote",
        )
    for key, (dimensions, kind, unit) in (REQUIRED | OPTIONAL).items():
        if key not in data:
            if key in OPTIONAL:
                continue
            raise SchemaError(f"{name} lacks a variable", found=f"no {key}", fix="write the file again")
        variable = data[key]
        right_kind = variable.dtype.kind in ("OUT" if kind == "U" else kind)
        if variable.dims != dimensions or not right_kind or variable.attrs.get("units", "") != unit:
            raise SchemaError(
                f"The variable {key} of {name} is not that of the schema",
                found=f"{variable.dims} {variable.dtype} in {variable.attrs.get('units', 'no unit')}",
                fix=f"write it as {dimensions} in {unit or 'words'}",
            )
    try:
        words = json.loads(data.attrs["words"])
    except (KeyError, TypeError, ValueError, RecursionError):
        words = None
    if not isinstance(words, dict) or set(words) != set(_WORDS):
        raise SchemaError(f"{name} has lost its words", found="no attribute words", fix="write the file again")
    return words


def _modes(data: xarray.Dataset, words: Mapping[str, Any]) -> Modes:
    """Build modes from a checked Dataset."""
    number, symbol, point_group, symprec = words["spacegroup"]

    def optional(key: str) -> Any:
        return data[key].values if key in data else None

    group = SpaceGroup(
        number=int(number),
        symbol=str(symbol),
        point_group=str(point_group),
        rotations=data["rotation"].values,
        translations=data["translation"].values,
        transformation_matrix=data["transformation_matrix"].values,
        symprec=float(symprec),
    )
    crystal = Crystal(
        cell=data["cell"].values,
        positions=data["position"].values,
        numbers=data["number"].values,
        masses=data["mass"].values,
        spacegroup=group,
        born_charges=optional("born_charge"),
        dielectric=optional("dielectric"),
        name=words["name"],
        found=tuple(words["found"]),
        dispersion_name=words["dispersion_name"],
    )
    axis = data["rotation_axis"].values
    return Modes(
        crystal=crystal,
        qpoint=data["qpoint"].values,
        axis=None if np.isnan(axis).all() else axis,
        rotation_order=int(data["rotation_order"]),
        frequency=data["frequency"].values,
        eigenvectors=_complex(data["eigenvector"]),
        multiplets=_multiplets(data),
        m=data["m"].values,
        J=data["J"].values,
        mode_charge=_complex(data["mode_charge"]) if "mode_charge" in data else None,
        pair=data["pair"].values,
        long_range=words["long_range"],
        direction=optional("direction"),
        translation_phase=complex(_complex(data["translation_phase"])),
    )


def _multiplets(data: xarray.Dataset) -> tuple[Multiplet, ...]:
    """Build the multiplets, which together hold every mode once."""
    sizes = data["degeneracy"].values
    if sizes.min(initial=1) < 1 or sizes.sum() != data.sizes["mode"] or data.sizes["mode"] != 3 * data.sizes["atom"]:
        raise ValueError("the multiplets do not hold every mode once")
    ends = np.cumsum(sizes)
    return tuple(
        Multiplet(
            label=str(data["label"].values[k]),
            irrep=str(data["irrep"].values[k]) or None,
            indices=tuple(range(int(end - size), int(end))),
            frequency=float(data["multiplet_frequency"].values[k]),
            acoustic=bool(data["acoustic"].values[k]),
            ir_active=bool(data["ir_active"].values[k]),
            raman_active=bool(data["raman_active"].values[k]),
            irrep_reason=str(data["irrep_reason"].values[k]),
        )
        for k, (size, end) in enumerate(zip(sizes, ends, strict=True))
    )


def _check_orthonormal(modes: Modes, name: str) -> None:
    """Eigenvectors must be orthonormal; a file that was edited by hand may not hold them."""
    flat = modes.eigenvectors.reshape(modes.n_modes, -1)
    defect = float(np.abs(flat.conj() @ flat.T - np.eye(modes.n_modes)).max())
    if not defect < 1e-6:
        raise FormatError(
            f"The eigenvectors in {name} are not orthonormal", found=f"off by {defect:.1e}", fix="write the file again"
        )
