"""Compare reported numbers: `python same_reports.py ONE.json OTHER.json TOLERANCE` fails where they differ."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path


def assert_same(found, expected, place="", tolerance=1e-9):
    """Numbers to a part of their size, or of 1; words exactly. The closure is round-off itself."""
    assert type(found) is type(expected), place
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key in expected:
            assert_same(found[key], expected[key], f"{place}.{key}", tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected), place
        for i, pair in enumerate(zip(found, expected, strict=True)):
            assert_same(*pair, f"{place}[{i}]", tolerance)
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance), f"{place}: {found}, {expected}"
    else:
        assert found == expected, place


if __name__ == "__main__":
    one, other = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    assert_same(one, other, tolerance=float(sys.argv[3]))
    print(f"{sys.argv[1]} and {sys.argv[2]} agree to {sys.argv[3]}")
