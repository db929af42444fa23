"""The command `lattice`: its sub-commands, loaded when they are called, and what becomes of errors.

Exit status: 0 good; 1 a run that failed, could not be written, or differs when verified; 2 bad input; 130 interrupted;
143 terminated.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

import click

from lattice import __version__
from lattice.cli.colour import wanted
from lattice.cli.failure import explain
from lattice.errors import InputError, LatticeError, MissingDependency, SchemaError, SymmetryError
from lattice.study.schema import nearest

#: Sub-command → (module and function, one line of help). The help of the group loads none of the modules.
COMMANDS = {
    "modes": ("lattice.cli.modes:modes", "Modes of a crystal: irreps, angular momentum J, pseudo-angular momentum m."),
    "bands": ("lattice.cli.bands:bands", "J and m of the modes along a path in the Brillouin zone."),
    "mesh": ("lattice.cli.mesh:mesh", "J of the modes on a mesh, and the density of modes over frequency and J."),
    "channels": ("lattice.cli.channels:channels", "Which modes can drive which others: m, Umklapp, J, detuning."),
    "edelstein": ("lattice.cli.edelstein:edelstein", "Angular momentum per volume in a temperature gradient."),
    "couple": ("lattice.cli.couple:couple", "Anharmonic couplings of a crystal from forces or force constants."),
    "run": ("lattice.cli.run:run", "Drive a crystal with a light pulse and book its angular momentum."),
    "sweep": ("lattice.cli.sweep:sweep", "Run every point of a plan, here or on a cluster, and go on after any end."),
    "collect": ("lattice.cli.collect:collect", "Count the points of a sweep, and write its results as one file."),
    "page": ("lattice.cli.page:page", "Show a run, or the modes of a crystal, as one interactive HTML file."),
    "export": ("lattice.cli.export:export", "Write a run or modes for other programs: extended XYZ, JSON, CSV."),
    "ledger": ("lattice.cli.ledger:ledger", "Who received angular momentum in a run, by channel."),
    "probe": ("lattice.cli.probe:probe", "What a probe pulse sees of a run, and which path drove it."),
    "plot": ("lattice.cli.plot:plot", "Draw the trajectory, the spectrum or the ledger of a run."),
    "verify": ("lattice.cli.verify:verify", "Compute a run again with SciPy from its file alone, and compare."),
    "completion": (
        "lattice.cli.completion:completion",
        "Print the script that completes commands in bash, zsh or fish.",
    ),
}

GREETING = """\
Phonon angular momentum, nonlinear phononics and rotational Umklapp. Three commands to begin with:

  lattice run Bi2Se3 -o run.nc --figure run.png     two quanta turning one way make one turning the other: 1 + 1 = -1
  lattice page run.nc -o run.html                   watch it in a browser: atoms, light, angular momentum
  lattice modes .                                   irrep, J and m of the crystal in this folder: POSCAR, FORCE_SETS

All commands: lattice --help. Tab completes them: lattice completion --help"""

FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 1, 2, 130, 143
INPUT_ERRORS = (InputError, SchemaError, SymmetryError, MissingDependency, click.ClickException)


class Terminated(KeyboardInterrupt):
    """SIGTERM, as batch systems send it when the time of a job is over: no half-written file stays behind."""


def terminate(_number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception."""
    raise Terminated


class LatticeGroup(click.Group):
    """A group that loads a command when it is called, and turns every error into one message and an exit status."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names of the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of a command."""
        if name not in COMMANDS:
            return None
        module, function = COMMANDS[name][0].split(":")
        command: click.Command = getattr(import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"No such command {args[0]!r}: {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; every way out goes through an exit status."""
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        if args is None:
            signal.signal(signal.SIGTERM, terminate)
            sys.excepthook = sys.excepthook if debug else report_bug
        extra.setdefault("color", wanted())
        try:
            status = super().main(words, prog_name or "lattice", complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has gone; point stdout elsewhere so that the interpreter's last flush is quiet too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except (KeyboardInterrupt, click.Abort) as error:
            click.echo("interrupted", err=True)
            terminated = isinstance(error, Terminated) or isinstance(error.__cause__, Terminated)
            sys.exit(TERMINATED if terminated else INTERRUPTED)
        except (LatticeError, OSError, MemoryError, click.ClickException) as error:
            if debug:
                traceback.print_exception(error)
            click.echo(explain(error), err=True, color=wanted())
            sys.exit(BAD_INPUT if isinstance(error, INPUT_ERRORS) else FAILED)
        sys.exit(status if isinstance(status, int) else 0)


def build_text() -> str:
    """What the kernels were compiled with and which instruction set they use on this processor."""
    from lattice.dynamics.build import build_info

    build = build_info()
    lines = (
        f"instruction set: {build['isa']} (of {', '.join(build['isas'])}; LATTICE_ISA overrides)",
        f"compiler: {build['compiler']}",
        f"OpenMP: {'yes' if build['openmp'] else 'no, one thread'}",
    )
    return "\n".join(lines)


def report_bug(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Say in one line that an error nobody foresaw ended the command; the interpreter then exits with status 1."""
    click.echo(
        f"Error: {kind.__name__}: {error}\n  This is a bug in lattice {__version__}. "
        "Please report it with the command and what it prints with --debug.",
        err=True,
    )


@click.command(cls=LatticeGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", "show_version", is_flag=True, help="Show the version and exit; with -v the compiled build too."
)
@click.option("-v", "--verbose", is_flag=True, help="With --version: compiler, OpenMP and instruction set.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def main(ctx: click.Context, show_version: bool, verbose: bool) -> None:
    """Phonon angular momentum, nonlinear phononics and rotational Umklapp in crystals."""
    if show_version:
        click.echo(f"lattice, version {__version__}")
        if verbose:
            click.echo(build_text())
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(GREETING)
