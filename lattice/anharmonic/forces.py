"""Forces of displaced structures from an ASE calculator, through any mapping function, kept on disk if wanted."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lattice.errors import FitError, FormatError, InputError
from lattice.structure.complete_file import complete_file
from lattice.structure.crystal import FloatArray, IntArray

if TYPE_CHECKING:
    from ase import Atoms

    from lattice.structure.cell import Cell
    from lattice.structure.crystal import Crystal

#: ``map(function, items)``: the builtin, or that of a pool; results in the order of the items, best as they come.
Mapping = Callable[[Callable[[FloatArray], FloatArray], Iterable[FloatArray]], Iterable[FloatArray]]


def atoms_of(crystal: Crystal | Cell, displacements: FloatArray | None = None) -> Atoms:
    """Return the crystal as `ase.Atoms`, displaced by ``(n_atoms, 3)`` *Å*."""
    from ase import Atoms

    atoms = Atoms(
        numbers=crystal.numbers, scaled_positions=crystal.positions, cell=crystal.cell, pbc=True, masses=crystal.masses
    )
    if displacements is not None:
        atoms.positions += displacements
    return atoms


@dataclass(frozen=True, slots=True, eq=False)
class ForceCall:
    """One force call, to be handed to a pool: positions ``(n_atoms, 3)`` *Å* → forces *eV/Å*."""

    calculator: Any
    numbers: IntArray
    cell: FloatArray
    masses: FloatArray

    def __call__(self, positions: FloatArray) -> FloatArray:
        """Return the forces ``(n_atoms, 3)``."""
        from ase import Atoms

        atoms: Any = Atoms(numbers=self.numbers, positions=positions, cell=self.cell, pbc=True, masses=self.masses)
        atoms.calc = self.calculator
        return np.array(atoms.get_forces(), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Forces:
    """Forces ``(n_structures, n_atoms, 3)`` *eV/Å*, and how many of them were found on disk."""

    array: FloatArray
    n_cached: int


def compute_forces(
    crystal: Crystal,
    calculator: Any,
    displacements: FloatArray,
    *,
    map: Mapping = map,
    cache: str | os.PathLike[str] | None = None,
) -> Forces:
    """Compute the forces of displaced structures; each is written to disk as soon as it is known.

    Parameters
    ----------
    crystal : Crystal
    calculator : object
        With ``get_forces(atoms)`` in *eV/Å*.
    displacements : ndarray
        ``(n_structures, n_atoms, 3)`` *Å*.
    map : callable
        As the builtin; a pool's ``map`` or ``imap`` needs a calculator that can be pickled.
    cache : path, optional
        Folder of finished calls, made if it does not exist (its parent must). A call is known by cell, species,
        positions, and the calculator's class and parameters.

    Raises
    ------
    InputError
        If the folder cannot be used.
    FormatError
        If a file in it is damaged.
    FitError
        If the calculator fails, or returns something else than finite forces.
    """
    call = ForceCall(calculator, crystal.numbers, crystal.cell, crystal.masses)
    home = crystal.positions @ crystal.cell
    positions = [np.asarray(home + u) for u in displacements]
    folder = _folder(cache)
    names = [] if folder is None else [folder / f"{_key(call, x)}.npz" for x in positions]
    found: dict[int, FloatArray] = {i: _read(path) for i, path in enumerate(names) if path.is_file()}
    n_cached = len(found)
    missing = [i for i in range(len(positions)) if i not in found]
    for i, forces in zip(missing, _guarded(map(call, [positions[i] for i in missing])), strict=True):
        found[i] = _checked(forces, positions[i].shape)
        if folder is not None:
            with complete_file(names[i]) as temporary:
                np.savez(temporary, positions=positions[i], forces=found[i])
    return Forces(np.array([found[i] for i in range(len(positions))]), n_cached)


def force_at(call: ForceCall, positions: FloatArray) -> FloatArray:
    """Return the forces of one structure, checked.

    Parameters
    ----------
    call : ForceCall
    positions : ndarray
        ``(n_atoms, 3)`` *Å*.

    Raises
    ------
    FitError
        If the calculator fails, or returns something else than finite forces.
    """
    (forces,) = _guarded(map(call, [positions]))
    return _checked(forces, positions.shape)


def _guarded(results: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """Pass results on; an error of the calculator becomes one that says where it came from."""
    errors = (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        NotImplementedError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    )
    try:
        yield from results
    except errors as error:
        raise FitError(
            "The calculator failed",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            fix="check the calculator on the structure itself: calculator.get_forces(atoms)",
        ) from error


def calculator_name(calculator: Any) -> str:
    """Return the class of a calculator and those of its parameters that are plain values, as JSON text."""
    parameters = getattr(calculator, "parameters", {}) or {}
    plain = {str(k): _plain(v) for k, v in dict(parameters).items()}
    name = f"{type(calculator).__module__}.{type(calculator).__qualname__}"
    return f"{name} {json.dumps(plain, sort_keys=True)}" if plain else name


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; of other objects only the class, since their text may change every time."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return type(value).__qualname__


def _folder(cache: str | os.PathLike[str] | None) -> Path | None:
    if cache is None:
        return None
    folder = Path(cache)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            "The folder for finished force calls cannot be made", found=f"{cache}: {error.strerror}", fix="name another"
        ) from None
    return folder


def _key(call: ForceCall, positions: FloatArray) -> str:
    """Return a hash of all that forces depend on, to the last bit."""
    digest = hashlib.sha256(calculator_name(call.calculator).encode())
    for array in (call.numbers, call.cell, call.masses, positions):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:40]


def _read(path: Path) -> FloatArray:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            return np.array(data["forces"], dtype=np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"{path.name} in the folder of finished force calls is damaged", found=error, fix="remove the file"
        ) from None


def _checked(forces: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return forces that are finite numbers of the right shape."""
    array = np.asarray(forces, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise FitError(
            "The calculator returned no usable forces",
            found=f"shape {array.shape}, finite: {bool(np.isfinite(array).all())}; expected {shape}",
            fix="check the calculator on the structure itself: calculator.get_forces(atoms)",
        )
    return array
