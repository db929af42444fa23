"""The potential: one table of terms in real normal coordinates Q and components of the field E.

V(Q, E) = ½ Σ ω_s² Q_s² + Σ_t c_t Π Q Π E, each unordered monomial once, no factorials.
Linear drive (Q E), Raman drive (Q E E), charge anharmonicity (Q Q E), cubic and higher terms are rows, not classes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice import units
from lattice.errors import InputError
from lattice.modes.modes import MODES, Modes
from lattice.structure import argument
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray, IntArray, frozen_array
from lattice.structure.species import numbers_of_species

StringArray = NDArray[np.str_]
ComplexArray = NDArray[np.complex128]
_NECESSARY = ("axis", "frequency", "linewidth", "coefficient")
PADDING = -1  #: fills the unused places of `mode_index` and `field_axis`


@dataclass(frozen=True, slots=True, eq=False)
class CellRecord:
    """What a potential remembers of its crystal: enough to turn Q into displacements in Å.

    Attributes
    ----------
    cell : ndarray
        ``(3, 3)`` *Å*, rows.
    positions : ndarray
        ``(n_atoms, 3)`` fractional.
    species : tuple of str
        Chemical symbols, one per atom.
    masses : ndarray
        ``(n_atoms,)`` *amu*.
    """

    cell: FloatArray
    positions: FloatArray
    species: tuple[str, ...]
    masses: FloatArray

    def __post_init__(self) -> None:
        for attribute in ("cell", "positions", "masses"):
            object.__setattr__(self, attribute, frozen_array(getattr(self, attribute)))
        object.__setattr__(self, "species", tuple(str(s) for s in self.species))

    def to_cell(self) -> Cell:
        """Return the cell, checked, with atomic numbers for the symbols."""
        return Cell(self.cell, self.positions, numbers_of_species(self.species), self.masses)


_RECORD = argument.kind(CellRecord, "a CellRecord", "give lattice.anharmonic.potential.CellRecord(…), or None")


@dataclass(frozen=True, slots=True, eq=False)
class Potential:
    """Anharmonic potential of ``n`` real Γ coordinates, with their frequencies, damping and coupling to light.

    Attributes
    ----------
    axis : ndarray
        ``(3,)`` unit vector n̂ about which helicity and L are reported.
    frequency, linewidth : ndarray
        ``(n,)`` *THz*; frequency ν (negative: imaginary), linewidth = full width at half maximum of the power spectrum,
        Γ = 2π·linewidth.
    labels, multiplet : ndarray of str
        ``(n,)`` such as ``Eu(1)x`` and ``Eu(1)``; coordinates of a multiplet are neighbours, a pair as (x, y).
    coefficient : ndarray
        ``(n_terms,)`` *eV (Å√amu)^−k (MV/cm)^−j* for k mode and j field factors.
    mode_index : ndarray
        ``(n_terms, k_max)`` int, factors Q of each term in ascending order, padded with −1.
    field_axis : ndarray
        ``(n_terms, j_max)`` int, factors E of each term (0, 1, 2 = x, y, z), padded with −1.
    channel : ndarray of str
        ``(n_terms,)`` name under which the ledger books the term.
    pair : ndarray
        ``(n,)`` int, the partner with which a coordinate turns about ``axis``, −1 for none.
    eigenvectors : ndarray or None
        ``(n, n_atoms, 3)`` real, mass-weighted, orthonormal; u_κ = m_κ^(−½) Σ_s Q_s e_κs.
    crystal : CellRecord or None
        Cell, atoms and masses; needed for displacements in Å.
    mode_numbers : ndarray
        ``(n,)`` int, index of each coordinate in `lattice modes`.
    irreps : ndarray of str
        ``(n,)`` irrep of each coordinate, empty where unknown.
    amplitude_range : ndarray or None
        ``(n,)`` *Å√amu*, largest |Q| at which the couplings were determined; NaN where unknown.
    modes : Modes or None
        The modes that the coordinates belong to.
    raman : ndarray or None
        ``(n, 3, 3)`` complex, symmetric, *1/(Å√amu)*: ∂ε/∂Q of the relative permittivity at the photon energy of a
        probe, for fields exp(−iωt). It moves nothing: a force on Q is a term with two field factors.
    source : mapping
        Provenance: plain strings, numbers and lists.
    angular_momentum : ndarray
        ``(3, n, n)`` M^α_ss' = Σ_κ (e_κs × e_κs')_α, so that L_α = Σ Q_s M^α_ss' P_s' (amu Å²/ps).
    mode_charge : ndarray
        ``(n, 3)`` *e/√amu*, read off the linear terms (c = −0.01 Z).
    """

    axis: FloatArray
    frequency: FloatArray
    linewidth: FloatArray
    labels: StringArray
    multiplet: StringArray
    coefficient: FloatArray
    mode_index: IntArray
    field_axis: IntArray
    channel: StringArray
    pair: IntArray
    eigenvectors: FloatArray | None = None
    crystal: CellRecord | None = None
    mode_numbers: IntArray | None = None
    irreps: StringArray | None = None
    amplitude_range: FloatArray | None = None
    modes: Modes | None = None
    raman: ComplexArray | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    angular_momentum: FloatArray = field(init=False)
    mode_charge: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        for name in ("axis", "frequency", "linewidth", "coefficient", "eigenvectors", "amplitude_range"):
            if getattr(self, name) is not None or name in _NECESSARY:
                object.__setattr__(self, name, frozen_array(getattr(self, name)))
        for name in ("mode_index", "field_axis", "pair"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64))
        n = int(np.size(self.frequency))
        if self.raman is not None:
            object.__setattr__(self, "raman", frozen_array(self.raman, np.complex128))
        defaults = {"mode_numbers": np.arange(n), "irreps": np.full(n, "")}
        for name, default in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        object.__setattr__(self, "mode_numbers", frozen_array(self.mode_numbers, np.int64))
        for name in ("labels", "multiplet", "channel", "irreps"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.str_))
        argument.mapping(self.source, "source")
        argument.optional(_RECORD)(self.crystal, "crystal")
        argument.optional(MODES)(self.modes, "modes")
        object.__setattr__(self, "source", MappingProxyType(dict(self.source)))
        _check_shapes(self)
        _check_values(self)
        object.__setattr__(self, "angular_momentum", frozen_array(_angular_momentum(self)))
        object.__setattr__(self, "mode_charge", frozen_array(_mode_charge(self)))

    @property
    def n_modes(self) -> int:
        """Number of real coordinates."""
        return len(self.frequency)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save as TOML or netCDF, by the ending ``.toml`` or ``.nc``; see `lattice.anharmonic.files.save_potential`."""
        from lattice.anharmonic.files import save_potential

        save_potential(self, path)

    @property
    def multiplets(self) -> tuple[str, ...]:
        """Names of the multiplets in the order of their coordinates."""
        return tuple(dict.fromkeys(self.multiplet.tolist()))


def _check_shapes(potential: Potential) -> None:
    """Every array has one entry for each coordinate or each term."""
    for name in ("frequency", "coefficient"):
        if getattr(potential, name).ndim != 1:
            shape = getattr(potential, name).shape
            raise InputError(f"The potential's {name} is no list of numbers", found=shape, fix="give a list of numbers")
    n, n_terms = len(potential.frequency), len(potential.coefficient)
    per_mode = ["linewidth", "labels", "multiplet", "pair", "mode_numbers", "irreps"]
    per_mode += ["amplitude_range", "eigenvectors", "raman"]
    for names, length, what in (
        (per_mode, n, "coordinate"),
        (["mode_index", "field_axis", "channel"], n_terms, "term"),
    ):
        for name in names:
            value = getattr(potential, name)
            if value is not None and value.shape[:1] != (length,):
                raise InputError(
                    f"The potential's {name} does not match its number of {what}s",
                    found=f"{value.shape[0] if value.shape else 'no'} entries for {length} {what}s",
                    fix=f"give one entry for each {what}",
                )
    if potential.mode_index.ndim != 2 or potential.field_axis.ndim != 2:
        raise InputError(
            "The factors of the potential's terms must form a table",
            found=f"mode_index {potential.mode_index.shape}, field_axis {potential.field_axis.shape}",
            fix="give arrays (n_terms, k) and (n_terms, j), padded with −1",
        )
    if potential.eigenvectors is not None and potential.eigenvectors.shape[2:] != (3,):
        raise InputError(
            "Eigenvectors must be (n_atoms, 3) for each coordinate",
            found=potential.eigenvectors.shape,
            fix="give one row of three numbers for each atom",
        )


def _check_raman(raman: ComplexArray) -> None:
    """Raman tensors are finite and symmetric."""
    fix = "give a symmetric matrix of three rows of three finite numbers for each coordinate"
    if raman.shape[1:] != (3, 3) or not np.isfinite(raman).all():
        raise InputError("The potential's Raman tensors cannot be used", found=f"shape {raman.shape}", fix=fix)
    defect = float(np.abs(raman - raman.swapaxes(1, 2)).max(initial=0.0))
    if defect > 1e-6 * float(np.abs(raman).max(initial=0.0)):
        raise InputError("A Raman tensor is not symmetric", found=f"off by {defect:.1e} 1/(Å√amu)", fix=fix)


def _check_values(potential: Potential) -> None:
    """Numbers are finite, indices exist, the axis is a unit vector."""
    for name in ("axis", "frequency", "linewidth", "coefficient", "eigenvectors"):
        value = getattr(potential, name)
        if value is not None and not np.isfinite(value).all():
            raise InputError(
                f"The potential's {name} holds a number that is not finite",
                found="NaN or infinity",
                fix="correct the entry",
            )
    if potential.raman is not None:
        _check_raman(potential.raman)
    if (potential.linewidth < 0).any():
        raise InputError("A linewidth is negative", found=potential.linewidth.min(), fix="give linewidths in THz, ≥ 0")
    if potential.axis.shape != (3,) or abs(np.linalg.norm(potential.axis) - 1) > 1e-9:
        raise InputError("The axis must be a unit vector", found=potential.axis, fix="divide it by its length")
    for name, upper in (("mode_index", potential.n_modes), ("field_axis", 3)):
        value = getattr(potential, name)
        if value.size and (value.min() < PADDING or value.max() >= upper):
            raise InputError(
                f"A term's {name} is out of range",
                found=f"{value.min()} … {value.max()}",
                fix=f"count from 0 to {upper - 1}",
            )
    if len(potential.coefficient) and not (potential.mode_index >= 0).any(axis=1).all():
        raise InputError("A term has no mode factor", found="modes = []", fix="remove the term: it moves nothing")


def _angular_momentum(potential: Potential) -> FloatArray:
    """M^α_ss' = Σ_κ (e_κs × e_κs')_α; without eigenvectors, +1 about the axis for each (x, y) pair."""
    if potential.eigenvectors is not None:
        e = potential.eigenvectors
        return np.moveaxis(np.cross(e[:, None], e[None]).sum(axis=2), -1, 0)
    n = potential.n_modes
    matrix = np.zeros((3, n, n))
    for x, y in enumerate(potential.pair):
        if y > x:
            matrix[:, x, y], matrix[:, y, x] = potential.axis, -potential.axis
    return matrix


def _mode_charge(potential: Potential) -> FloatArray:
    """Z_s,α from the terms linear in one Q and one E: c = −0.01 Z."""
    charge = np.zeros((potential.n_modes, 3))
    n_q = (potential.mode_index >= 0).sum(axis=1)
    n_e = (potential.field_axis >= 0).sum(axis=1)
    for t in np.flatnonzero((n_q == 1) & (n_e == 1)):
        s, a = potential.mode_index[t].max(), potential.field_axis[t].max()
        charge[s, a] -= potential.coefficient[t] / units.EV_PER_CHARGE_FIELD_LENGTH
    return charge


POTENTIAL = argument.kind(Potential, "a Potential", 'load it: lattice.load_potential("Bi2Se3")')
