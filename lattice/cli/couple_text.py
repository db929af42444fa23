"""The report of `lattice couple` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.cli.columns import aligned
from lattice.cli.options import VERBOSE
from lattice.structure.commensurate import q_text, same_wave

if TYPE_CHECKING:
    from lattice.anharmonic.fit_plan import FitPlan
    from lattice.anharmonic.potential import Potential
    from lattice.structure.crystal import FloatArray

SHOWN = 12  #: couplings that are listed without -v


def couple_text(table: dict[str, Any], potential: Potential, level: int) -> str:
    """Return the couplings, the largest of each order first, under what they were determined from.

    Parameters
    ----------
    table : dict
        As from `lattice.observe.coupling_table.coupling_table`.
    potential : Potential
        That of the table.
    level : int
        0 normal, 1 with every invariant and its terms.
    """
    source = potential.source
    report = source.get("fit") or source.get("projection") or {}
    found = report.get("channels" if "qpoints" in table else "invariants", [])
    invariants = sorted(found, key=lambda x: -abs(x["coefficient"]))
    shown = invariants if level >= VERBOSE else invariants[:SHOWN]
    title = "strongest term of" if "qpoints" in table else "coupling"
    rows = [(title, "eV/(Å√amu)^k", "± error"), *(_row(entry) for entry in shown)]
    lines = [_origin(table, source), *_waves(table, potential), *_quality(table), "", *aligned(rows)]
    if len(shown) < len(invariants):
        lines.append(f"… {len(invariants) - len(shown)} more (-v)")
    if level >= VERBOSE:
        terms = [(" ".join(t["labels"]), f"{t['coefficient_eV']:+.6e}", f"{t['error']:.1e}") for t in table["terms"]]
        lines += ["", *aligned([("term of V", "coefficient", "± error"), *terms])]
    return "\n".join(lines)


def _waves(table: dict[str, Any], potential: Potential) -> list[str]:
    """Say at which wave vectors the coordinates are, and to how many cells V belongs."""
    if "qpoints" not in table:
        return []
    waves = ", ".join(_wave(np.array(q)) for q in table["qpoints"])
    return [f"{potential.n_modes} real coordinates at {waves}; V, L and Q are those of N = {table['n_cells']} cells"]


def _wave(qpoint: FloatArray) -> str:
    if not qpoint.any():
        return "Γ"
    return ("" if same_wave(qpoint, -qpoint) else "±") + f"({q_text(qpoint)})"


def _row(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["name"], f"{entry['coefficient']:+.6e}", f"{entry['error']:.1e}"


def _origin(table: dict[str, Any], source: Any) -> str:
    if table["force_calls"] == 0:
        return str(source["couplings"])
    calls = f"{table['force_calls']} force calls and {table['check_calls']} for forbidden terms"
    naive = f" (a four-point stencil of all third derivatives: {table['naive_calls']})" if table["naive_calls"] else ""
    return f"{source['couplings']}: {calls}{naive}"


def _quality(table: dict[str, Any]) -> list[str]:
    lines = []
    if table["condition"]:
        numbers = ", ".join(f"order {p}: {c:.3g}" for p, c in table["condition"].items())
        lines.append(f"condition number {numbers}")
    if table["residual"] is not None:
        lines.append(f"residual {table['residual']:.2e} eV/Å rms")
    if table["forbidden_max"] is not None:
        lines.append(f"largest forbidden cubic term {table['forbidden_max']:.1e} eV/(Å√amu)³")
    if "sum_rule_defect" in table:
        defects = f"order of indices {table['permutation_defect']:.1e}, sum rule {table['sum_rule_defect']:.1e}"
        lines.append(f"defects of the force constants: {defects} eV/(Å√amu)³")
    return lines


def plan_table(plan: FitPlan, directory: str) -> dict[str, Any]:
    """Return what was written for another program, as plain values."""
    return {
        "directory": directory,
        "structures": plan.rays.n_fit + plan.rays.n_check,
        "force_calls": plan.rays.n_fit,
        "check_calls": plan.rays.n_check,
        "naive_calls": plan.naive_calls,
        "condition": {str(order): value for order, value in plan.condition.items()},
        "amplitudes": plan.rays.amplitudes.tolist(),
    }


def plan_text(table: dict[str, Any]) -> str:
    """Return the same for people, with what to do next."""
    last = table["structures"] - 1
    return "\n".join(
        [
            f"{table['structures']} structures in {table['directory']}: disp-0000 … disp-{last:04d} "
            f"({table['force_calls']} for the fit, {table['check_calls']} for forbidden terms)",
            *_quality({**table, "residual": None, "forbidden_max": None}),
            "Compute the forces of each without relaxation, leave the output in its folder, then:",
            f"  lattice couple SOURCE --read-forces {table['directory']} -o potential.nc",
        ]
    )
