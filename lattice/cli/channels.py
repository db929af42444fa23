"""`lattice channels`."""

from __future__ import annotations

import click

from lattice.cli.options import Vector, common_options, show, vector_option


@click.command()
@click.argument("source")
@click.option(
    "--order", type=click.Choice(["3", "4"]), default="3", help="Modes in a term: 3 for a·b → c (default), 4."
)
@vector_option("--axis", "Axis of m and J, Cartesian; the highest rotation axis if left out.")
@click.option("--fc", metavar="FILE", help="Force constants or force sets of SOURCE.")
@common_options
def channels(source: str, order: str, axis: Vector | None, fc: str | None, as_json: bool, level: int) -> None:
    """Every coupling of the optical modes of SOURCE at Γ that its symmetry allows, nearest to resonance first.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file. A structure without force
    constants is enough: the channels are then those of displacement patterns, and frequencies are unknown.
    """
    from lattice.cli.channels_text import channels_text
    from lattice.observe.channel_table import channel_table
    from lattice.structure.load import load

    table, modes = channel_table(load(source, fc=fc), int(order), axis=axis)
    show(table, lambda: channels_text(table, modes, level), as_json=as_json, level=level)
