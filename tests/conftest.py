"""Property tests draw the same examples in every run, and take as long as a busy machine needs."""

from hypothesis import settings

settings.register_profile("lattice", derandomize=True, deadline=None, database=None)
settings.load_profile("lattice")
