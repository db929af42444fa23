"""`lattice completion`."""

from __future__ import annotations

import click

from lattice.cli.options import common_options, show

#: Where each shell looks for the script, as the help says it.
HOMES = {
    "bash": "~/.local/share/bash-completion/completions/lattice",
    "zsh": "a folder of $fpath, as _lattice",
    "fish": "~/.config/fish/completions/lattice.fish",
}


@click.command(
    epilog="bash: lattice completion bash > ~/.local/share/bash-completion/completions/lattice; for this shell only: "
    "source <(lattice completion bash)"
)
@click.argument("shell", type=click.Choice(list(HOMES)))
@common_options
def completion(shell: str, as_json: bool, level: int) -> None:
    """Print the script that lets SHELL complete commands, options, names of crystals and files."""
    from click.shell_completion import get_completion_class

    context = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.command, {}, "lattice", "_LATTICE_COMPLETE").source()
    show({"shell": shell, "script": script}, lambda: script, as_json=as_json, level=level)
