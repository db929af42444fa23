"""The page: one HTML file with crystal, motion, traces and ledger, that needs no network.

The viewer draws on a plain 2D canvas. 3Dmol.js (2.5.5, BSD-3-Clause) was tried first: it moves atoms and arrows only by
building its geometry again, which took 0.25 to 0.6 s a frame for 60 to 150 atoms in Chromium without a graphics card
(remote desktops of computing centres), and it brings 0.54 MB and the addresses of servers into a page that shall
make no request. The canvas draws 150 atoms with arrows and orbits at 20 to 40 frames a second there, from 48 kB.
"""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lattice.errors import InputError
from lattice.modes.modes import Modes
from lattice.show.page_data import modes_data, run_data
from lattice.show.sweep_data import sweep_data
from lattice.structure import argument
from lattice.structure.complete_file import complete_file

if TYPE_CHECKING:
    from xarray import Dataset

SCRIPTS = ("motion.js", "scene.js", "traces.js", "page.js")
#: Characters that could end the script element, open a comment or break a line in it; JSON knows them by number too.
HARMLESS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


@argument.takes(path=argument.path)
def write_page(run: Dataset | Modes, path: str | os.PathLike[str]) -> None:
    """Write a page that shows a run, the modes at one q-point, or a sweep.

    Parameters
    ----------
    run : xarray.Dataset or Modes
        One trajectory with Q from `simulate` or a saved run, the result of `solve_modes`, or a sweep of
        `lattice.open_sweep`.
    path : path
        Ends in ``.html``; written under a temporary name and renamed. One file of at most 3 MB that asks for nothing
        over the network. Of a run too long for that it keeps the beginning, and says so.

    Raises
    ------
    InputError
        `run` is something else, an ensemble, or holds no motion; the folder does not exist; or another ending.
    LatticeError
        The file cannot be written.
    """
    if os.path.splitext(path)[1].lower() not in (".html", ".htm"):
        raise InputError("A page is written as HTML", found=os.fspath(path), fix="end the name in .html")
    if isinstance(run, Modes):
        text = page_text(modes_data(run))
    elif getattr(run, "attrs", {}).get("kind") == "lattice sweep":
        text = sweep_text(sweep_data(run))
    else:
        text = page_text(run_data(_checked(run)))
    with complete_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page_text(data: dict[str, Any]) -> str:
    """Return the HTML of a page.

    Parameters
    ----------
    data : dict
        As from `run_data` or `modes_data`. Its strings may hold anything: they enter as JSON without ``<``, ``>`` and
        ``&``, and the scripts write them as text, never as markup.
    """
    return _filled("page.html", ("page.css",), SCRIPTS, data)


def sweep_text(data: dict[str, Any]) -> str:
    """Return the HTML of the page of a sweep; `data` as from `lattice.show.sweep_data.sweep_data`, see `page_text`."""
    return _filled("sweep.html", ("page.css", "sweep.css"), ("sweep.js",), data)


def _filled(page: str, styles: tuple[str, ...], scripts: tuple[str, ...], data: dict[str, Any]) -> str:
    """Put styles, scripts and data into a page."""
    folder = files("lattice.show").joinpath("web")
    packed = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(HARMLESS)
    parts = {
        "STYLE": "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in styles),
        "SCRIPT": "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in scripts),
        "DATA": packed,
    }
    # Split, not replaced one by one: a part that holds the mark of another is left as it is.
    pieces = folder.joinpath(page).read_text(encoding="utf-8").split("%%")
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))


def _checked(run: Dataset) -> Dataset:
    """Refuse what is no run."""
    if getattr(run, "attrs", {}).get("kind") != "lattice run":
        raise InputError(
            "A page shows a run, modes or a sweep",
            found=type(run).__name__,
            fix="give what `lattice.simulate`, `lattice.solve_modes` or `lattice.open_sweep` returned",
        )
    return run
