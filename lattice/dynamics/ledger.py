"""The angular-momentum ledger of a run: rows along n̂, closure, and what passed through one channel.

The rows of a multiplet a add up to L_a(duration) − L_a(0). Rows along n̂ are n̂ · (rows along x, y, z). Closure proves
the book-keeping, not the accuracy of the motion; that is `step_error`.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import InputError
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    import xarray

GROSS_FLOOR = 1e-12  #: ħ; with less gross transfer, closure and ratios would be 0/0
RESONANCE_BAND = 0.25  #: |ν_receiver − 2 ν_driver| / 2 ν_driver up to which a receiver counts as at twice the frequency


def ledger(run: xarray.Dataset) -> xarray.Dataset:
    """Totals of the ledger along x, y, z and n̂, with their closure.

    Parameters
    ----------
    run : xarray.Dataset
        From `simulate`, `simulate_ensemble` or `load_run`.

    Returns
    -------
    xarray.Dataset
        ``ledger`` (channel, multiplet, axis), ``crystal`` (channel, axis) and ``L_change`` (multiplet, axis) of the
        run in ħ, the same along n̂ as ``ledger_axial``, ``crystal_axial``, ``L_change_axial``; ``gross`` (axis) and
        ``gross_axial`` = Σ |rows| in ħ; ``closure`` (axis) and ``closure_axial`` = max over multiplets of
        |ΔL − Σ rows| / Σ |rows|, NaN where the gross transfer is < 1e-12 ħ. Ensembles keep the leading ``trajectory``.

    Raises
    ------
    InputError
        If the dataset is not a run.
    """
    _check_run(run)
    out = run[["ledger", "crystal", "L_change", "rotation_axis"]].reset_coords(drop=True)
    for name in ("ledger", "crystal", "L_change"):
        out[f"{name}_axial"] = out[name].dot(run["rotation_axis"], dim="axis").assign_attrs(units="hbar")
    for ending in ("", "_axial"):
        rows, change = out[f"ledger{ending}"], out[f"L_change{ending}"]
        gross = abs(rows).sum(("channel", "multiplet"), skipna=False)
        missed = abs(change - rows.sum("channel", skipna=False)).max("multiplet", skipna=False)
        out[f"gross{ending}"] = gross.assign_attrs(units="hbar")
        out[f"closure{ending}"] = (missed / gross.where(gross >= GROSS_FLOOR)).assign_attrs(units="1")
    out.attrs = {"schema": run.attrs["schema"], "kind": "lattice ledger"}
    return out


def channel_summary(run: xarray.Dataset, driver: str | None = None) -> dict[str, Any]:
    """What passed through the cubic channel from the driven multiplet to a receiver at twice its frequency.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory with a potential.
    driver : str, optional
        Label of the driven multiplet. Default: of the multiplets with a mode charge, the one with the largest peak of
        ½ Σ (P² + ω² Q²).

    Returns
    -------
    dict
        ``driver``, ``receiver``, ``channel`` (str or None), ``source_hbar``, ``transferred_hbar``, ``crystal_hbar``:
        angular momentum along n̂ that driver, receiver and crystal received through it over the run, in ħ; ``ratio`` =
        source/transferred; ``crystal_per_quantum`` = −crystal/transferred; ``closure`` along n̂. What would be 0/0
        (transfer through the channel, for closure the gross transfer of the run, < 1e-12 ħ) is None, as is everything
        where there is no such channel.

        A cubic channel has terms Q_d Q_d' Q_r, two factors of the driver and one of another multiplet. The receiver is
        the one of these whose frequency is closest to twice the driver's, a pair before singlets, and within 25 % of
        it; of several channels between the two the one with the largest |source| + |transferred| is taken.

    Raises
    ------
    InputError
        If the dataset is not one trajectory, or has no such multiplet, or the driver cannot be found without Q and P.
    """
    _check_run(run)
    if "trajectory" in run.dims:
        raise InputError(
            "The summary is of one trajectory", found="an ensemble", fix="choose one: run.isel(trajectory=0)"
        )
    rows = ledger(run)
    closure = _number(rows["closure_axial"].values)
    summary: dict[str, Any] = {
        "driver": driven_multiplet(run) if driver is None else _checked_multiplet(run, driver),
        "receiver": None,
        "channel": None,
        "source_hbar": None,
        "transferred_hbar": None,
        "crystal_hbar": None,
        "ratio": None,
        "crystal_per_quantum": None,
        "closure": closure,
    }
    found = _receiver(run, summary["driver"]) if summary["driver"] is not None else None
    if found is None:
        return summary
    receiver, names = found
    table = rows["ledger_axial"]
    transfers = {
        name: [float(table.sel(channel=name, multiplet=m)) for m in (summary["driver"], receiver)] for name in names
    }
    channel = max(names, key=lambda name: sum(map(abs, transfers[name])))
    source, transferred = transfers[channel]
    crystal = float(rows["crystal_axial"].sel(channel=channel))
    summary |= {"receiver": receiver, "channel": channel}
    summary |= {
        "source_hbar": _number(source),
        "transferred_hbar": _number(transferred),
        "crystal_hbar": _number(crystal),
    }
    if abs(source) + abs(transferred) >= GROSS_FLOOR and transferred != 0:
        summary |= {"ratio": source / transferred, "crystal_per_quantum": -crystal / transferred}
    return summary


def driven_multiplet(run: xarray.Dataset) -> str | None:
    """Label of the multiplet with a mode charge whose harmonic energy peaks highest; None if nothing has a charge."""
    _check_run(run)
    charged = (np.abs(run["mode_charge"].values) > 1e-9).any(axis=1)
    names = run["mode_multiplet"].values
    polar: list[str] = list(dict.fromkeys(names[charged].tolist()))
    if not polar:
        return None
    if "Q" not in run or "P" not in run:
        raise InputError(
            "The driven multiplet is found from Q and P, which were not recorded",
            found=", ".join(map(str, run.data_vars)),
            fix='name it: driver="Eu(1)", or record Q and P',
        )
    omega = 2.0 * np.pi * run["frequency"].values
    energy = 0.5 * (run["P"].values ** 2 + (omega * run["Q"].values) ** 2)
    return max(polar, key=lambda name: float(np.nan_to_num(energy[:, names == name].sum(axis=1)).max()))


def _receiver(run: xarray.Dataset, driver: str) -> tuple[str, list[str]] | None:
    """Receiver at twice the driver's frequency and the cubic channels between the two."""
    links = _cubic_links(run, driver)
    if not links:
        return None
    names = run["mode_multiplet"].values
    first = {name: int(np.flatnonzero(names == name)[0]) for name in [driver, *links]}
    frequency = {name: float(run["frequency"].values[i]) for name, i in first.items()}
    target = 2.0 * frequency[driver]
    near = [name for name in links if abs(frequency[name] - target) <= RESONANCE_BAND * abs(target)]
    if not near:
        return None
    pairs = [name for name in near if run["pair"].values[first[name]] >= 0]
    receiver = min(pairs or near, key=lambda name: abs(frequency[name] - target))
    return receiver, links[receiver]


def _cubic_links(run: xarray.Dataset, driver: str) -> dict[str, list[str]]:
    """Multiplet → channels whose terms have two factors of the driver, one of it, and no field."""
    names = run["mode_multiplet"].values
    index: IntArray = run["mode_index"].values
    dark = (run["field_axis"].values < 0).all(axis=1)
    out: dict[str, list[str]] = {}
    for t in np.flatnonzero(dark & ((index >= 0).sum(axis=1) == 3)):
        factors = names[index[t][index[t] >= 0]].tolist()
        others = [name for name in factors if name != driver]
        if len(others) == 1:
            channels = out.setdefault(others[0], [])
            name = str(run["term_channel"].values[t])
            if name not in channels:
                channels.append(name)
    return out


def _checked_multiplet(run: xarray.Dataset, driver: object) -> str:
    known = run["multiplet"].values.tolist()
    if not isinstance(driver, str) or driver not in known:
        raise InputError(
            "The run has no such multiplet", found=reprlib.repr(driver), fix=f"choose from {', '.join(known)}"
        )
    return driver


def _check_run(run: object) -> None:
    import xarray

    if not isinstance(run, xarray.Dataset):
        raise InputError("The run is not a dataset", found=reprlib.repr(run), fix="give what simulate returns")
    missing = [name for name in ("ledger", "crystal", "L_change", "rotation_axis") if name not in run]
    missing += [name for name in ("schema",) if name not in run.attrs]
    if missing:
        raise InputError("The dataset is not a run", found=f"no {', '.join(missing)}", fix="give what simulate returns")


def _number(value: FloatArray | float) -> float | None:
    """Plain number, None for NaN: JSON has no NaN."""
    return None if np.isnan(value) else float(value)
