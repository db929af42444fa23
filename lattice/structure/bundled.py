"""The crystals that are installed with the package."""

from __future__ import annotations

from pathlib import Path

# Force constants of the first hold at q = 0 only; the second is the same crystal with a dispersion.
DISPERSION = {"Bi2Se3": "Bi2Se3-noSOC"}


def bundled_root() -> Path | None:
    """Return the folder of the bundled crystals: `lattice/bundled` as installed, or `structures` of a source tree."""
    package = Path(__file__).parents[1]
    places = (package / "bundled", package.parent / "structures")
    return next((place for place in places if place.is_dir()), None)


def bundled_names() -> tuple[str, ...]:
    """Return the names of the bundled crystals, sorted."""
    root = bundled_root()
    if root is None:
        return ()
    return tuple(sorted(folder.name for folder in root.iterdir() if next(folder.glob("phonopy_params.yaml*"), None)))


def bundled_file(name: str) -> Path | None:
    """Return the phonopy file of a bundled crystal, or None if there is none of this name."""
    root = bundled_root()
    if root is None or name not in bundled_names():
        return None
    return next(iter(sorted((root / name).glob("phonopy_params.yaml*"))))
