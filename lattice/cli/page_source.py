"""What a page or an export is made of: a saved run, saved modes, or the modes of a crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lattice.errors import InputError

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.cli.options import Vector
    from lattice.modes.modes import Modes


def read_page_source(source: str, q: Vector | None) -> Dataset | Modes:
    """Read a run or modes where the name ends in ``.nc``, else a crystal, and solve its modes.

    Raises
    ------
    InputError
        If a wave vector is given for a file, or the source cannot be read.
    """
    if Path(source).suffix.lower() != ".nc":
        from lattice.modes.solve import solve_modes
        from lattice.structure.load import load

        return solve_modes(load(source), q or (0.0, 0.0, 0.0))
    if q is not None:
        raise InputError("A file has no wave vector to choose", found=f"--q with {source}", fix="leave --q out")
    from lattice.dynamics.runfile import load_run
    from lattice.modes.files import holds_modes, load_modes
    from lattice.observe.save import kind_of_file, load_result

    if holds_modes(source):
        return load_modes(source)
    kind = kind_of_file(source)
    return load_result(source, kind) if kind in ("lattice probe", "lattice sweep") else load_run(source)


def what_was_read(source: str, shown: Dataset | Modes) -> list[str]:
    """Return the name of a file, or the lines on what a crystal was read from."""
    from lattice.modes.modes import Modes

    return list(shown.crystal.found) if isinstance(shown, Modes) and shown.crystal.found else [source]
