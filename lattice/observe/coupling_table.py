"""The couplings of a potential as plain numbers and strings, as they are printed and written to JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.units import THZ_PER_ROOT_EV

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential

LOOSE_FORCE = 1e-3  #: eV/Å; undisplaced atoms with larger forces are not at rest
OTHER_FREQUENCY = 0.05  #: of the highest frequency; forces and force constants of one method agree better
LEFT_OVER = 0.2  #: of the anharmonic force; more is not described by the couplings
UNDETERMINED = 0.5  #: rms error over rms coefficient of an order; beyond, its couplings are mostly error
BROKEN_SYMMETRY = 1e-3  #: of the largest allowed coefficient of the same order


def coupling_table(potential: Potential) -> dict[str, Any]:
    """Return the couplings of a fitted or projected potential.

    Parameters
    ----------
    potential : Potential
        From `lattice.fit_potential` or `lattice.project_potential`.

    Returns
    -------
    dict
        `terms`: of the anharmonic part, `modes` (`index` values of the real coordinates in `lattice modes`), `labels`,
        `coefficient_eV` (*eV (Å√amu)^−k*), `channel`, `error` (same unit). `force_calls`, `residual` (rms, *eV/Å*),
        `forbidden_max` (in the unit of the cubic terms, None where nothing looked for it), then `check_calls`,
        `condition`, `forbidden` by order, `multiplets` with both frequencies, and `warnings`; of a projection also
        `permutation_defect` and `sum_rule_defect`; of one on waves `qpoints`, `n_cells` and `supercell_matrix`.
    """
    report = dict(potential.source.get("fit") or potential.source.get("projection") or {})
    errors = potential.source.get("error", [0.0] * len(potential.coefficient))
    terms = []
    for t in np.flatnonzero((potential.field_axis < 0).all(axis=1)):
        places = [int(s) for s in potential.mode_index[t] if s >= 0]
        terms.append(
            {
                "modes": [int(potential.mode_numbers[s]) for s in places],  # type: ignore[index]
                "labels": [str(potential.labels[s]) for s in places],
                "coefficient_eV": float(potential.coefficient[t]),
                "channel": str(potential.channel[t]),
                "error": float(errors[t]),
            }
        )
    forbidden = dict(report.get("forbidden", {}))
    table = {
        "terms": terms,
        "force_calls": int(report.get("force_calls", 0)),
        "residual": report.get("residual"),
        "forbidden_max": forbidden.get("3"),
        "check_calls": int(report.get("check_calls", 0)),
        "naive_calls": report.get("naive_calls"),
        "condition": dict(report.get("condition", {})),
        "forbidden": forbidden,
        "multiplets": _multiplets(potential, report),
        "axis": potential.axis.tolist(),
    }
    table |= {key: report[key] for key in report if key.startswith(("permutation_defect", "sum_rule_defect"))}
    table |= potential.source.get("waves", {})
    table["warnings"] = _warnings(potential, report, table)
    return table


def _multiplets(potential: Potential, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return name, frequency in use and, where forces gave one, frequency by the forces, in *THz*."""
    found = report.get("frequency")
    rows = []
    for name in potential.multiplets:
        first = int(np.flatnonzero(potential.multiplet == name)[0])
        by_forces = None if found is None else float(found[first])
        rows.append(
            {
                "multiplet": name,
                "frequency_THz": float(potential.frequency[first]),
                "frequency_by_forces_THz": by_forces,
            }
        )
    return rows


def _warnings(potential: Potential, report: dict[str, Any], table: dict[str, Any]) -> list[str]:
    """Return what makes the couplings less than they seem."""
    warnings = []
    if report.get("residual_force", 0.0) > LOOSE_FORCE:
        warnings.append(
            f"the undisplaced atoms feel forces up to {report['residual_force']:.2g} eV/Å: the structure is not "
            "relaxed with this calculator, and the couplings are those at the given positions (--relax relaxes them)"
        )
    waves = table.get("qpoints")
    if waves is not None and not table["terms"]:
        warnings.append("no three of these wave vectors add up to a reciprocal lattice vector: there are no couplings")
    if waves is not None and all(any(q) for q in waves):
        warnings.append("no modes at Γ: light drives none of these; add Γ (--q 0 0 0)")
    elif not potential.mode_charge.any():
        warnings.append("no mode charges: without Born charges (--born) light cannot be coupled to the modes")
    soft = [name for name in potential.multiplets if potential.frequency[potential.multiplet == name].min() < 0]
    if soft:
        warnings.append(f"imaginary frequencies: {', '.join(soft)}; the crystal is not stable in this structure")
    away = {
        row["multiplet"]: row["frequency_by_forces_THz"] - row["frequency_THz"]
        for row in table["multiplets"]
        if row["frequency_by_forces_THz"] is not None
    }
    worst = max(away, key=lambda name: abs(away[name]), default=None)
    if worst is not None and abs(away[worst]) > OTHER_FREQUENCY * float(np.abs(potential.frequency).max()):
        warnings.append(
            f"the modes come from other force constants than the couplings: by the forces {worst} would be "
            f"{away[worst]:+.2f} THz away"
        )
    return [*warnings, *_loose_couplings(report, table), *_unbounded(report), *_broken_symmetry(report, table)]


def _unbounded(report: dict[str, Any]) -> list[str]:
    """Return where the polynomial turns downwards within the range of its couplings."""
    bounds = report.get("bounds", {})
    if "turns_at" not in bounds:
        return []
    below = f", falls below V(0) at {bounds['falls_below_at']:.2g}" if "falls_below_at" in bounds else ""
    return [
        f"the polynomial has no minimum at rest alone: along {', '.join(bounds['along'])} it turns downwards at "
        f"{bounds['turns_at']:.2g} of the range of its couplings{below}; a run that goes so far may diverge: take an "
        "even --order, another range, or check with `lattice run --calculator`"
    ]


def _loose_couplings(report: dict[str, Any], table: dict[str, Any]) -> list[str]:
    """Return where the polynomial does not describe the forces to which it was fitted."""
    if "reach" in report:
        share = report["residual"] / max(report["anharmonic"], 1e-300)
        if share <= LEFT_OVER:
            return []
        return [
            f"up to |Q| = {report['reach']:.3g} Å√amu the couplings leave {100 * share:.0f} % of the anharmonic force: "
            "take a higher order or a smaller --reach, and check a run with `lattice run --calculator`"
        ]
    found = []
    for order in (3, 4) if "amplitudes" in report else ():
        terms = [t for t in table["terms"] if len(t["modes"]) == order]
        error, size = (float(np.linalg.norm([t[key] for t in terms])) for key in ("error", "coefficient_eV"))
        if error > UNDETERMINED * size > 0:
            found.append(
                f"the couplings of order {order} are mostly error ({100 * error / size:.0f} % of their size): on the "
                f"scale of |Q| = {max(report['amplitudes']):.3g} Å√amu the forces are no polynomial of order "
                f"{report['order']}; fit over the range of the motion (--reach), or give another --amplitude"
            )
    return found


def _broken_symmetry(report: dict[str, Any], table: dict[str, Any]) -> list[str]:
    """Return what symmetry forbids and the source has, compared with what symmetry allows."""
    cubic = [abs(t["coefficient_eV"]) for t in table["terms"] if len(t["modes"]) == 3]
    curvature = [(nu / THZ_PER_ROOT_EV) ** 2 for nu in report.get("frequency", ())]
    allowed = {"2": max(curvature, default=0.0), "3": max(cubic, default=0.0)}
    return [
        f"the source breaks the symmetry of the crystal: forbidden {word} terms up to {table['forbidden'][order]:.1e}"
        for order, word in (("2", "harmonic"), ("3", "cubic"))
        if allowed[order] > 0 and table["forbidden"].get(order, 0.0) > BROKEN_SYMMETRY * allowed[order]
    ]
