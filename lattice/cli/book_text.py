"""What `lattice verify` and `lattice ledger` say to people."""

from __future__ import annotations

from typing import Any

from lattice.cli.columns import aligned, direction, number, row_of_numbers
from lattice.cli.options import VERBOSE
from lattice.observe.comparison import ITSELF


def verify_text(result: dict[str, Any], level: int) -> str:
    """Return the checks as a table and what they come to.

    Parameters
    ----------
    result : dict
        As from `lattice.observe.verify.verify_run`.
    level : int
        1: every check; else those that failed, and those of whole arrays.
    """
    rows = [("quantity", "difference", "bound", "relative to", "")]
    hidden = 0
    for check in result["checks"]:
        if check["ok"] and check["relative_to"] == ITSELF and level < VERBOSE:
            hidden += 1
            continue
        cells = (number(check["difference"], ".1e"), number(check["bound"], ".1e"), check["relative_to"] or "–")
        rows.append((check["quantity"], *cells, "agrees" if check["ok"] else "DIFFERS"))
    lines = aligned(rows)
    if hidden:
        lines.append(f"and {hidden} more numbers of the report, which agree (-v shows them)")
    how = "computed again" if result["reintegrated"] else "checked as far as it can be"
    if result["ok"]:
        lines.append(f"{result['file']}: {how}, all {len(result['checks'])} numbers agree")
    else:
        lines.append(f"{result['file']}: {how}, {len(result['differs'])} differ: {', '.join(result['differs'])}")
    return "\n".join(lines)


def ledger_text(report: dict[str, Any], level: int) -> str:
    """Return the book along n̂ as a table: channels down, receivers across, with the changes of L as the last line.

    Parameters
    ----------
    report : dict
        As from `lattice.observe.book.ledger_report`.
    level : int
        1: along x, y and z too; else channels and multiplets that exchanged nothing are left out.
    """
    change, rows = report["L_change_hbar"], report["rows"]
    wide = level >= VERBOSE
    names = [m for m in change if wide or any(_visible(row["received_hbar"][m]) for row in rows)]
    table = [("received along n̂ (ħ per cell)", *names, "crystal")]
    for row in rows:
        values = [row["received_hbar"][m] for m in names] + [row["crystal_hbar"]]
        if wide or any(map(_visible, values)):
            table.append((row["channel"], *row_of_numbers(values)))
    table.append(("ΔL", *row_of_numbers([change[m] for m in names]), ""))
    lines = aligned(table)
    if wide:
        lines += ["", *along_xyz(rows)]
    closes = number(report["closure"], ".1e")
    lines += ["", f"closes to {closes} of {number(report['gross_hbar'], '.3g')} ħ; n̂ = {direction(report['axis'])}"]
    summary = report["summary"]
    if summary["ratio"] is not None:
        names = ["source", "transferred", "crystal"]
        cells = row_of_numbers([summary[f"{name}_hbar"] for name in names])
        words = ", ".join(f"{name} {cell} ħ" for name, cell in zip(names, cells, strict=True))
        lines.append(f"{summary['channel']}: {words}, ratio {number(summary['ratio'], '.6f')}")
    return "\n".join(lines)


def _visible(value: float | None) -> bool:
    """Whether a number is worth a row: more than zeros at six decimals."""
    return value is None or abs(value) >= 5e-7


def along_xyz(rows: list[dict[str, Any]]) -> list[str]:
    """Return one line for every entry of the rows of a ledger report that is not zero, along x, y and z."""
    table: list[tuple[str, ...]] = [("channel", "multiplet", "x/ħ", "y/ħ", "z/ħ")]
    for row in rows:
        for name, values in {**row["received_xyz_hbar"], "crystal": row["crystal_xyz_hbar"]}.items():
            if any(value != 0 for value in values):
                table.append((row["channel"], name, *(number(value, "+.6e") for value in values)))
    return aligned(table, left=2)
