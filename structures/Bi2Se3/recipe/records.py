"""The committed records as displacements and forces in the twelve optical coordinates, split by parity.

Inversion gives F(−q) from F of the structure with even patterns reversed, so that the parts of the force that are even
and odd in the displacement follow from one structure of odd patterns, or from one pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import espresso
import numpy as np
import patterns

PARITY = np.array([1.0 if name.startswith("g") else -1.0 for name in patterns.COORDINATES])


@dataclass(frozen=True)
class Structure:
    """A displaced structure: amplitude (12,) in Å√amu, even and odd part (12,) of its force in eV/(Å√amu).

    The force of the reference structure, which the relaxation leaves, is subtracted from the even part.
    """

    name: str
    amplitude: np.ndarray
    even: np.ndarray
    odd: np.ndarray


def has(results: Path, *names: str) -> bool:
    """Return whether all these records are there, a name standing for itself or for its pair ±."""
    return all(espresso.load_record(results, _members(results, name)[-1]) is not None for name in names)


def _members(results: Path, name: str) -> tuple[str, ...]:
    return (name,) if (results / f"{name}.json").is_file() else (f"{name}+", f"{name}-")


def record(results: Path, name: str) -> espresso.Record:
    """Return the record `name`.

    Raises
    ------
    FileNotFoundError
        It has not been computed.
    """
    found = espresso.load_record(results, name)
    if found is None:
        raise FileNotFoundError(f"no record {name}; run the step that computes it")
    return found


def reference_positions(results: Path) -> np.ndarray:
    """Return the relaxed positions (5, 3), Å."""
    return np.array(record(results, "equilibrium")["positions_A"])


def structure(results: Path, name: str, reference: str = "equilibrium") -> Structure:
    """Return the structure `name`, or the one of the pair `name`+ and `name`-.

    Raises
    ------
    ValueError
        The records do not determine the force at the reversed displacement.
    """
    zero = record(results, reference)
    origin = np.array(zero["positions_A"])
    data = []
    for member in _members(results, name):
        entry = record(results, member)
        data.append(
            (
                patterns.amplitudes(np.array(entry["positions_A"]) - origin),
                patterns.generalised_forces(np.array(entry["forces_eV_per_A"])),
            )
        )
    amplitude, force = data[0]
    other, reversed_force = data[-1]
    if abs(other + amplitude).max() > 1e-6:
        if abs(PARITY * other + amplitude).max() > 1e-6:
            raise ValueError(f"the records of {name} are no pair of reversed displacements")
        reversed_force = PARITY * reversed_force
    rest = patterns.generalised_forces(np.array(zero["forces_eV_per_A"]))
    return Structure(name, amplitude, (force + reversed_force) / 2 - rest, (force - reversed_force) / 2)
