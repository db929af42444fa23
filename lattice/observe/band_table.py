"""A path and a mesh as plain numbers and strings, as they are printed and written to JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.observe.mode_table import plain_floats

if TYPE_CHECKING:
    import xarray

_SOFT = -1e-3  #: THz; modes below are counted as imaginary, those nearer to zero are round-off of acoustic ones
_SAME_J = 1e-9  #: ħ


def band_table(bands: xarray.Dataset) -> dict[str, Any]:
    """Return a path as plain numbers and strings.

    Parameters
    ----------
    bands : xarray.Dataset
        From `solve_path`.

    Returns
    -------
    dict
        `crystal`, `spacegroup`, `axis` (three numbers or None), `long_range`, `largest_J`, `imaginary_modes`,
        `warnings` and `points`: in the order of the path `q`, `label` (None between corners), `distance` (*Å⁻¹*),
        `rotation_order`, and `modes` in ascending frequency with `band`, `frequency_THz` (negative if imaginary), `J`
        ([x, y, z], *ħ per phonon*) and `m` (None without an axis).
    """
    points = [_point(bands, k) for k in range(bands.sizes["qpoint"])]
    return {**_head(bands), "points": points}


def mesh_table(mesh: xarray.Dataset, density: xarray.Dataset) -> dict[str, Any]:
    """Return a mesh as plain numbers and strings.

    Parameters
    ----------
    mesh : xarray.Dataset
        From `solve_mesh`.
    density : xarray.Dataset
        From `angular_momentum_dos`.

    Returns
    -------
    dict
        `crystal`, `spacegroup`, `axis`, `long_range`, `largest_J`, `imaginary_modes`, `warnings`; `mesh` (three
        numbers), `points`, `irreducible_points`; `frequency_THz` ([lowest, highest]); `total_J` (None) and
        `total_J_reason`; `density`: `frequency_THz`, `dos` (*1/THz* per cell), `J_hbar` and `x`, `y`, `z`
        (frequency, J) in *1/(THz ħ)*.
    """
    frequency = mesh["frequency"].values
    return {
        **_head(mesh),
        "mesh": mesh["mesh"].values.tolist(),
        "points": mesh.sizes["point"],
        "irreducible_points": mesh.sizes["qpoint"],
        "frequency_THz": [float(frequency.min()), float(frequency.max())],
        "total_J": None,
        "total_J_reason": mesh.attrs["total_J_is_null"],
        "density": {
            "frequency_THz": density["frequency"].values.tolist(),
            "dos": density["dos"].values.tolist(),
            "J_hbar": density["J"].values.tolist(),
            **{x: density["density"].sel(axis=x).values.tolist() for x in "xyz"},
        },
    }


def _head(result: xarray.Dataset) -> dict[str, Any]:
    """What a path and a mesh have in common."""
    J, frequency = result["J"].values, result["frequency"].values
    size = np.linalg.norm(J, axis=2)
    size[np.abs(frequency) < -_SOFT] = 0.0  # translations of the crystal: a circular one is a choice of the gauge
    # Of equal ones the first, else round-off would choose, and with it the instruction set.
    q, mode = np.unravel_index(int((size > size.max() - _SAME_J).argmax()), size.shape)
    weight = result["weight"].values
    imaginary = int(((frequency < _SOFT) * weight[:, None]).sum())
    share = imaginary / (weight.sum() * frequency.shape[1])
    return {
        "crystal": result.attrs["crystal"],
        "spacegroup": result.attrs["spacegroup"],
        "axis": plain_floats(result["rotation_axis"].values) if "rotation_axis" in result else None,
        "long_range": result.attrs["long_range"],
        "largest_J": {
            "q": plain_floats(result["qpoint"].values[q]),
            "mode": int(mode),
            "frequency_THz": float(frequency[q, mode]),
            "J": plain_floats(J[q, mode]),
            "towards": _towards(result, int(q)),
        },
        "imaginary_modes": imaginary,
        "warnings": [f"{imaginary} modes ({share:.2%}) have imaginary frequencies: the crystal is unstable"]
        if imaginary
        else [],
    }


def _towards(result: xarray.Dataset, k: int) -> list[float] | None:
    """The other end of the segment along which a polar crystal approaches Γ; None for any other point."""
    if "segment" not in result or result.attrs["long_range"] == "none" or result["qpoint"].values[k].any():
        return None
    own = np.flatnonzero(result["segment"].values == result["segment"].values[k])
    return plain_floats(result["qpoint"].values[own[-1] if k == own[0] else own[0]])


def _point(bands: xarray.Dataset, k: int) -> dict[str, Any]:
    """One q-point of a path."""
    row = {name: bands[name].values[k] for name in ("frequency", "J", "m", "band")}
    return {
        "q": plain_floats(bands["qpoint"].values[k]),
        "label": str(bands["label"].values[k]) or None,
        "distance": float(bands["distance"].values[k]),
        "rotation_order": int(bands["rotation_order"].values[k]),
        "modes": [
            {
                "band": int(row["band"][mode]),
                "frequency_THz": float(row["frequency"][mode]),
                "J": plain_floats(row["J"][mode]),
                "m": None if math.isnan(row["m"][mode]) else float(row["m"][mode]) + 0.0,
            }
            for mode in range(bands.sizes["mode"])
        ],
    }
