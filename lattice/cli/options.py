"""Options that the commands share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lattice.cli.colour import paint
from lattice.errors import InputError
from lattice.structure.complete_file import checked_target

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from lattice.structure.crystal import Crystal

Vector = tuple[float, float, float]
Function = TypeVar("Function", bound=Callable[..., Any])

#: Levels of output: -q nothing but errors, the report, -v what was read and every entry of the tables.
QUIET, NORMAL, VERBOSE = -1, 0, 1
STARTED = time.perf_counter()

#: A file or folder; shells complete its name. Whether it exists is looked at where it is read.
FILE = click.Path()


class Source(click.types.StringParamType):
    """A bundled crystal, a folder or a file; shells complete all of them."""

    name = "source"

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the bundled names that begin so, and leave files to the shell."""
        from click.shell_completion import CompletionItem

        from lattice.structure.bundled import bundled_names

        names = [name for name in bundled_names() if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


SOURCE = Source()


def common_options(function: Function) -> Function:
    """Add --json, -q, -v and --debug; the command receives `as_json` and `level`."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else."),
        click.option(
            "-q", "--quiet", "level", **_level(QUIET), help="Print errors only: no report, warnings or progress."
        ),
        click.option(
            "-v",
            "--verbose",
            "level",
            **_level(VERBOSE),
            help="Print more: every row; on stderr what was read and the time taken.",
        ),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _level(value: int) -> dict[str, Any]:
    """Return how a flag sets `level`; click before 8.3.1 knows no default of several flags with one name."""
    return {
        "flag_value": value,
        "type": int,
        "default": None,
        "callback": lambda _context, _option, given: NORMAL if given is None else given,
    }


def vector_option(name: str, text: str) -> Callable[[Function], Function]:
    """Return an option of three numbers."""
    return click.option(name, nargs=3, type=float, default=None, metavar="X Y Z", help=text)


class Component(click.types.FloatParamType):
    """A number, or a fraction such as 1/3, which no decimal number is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if not (isinstance(value, str) and "/" in value):
            return super().convert(value, param, ctx)
        try:
            return float(Fraction(value))
        except (ValueError, ZeroDivisionError, OverflowError):
            return self.fail(f"{value!r} is not a number or a fraction such as 1/3", param, ctx)


def wave_option(name: str, text: str, *, multiple: bool = False) -> Callable[[Function], Function]:
    """Return an option of a wave vector: three numbers or fractions."""
    default = () if multiple else None
    return click.option(
        name, nargs=3, type=Component(), default=default, multiple=multiple, metavar="QX QY QZ", help=text
    )


def charge_options(function: Function) -> Function:
    """Add --drop-charge and --set-charge; the command receives `drop_charge` and `set_charge`."""
    names = "eps.zz, Z.zz (all atoms), Z.Se.zz (a species) or Z.3.zz (atom 3, counted from 0)"
    options = (
        click.option("--drop-charge", metavar="NAME", multiple=True, help=f"Drop a component of charges: {names}."),
        click.option("--set-charge", metavar="NAME=VALUE", multiple=True, help="Override a component of charges."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def adjusted(crystal: Crystal, drop: tuple[str, ...], assignments: tuple[str, ...]) -> Crystal:
    """Return the crystal with charges dropped and overridden as on the command line.

    Raises
    ------
    InputError
        If an assignment is not NAME=VALUE, or a name or the crystal does not fit.
    """
    from lattice.structure.charge_components import adjust_charges

    override = {}
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        try:
            override[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                "A charge is set as NAME=VALUE", found=assignment, fix="write e.g. --set-charge eps.zz=10"
            ) from None
    return adjust_charges(crystal, drop=drop, override=override) if drop or override else crystal


def with_warnings(table: dict[str, Any], crystal: Crystal, more: Sequence[str] = ()) -> dict[str, Any]:
    """Add `warnings` to a table where the crystal has any, or there are more."""
    mark = "warning: "
    found = [*(line.removeprefix(mark) for line in crystal.found if line.startswith(mark)), *more]
    return {**table, "warnings": found} if found else table


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


def show(
    result: dict[str, Any], text: Callable[[], str], *, as_json: bool, level: int, read: Iterable[str] = ()
) -> None:
    """Print a result: as one JSON object, or as text unless quiet; all else goes to stderr.

    Parameters
    ----------
    result : dict
        What --json prints; its `warnings` are printed with the text.
    text : callable
        Returns the report for people.
    as_json, level
        As from `common_options`.
    read : iterable of str
        Lines on what was read, which -v prints.
    """
    if level >= VERBOSE:
        click.echo("".join(f"read: {line}\n" for line in read), err=True, nl=False)
    if as_json:
        click.echo(json.dumps(result, allow_nan=False, ensure_ascii=False, indent=1))
    elif level > QUIET:
        click.echo(text())
        for warning in result.get("warnings", ()):
            click.echo(f"{paint('Warning:', 'warning')} {warning}", err=True)
    if level >= VERBOSE:
        click.echo(f"took {time.perf_counter() - STARTED:.2f} s", err=True)
