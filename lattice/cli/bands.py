"""`lattice bands`."""

from __future__ import annotations

import click

from lattice.cli.options import (
    FILE,
    QUIET,
    SOURCE,
    Vector,
    common_options,
    output_path,
    show,
    vector_option,
)


@click.command()
@click.argument("source", type=SOURCE)
@click.option("--path", metavar="NAMES", help='Special points, as "GXL,KG"; the customary path if left out.')
@click.option("--npoints", type=int, default=101, show_default=True, help="Points on the path.")
@vector_option("--axis", "Axis of helicity and m, Cartesian; the highest rotation axis if left out.")
@click.option("--fc", metavar="FILE", type=FILE, help="Force constants or force sets of SOURCE.")
@click.option("--born", metavar="FILE", type=FILE, help="BORN file of SOURCE.")
@click.option("-o", "--output", metavar="BANDS.nc", type=FILE, help="Write the path.")
@click.option("--figure", metavar="FILE", type=FILE, help="Draw the bands: .png, .svg or .pdf.")
@click.option("--component", default="z", metavar="x|y|z", help="Component of J in the figure; z if left out.")
@common_options
def bands(
    source: str,
    path: str | None,
    npoints: int,
    axis: Vector | None,
    fc: str | None,
    born: str | None,
    output: str | None,
    figure: str | None,
    component: str,
    as_json: bool,
    level: int,
) -> None:
    """Modes of SOURCE along a path: frequency, real angular momentum J, pseudo-angular momentum m, connected bands."""
    from lattice.cli.bands_text import bands_text
    from lattice.observe.band_table import band_table
    from lattice.observe.path import solve_path
    from lattice.observe.save import save_result
    from lattice.show.bands import bands_figure, checked_component
    from lattice.show.style import FORMATS
    from lattice.structure.load import load

    target, picture = output_path(output, (".nc",)), output_path(figure, FORMATS)
    checked_component(component)
    crystal = load(source, fc=fc, born=born)
    found = solve_path(crystal, path, npoints, axis=axis, progress=level > QUIET)
    if target is not None:
        save_result(found, target)
    if picture is not None:
        bands_figure(found, picture, component)
    table = band_table(found)
    show(table, lambda: bands_text(table, level), as_json=as_json, level=level, read=crystal.found)
