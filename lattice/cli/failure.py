"""What the command line says of an error: what is wrong, and how to mend it."""

from __future__ import annotations

import errno

import click

from lattice.cli.colour import paint
from lattice.errors import LatticeError

#: What to do about an error of the operating system.
SYSTEM_FIXES = {
    errno.ENOSPC: "free space on the disk, or write to another one",
    errno.EDQUOT: "free space within your quota, or write to another disk",
    errno.EACCES: "change the permissions, or choose another path",
    errno.EPERM: "change the permissions, or choose another path",
    errno.EROFS: "the disk is read-only: choose another path",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "give a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "close files, or raise the limit with ulimit -n",
    errno.EIO: "the disk failed: try another one",
}
OTHER_SYSTEM_FIX = "check the path, its permissions and the disk"
MEMORY_FIX = "ask for less at once: fewer recorded quantities or times, fewer points, or a smaller mesh"


def explain(error: LatticeError | click.ClickException | OSError | MemoryError) -> str:
    """Return the message of an error: one line of what is wrong, what was found, and after `fix:` how to mend it."""
    if isinstance(error, click.ClickException):
        text = _usage(error)
    elif isinstance(error, LatticeError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = f"There is not enough memory.\n  found: {str(error) or 'no details'}\n  fix:   {MEMORY_FIX}"
    else:
        fix = SYSTEM_FIXES.get(error.errno or 0, OTHER_SYSTEM_FIX)
        found = "" if error.filename is None else f"\n  found: {error.filename}"
        text = f"{error.strerror or error}.{found}\n  fix:   {fix}"
    return f"{paint('Error:', 'error')} {text}".replace("\n  fix:", f"\n  {paint('fix:', 'fix')}")


def _usage(error: click.ClickException) -> str:
    """Return what is wrong with the words of a command, its usage, and where to look."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = "lattice" if context is None else context.command_path
    words = "" if context is None else " ".join(context.command.collect_usage_pieces(context))
    return f"{error.format_message()}\n  usage: {path} {words}\n  fix:   {path} --help says what it takes"
