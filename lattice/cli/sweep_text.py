"""Sentences of `lattice sweep` and `lattice collect`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lattice.errors import InputError

_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


def needed(directory: str | None) -> str:
    """Return the folder of a sweep.

    Raises
    ------
    InputError
        It was not given.
    """
    if directory is None:
        raise InputError("A sweep needs a folder for its results", found="no -d", fix="give -d DIR, or --dry-run")
    return directory


@contextlib.contextmanager
def told_when_stopped(folder: Path, *, told: bool) -> Iterator[None]:
    """Say to stderr, where Ctrl-C or SIGTERM ends a sweep that has a store, that its points are kept."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # the latter where a caller of `main` left SIGTERM as it was
        if told and (folder / "zarr.json").is_file():
            click.echo(f"the finished points are kept in {folder}; the same command goes on from there", err=True)
        raise


def dry_run_text(estimate: dict[str, Any]) -> str:
    """Say what a sweep would be."""
    return (
        f"{estimate['points']} points in {estimate['tasks']} tasks of up to {estimate['points_per_task']} points\n"
        f"{estimate['seconds_per_point'] * 1e3:.3g} ms for a point on one core (measured), "
        f"{duration(estimate['core_seconds'])} of one core in all, {duration(estimate['seconds'])} on "
        f"{estimate['workers']} processes\n"
        f"{size(estimate['bytes'])} before compression"
    )


def sweep_text(counts: dict[str, Any], directory: str | None) -> str:
    """Say what a sweep has."""
    line = f"{counts['done']} of {counts['points']} points done, {counts['failed']} failed"
    if counts["resumed"]:
        line += f", {counts['resumed']} of them found finished"
    if counts["failed"]:
        line += f"\nwhy: lattice.sweep_failures({str(directory)!r}); again: --retry-failed"
    return line


def size(n_bytes: float) -> str:
    """Return a number of bytes in a readable unit."""
    return next((f"{n_bytes / unit:.3g} {name}" for unit, name in _SIZES if n_bytes >= unit), f"{n_bytes:.0f} bytes")


def duration(seconds: float) -> str:
    """Return a time in a readable unit."""
    return next((f"{seconds / unit:.3g} {name}" for unit, name in _TIMES if seconds >= 2 * unit), f"{seconds:.3g} s")
