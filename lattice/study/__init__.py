"""Runs and sweeps that are described by files."""
