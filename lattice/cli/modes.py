"""`lattice modes`."""

from __future__ import annotations

import click

from lattice.cli.options import (
    FILE,
    SOURCE,
    Vector,
    adjusted,
    charge_options,
    common_options,
    output_path,
    show,
    vector_option,
    with_warnings,
)


@click.command()
@click.argument("source", type=SOURCE)
@vector_option("--q", "Wave vector in units of the reciprocal cell vectors; Γ if left out.")
@vector_option("--axis", "Axis of helicity and m, Cartesian; the highest rotation axis if left out.")
@vector_option("--nac-direction", "Direction from which q = 0 is approached: adds the LO–TO splitting.")
@click.option(
    "--fc",
    metavar="FILE",
    type=FILE,
    help="FORCE_CONSTANTS, force_constants.hdf5, FORCE_SETS or phonopy yaml of SOURCE.",
)
@click.option("--born", metavar="FILE", type=FILE, help="BORN file of SOURCE.")
@click.option(
    "--nac-method", type=click.Choice(["gonze-lee", "wang", "none"]), default="gonze-lee", help="Default: gonze-lee."
)
@charge_options
@click.option(
    "--eigenvectors",
    metavar="FILE",
    type=FILE,
    help="Read mesh, band or qpoints (.yaml, .hdf5) of phonopy; no force constants.",
)
@click.option("--moments", is_flag=True, help="Magnetic moment of each phonon from Born charges.")
@click.option("-o", "--output", metavar="MODES.nc", type=FILE, help="Write the modes as netCDF.")
@common_options
def modes(
    source: str,
    q: Vector | None,
    axis: Vector | None,
    nac_direction: Vector | None,
    fc: str | None,
    born: str | None,
    nac_method: str,
    drop_charge: tuple[str, ...],
    set_charge: tuple[str, ...],
    eigenvectors: str | None,
    moments: bool,
    output: str | None,
    as_json: bool,
    level: int,
) -> None:
    """Modes of SOURCE at one q-point: frequency, irrep, real angular momentum J and pseudo-angular momentum m.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file with force constants beside it.
    """
    from lattice.cli.modes_text import modes_text
    from lattice.modes.files import save_modes
    from lattice.modes.read import read_modes
    from lattice.modes.solve import solve_modes
    from lattice.observe.mode_cautions import mode_cautions
    from lattice.observe.mode_table import mode_table
    from lattice.structure.load import load

    target = output_path(output, (".nc",))
    crystal = adjusted(load(source, fc=fc, born=born), drop_charge, set_charge)
    point = q or (0.0, 0.0, 0.0)
    if eigenvectors is not None:
        solved = read_modes(eigenvectors, point, crystal=crystal, axis=axis, nac_direction=nac_direction)
    else:
        solved = solve_modes(crystal, point, axis=axis, nac_direction=nac_direction, nac_method=nac_method)
    if target is not None:
        save_modes(solved, target)
    table = with_warnings(mode_table(solved, moments=moments), crystal, mode_cautions(solved))
    show(table, lambda: modes_text(table, solved, level), as_json=as_json, level=level)
