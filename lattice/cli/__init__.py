"""The commands: parse, call one public function, save, print."""

from lattice.cli.app import main

__all__ = ["main"]
