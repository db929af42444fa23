"""What each kind of plot reads and calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lattice.errors import InputError

if TYPE_CHECKING:
    from xarray import Dataset

#: kind → options that it has; any other that is given is an error
_OPTIONS = {
    "modes": {"q", "multiplet"},
    "bands": {"component"},
    "dos": {"component"},
    "trajectory": {"trajectory"},
    "spectrum": {"trajectory"},
    "ledger": {"trajectory"},
    "probe": {"trajectory"},
    "sweep": {"value", "at", "multiplet"},
}


def draw_kind(file: str, kind: str, target: Path, options: dict[str, Any]) -> None:
    """Draw one kind of plot.

    Parameters
    ----------
    file : str
        As on the command line.
    kind : str
        One of `lattice.cli.plot.KINDS`.
    target : Path
        The figure.
    options : dict
        Those of the command; None or empty where they are not given.

    Raises
    ------
    InputError
        An option does not belong to the kind, the file holds something else, or as in the functions that draw.
    """
    for name, value in options.items():
        if value not in (None, ()) and name not in _OPTIONS[kind]:
            kinds = ", ".join(k for k, known in _OPTIONS.items() if name in known)
            raise InputError(
                f"The plot {kind} has no option --{name}", found=value, fix=f"leave it out; it is for {kinds}"
            )
    drawers: dict[str, Callable[[str, Path, dict[str, Any]], None]] = {
        "modes": _modes,
        "bands": _bands,
        "dos": _dos,
        "probe": _probe,
        "sweep": _sweep,
    }
    if kind in drawers:
        drawers[kind](file, target, options)
        return
    from lattice.show.plot import plot_run

    plot_run(_run(file, options), kind, target)


def _run(file: str, options: dict[str, Any]) -> Dataset:
    from lattice.dynamics.runfile import load_run
    from lattice.observe.book import one_trajectory

    return one_trajectory(load_run(file), options["trajectory"])


def _modes(file: str, target: Path, options: dict[str, Any]) -> None:
    from lattice.cli.page_source import MODES, read_page_source
    from lattice.modes.modes import Modes
    from lattice.show.modes import modes_figure

    modes = read_page_source(file, options["q"], "lattice plot FILE modes", (MODES,))
    assert isinstance(modes, Modes)
    modes_figure(modes, target, options["multiplet"] or None)


def _bands(file: str, target: Path, options: dict[str, Any]) -> None:
    from lattice.observe.save import load_result
    from lattice.show.bands import bands_figure, checked_component

    component = checked_component(options["component"] or "z")
    bands_figure(load_result(file, "lattice bands"), target, component)


def _dos(file: str, target: Path, options: dict[str, Any]) -> None:
    from lattice.observe.mesh import angular_momentum_dos
    from lattice.observe.save import load_result
    from lattice.show.bands import checked_component, mesh_figure

    component = checked_component(options["component"] or "z")
    mesh_figure(angular_momentum_dos(load_result(file, "lattice mesh")), target, component)


def _probe(file: str, target: Path, options: dict[str, Any]) -> None:
    from lattice.observe.kerr import kerr
    from lattice.observe.save import load_result
    from lattice.show.probe import probe_figure
    from lattice.structure.array_file import kind_of_file

    of_probe = kind_of_file(file) == "lattice probe"
    probe_figure(load_result(file, "lattice probe") if of_probe else kerr(_run(file, options)), target)


def _sweep(file: str, target: Path, options: dict[str, Any]) -> None:
    from lattice.show.sweep import sweep_figure

    at: dict[str, Any] = {}
    for word in options["at"]:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise InputError("A fixed axis is given as KEY=VALUE", found=word, fix="write e.g. --at pulse.0.helicity=1")
        at[key.strip()] = value.strip()
    if options["multiplet"]:
        at["multiplet"] = list(options["multiplet"])
    sweep_figure(read_sweep(file), target, options["value"] or "L_peak", at)


def read_sweep(file: str) -> Dataset:
    """Open the folder of a sweep, or read its collected file.

    Raises
    ------
    InputError
        If it is neither.
    """
    if Path(file).is_dir():
        from lattice.study.results import open_sweep

        return open_sweep(file)
    from lattice.observe.save import load_result

    return load_result(file, "lattice sweep")
