"""`lattice plot`."""

from __future__ import annotations

import click

from lattice.cli.options import FILE, common_options, output_path, show


@click.command()
@click.argument("file", type=FILE, metavar="FILE")
@click.argument("kind", type=click.Choice(["trajectory", "spectrum", "ledger"]))
@click.option(
    "-o", "--output", required=True, metavar="FIGURE", type=FILE, help="Write the figure: .png, .svg or .pdf."
)
@click.option("--trajectory", type=int, help="Which trajectory of an ensemble, from 0.")
@common_options
def plot(file: str, kind: str, output: str, trajectory: int | None, as_json: bool, level: int) -> None:
    """Draw the trajectory, the spectrum or the ledger of the run in FILE."""
    from lattice.dynamics.runfile import load_run
    from lattice.observe.book import one_trajectory
    from lattice.show.plot import plot_run
    from lattice.show.style import FORMATS

    target = output_path(output, FORMATS)
    assert target is not None
    plot_run(one_trajectory(load_run(file), trajectory), kind, target)
    result = {"kind": kind, "figure": target.name}
    show(result, lambda: f"{kind} of {file}: {target}", as_json=as_json, level=level, read=[file])
