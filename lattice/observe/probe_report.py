"""What a probe sees of a run as plain numbers, for the command line and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.observe.mechanism import mechanism
from lattice.observe.spectrum import helicity, spectral_peak

if TYPE_CHECKING:
    from xarray import Dataset


def probe_report(result: Dataset, run: Dataset) -> dict[str, Any]:
    """Return the numbers of a probe and of the mechanism test of its run.

    Parameters
    ----------
    result : xarray.Dataset
        From `lattice.kerr`.
    run : xarray.Dataset
        The run that it is of.

    Returns
    -------
    dict
        `probe` (its parameters, with `frame`: rows x̂, ŷ, k̂), `raman_source`, `peak_rotation_rad` and
        `peak_ellipticity_rad` over all times and angles, `sources`: list of {`source`, `peak_rotation_rad`,
        `peak_ellipticity_rad`} over the two channels, `multiplet` and `quantity` of (g_x, g_y) (None where no pair is
        seen), `peak_g`: [x, y] in Å√amu, `helicity` and `spectral_peak_THz` of g, `mechanism` (`lattice.mechanism`;
        None where it cannot be had), `warnings`.
    """
    seen = "g" in result
    spectrum = (result["frequency"].values, result["power"].values) if seen else None
    warnings = json.loads(result.attrs["warnings"])
    found = None
    try:
        found = mechanism(run, result.attrs["multiplet"] or None)
    except InputError as error:
        warnings.append(f"no mechanism test: {error.what}: {error.found}")
    return {
        "probe": json.loads(result.attrs["probe"]),
        "raman_source": result.attrs["raman_source"],
        "peak_rotation_rad": _peak(result["rotation"].values),
        "peak_ellipticity_rad": _peak(result["ellipticity"].values),
        "sources": [
            {"source": str(name)}
            | {f"peak_{k}_rad": _peak(result[f"source_{k}"].values[i]) for k in ("rotation", "ellipticity")}
            for i, name in enumerate(result["source"].values.tolist())
        ],
        "multiplet": result.attrs["multiplet"] or None,
        "quantity": result.attrs["quantity"] or None,
        "peak_g": np.abs(result["g"].values).max(axis=0).tolist() if seen else None,
        "helicity": None if spectrum is None else helicity(*spectrum),
        "spectral_peak_THz": None if spectrum is None else spectral_peak(*spectrum),
        "mechanism": found,
        "warnings": warnings,
    }


def _peak(values: Any) -> float:
    return float(np.abs(values).max(initial=0.0))
