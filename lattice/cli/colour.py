"""Colours on a terminal. `click.echo` takes them out where the output is not one."""

from __future__ import annotations

import os

import click

STYLES = {
    "heading": {"bold": True},
    "good": {"fg": "green", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "error": {"fg": "red", "bold": True},
    "fix": {"fg": "cyan", "bold": True},
}


def paint(text: str, role: str) -> str:
    """Return text in the style of a role, one of `STYLES`."""
    return click.style(text, **STYLES[role])  # type: ignore[arg-type]


def wanted() -> bool | None:
    """Return False where the environment wants no colour, None where the terminal decides.

    NO_COLOR (no-color.org) counts where it is set and not empty; TERM=dumb is a terminal without colours.
    """
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
