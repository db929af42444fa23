"""Potentials as netCDF datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.anharmonic import toml_text
from lattice.anharmonic.polynomial import padded
from lattice.anharmonic.potential import Potential
from lattice.errors import FormatError
from lattice.structure.array_file import check_array_file

if TYPE_CHECKING:
    import xarray as xr

MAX_BYTES = 64 * 2**20  #: a potential is a table that people read; anything larger is another file


def potential_dataset(potential: Potential, crystal: dict[str, Any]) -> xr.Dataset:
    """Return the potential as a Dataset with the names of its fields, and the table of its crystal."""
    import xarray as xr

    arrays: dict[str, Any] = {
        "axis": ("axis_component", potential.axis, {"units": "1"}),
        "frequency": ("mode", potential.frequency, {"units": "THz"}),
        "linewidth": ("mode", potential.linewidth, {"units": "THz"}),
        "label": ("mode", potential.labels.astype(object)),
        "multiplet": ("mode", potential.multiplet.astype(object)),
        "irrep": ("mode", np.asarray(potential.irreps).astype(object)),
        "pair": ("mode", potential.pair),
        "mode_number": ("mode", potential.mode_numbers),
        "coefficient": ("term", potential.coefficient, {"units": "eV (angstrom sqrt(amu))^-k (MV/cm)^-j"}),
        "mode_index": (("term", "factor"), potential.mode_index),
        "field_axis": (("term", "field_factor"), potential.field_axis),
        "channel": ("term", potential.channel.astype(object)),
    }
    if potential.eigenvectors is not None:
        arrays["eigenvector"] = (("mode", "atom", "axis_component"), potential.eigenvectors, {"units": "1"})
    if potential.raman is not None:
        parts = np.stack([potential.raman.real, potential.raman.imag], axis=-1)
        arrays["raman"] = (
            ("mode", "axis_component", "axis_column", "part"),
            parts,
            {"units": "1/(angstrom sqrt(amu))"},
        )
    if potential.amplitude_range is not None:
        arrays["amplitude_range"] = ("mode", potential.amplitude_range, {"units": "angstrom sqrt(amu)"})
    tables = {"crystal": crystal, "source": dict(potential.source)}
    return xr.Dataset(arrays, attrs={"schema": toml_text.SCHEMA, "tables": json.dumps(tables)})


def fields_of_netcdf(path: Path) -> dict[str, Any]:
    """Return the same fields as `toml_text.parse`, from a netCDF file."""
    import xarray as xr

    wrong = FormatError(
        f"{path.name} is not a potential", found="other contents", fix="give a file that Potential.save wrote"
    )
    check_array_file(path)
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False, phony_dims="sort") as opened:
            if sum(v.nbytes for v in opened.variables.values()) > MAX_BYTES:
                raise wrong
            data = opened.load()
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise FormatError(
            f"{path.name} cannot be read as netCDF", found=error, fix="give a complete .nc file"
        ) from None
    try:
        if data.attrs["schema"] != toml_text.SCHEMA:
            raise wrong
        tables = json.loads(data.attrs["tables"])
        multiplet = [str(x) for x in data["multiplet"].values]
        ranges = {}
        if "amplitude_range" in data:
            pairs = zip(multiplet, data["amplitude_range"].values.tolist(), strict=True)
            ranges = {name: value for name, value in pairs if np.isfinite(value)}
        return {
            "axis": data["axis"].values,
            "labels": [str(x) for x in data["label"].values],
            "multiplet": multiplet,
            "irreps": [str(x) for x in data["irrep"].values],
            "eigenvectors": data["eigenvector"].values if "eigenvector" in data else None,
            "raman": data["raman"].values @ [1.0, 1.0j] if "raman" in data else None,
            "channel": [str(x) for x in data["channel"].values],
            "mode_numbers": data["mode_number"].values,
            "mode_index": data["mode_index"].values if data.sizes.get("term") else padded([]),
            "field_axis": data["field_axis"].values if data.sizes.get("term") else padded([]),
            **{key: data[key].values for key in ("frequency", "linewidth", "pair", "coefficient")},
            "crystal": tables["crystal"],
            "source": tables["source"],
            "range": ranges,
            "measured": {},
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise wrong from None
