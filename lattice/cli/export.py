"""`lattice export`."""

from __future__ import annotations

import click

from lattice.cli.options import (
    FILE,
    SOURCE,
    Vector,
    common_options,
    output_path,
    show,
    vector_option,
)


@click.command()
@click.argument("source", type=SOURCE, metavar="RUN.nc|MODES.nc|PROBE.nc|SOURCE")
@click.option(
    "-o", "--output", metavar="FILE", type=FILE, required=True, help="The file to write; its ending says how."
)
@vector_option("--q", "Wave vector of the modes of SOURCE in units of the reciprocal cell vectors; Γ if left out.")
@common_options
def export(source: str, output: str, q: Vector | None, as_json: bool, level: int) -> None:
    """Write a run, a probe, or the modes of a crystal for other programs; the ending of FILE says how.

    A run: .extxyz, the trajectory of the atoms, .csv, E, Q and L over time, .gif or .mp4, a film. A probe: .csv, its
    channels over time. Modes: .json for phononwebsite, .yaml in phonopy's form with J and m, or .csv, their table.
    """
    from lattice.cli.page_source import MODES, PROBE, RUN, read_page_source, what_was_read
    from lattice.show.export import write_export

    target = output_path(output, (".extxyz", ".json", ".csv", ".yaml", ".gif", ".mp4"))
    assert target is not None
    shown = read_page_source(source, q, "lattice export", (RUN, MODES, PROBE))
    write_export(shown, target)
    size = target.stat().st_size
    result = {"file": target.name, "bytes": size}
    show(
        result,
        lambda: f"{target.name}: {size / 1e6:.2f} MB",
        as_json=as_json,
        level=level,
        read=what_was_read(source, shown),
    )
