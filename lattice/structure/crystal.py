"""The crystal: cell, atoms, symmetry, second-order force constants and charges."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lattice.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LARGEST_NUMBER = 118  #: of the elements


def frozen_array(values: object, dtype: type = np.float64) -> NDArray:  # type: ignore[type-arg]
    """Return a read-only, C-contiguous copy of an array.

    Raises
    ------
    InputError
        If these are no numbers of that kind: nothing is rounded, cut or read from a text.
    """
    try:
        given = np.asarray(values)
        wanted, fraction = np.dtype(dtype).kind, given.dtype.kind == "f" and (given != np.floor(given)).any()
        if wanted != "U" and ((given.dtype.kind in "USc" and wanted != "c") or (wanted == "i" and fraction)):
            raise TypeError(given.dtype)
        array: NDArray = np.array(values, dtype=dtype, order="C")  # type: ignore[type-arg]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "This is no array of numbers", found=reprlib.repr(values), fix="give numbers, in rows of equal length"
        ) from error
    array.setflags(write=False)
    return array


def check_arrays(arrays: Mapping[str, FloatArray | None], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check what is known of a crystal: shapes, finite numbers, positive masses; None is not known.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    for name, value in arrays.items():
        if value is None:
            continue
        if value.shape != shapes[name]:
            raise InputError(
                f"The crystal's {name} have the wrong shape",
                found=f"{value.shape}, expected {shapes[name]}",
                fix="give one entry for each atom of the cell, in Cartesian components",
            )
        if not np.isfinite(value).all():
            raise InputError(
                f"The crystal's {name} hold numbers that are not finite",
                found="NaN or infinity",
                fix="check the file for ***, NaN or Inf",
            )
    masses = arrays.get("masses")
    if masses is not None and (masses <= 0).any():
        raise InputError("A mass is not positive", found=masses.min(), fix="give masses in amu, all above zero")


def check_species(numbers: IntArray) -> None:
    """Check that atomic numbers ``(n_atoms,)`` are those of elements.

    Raises
    ------
    InputError
        If one is not.
    """
    unknown = numbers[(numbers < 1) | (numbers > LARGEST_NUMBER)]
    if len(unknown):
        raise InputError(
            "The crystal has an unknown species",
            found=f"atomic number {int(unknown[0])}",
            fix="name every atom by the symbol of a chemical element",
        )


def cells_of(supercell_matrix: IntArray) -> int:
    """Return how many cells a supercell has, from its matrix ``(3, 3)``.

    Raises
    ------
    InputError
        If it is no such matrix.
    """
    if supercell_matrix.shape != (3, 3):
        raise InputError(
            "A supercell is a matrix of whole numbers", found=f"shape {supercell_matrix.shape}", fix="give three rows"
        )
    return round(abs(float(np.linalg.det(supercell_matrix))))


@dataclass(frozen=True, slots=True, eq=False)
class SpaceGroup:
    """Space group of the crystal in the setting of its own cell.

    Attributes
    ----------
    number : int
        International number, 1 to 230.
    symbol : str
        International short symbol, e.g. ``R-3m``.
    point_group : str
        International symbol of the point group, e.g. ``-3m``.
    rotations : ndarray
        ``(n_operations, 3, 3)`` int, acting on fractional coordinates of the crystal's cell.
    translations : ndarray
        ``(n_operations, 3)`` fractional.
    transformation_matrix : ndarray
        ``(3, 3)``; fractional coordinates of the standardised conventional cell are
        ``transformation_matrix @ x + shift``.
    symprec : float
        Tolerance of the search in Å.
    """

    number: int
    symbol: str
    point_group: str
    rotations: IntArray
    translations: FloatArray
    transformation_matrix: FloatArray
    symprec: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotations", frozen_array(self.rotations, np.int64))
        object.__setattr__(self, "translations", frozen_array(self.translations))
        object.__setattr__(self, "transformation_matrix", frozen_array(self.transformation_matrix))


@dataclass(frozen=True, slots=True, eq=False)
class ForceConstants:
    """Second-order force constants between the home cell and every cell of a supercell.

    Attributes
    ----------
    array : ndarray
        ``(n_atoms, n_cells, n_atoms, 3, 3)`` *eV/Å²*: ``array[i, l, j, a, b]`` is −∂F_a(atom i, home cell)/∂u_b(atom j,
        cell ``translations[l]``), periodic in the supercell.
    translations : ndarray
        ``(n_cells, 3)`` int, vectors of the cells in units of the crystal's cell vectors; the first is (0, 0, 0).
    supercell_matrix : ndarray
        ``(3, 3)`` int; the *rows* of ``supercell_matrix @ crystal.cell`` are the vectors of the supercell
        (the transpose of phonopy's matrix).
    """

    array: FloatArray
    translations: IntArray
    supercell_matrix: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", frozen_array(self.array))
        object.__setattr__(self, "translations", frozen_array(self.translations, np.int64))
        object.__setattr__(self, "supercell_matrix", frozen_array(self.supercell_matrix, np.int64))
        n_cells = cells_of(self.supercell_matrix)
        n_atoms = self.array.shape[0] if self.array.shape else 0
        if self.array.shape != (n_atoms, n_cells, n_atoms, 3, 3) or self.translations.shape != (n_cells, 3):
            raise InputError(
                "The force constants do not fit their supercell",
                found=f"array {self.array.shape}, translations {self.translations.shape}, {n_cells} cells",
                fix="give one 3×3 block for each atom of the cell with each atom of the supercell",
            )

    @property
    def gamma_only(self) -> bool:
        """Whether the supercell is the cell itself, so that only q = 0 is represented."""
        return len(self.translations) == 1


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """A crystal in the cell, atom order and masses of its source.

    Attributes
    ----------
    cell : ndarray
        ``(3, 3)`` *Å*, rows are the cell vectors.
    positions : ndarray
        ``(n_atoms, 3)`` fractional.
    numbers : ndarray
        ``(n_atoms,)`` int, atomic numbers.
    masses : ndarray
        ``(n_atoms,)`` *amu*.
    spacegroup : SpaceGroup
        Symmetry found by spglib in this cell.
    force_constants : ForceConstants or None
        Second-order force constants.
    born_charges : ndarray or None
        ``(n_atoms, 3, 3)`` *e*: ``born_charges[k, a, b]`` is ∂P_a/∂u_b per atom, i.e. force_b = Σ_a Z_ab E_a.
    dielectric : ndarray or None
        ``(3, 3)`` high-frequency dielectric tensor ε∞.
    name : str
        Bundled name, file name or formula; for reports.
    found : tuple of str
        One line for each thing that was read, with its file and what was done with it.
    dispersion_name : str or None
        Bundled name that holds the dispersion when the force constants of this one are valid only at Γ.
    """

    cell: FloatArray
    positions: FloatArray
    numbers: IntArray
    masses: FloatArray
    spacegroup: SpaceGroup
    force_constants: ForceConstants | None = None
    born_charges: FloatArray | None = None
    dielectric: FloatArray | None = None
    name: str = ""
    found: tuple[str, ...] = field(default_factory=tuple)
    dispersion_name: str | None = None

    def __post_init__(self) -> None:
        for attribute in ("cell", "positions", "masses", "born_charges", "dielectric"):
            value = getattr(self, attribute)
            if value is not None:
                object.__setattr__(self, attribute, frozen_array(value))
        object.__setattr__(self, "numbers", frozen_array(self.numbers, np.int64))
        if self.numbers.ndim != 1:
            raise InputError(
                "The atomic numbers are no list", found=f"shape {self.numbers.shape}", fix="give one for each atom"
            )
        if not isinstance(self.found, Sequence):
            raise InputError("What was found is no list of lines", found=self.found, fix="give a tuple of texts")
        object.__setattr__(self, "found", tuple(self.found))
        n_atoms = len(self.numbers)
        shapes = {
            "cell": (3, 3),
            "positions": (n_atoms, 3),
            "masses": (n_atoms,),
            "born_charges": (n_atoms, 3, 3),
            "dielectric": (3, 3),
        }
        check_arrays({name: getattr(self, name) for name in shapes}, shapes)
        check_species(self.numbers)

    @property
    def n_atoms(self) -> int:
        """Number of atoms in the cell."""
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Volume of the cell in Å³."""
        return abs(float(np.linalg.det(self.cell)))
