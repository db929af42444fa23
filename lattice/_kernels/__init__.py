"""Compiled inner loops; imports nothing of `lattice`."""
