"""The verdict of a run: whether two quanta that turn one way made one that turns the other way, and why.

"1 + 1 = -1" is said only if all of this holds, checked in this order; the first that fails is the reason given:

1. a cubic channel leads from the driven multiplet to a receiver at about twice its frequency, both are pairs, and the
   record resolves their motion;
2. the step error is at most `STEP_ERROR` (in a thermal bath `BATH_RTOL`, the finest that is asked of it) and the ledger
   closes to `CLOSURE` of its gross transfer;
3. the driven multiplet moves circularly: |helicity| ≥ `CIRCULAR`;
4. angular momentum went through the channel;
5. the receiver turns the other way: opposite helicity, |helicity| ≥ `CIRCULAR`;
6. its spectral peak is at 2.00 ± `PEAK_BAND` times that of the driven one;
7. the channel, not another path, drives the receiver: at least `SHARE` of what all sources gave to the receiver;
8. driver, receiver and crystal received 2 : 1 : −3 through it, to `RATIO`;
9. ΔM = m_a + m_b − m_c ≠ 0 with the pseudo-angular momenta of the partners that move: rotational Umklapp. With ΔM = 0
   the real angular momentum reverses although m is conserved, which is no Umklapp.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.dynamics.integrate import BATH_RTOL, DIVERGED
from lattice.dynamics.ledger import GROSS_FLOOR
from lattice.dynamics.table import DAMPING, NOISE
from lattice.observe.multiplet_motion import is_resolved

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.observe.selection import Selection

CIRCULAR = 0.95
STEP_ERROR = 1e-5
CLOSURE = 1e-9
PEAK_BAND = 0.08
SHARE = 0.5
RATIO = 1e-3


def verdict(rows: dict[str, dict[str, Any]], summary: dict[str, Any], selection: Selection | None, run: Dataset) -> str:
    """Return the verdict with its reason, one sentence.

    Parameters
    ----------
    rows : dict
        Label → entry of `multiplets` of the report.
    summary : dict
        As from `lattice.dynamics.ledger.channel_summary`.
    selection : Selection or None
        None where m is not known.
    run : xarray.Dataset
        The trajectory.

    Returns
    -------
    str
        Begins with ``1 + 1 = -1:``, or with ``not shown:``.
    """
    reason = _obstacle(rows, summary, selection, run)
    if reason is not None:
        return f"not shown: {reason}"
    driver, receiver = rows[summary["driver"]], rows[summary["receiver"]]
    assert selection is not None
    return (
        f"1 + 1 = -1: two quanta of {_turning(driver, selection.m_driver)} make one of "
        f"{_turning(receiver, selection.m_receiver)}; per quantum the crystal takes "
        f"{np.sign(driver['helicity']) * summary['crystal_per_quantum']:+.2f} ħ, "
        f"ΔM = {selection.delta:+g} about a {selection.order}-fold axis: rotational Umklapp"
    )


def _obstacle(
    rows: dict[str, dict[str, Any]], summary: dict[str, Any], selection: Selection | None, run: Dataset
) -> str | None:
    """The first condition that does not hold, None if all do."""
    absent = _no_process(summary, run)
    if absent is not None:
        return absent
    driver, receiver = rows[summary["driver"]], rows[summary["receiver"]]
    names = f"{driver['multiplet']} → {receiver['multiplet']}"
    if not all(is_resolved(run, summary[role]) for role in ("driver", "receiver")):
        return f"the record is too short or too coarse for the motion of {names}: lower record.every or run longer"
    return (
        _unsound(summary, run)
        or _no_reversal(driver, receiver, summary)
        or _numbers_obstacle(driver, receiver, summary, run)
        or _umklapp_obstacle(names, selection)
    )


def _no_process(summary: dict[str, Any], run: Dataset) -> str | None:
    """Condition 1, pairs aside; and that the run came to its end."""
    if int(run["status"]) == DIVERGED:
        return "the motion diverged"
    if "Q" not in run or "P" not in run:
        return "the motion was not recorded: quantities must have Q and P"
    if summary["driver"] is None:
        return "no multiplet has a mode charge, so light drives nothing"
    if summary["receiver"] is None:
        return f"no cubic channel leads from {summary['driver']} to a multiplet at twice its frequency"
    return None


def _unsound(summary: dict[str, Any], run: Dataset) -> str | None:
    """Condition 2."""
    closure, step_error = summary["closure"], float(run["step_error"])
    if not step_error <= largest_step_error(run):
        return f"the step error is {step_error:.1e}; lower rtol"
    if closure is not None and not closure <= CLOSURE:
        return f"the ledger closes only to {closure:.1e}"
    return None


def _no_reversal(driver: dict[str, Any], receiver: dict[str, Any], summary: dict[str, Any]) -> str | None:
    """Conditions 3 to 5, and that both are pairs."""
    for row in (driver, receiver):
        if row["helicity"] is None:
            return f"{row['multiplet']} does not rotate: it is no pair, or it does not move"
    if abs(driver["helicity"]) < CIRCULAR:
        return f"the drive is not circular: {driver['multiplet']} moves with helicity {driver['helicity']:+.3f}"
    if summary["ratio"] is None:
        return f"no angular momentum went through {summary['channel']}"
    opposite = -np.sign(driver["helicity"])
    if receiver["helicity"] * opposite < CIRCULAR:
        return f"{receiver['multiplet']} moves with helicity {receiver['helicity']:+.3f}, not {opposite:+.0f}"
    return None


def _numbers_obstacle(
    driver: dict[str, Any], receiver: dict[str, Any], summary: dict[str, Any], run: Dataset
) -> str | None:
    """Conditions 6 to 8."""
    peaks = receiver["spectral_peak_THz"] / driver["spectral_peak_THz"]
    if abs(peaks - 2) > PEAK_BAND:
        return f"{receiver['multiplet']} peaks at {peaks:.3f} times the frequency of {driver['multiplet']}, not 2"
    share = channel_share(run, summary["channel"], summary["receiver"])
    if share < SHARE:
        return f"{summary['channel']} gives only {100 * share:.0f} % of what drives {receiver['multiplet']}"
    if abs(summary["ratio"] - 2) > RATIO or abs(summary["crystal_per_quantum"] - 3) > RATIO:
        found = f"{summary['ratio']:.4f} : 1 : {-summary['crystal_per_quantum']:.4f}"
        return f"driver, receiver and crystal received {found} through {summary['channel']}, not 2 : 1 : -3"
    return None


def _umklapp_obstacle(names: str, selection: Selection | None) -> str | None:
    """Condition 9."""
    if selection is None:
        return (
            f"{names} reverses the real angular momentum, but ΔM is unknown: the potential holds no crystal with a "
            "rotation about n̂"
        )
    if selection.delta == 0:
        return (
            f"{names} reverses the real angular momentum, but ΔM = 0: pseudo-angular momentum is conserved, no Umklapp"
        )
    return None


def largest_step_error(run: Dataset) -> float:
    """Return the step error up to which the motion of a run is trusted; a path in a bath has a coarser one."""
    hot = json.loads(run.attrs["provenance"])["parameters"]["temperature_K"] > 0
    return BATH_RTOL if hot else STEP_ERROR


def channel_share(run: Dataset, channel: str, receiver: str) -> float:
    """Return the part of one channel in the angular momentum that all sources gave to a receiver.

    Parameters
    ----------
    run : xarray.Dataset
        One trajectory.
    channel, receiver : str
        Names of a row and of a multiplet.

    Returns
    -------
    float
        |row| / Σ |rows| along n̂ over light, anharmonic channels and restoring torques, without damping; 0 where nothing
        was given.
    """
    received = run["ledger"].sel(multiplet=receiver).dot(run["rotation_axis"], dim="axis")
    sources = [name for name in run["channel"].values.tolist() if name not in (DAMPING, NOISE)]
    gross = float(np.abs(received.sel(channel=sources)).sum())
    return abs(float(received.sel(channel=channel))) / gross if gross >= GROSS_FLOOR else 0.0


def _turning(row: dict[str, Any], m: float) -> str:
    """Name, m, helicity and line of a multiplet, in brackets."""
    return f"{row['multiplet']} (m = {m:+g}, helicity {row['helicity']:+.3f}, {row['spectral_peak_THz']:.2f} THz)"
