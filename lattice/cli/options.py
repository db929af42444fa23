"""Options that the commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lattice.errors import InputError
from lattice.structure.complete_file import checked_target

Vector = tuple[float, float, float]
Function = TypeVar("Function", bound=Callable[..., Any])

#: Levels of output: -q nothing but errors, the report, -v what was read and every entry of the tables.
QUIET, NORMAL, VERBOSE = -1, 0, 1


def common_options(function: Function) -> Function:
    """Add --json, -q, -v and --debug; the command receives `as_json` and `level`."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else."),
        click.option("-q", "--quiet", "level", flag_value=QUIET, type=int, help="Print nothing but errors."),
        click.option("-v", "--verbose", "level", flag_value=VERBOSE, type=int, default=NORMAL, help="Print more."),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def vector_option(name: str, text: str) -> Callable[[Function], Function]:
    """Return an option of three numbers."""
    return click.option(name, nargs=3, type=float, default=None, metavar="X Y Z", help=text)


def output_path(path: str | None, suffixes: tuple[str, ...]) -> Path | None:
    """Check a file that is to be written before any work is done.

    Raises
    ------
    InputError
        The folder does not exist, no file can have the name, or the ending is none of `suffixes`.
    """
    if path is None:
        return None
    target = checked_target(path)
    if target.suffix.lower() not in suffixes:
        raise InputError("An output file has an unknown ending", found=path, fix=f"end it in {' or '.join(suffixes)}")
    return target


def show(result: dict[str, Any], text: Callable[[], str], *, as_json: bool, level: int) -> None:
    """Print a result: as one JSON object, or as text unless quiet; its warnings go to stderr."""
    if as_json:
        click.echo(json.dumps(result, allow_nan=False, ensure_ascii=False, indent=1))
    elif level > QUIET:
        click.echo(text())
        for warning in result.get("warnings", ()):
            click.echo(f"Warning: {warning}", err=True)
