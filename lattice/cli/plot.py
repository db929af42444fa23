"""`lattice plot`."""

from __future__ import annotations

from typing import Any

import click

from lattice.cli.options import FILE, common_options, output_path, show, vector_option

KINDS = ("modes", "bands", "dos", "trajectory", "spectrum", "ledger", "probe", "sweep")


@click.command()
@click.argument("file", type=FILE, metavar="FILE")
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "-o", "--output", required=True, metavar="FIGURE", type=FILE, help="Write the figure: .png, .svg or .pdf."
)
@click.option("--trajectory", type=int, help="Which trajectory of an ensemble, from 0.")
@click.option("--component", metavar="x|y|z", help="Component of J of bands and dos; z if left out.")
@click.option("--multiplet", multiple=True, help="Draw only this multiplet (modes, sweep); may be repeated.")
@click.option("--value", metavar="NAME", help="What to draw of a sweep: L_peak (if left out), helicity, ledger, ….")
@click.option("--at", metavar="KEY=VALUE", multiple=True, help="Fix an axis or the channel of a sweep.")
@vector_option("--q", "Wave vector of the modes of a crystal; Γ if left out.")
@common_options
def plot(file: str, kind: str, output: str, as_json: bool, level: int, **options: Any) -> None:
    """Draw FILE.

    \b
    modes       of MODES.nc or a crystal: every atom on its path
    bands       of BANDS.nc (lattice bands -o), coloured by J
    dos         of MESH.nc (lattice mesh -o): density of modes over frequency and J
    trajectory, spectrum, ledger, probe   of RUN.nc; probe also of PROBE.nc (lattice probe -o)
    sweep       of a folder of lattice sweep, or of its collected file: maps over its axes
    """  # noqa: D301
    from lattice.cli.plot_kinds import draw_kind
    from lattice.show.style import FORMATS

    target = output_path(output, FORMATS)
    assert target is not None
    draw_kind(file, kind, target, options)
    result = {"kind": kind, "figure": target.name}
    show(result, lambda: f"{kind} of {file}: {target}", as_json=as_json, level=level, read=[file])
