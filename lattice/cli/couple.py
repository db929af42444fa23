"""`lattice couple`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lattice.cli.options import FILE, SOURCE, common_options, output_path, show, vector_option, wave_option
from lattice.errors import InputError

if TYPE_CHECKING:
    from lattice.anharmonic.potential import Potential
    from lattice.structure.crystal import Crystal

DOORS = {
    "calculator": "--calculator SPEC",
    "fc3": "--fc3 FILE",
    "write": "--write-displacements DIR",
    "read": "--read-forces DIR",
}


@click.command()
@click.argument("source", type=SOURCE)
@click.option(
    "--calculator",
    metavar="SPEC",
    help="lj, emt, chgnet, or module:factory. The only option that runs code of yours: the module is imported, "
    "from the working folder too, and the factory is called.",
)
@click.option(
    "--fc3",
    metavar="FILE",
    type=FILE,
    help="fc3.hdf5 of phono3py (a phono3py*.yaml beside it names the supercell) or FORCE_CONSTANTS_3RD of ShengBTE.",
)
@click.option("--fc4", metavar="FILE", type=FILE, help="fc4.hdf5 of phono3py, beside --fc3: quartic couplings too.")
@click.option(
    "--write-displacements", "write", metavar="DIR", type=FILE, help="Write the structures for another program."
)
@click.option(
    "--read-forces", "read", metavar="DIR", type=FILE, help="Read the outputs that lie beside these structures."
)
@click.option("--format", "fmt", default="vasp", show_default=True, help="Of the structures: vasp, aims, extxyz, xsf.")
@click.option("--program", metavar="NAME", help="Whose outputs they are, where that is not recognised: abinit, cp2k …")
@wave_option(
    "--q",
    "With --fc3: couple the modes at ± this wave vector, in units of the reciprocal cell vectors; give several, 0 0 0 "
    "for Γ among them. 1/3 is a number too. The potential is that of the smallest supercell that holds them.",
    multiple=True,
)
@click.option("--order", type=click.Choice(["3", "4"]), default="4", show_default=True, help="Highest order in Q.")
@click.option("--multiplet", "multiplets", multiple=True, metavar="LABEL", help="Couplings among these only, as Eu(1).")
@click.option(
    "--amplitude", "amplitudes", multiple=True, type=float, metavar="Q", help="Length of Q in Å√amu; give several."
)
@click.option(
    "--reach",
    type=float,
    metavar="Q",
    help="Describe the forces best up to this |Q| in Å√amu. Default, where Born charges are known and no --amplitude "
    "is given: what the default pulse reaches.",
)
@click.option("--relax", is_flag=True, help="Relax the atoms inside the cell first, symmetry kept.")
@click.option(
    "--cache", metavar="DIR", type=FILE, help="Keep every finished force call here, and go on from what is there."
)
@vector_option("--axis", "Axis of helicity and m, Cartesian; the highest rotation axis if left out.")
@click.option("--fc", metavar="FILE", type=FILE, help="FORCE_CONSTANTS, force_constants.hdf5 or FORCE_SETS of SOURCE.")
@click.option("--born", metavar="FILE", type=FILE, help="BORN file of SOURCE.")
@click.option("-o", "--output", metavar="POTENTIAL.nc|.toml", type=FILE, help="Write the potential.")
@click.option(
    "--figure", metavar="FILE", type=FILE, help="Draw the fit: couplings, residual, step-size scan; .png, .svg or .pdf."
)
@common_options
def couple(
    source: str, fc: str | None, born: str | None, output: str | None, as_json: bool, level: int, **options: Any
) -> None:
    """Anharmonic couplings of the modes of SOURCE, at Γ from forces at a few displacements or force constants.

    SOURCE is a bundled name (Bi2Se3), a folder, a phonopy yaml, or a structure file. Its force constants define the
    modes; without them the same forces do. Give one of --calculator, --fc3, --write-displacements and --read-forces.
    """
    from lattice.cli.couple_text import couple_text, plan_table, plan_text
    from lattice.observe.coupling_table import coupling_table
    from lattice.show.fit import fit_figure
    from lattice.show.style import FORMATS
    from lattice.structure.load import load

    door = _only_door(options)
    target, picture = output_path(output, (".nc", ".toml")), output_path(options["figure"], FORMATS)
    crystal = load(source, fc=fc, born=born)
    if door == "write":
        plan = plan_table(_write(crystal, options), str(options["write"]))
        show(plan, lambda: plan_text(plan), as_json=as_json, level=level, read=crystal.found)
        return
    potential = _potential(source, crystal, door, options)
    table = coupling_table(potential)
    if target is not None:
        potential.save(target)
    if picture is not None:
        fit_figure(potential, picture)
    show(table, lambda: couple_text(table, potential, level), as_json=as_json, level=level, read=crystal.found)


def _only_door(options: dict[str, Any]) -> str:
    """Return where the forces come from; exactly one place must be given."""
    if options["reach"] is not None and options["calculator"] is None:
        raise InputError(
            "A range of motion is for fits with a calculator", found="--reach", fix="give --amplitude, or --calculator"
        )
    if options["figure"] is not None and options["calculator"] is None and options["read"] is None:
        raise InputError("Only a fit has a figure", found="--figure", fix="give --calculator or --read-forces")
    if options["q"] and (options["fc3"] is None or options["fc4"] is not None):
        raise InputError(
            "Couplings among wave vectors come from third-order force constants", found="--q", fix="give --fc3 alone"
        )
    if options["fc4"] is not None and options["fc3"] is None:
        raise InputError("Quartic constants alone make no potential", found="--fc4", fix="give --fc3 too")
    given = [name for name in DOORS if options[name] is not None]
    if len(given) != 1:
        raise InputError(
            "Forces must come from one place",
            found=" and ".join(DOORS[name] for name in given) or "none of the options that name it",
            fix=f"give one of {', '.join(DOORS.values())}",
        )
    return given[0]


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that plan a fit, as its functions name them."""
    return {
        "order": int(options["order"]),
        "multiplets": options["multiplets"] or None,
        "amplitudes": options["amplitudes"] or None,
        "axis": options["axis"],
    }


def _write(crystal: Crystal, options: dict[str, Any]) -> Any:
    """Write the displaced structures and return their plan."""
    from lattice.anharmonic.external import write_displacements

    if options["relax"]:
        raise InputError(
            "A structure cannot be relaxed without a calculator", found="--relax", fix="relax it with the other program"
        )
    return write_displacements(crystal, options["write"], format=options["fmt"], **_chosen(options))


def _potential(source: str, crystal: Crystal, door: str, options: dict[str, Any]) -> Potential:
    """Return the potential from the door that was chosen."""
    if door == "fc3":
        from lattice.anharmonic.project import project_potential
        from lattice.modes.solve import solve_modes
        from lattice.structure.cubic_files import read_cubic, setup_of
        from lattice.structure.quartic_files import read_quartic

        if options["relax"] or options["amplitudes"]:
            raise InputError(
                "Force constants belong to one structure and one step",
                found="--relax or --amplitude",
                fix="leave it out",
            )
        setup, axis, chosen = setup_of(source), options["axis"], options["multiplets"] or None
        constants = read_cubic(options["fc3"], crystal, setup=setup, qpoints=options["q"])
        if options["q"]:
            from lattice.anharmonic.wave_potential import project_waves

            waves = [solve_modes(crystal, q, axis=axis) for q in options["q"]]
            return project_waves(waves, constants, multiplets=chosen)
        quartic = None if options["fc4"] is None else read_quartic(options["fc4"], crystal, setup=setup)
        return project_potential(solve_modes(crystal, axis=axis), constants, fc4=quartic, multiplets=chosen)
    if door == "read":
        from lattice.anharmonic.external import read_forces

        return read_forces(crystal, options["read"], program=options["program"])
    from lattice.anharmonic.fit import fit_potential

    return fit_potential(
        crystal,
        options["calculator"],
        reach=options["reach"],
        relax=options["relax"],
        cache=options["cache"],
        **_chosen(options),
    )
