"""`lattice probe`."""

from __future__ import annotations

from typing import Any

import click

from lattice.cli.options import common_options, output_path, show, vector_option


@click.command()
@click.argument("file", metavar="RUN.nc")
@click.option("--photon-energy", type=float, default=1.55, show_default=True, metavar="EV", help="eV.")
@click.option("--duration", type=float, default=0.05, show_default=True, metavar="PS", help="FWHM of intensity, ps.")
@vector_option("--direction", "Direction of the probe, Cartesian; n̂ of the run if left out.")
@vector_option("--reference", "Direction from which probe angles count; x̂ of the gauge if left out.")
@click.option("--index", metavar="N", help="Refractive index at the photon energy, as 3.1 or 5.0+1.5j.")
@click.option("--epsilon", metavar="EPS", help="Relative permittivity there, in place of --index.")
@click.option("--geometry", default="transmission", show_default=True, help="transmission, slab or reflection.")
@click.option("--thickness", type=float, default=100.0, show_default=True, metavar="A", help="Å.")
@click.option("--raman", metavar="NAME=VALUE", multiple=True, help="Raman constant, as Eg(2)x.xx=0.5+0.1j (1/(Å√amu)).")
@click.option("--background", metavar="NAME=VALUE", multiple=True, help="Pockels (xy.z) or Kerr (xx.yy) constant.")
@click.option("--multiplet", help="The pair that the two channels show; the receiver of the run if left out.")
@click.option("--window", type=float, metavar="PS", help="FWHM of the window of the short-time spectrum, ps.")
@click.option("--trajectory", type=int, help="Which trajectory of an ensemble, from 0.")
@click.option("-o", "--output", metavar="PROBE.nc", help="Write the signals.")
@click.option("--figure", metavar="FILE", help="Draw the signals: .png, .svg or .pdf.")
@common_options
def probe(
    file: str,
    raman: tuple[str, ...],
    background: tuple[str, ...],
    multiplet: str | None,
    window: float | None,
    trajectory: int | None,
    output: str | None,
    figure: str | None,
    as_json: bool,
    level: int,
    **settings: Any,
) -> None:
    """Show what a probe pulse sees of RUN.nc: rotation, ellipticity, (g_x, g_y)(t), spectra; which path drove it."""
    from lattice.cli.probe_settings import background_of, constants_of, probe_of
    from lattice.cli.probe_text import probe_text
    from lattice.dynamics.runfile import load_run
    from lattice.observe.book import one_trajectory
    from lattice.observe.kerr import kerr
    from lattice.observe.probe_report import probe_report
    from lattice.observe.save import save_result
    from lattice.show.probe import probe_figure
    from lattice.show.style import FORMATS

    target, picture = output_path(output, (".nc",)), output_path(figure, FORMATS)
    run = one_trajectory(load_run(file), trajectory)
    tensors = background_of(run, background)
    seen = kerr(
        run, probe_of(settings), raman=constants_of(raman) or None, multiplet=multiplet, window=window, **tensors
    )
    if target is not None:
        save_result(seen, target)
    if picture is not None:
        probe_figure(seen, picture)
    report = probe_report(seen, run)
    show(report, lambda: probe_text(report), as_json=as_json, level=level)
