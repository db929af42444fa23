"""`lattice mesh`."""

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
@click.option("--mesh", nargs=3, type=int, required=True, metavar="N N N", help="Divisions of the reciprocal cell.")
@vector_option("--axis", "Axis of the circular gauge, Cartesian; the highest rotation axis if left out.")
@click.option("--fc", metavar="FILE", type=FILE, help="Force constants or force sets of SOURCE.")
@click.option("--born", metavar="FILE", type=FILE, help="BORN file of SOURCE.")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads; the result is the same."
)
@click.option("-o", "--output", metavar="MESH.nc", type=FILE, help="Write the mesh.")
@click.option("--figure", metavar="FILE", type=FILE, help="Draw the densities: .png, .svg or .pdf.")
@click.option("--component", default="z", metavar="x|y|z", help="Component of J in the figure; z if left out.")
@common_options
def mesh(
    source: str,
    mesh: tuple[int, int, int],
    axis: Vector | None,
    fc: str | None,
    born: str | None,
    threads: int,
    output: str | None,
    figure: str | None,
    component: str,
    as_json: bool,
    level: int,
) -> None:
    """Modes of SOURCE on a Γ-centred mesh: J of every mode, density of modes over frequency and J, total J."""
    from lattice.cli.bands_text import mesh_text
    from lattice.observe.band_table import mesh_table
    from lattice.observe.mesh import angular_momentum_dos, solve_mesh
    from lattice.observe.save import save_result
    from lattice.show.bands import checked_component, mesh_figure
    from lattice.show.style import FORMATS
    from lattice.structure.load import load

    target, picture = output_path(output, (".nc",)), output_path(figure, FORMATS)
    checked_component(component)
    crystal = load(source, fc=fc, born=born)
    found = solve_mesh(crystal, mesh, axis=axis, n_threads=threads, progress=level > QUIET)
    density = angular_momentum_dos(found)
    if target is not None:
        save_result(found, target)
    if picture is not None:
        mesh_figure(density, picture, component)
    table = mesh_table(found, density)
    show(table, lambda: mesh_text(table), as_json=as_json, level=level, read=crystal.found)
