"""How the kernels were built, and the instruction set that they use on this processor."""

from __future__ import annotations

from typing import Any

from lattice._kernels import trajectory as kernel
from lattice.modes.batch import instruction_set, instruction_sets


def build_info() -> dict[str, Any]:
    """Return ``compiler``, ``openmp`` (bool), ``isa`` in use and ``isas``, those that build and processor have.

    Raises
    ------
    InputError
        If ``LATTICE_ISA`` names an instruction set that is unknown or that this build or processor does not have.
    """
    return {**kernel.build_info(), "isa": instruction_set(), "isas": instruction_sets()}
