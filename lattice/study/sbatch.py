"""The script of a Slurm job array: every element does its share of the blocks, without any server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lattice.errors import InputError

DEFAULT_JOBS = 8
_OPTIONS = (("partition", "partition"), ("account", "account"), ("walltime", "time"), ("memory", "mem"))


def array_script(plan: Path, directory: Path, slurm: Mapping[str, Any], tasks: int) -> str:
    """Return an sbatch script.

    Parameters
    ----------
    plan : Path
        The plan file.
    directory : Path
        Folder of the store.
    slurm : mapping
        Table `slurm` of the plan: `nodes` is the number of elements, `cores` the processes of each.
    tasks : int
        Blocks of the sweep: there are no more elements.

    Returns
    -------
    str
        Paths as given, so submit it from this folder. A second submission does what the first left.

    Raises
    ------
    InputError
        `nodes` or `cores` is not positive.
    """
    jobs, cores = slurm.get("nodes", DEFAULT_JOBS), slurm.get("cores", 1)
    if jobs < 1 or cores < 1:
        raise InputError("slurm.nodes and slurm.cores must be at least 1", found=f"{jobs}, {cores}", fix="raise them")
    jobs = min(jobs, tasks)
    lines = ["#!/bin/bash", "#SBATCH --job-name=lattice-sweep", f"#SBATCH --array=0-{jobs - 1}"]
    lines += [f"#SBATCH --cpus-per-task={cores}"]
    lines += [f"#SBATCH --{option}={slurm[key]}" for key, option in _OPTIONS if key in slurm]
    lines += ["#SBATCH --output=lattice-sweep-%A-%a.log"]
    lines += [f"#SBATCH {line}" for line in slurm.get("directives", ())]
    call = ["lattice", "sweep", str(plan), "-d", str(directory), "--workers", str(cores)]
    lines += [
        "",
        *slurm.get("prologue", ()),
        "# The job itself becomes lattice, so that a time limit or scancel reaches it; submit again to go on.",
        f"exec {shlex.join(call)} --share $SLURM_ARRAY_TASK_ID/{jobs}",
    ]
    return "\n".join(lines) + "\n"
