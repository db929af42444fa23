"""`lattice collect`."""

from __future__ import annotations

import click

from lattice.cli.options import common_options, output_path, show


@click.command()
@click.argument("directory", metavar="DIR")
@click.option("-o", "--output", metavar="OUT.nc", help="Write the results as one netCDF file.")
@common_options
def collect(directory: str, output: str | None, as_json: bool, level: int) -> None:
    """Count the points of the sweep in DIR, and write its results as one file."""
    from lattice.cli.sweep_text import sweep_text
    from lattice.study import results

    target = output_path(output, (".nc",))
    counts = results.collect(directory, target)
    text = f"SHA-256 of the results {counts['sha256']}" if counts["sha256"] else "not complete: run lattice sweep again"
    told = counts | {"resumed": 0}
    show(counts, lambda: f"{sweep_text(told, directory)}\n{text}", as_json=as_json, level=level)
