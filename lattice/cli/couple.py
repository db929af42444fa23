"""`lattice couple`."""

from __future__ import annotations

import click

from lattice.cli.options import Vector, common_options, output_path, show, vector_option
from lattice.errors import InputError


@click.command()
@click.argument("source")
@click.option(
    "--calculator",
    metavar="SPEC",
    help="lj, emt, chgnet, or module:factory. The only option that runs code of yours: the module is imported, "
    "from the working folder too, and the factory is called.",
)
@click.option("--order", type=click.Choice(["3", "4"]), default="4", show_default=True, help="Highest order in Q.")
@click.option("--multiplet", "multiplets", multiple=True, metavar="LABEL", help="Couplings among these only, as Eu(1).")
@click.option(
    "--amplitude", "amplitudes", multiple=True, type=float, metavar="Q", help="Length of Q in Å√amu; give several."
)
@click.option("--relax", is_flag=True, help="Relax the atoms inside the cell first, symmetry kept.")
@click.option("--cache", metavar="DIR", help="Keep every finished force call here, and go on from what is there.")
@vector_option("--axis", "Axis of helicity and m, Cartesian; the highest rotation axis if left out.")
@click.option("--fc", metavar="FILE", help="FORCE_CONSTANTS, force_constants.hdf5 or FORCE_SETS of SOURCE.")
@click.option("--born", metavar="FILE", help="BORN file of SOURCE.")
@click.option("-o", "--output", metavar="POTENTIAL.nc|.toml", help="Write the potential.")
@common_options
def couple(
    source: str,
    calculator: str | None,
    order: str,
    multiplets: tuple[str, ...],
    amplitudes: tuple[float, ...],
    relax: bool,
    cache: str | None,
    axis: Vector | None,
    fc: str | None,
    born: str | None,
    output: str | None,
    as_json: bool,
    level: int,
) -> None:
    """Anharmonic couplings of the Γ modes of SOURCE, from forces at a few displacements.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file. Its force constants define the
    modes; without them the same forces do.
    """
    from lattice.anharmonic.fit import fit_potential
    from lattice.cli.couple_text import couple_text
    from lattice.observe.coupling_table import coupling_table
    from lattice.structure.load import load

    target = output_path(output, (".nc", ".toml"))
    if calculator is None:
        raise InputError("There are no forces to find couplings from", found="no --calculator", fix="give --calculator")
    potential = fit_potential(
        load(source, fc=fc, born=born),
        calculator,
        order=int(order),
        multiplets=multiplets or None,
        amplitudes=amplitudes or None,
        relax=relax,
        cache=cache,
        axis=axis,
    )
    table = coupling_table(potential)
    if target is not None:
        potential.save(target)
    show(table, lambda: couple_text(table, potential, level), as_json=as_json, level=level)
