"""The ledger of a run as plain numbers, for the command line and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.ledger import ledger
from lattice.errors import InputError
from lattice.observe.report import LEDGER_KEYS, summary_of

if TYPE_CHECKING:
    from xarray import Dataset


def one_trajectory(run: Dataset, number: int | None = None) -> Dataset:
    """Return one trajectory of an ensemble, or the run itself.

    Parameters
    ----------
    run : xarray.Dataset
        As from `load_run`.
    number : int, optional
        Which trajectory of an ensemble, from 0.

    Raises
    ------
    InputError
        If an ensemble has no such trajectory, or none was named.
    """
    count = int(run.sizes.get("trajectory", 0))
    if not count and number in (None, 0):
        return run
    if number is None or not 0 <= number < count:
        found = f"trajectory {number} of {count or 1}" if number is not None else f"{count} trajectories"
        raise InputError("One trajectory must be chosen", found=found, fix=f"give --trajectory 0 … {max(count, 1) - 1}")
    return run.isel(trajectory=number, drop=True)


def ledger_report(run: Dataset) -> dict[str, Any]:
    """Return the book of a run.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.

    Returns
    -------
    dict
        `axis` n̂; `rows`: list of {`channel`, `received_hbar` (multiplet → along n̂), `received_xyz_hbar` (multiplet →
        [x, y, z]), `crystal_hbar`, `crystal_xyz_hbar`}; `L_change_hbar` (multiplet → along n̂); `gross_hbar` = Σ |rows|
        along n̂; `closure` along n̂ and `closure_xyz` (None where the gross transfer is < 1e-12 ħ); `summary`: those of
        `lattice run`'s ledger. All in ħ per cell, + received, counter-clockwise about n̂; None after a divergence.
    """
    book = ledger(run)
    names = run["multiplet"].values.tolist()
    rows = []
    for channel in run["channel"].values.tolist():
        row = book.sel(channel=channel)
        received = dict(zip(names, _plain(row["ledger_axial"].values), strict=True))
        xyz = {name: _plain(values) for name, values in zip(names, row["ledger"].values, strict=True)}
        crystal, crystal_xyz = _plain(row["crystal_axial"].values), _plain(row["crystal"].values)
        rows.append({"channel": channel, "received_hbar": received, "received_xyz_hbar": xyz})
        rows[-1] |= {"crystal_hbar": crystal, "crystal_xyz_hbar": crystal_xyz}
    summary = summary_of(run)
    return {
        "axis": _plain(run["rotation_axis"].values),
        "rows": rows,
        "L_change_hbar": dict(zip(names, _plain(book["L_change_axial"].values), strict=True)),
        "gross_hbar": _plain(book["gross_axial"].values),
        "closure": _plain(book["closure_axial"].values),
        "closure_xyz": _plain(book["closure"].values),
        "summary": {key: summary[key] for key in LEDGER_KEYS},
    }


def _plain(values: Any) -> Any:
    """Numbers of plain Python, None for NaN."""
    if np.ndim(values):
        return [_plain(value) for value in values]
    number = float(values)
    return number + 0.0 if np.isfinite(number) else None
