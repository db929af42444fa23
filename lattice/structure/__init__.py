"""Crystals and what is known of them: readers (one file a format), symmetry, force constants, charges."""
