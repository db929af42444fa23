"""Modes of a crystal: symmetry-adapted circular gauge, irreps, angular momentum J and pseudo-angular momentum m."""
