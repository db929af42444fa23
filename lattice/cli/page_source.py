"""What a page or an export is made of: a saved run, saved modes, or the modes of a crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lattice.errors import InputError
from lattice.structure.array_file import command_of, kind_of_file

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.cli.options import Vector
    from lattice.modes.modes import Modes


RUN, MODES, PROBE, SWEEP = "lattice run", "lattice modes", "lattice probe", "lattice sweep"
#: Kind of a file → the commands that show it.
COMMANDS = {
    RUN: "lattice page {0} -o run.html, lattice plot {0} trajectory -o fig.png, lattice export {0} -o run.csv",
    MODES: "lattice page {0} -o modes.html, lattice plot {0} modes -o fig.png, lattice export {0} -o modes.csv",
    PROBE: "lattice plot {0} probe -o fig.png, lattice export {0} -o probe.csv",
    SWEEP: "lattice page {0} -o sweep.html, lattice plot {0} sweep -o fig.png",
    "lattice bands": "lattice plot {0} bands -o fig.png",
    "lattice mesh": "lattice plot {0} dos -o fig.png",
}


def read_page_source(source: str, q: Vector | None, command: str, kinds: tuple[str, ...]) -> Dataset | Modes:
    """Read a result of one of the `kinds` that a command takes, or a crystal, and solve its modes.

    Raises
    ------
    InputError
        If a wave vector is given for a file, the source cannot be read, or it is a result of another kind.
    """
    sweep = (Path(source) / "zarr.json").is_file()
    kind = SWEEP if sweep else kind_of_file(source)
    if kind is not None and kind not in kinds:
        there = f"a folder of `{kind}`" if sweep else f"a file of `{command_of(kind)} -o`"
        fit = COMMANDS.get(kind)
        shown = "" if fit is None else f"; for this one: {fit.format(Path(source).name)}"
        raise InputError(
            f"{Path(source).name} is not what `{command}` takes",
            found=there,
            fix=f"give a result of {', '.join(kinds)} or a crystal{shown}",
        )
    if sweep:
        from lattice.cli.plot_kinds import read_sweep

        return read_sweep(source)
    if Path(source).suffix.lower() != ".nc":
        from lattice.modes.solve import solve_modes
        from lattice.structure.load import load

        return solve_modes(load(source), q or (0.0, 0.0, 0.0))
    if q is not None:
        raise InputError("A file has no wave vector to choose", found=f"--q with {source}", fix="leave --q out")
    from lattice.dynamics.runfile import load_run
    from lattice.modes.files import load_modes
    from lattice.observe.save import load_result

    if kind == MODES:
        return load_modes(source)
    return load_result(source, kind) if kind in (PROBE, SWEEP) else load_run(source)


def what_was_read(source: str, shown: Dataset | Modes) -> list[str]:
    """Return the name of a file, or the lines on what a crystal was read from."""
    from lattice.modes.modes import Modes

    return list(shown.crystal.found) if isinstance(shown, Modes) and shown.crystal.found else [source]
