"""`lattice verify`."""

from __future__ import annotations

import click

from lattice.cli.options import FILE, common_options, show


@click.command()
@click.argument("file", type=FILE, metavar="RUN.nc")
@common_options
def verify(file: str, as_json: bool, level: int) -> int:
    """Compute RUN.nc again with SciPy from the file alone, and say which numbers differ.

    Exit status 1 if one differs by more than its bound.
    """
    from lattice.cli.book_text import verify_text
    from lattice.observe.verify import verify_run

    result = verify_run(file)
    show(result, lambda: verify_text(result, level), as_json=as_json, level=level, read=[file])
    return 0 if result["ok"] else 1
