"""Where a run comes from: the files that went in, and the command that makes it again."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lattice.structure.bundled import bundled_file

if TYPE_CHECKING:
    from xarray import Dataset

    from lattice.study.settings import RunSettings


def command_line(
    source: str | Path,
    pulse: str,
    assignments: Sequence[str],
    frequencies: str | None,
    calculator: str | None = None,
    supercell: Sequence[int] | None = None,
) -> str:
    """Return the command that makes a run; of files only the name is kept, not where they lie."""
    words = ["lattice", "run", Path(source).name]
    if frequencies is not None:
        words += ["--frequencies", frequencies]
    if calculator is not None:
        words += ["--calculator", calculator]
    if supercell is not None:
        words += ["--supercell", *map(str, supercell)]
    if pulse:
        words += ["--pulse", _names_only(pulse)]
    for assignment in assignments:
        words += ["--set", _names_only(assignment)]
    return shlex.join(words)


def _names_only(assignments: str) -> str:
    """Settings without the folders of the files that they name."""
    return re.sub(r"""(\b(?:file|source|potential)\s*=\s*["']?)[^,"']*/""", r"\1", assignments)


def with_inputs(run: Dataset, settings: RunSettings) -> Dataset:
    """Return the run with the SHA-256 of its input files and its command in the provenance.

    Parameters
    ----------
    run : xarray.Dataset
        As from `simulate`.
    settings : RunSettings
        Those of the run.

    Returns
    -------
    xarray.Dataset
        Its attribute ``provenance`` has `inputs`, file name → SHA-256, and `command`.
    """
    provenance = json.loads(run.attrs["provenance"])
    provenance["inputs"] = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in _files(settings)}
    provenance["command"] = settings.command
    return run.assign_attrs(provenance=json.dumps(provenance, ensure_ascii=False))


def _files(settings: RunSettings) -> list[tuple[str, Path]]:
    """Name and path of every file that was read."""
    found = []
    sampled = (str(pulse["file"]) for pulse in settings.pulses if "file" in pulse)
    for given in (settings.run_file, settings.source, settings.potential, *sampled):
        if given is None:
            continue
        bundled = bundled_file(given)
        if bundled is not None:
            folder = bundled.parent
            found += [(f"{given}/{path.name}", path) for path in (bundled, folder / "potential.toml") if path.is_file()]
        elif Path(given).is_file():
            found.append((Path(given).name, Path(given)))
    return found
