"""`lattice ledger`."""

from __future__ import annotations

import click

from lattice.cli.options import FILE, common_options, show


@click.command()
@click.argument("file", type=FILE, metavar="RUN.nc")
@click.option("--trajectory", type=int, help="Which trajectory of an ensemble, from 0.")
@common_options
def ledger(file: str, trajectory: int | None, as_json: bool, level: int) -> None:
    """Show who received angular momentum in RUN.nc, by channel."""
    from lattice.cli.book_text import ledger_text
    from lattice.dynamics.runfile import load_run
    from lattice.observe.book import ledger_report, one_trajectory

    report = ledger_report(one_trajectory(load_run(file), trajectory))
    show(report, lambda: ledger_text(report, level), as_json=as_json, level=level, read=[file])
