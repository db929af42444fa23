"""The numbers that a sweep keeps of each point, and their places in one row.

All of them are along n̂ of their potential, per primitive cell. Where the potentials of a sweep differ, a row has a
place for every multiplet, mode and channel that any of them has; what a potential lacks is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lattice.anharmonic.potential import Potential
from lattice.dynamics.table import ledger_rows
from lattice.errors import SchemaError
from lattice.structure.crystal import FloatArray

#: name → dimensions, unit, what it is
VARIABLES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "status": ((), "1", "0 good, 1 diverged, 2 step error above rtol, 3 refused, 4 lost with its process"),
    "step": ((), "ps", "step of the integrator"),
    "step_error": ((), "1", "largest change of Q on halving the step; NaN where it was measured on other points"),
    "closure": ((), "1", "max |ΔL − Σ rows| / Σ |rows| of the ledger along n̂"),
    "L_peak": (("multiplet",), "hbar", "L·n̂, signed, where it is largest"),
    "L_mean": (("multiplet",), "hbar", "mean of L·n̂ over the recorded times"),
    "L_final": (("multiplet",), "hbar", "L·n̂ at the end of the run"),
    "energy_mean": (("multiplet",), "eV", "mean of ½ Σ (P² + ω² Q²)"),
    "helicity": (("multiplet",), "1", "(N₊ − N₋)/(N₊ + N₋) of the mean numbers of quanta that turn + and −"),
    "Q_peak": (("mode",), "Angstrom amu^(1/2)", "largest |Q|"),
    "ledger": (("channel", "multiplet"), "hbar", "angular momentum along n̂ received over the run"),
    "crystal": (("channel",), "hbar", "angular momentum along n̂ that the crystal takes"),
    "energy_closure": ((), "1", "max |ΔE − Σ rows| / Σ |rows| of the energy ledger"),
    "energy_ledger": (("channel", "multiplet"), "eV", "energy ½ Σ (P² + ω² Q²) received over the run"),
}
BOOK = ("closure", "ledger", "crystal")  #: what record.ledger = false leaves out
ENERGY_BOOK = ("energy_closure", "energy_ledger")  #: what record.energy_ledger = true adds
GOOD, DIVERGED, UNRESOLVED, REFUSED, LOST = range(5)


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of the numbers of a point.

    Attributes
    ----------
    labels : dict
        ``multiplet``, ``mode``, ``channel`` → their names.
    names : tuple of str
        Variables, in the order of their places.
    """

    labels: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one variable at one point."""
        return tuple(len(self.labels[dim]) for dim in VARIABLES[name][0])

    def place(self, name: str) -> slice:
        """Columns of one variable."""
        start = sum(math.prod(self.shape(other)) for other in self.names[: self.names.index(name)])
        return slice(start, start + math.prod(self.shape(name)))

    @property
    def width(self) -> int:
        """Numbers of one point."""
        return sum(math.prod(self.shape(name)) for name in self.names)

    def empty(self, n_points: int, status: int) -> FloatArray:
        """Rows without numbers, ``(n_points, width)``."""
        rows = np.full((n_points, self.width), np.nan)
        rows[:, self.place("status")] = status
        return rows

    def put(self, rows: FloatArray, numbers: Mapping[str, FloatArray], labels: Mapping[str, tuple[str, ...]]) -> None:
        """Put the numbers of points, whose potential has the given labels, into their rows.

        Parameters
        ----------
        rows : ndarray
            ``(n_points, width)``, changed in place.
        numbers : mapping
            Variable → ``(n_points, …)``.
        labels : mapping
            Names along the dimensions of `numbers`.
        """
        for name in self.names:
            whole = np.full((len(rows), *self.shape(name)), np.nan)
            where = [np.array([self.labels[dim].index(word) for word in labels[dim]]) for dim in VARIABLES[name][0]]
            whole[np.ix_(np.arange(len(rows)), *where)] = numbers[name]
            rows[:, self.place(name)] = whole.reshape(len(rows), -1)

    def table(self) -> dict[str, Any]:
        """Labels and variables as the store keeps them."""
        return {"labels": {dim: list(words) for dim, words in self.labels.items()}, "variables": list(self.names)}


def columns_for(potentials: Iterable[Potential], *, ledger: bool, energy_ledger: bool) -> Columns:
    """Places for the numbers of sweeps over these potentials.

    Parameters
    ----------
    potentials : iterable of Potential
    ledger, energy_ledger : bool
        Which ledgers are kept.
    """
    union: dict[str, dict[str, None]] = {"multiplet": {}, "mode": {}, "channel": {}}
    for potential in potentials:
        for dim, words in labels_of(potential).items():
            union[dim] |= dict.fromkeys(words)
    left_out = (() if ledger else BOOK) + (() if energy_ledger else ENERGY_BOOK)
    names = tuple(name for name in VARIABLES if name not in left_out)
    return Columns({dim: tuple(words) for dim, words in union.items()}, names)


def columns_from(table: Mapping[str, Any]) -> Columns:
    """Read back what `Columns.table` wrote.

    Raises
    ------
    SchemaError
        A variable that this version does not know.
    """
    unknown = [name for name in table["variables"] if name not in VARIABLES]
    if unknown:
        raise SchemaError(
            "The store has unknown variables", found=unknown, fix="read it with the version of lattice that wrote it"
        )
    return Columns({dim: tuple(words) for dim, words in table["labels"].items()}, tuple(table["variables"]))


def labels_of(potential: Potential) -> dict[str, tuple[str, ...]]:
    """Names of the multiplets, coordinates and rows of the ledger of a potential."""
    return {
        "multiplet": tuple(potential.multiplets),
        "mode": tuple(str(label) for label in potential.labels),
        "channel": ledger_rows(potential)[0],
    }
