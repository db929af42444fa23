"""Modules of a recipe, which stand beside each other in folders that are no packages."""

import importlib
import sys
from contextlib import contextmanager
from types import SimpleNamespace


@contextmanager
def recipe_modules(names, *folders):
    """Import them for as long as they are needed; other recipes have modules of the same names."""
    before = list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path[:] = before
        for name in names:
            sys.modules.pop(name, None)
