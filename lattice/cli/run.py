"""`lattice run`."""

from __future__ import annotations

from typing import Any

import click

from lattice.cli.options import FILE, SOURCE, common_options, output_path, show


@click.command()
@click.argument("source", type=SOURCE, metavar="SOURCE|RUN.toml")
@click.option(
    "--frequencies",
    type=click.Choice(["measured", "computed"]),
    help="Measured where known (the default), or computed.",
)
@click.option(
    "--calculator",
    metavar="SPEC",
    help="Move the atoms by the forces of lj, emt, chgnet or module:factory instead of the potential's couplings, to "
    "check these. The only option that runs code of yours.",
)
@click.option("--supercell", nargs=3, type=int, default=None, metavar="N N N", help="Cells, for a calculator.")
@click.option("--pulse", default="", metavar="KEY=VALUE,…", help="Keys of pulse 0, as amplitude=0.1,helicity=-1.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any key of a run file, as duration=10.")
@click.option(
    "--keep", is_flag=True, help="Write and report a run that diverged or missed its accuracy too (status 1)."
)
@click.option("-o", "--output", metavar="RUN.nc", type=FILE, help="Write the run.")
@click.option("--figure", metavar="FILE", type=FILE, help="Draw the run: .png, .svg or .pdf.")
@common_options
def run(
    source: str, keep: bool, output: str | None, figure: str | None, as_json: bool, level: int, **chosen: Any
) -> int:
    """Drive SOURCE with a light pulse, follow its angular momentum, and say whether 1 + 1 = -1.

    SOURCE is a bundled name (Bi2Se3) or a potential file: the default run, a circular pulse at the strongest IR-active
    pair. A run file sets everything.
    """
    from lattice.cli.run_text import run_text
    from lattice.dynamics.integrate import OK
    from lattice.dynamics.runfile import save_run
    from lattice.observe.motion import until_divergence
    from lattice.observe.report import run_report
    from lattice.show.figure import check_recorded, run_figure
    from lattice.show.style import FORMATS
    from lattice.study.run import run_from_settings
    from lattice.study.settings import read_settings

    target, picture = output_path(output, (".nc",)), output_path(figure, FORMATS)
    settings = read_settings(source, **chosen)
    if picture is not None:
        check_recorded(settings.record.quantities)
    trajectory, potential = run_from_settings(settings, keep=keep)
    if target is not None:
        save_run(trajectory, target)  # before anything that is made from it
    trajectory = until_divergence(trajectory)
    report = run_report(trajectory, potential)
    if picture is not None:
        run_figure(trajectory, picture)
    show(report, lambda: run_text(report, trajectory, level), as_json=as_json, level=level)
    return 0 if trajectory["status"].item() == OK else 1
