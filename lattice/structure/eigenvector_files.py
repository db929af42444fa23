"""Readers of phonopy's mesh, band and qpoints files (YAML and HDF5) with eigenvectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lattice.errors import FormatError, InputError
from lattice.structure.array_file import check_array_file
from lattice.structure.cell import Cell
from lattice.structure.crystal import FloatArray
from lattice.structure.safe_yaml import COMPRESSED, MAX_BYTES, read_yaml
from lattice.structure.species import numbers_of_species

SAME_Q = 1e-5  #: phonopy writes seven digits
SAME_FREQUENCY = 1e-4  #: THz, between entries of one q-point
_HDF5 = (".hdf5", ".h5")


@dataclass(frozen=True, slots=True, eq=False)
class EigenvectorSet:
    """What a file holds at one q-point.

    Attributes
    ----------
    qpoint : ndarray
        ``(3,)`` in units of the reciprocal cell vectors, as written.
    frequency : ndarray
        ``(n_bands,)`` in the unit of the file, *THz* unless phonopy was told otherwise.
    eigenvectors : ndarray
        ``(n_bands, n_atoms, 3)`` complex, as written.
    cell : Cell or None
        The primitive cell in the file, in the length unit of the calculator; None where the file does not hold it.
    """

    qpoint: FloatArray
    frequency: FloatArray
    eigenvectors: NDArray[np.complex128]
    cell: Cell | None


def read_eigenvectors(path: Path, qpoint: FloatArray) -> EigenvectorSet:
    """Read what phonopy wrote for one q-point.

    Parameters
    ----------
    path : Path
        ``mesh``, ``band`` or ``qpoints`` as ``.yaml`` (also compressed) or ``.hdf5``. YAML is read as plain data only.
    qpoint : ndarray
        ``(3,)`` in units of the reciprocal cell vectors.

    Raises
    ------
    InputError
        If there is no such file, or the q-point is not in it.
    FormatError
        If the file is none of these, is damaged, or holds no eigenvectors.
    """
    if not path.is_file():
        raise InputError("There is no such file of eigenvectors", found=str(path), fix="give mesh.yaml or band.yaml")
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSED]
    try:
        if suffixes[-1:] and suffixes[-1] in _HDF5:
            return _from_hdf5(path, qpoint)
        return _from_yaml(path, qpoint)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(
            f"{path.name} is not a file of phonopy with eigenvectors",
            found=f"{type(error).__name__}: {error}",
            fix="write it with phonopy and EIGENVECTORS = .TRUE.",
        ) from None


def _chosen(path: Path, points: FloatArray, frequencies: list[FloatArray] | FloatArray, qpoint: FloatArray) -> int:
    """Return the entry of a q-point; several entries must agree."""
    distance = np.abs(np.asarray(points, dtype=np.float64).reshape(-1, 3) - qpoint).max(axis=1)
    found = np.flatnonzero(distance < SAME_Q)
    if not len(found):
        nearest = np.asarray(points)[int(distance.argmin())].tolist() if len(distance) else "no q-point"
        raise InputError(
            f"The q-point is not in {path.name}", found=qpoint.tolist(), fix=f"use one that is, the nearest: {nearest}"
        )
    first = np.sort(np.asarray(frequencies[found[0]], dtype=np.float64))
    for other in found[1:]:
        again = np.sort(np.asarray(frequencies[other], dtype=np.float64))
        if first.shape != again.shape or np.abs(first - again).max() > SAME_FREQUENCY:
            raise InputError(
                f"{path.name} holds the q-point several times with different frequencies",
                found=f"{qpoint.tolist()}: entries {found[0]} and {other}",
                fix="the directions of the non-analytic term differ there; write the point alone with qpoints",
            )
    return int(found[0])


def _from_yaml(path: Path, qpoint: FloatArray) -> EigenvectorSet:
    """Read mesh.yaml, band.yaml or qpoints.yaml."""
    document: dict[str, Any] = dict(read_yaml(path))
    entries = document["phonon"]
    points = np.array([entry["q-position"] for entry in entries], dtype=np.float64)
    frequencies = [np.array([band["frequency"] for band in entry["band"]], dtype=np.float64) for entry in entries]
    k = _chosen(path, points, frequencies, qpoint)
    bands = entries[k]["band"]
    if any("eigenvector" not in band for band in bands):
        raise FormatError(
            f"{path.name} holds no eigenvectors", found="frequencies only", fix="write it with EIGENVECTORS = .TRUE."
        )
    parts = np.array([band["eigenvector"] for band in bands], dtype=np.float64)
    if parts.ndim != 4 or parts.shape[2:] != (3, 2):
        raise ValueError(f"eigenvectors of shape {parts.shape}")
    return _checked(path, points[k], frequencies[k], parts[..., 0] + 1j * parts[..., 1], _cell_of_yaml(document))


def _cell_of_yaml(document: dict[str, Any]) -> Cell | None:
    """Return the cell of mesh.yaml or band.yaml; qpoints.yaml holds none."""
    if "lattice" not in document or "points" not in document:
        return None
    points = document["points"]
    return Cell(
        np.array(document["lattice"], dtype=np.float64),
        np.array([point["coordinates"] for point in points], dtype=np.float64),
        numbers_of_species([str(point["symbol"]) for point in points]),
        np.array([point["mass"] for point in points], dtype=np.float64),
    )


def _from_hdf5(path: Path, qpoint: FloatArray) -> EigenvectorSet:
    """Read mesh.hdf5, band.hdf5 or qpoints.hdf5."""
    import h5py

    check_array_file(path)
    try:
        with h5py.File(path, "r") as file:
            if "frequency" not in file or ("qpoint" not in file and "path" not in file):
                raise KeyError("no frequency or q-points")
            if "eigenvector" not in file:
                raise FormatError(
                    f"{path.name} holds no eigenvectors",
                    found=", ".join(file),
                    fix="write it with EIGENVECTORS = .TRUE.",
                )
            _check_size(path, file)
            points = np.asarray(file["qpoint"] if "qpoint" in file else file["path"], dtype=np.float64)
            frequencies = np.asarray(file["frequency"], dtype=np.float64)
            shape = points.shape[:-1]
            flat = frequencies.reshape(-1, frequencies.shape[-1])
            k = _chosen(path, points.reshape(-1, 3), flat, qpoint)
            columns = np.asarray(file["eigenvector"][np.unravel_index(k, shape)], dtype=np.complex128)
            cell = None
            if {"lattice", "coordinates", "numbers", "masses"} <= set(file):
                cell = Cell(file["lattice"][()], file["coordinates"][()], file["numbers"][()], file["masses"][()])
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read as HDF5", found=error, fix="write the file again") from None
    vectors = columns.T.reshape(columns.shape[1], -1, 3)
    return _checked(path, points.reshape(-1, 3)[k], flat[k], vectors, cell)


def _check_size(path: Path, file: Any) -> None:
    """Refuse arrays that no phonon calculation has; a small compressed file may claim any size."""
    one_point = file["eigenvector"].nbytes // max(1, int(np.prod(file["frequency"].shape[:-1])))
    for name, size in (("frequency", file["frequency"].nbytes), ("one eigenvector matrix", one_point)):
        if size > MAX_BYTES:
            raise FormatError(
                f"{path.name} is too large", found=f"{name}: {size} bytes", fix="write fewer q-points to a file"
            )


def _checked(
    path: Path, qpoint: FloatArray, frequency: FloatArray, vectors: NDArray[np.complex128], cell: Cell | None
) -> EigenvectorSet:
    """There must be 3 n_atoms bands of finite numbers."""
    n_bands, n_atoms, _ = vectors.shape
    if n_bands != 3 * n_atoms or len(frequency) != n_bands:
        raise FormatError(
            f"{path.name} does not hold all bands",
            found=f"{n_bands} bands of {n_atoms} atoms",
            fix="write all bands, three for each atom of the primitive cell",
        )
    if not (np.isfinite(vectors).all() and np.isfinite(frequency).all()):
        raise FormatError(f"{path.name} holds numbers that are not finite", found="NaN", fix="write the file again")
    return EigenvectorSet(qpoint, frequency, vectors, cell)


def same_up_to_unit(first: Cell, second: Cell) -> Iterator[str]:
    """Yield what differs between two cells, lengths apart that differ by one factor (the unit of the calculator)."""
    if first.n_atoms != second.n_atoms or (first.numbers != second.numbers).any():
        yield f"atoms {first.numbers.tolist()} and {second.numbers.tolist()}"
        return
    scale = np.linalg.norm(first.cell) / np.linalg.norm(second.cell)
    if np.abs(first.cell - scale * second.cell).max() > 1e-3 * np.abs(first.cell).max():
        yield "cell vectors"
    difference = first.positions - second.positions
    if np.abs((difference - np.rint(difference)) @ first.cell).max() > 1e-3:
        yield "positions"
    if np.abs(first.masses - second.masses).max() > 1e-3 * first.masses.max():
        yield f"masses {first.masses.tolist()} and {second.masses.tolist()} amu"
