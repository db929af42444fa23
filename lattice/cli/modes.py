"""`lattice modes`."""

from __future__ import annotations

import click

from lattice.cli.options import VERBOSE, common_options, show, vector_option


@click.command()
@click.argument("source")
@vector_option("--q", "Wave vector in units of the reciprocal cell vectors; Γ if left out.")
@vector_option("--axis", "Axis of helicity and m, Cartesian; the highest rotation axis if left out.")
@vector_option("--nac-direction", "Direction from which q = 0 is approached: adds the LO–TO splitting.")
@click.option(
    "--fc", metavar="FILE", help="FORCE_CONSTANTS, force_constants.hdf5, FORCE_SETS or phonopy yaml of SOURCE."
)
@click.option("--born", metavar="FILE", help="BORN file of SOURCE.")
@common_options
def modes(source, q, axis, nac_direction, fc, born, as_json, level):  # type: ignore[no-untyped-def]
    """Modes of SOURCE at one q-point: frequency, irrep, real angular momentum J and pseudo-angular momentum m.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file with force constants beside it.
    """
    from lattice import load, solve_modes
    from lattice.cli.text import modes_text
    from lattice.observe.mode_table import mode_table

    crystal = load(source, fc=fc, born=born)
    solved = solve_modes(crystal, q or (0.0, 0.0, 0.0), axis=axis, nac_direction=nac_direction)
    show(
        mode_table(solved),
        lambda table: modes_text(table, crystal, verbose=level == VERBOSE),
        as_json=as_json,
        level=level,
    )
