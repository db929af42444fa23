"""What `lattice verify` and `lattice ledger` say to people."""

from __future__ import annotations

from typing import Any

from lattice.cli.columns import aligned, number
from lattice.cli.options import VERBOSE


def verify_text(result: dict[str, Any], level: int) -> str:
    """Return the checks as a table, the worst first, and what they come to.

    Parameters
    ----------
    result : dict
        As from `lattice.observe.verify.verify_run`.
    level : int
        1: every check; else those that failed, and those without a multiplet of their own.
    """
    rows = [("quantity", "difference", "bound", "relative to", "")]
    hidden = 0
    for check in result["checks"]:
        if check["ok"] and " of " in check["quantity"] and check["bound"] is not None and level < VERBOSE:
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
