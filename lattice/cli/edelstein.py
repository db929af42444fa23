"""`lattice edelstein`."""

from __future__ import annotations

import click

from lattice.cli.options import (
    FILE,
    NORMAL,
    SOURCE,
    adjusted,
    charge_options,
    common_options,
    show,
    with_warnings,
)


@click.command()
@click.argument("source", type=SOURCE)
@click.option("--mesh", nargs=3, type=int, required=True, metavar="N N N", help="Divisions of the Γ-centred mesh.")
@click.option("--temperature", type=float, multiple=True, default=(300.0,), help="K; may be given several times.")
@click.option(
    "--lifetime", type=float, default=1.0, help="Lifetime of all modes in ps; the tensor is proportional to it."
)
@click.option("--fc", metavar="FILE", type=FILE, help="Force constants or force sets of SOURCE.")
@click.option("--born", metavar="FILE", type=FILE, help="BORN file of SOURCE.")
@click.option(
    "--nac-method", type=click.Choice(["gonze-lee", "wang", "none"]), default="gonze-lee", help="Default: gonze-lee."
)
@charge_options
@common_options
def edelstein(
    source: str,
    mesh: tuple[int, int, int],
    temperature: tuple[float, ...],
    lifetime: float,
    fc: str | None,
    born: str | None,
    nac_method: str,
    drop_charge: tuple[str, ...],
    set_charge: tuple[str, ...],
    as_json: bool,
    level: int,
) -> None:
    """Phonon thermal Edelstein tensor of SOURCE: J/V = α ∇T, in ħ Å⁻² K⁻¹ for one lifetime of all modes.

    Zero in crystals with inversion; opposite in enantiomers.
    """
    from lattice.cli.edelstein_text import edelstein_text
    from lattice.observe.edelstein import edelstein as tensor
    from lattice.observe.edelstein import edelstein_table
    from lattice.structure.load import load

    crystal = adjusted(load(source, fc=fc, born=born), drop_charge, set_charge)
    visible = level >= NORMAL
    result = tensor(crystal, mesh, temperature, lifetime=lifetime, nac_method=nac_method, progress=visible)
    table = with_warnings(edelstein_table(crystal, result), crystal)
    show(table, lambda: edelstein_text(table, crystal), as_json=as_json, level=level, read=crystal.found)
