"""Density-functional perturbation theory on a grid of q, and the force constants of the supercell that belongs to it.

A record of one irreducible q holds the dynamical matrices of its whole star as Quantum ESPRESSO prints them,
D_ab(q) = Σ_R Φ(a in cell R; b in cell 0) exp(−2πi q·R), without masses and without the field of the polarisation at Γ.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import espresso
import numpy as np

Grid = tuple[int, int, int]
TITLE = "Dynamical  Matrix in cartesian axes"
RESPONSE_THRESHOLD = 1e-14


def grid_input(grid: Grid, number: int) -> str:
    """Return the ``ph.x`` input for irreducible q `number` (from 1) of a grid; the first is Γ, with ε∞ and charges."""
    first, second, third = grid
    return (
        "Phonons on a grid\n&inputph\n prefix='x', outdir='./tmp', fildyn='dyn', ldisp=.true.,\n"
        f" nq1={first}, nq2={second}, nq3={third}, start_q={number}, last_q={number},\n"
        f" epsil={'.true.' if number == 1 else '.false.'}, tr2_ph={RESPONSE_THRESHOLD:.1e}\n/\n"
    )


def read_star(text: str, lattice: np.ndarray, n_atoms: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return q (3,) in units of the reciprocal vectors and D (n_atoms, n_atoms, 3, 3), *eV/Å²*, of each q of a star.

    Raises
    ------
    ValueError
        The text holds no complete dynamical matrix.
    """
    found = []
    number = r"(-?\d+\.\d+)"
    for block in text.split(TITLE)[1:]:
        place = re.search(rf"q = \(\s*{number}\s+{number}\s+{number}\s*\)", block)
        heads = list(re.finditer(r"^\s+(\d+)\s+(\d+)\s*\n((?:.*\n){3})", block, re.MULTILINE))[: n_atoms**2]
        if place is None or len(heads) < n_atoms**2:
            raise ValueError("the file holds an incomplete dynamical matrix; read the output of ph.x for the reason")
        matrix = np.zeros((n_atoms, n_atoms, 3, 3), dtype=complex)
        for head in heads:
            values = np.array(head[3].split(), dtype=float).reshape(3, 3, 2)
            matrix[int(head[1]) - 1, int(head[2]) - 1] = values[..., 0] + 1j * values[..., 1]
        # q is printed in units of 2π/|a1|.
        q = lattice @ np.array(place.groups(), dtype=float) / np.linalg.norm(lattice[0])
        found.append((q, matrix * espresso.RYDBERG / espresso.BOHR**2))
    if not found:
        raise ValueError("the file holds no dynamical matrix; read the output of ph.x for the reason")
    return found


def count_irreducible(folder: Path) -> int:
    """Return the number of irreducible q of the grid that ``ph.x`` has listed in `folder`."""
    return int((folder / "dyn0").read_text().split("\n")[1])


def compute(
    place: espresso.Workplace, cell: espresso.Cell, ground: str, grid: Grid, settings: espresso.Settings
) -> list[espresso.Record]:
    """Return the records ``phonon_1``, ``phonon_2`` … of all irreducible q, computing those that are missing.

    `ground` names the self-consistent run whose wave functions lie in the scratch folder.

    Raises
    ------
    RuntimeError
        The wave functions are gone.
    """
    records: list[espresso.Record] = []
    total = 1
    while len(records) < total:
        number = len(records) + 1
        name = f"phonon_{number}"
        record = espresso.load_record(place.results, name)
        if record is None:
            record = _one(place, cell, ground, grid, number, settings)
            espresso.save_record(place.results, name, record)
            print(f"{name}: q = {record['stars'][0]['q']}, {record['walltime_s']} s", flush=True)
        records.append(record)
        total = int(record["irreducible"])
    return records


def _one(
    place: espresso.Workplace, cell: espresso.Cell, ground: str, grid: Grid, number: int, settings: espresso.Settings
) -> espresso.Record:
    """Run ``ph.x`` for one irreducible q and return its record."""
    folder = place.scratch / ground
    if not (folder / "tmp" / "x.save" / espresso.DENSITY).is_file():
        raise RuntimeError(f"the wave functions of {ground} are gone; remove its record to compute them again")
    shutil.rmtree(folder / "tmp" / "_ph0", ignore_errors=True)
    begin = time.time()
    output = espresso.execute("ph.x", grid_input(grid, number), f"phonon_{number}", folder)
    n_atoms = len(cell.symbols)
    stars = read_star((folder / f"dyn{number}").read_text(), cell.lattice, n_atoms)
    record: espresso.Record = {
        "settings": {**asdict(settings), "grid": list(grid), "response_threshold": RESPONSE_THRESHOLD},
        "irreducible": count_irreducible(folder),
        "stars": [
            {
                "q": np.round(q, 8).tolist(),
                "real_eV_per_A2": np.round(matrix.real, 8).tolist(),
                "imaginary_eV_per_A2": np.round(matrix.imag, 8).tolist(),
            }
            for q, matrix in stars
        ],
    }
    if number == 1:
        epsilon, charges = espresso.read_field(output, n_atoms)
        record |= {"epsilon": epsilon.tolist(), "born_charges_e": charges.tolist()}
    record["walltime_s"] = round(time.time() - begin, 1)
    shutil.rmtree(folder / "tmp" / "_ph0", ignore_errors=True)
    return record


def matrices(records: list[espresso.Record]) -> dict[tuple[int, ...], np.ndarray]:
    """Return D (n_atoms, n_atoms, 3, 3), *eV/Å²*, by q in steps of the grid, each component below its division.

    Raises
    ------
    ValueError
        The stars do not make up the grid.
    """
    grid = np.array(records[0]["settings"]["grid"])
    found: dict[tuple[int, ...], np.ndarray] = {}
    for star in (star for record in records for star in record["stars"]):
        steps = np.array(star["q"]) * grid
        whole = np.rint(steps)
        if abs(steps - whole).max() > 1e-3:
            raise ValueError(f"q = {star['q']} is no point of the grid {grid.tolist()}")
        key = tuple(int(value) for value in whole.astype(int) % grid)
        found[key] = np.array(star["real_eV_per_A2"]) + 1j * np.array(star["imaginary_eV_per_A2"])
    if len(found) != grid.prod():
        raise ValueError(f"{len(found)} of {grid.prod()} points of the grid have been computed")
    return found


def cell_blocks(found: dict[tuple[int, ...], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return Φ(a in cell R; b in cell 0) by R, (n1, n2, n3, n_atoms, n_atoms, 3, 3), and its largest imaginary part.

    Unit *eV/Å²*. With N cells Φ(R) = Σ_q D(q) exp(2πi q·R)/N.
    """
    grid = np.array(list(found)).max(axis=0) + 1
    stacked = np.zeros((*grid, *next(iter(found.values())).shape), dtype=complex)
    for key, matrix in found.items():
        stacked[key] = matrix
    blocks = np.fft.ifftn(stacked, axes=(0, 1, 2))
    return blocks.real.copy(), float(abs(blocks.imag).max())


def full_constants(blocks: np.ndarray, cells: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Return force constants Φ(i; j) (n_supercell, n_supercell, 3, 3), *eV/Å²*.

    Parameters
    ----------
    blocks : (n1, n2, n3, n_atoms, n_atoms, 3, 3), of cell_blocks
    cells : (n_supercell, 3) integers, the cell R of each atom of the supercell
    atoms : (n_supercell,), its number in the cell
    """
    apart = (cells[:, None] - cells[None, :]) % np.array(blocks.shape[:3])
    return np.asarray(blocks[*np.moveaxis(apart, -1, 0), atoms[:, None], atoms[None, :]])
