"""`lattice channels`."""

from __future__ import annotations

import click

from lattice.cli.options import FILE, SOURCE, Vector, common_options, show, vector_option, wave_option


@click.command()
@click.argument("source", type=SOURCE)
@click.option(
    "--order", type=click.Choice(["3", "4"]), default="3", help="Modes in a term: 3 for a·b → c (default), 4."
)
@vector_option("--axis", "Axis of m and J, Cartesian; the highest rotation axis if left out.")
@wave_option(
    "--q", "With --q2: channels a(q) · b(q2) → c(q + q2), in units of the reciprocal cell vectors; 1/3 is a number too."
)
@wave_option("--q2", "See --q.")
@click.option("--fc3", metavar="FILE", type=FILE, help="With --q and --q2: the size of each channel, from fc3.hdf5.")
@click.option("--fc", metavar="FILE", type=FILE, help="Force constants or force sets of SOURCE.")
@common_options
def channels(
    source: str,
    order: str,
    axis: Vector | None,
    q: Vector | None,
    q2: Vector | None,
    fc3: str | None,
    fc: str | None,
    as_json: bool,
    level: int,
) -> None:
    """Every coupling of the optical modes of SOURCE at Γ that its symmetry allows, nearest to resonance first.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file. A structure without force
    constants is enough: the channels are then those of displacement patterns, and frequencies are unknown.
    """
    from lattice.cli.channels_text import channels_text
    from lattice.observe.channel_table import channel_table, line_channel_table
    from lattice.structure.cubic_files import setup_of
    from lattice.structure.load import load

    crystal = load(source, fc=fc)
    if fc3 is not None and (q is None or q2 is None):
        raise click.UsageError("--fc3 goes with --q and --q2; lattice couple gives the couplings of Γ")
    if q is None and q2 is None:
        table, modes = channel_table(crystal, int(order), axis=axis)
    elif q is None or q2 is None:
        raise click.UsageError("give both --q and --q2, or neither")
    else:
        table, modes = line_channel_table(crystal, q, q2, order=int(order), axis=axis, fc3=fc3, setup=setup_of(source))
    show(table, lambda: channels_text(table, modes, level), as_json=as_json, level=level, read=crystal.found)
