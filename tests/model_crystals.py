"""Model crystals for tests: any space group, with central springs that have its symmetry exactly."""

import itertools

import numpy as np

from lattice.structure.cell import Cell
from lattice.structure.crystal import Crystal, ForceConstants
from lattice.structure.supercell import cell_translations
from lattice.structure.symmetry import find_spacegroup

MASSES = {1: 20.0, 2: 31.0, 3: 47.0, 4: 12.0}


def spring_constants(cell, supercell_matrix, cutoff):
    """Force constants of central springs between all pairs within `cutoff` Å; stiffness by species and length.

    A transverse part of one fifth keeps open structures from being floppy; both parts are even functions of the bond
    vector and depend on nothing else, so every symmetry of the cell is one of the force constants.
    """
    n = cell.n_atoms
    supercell_matrix = np.array(supercell_matrix)
    translations = cell_translations(supercell_matrix)
    array = np.zeros((n, len(translations), n, 3, 3))
    cartesian = cell.positions @ cell.cell
    reach = [int(np.ceil(cutoff * np.linalg.norm(b))) + 1 for b in np.linalg.inv(cell.cell).T]
    folded = {tuple(t): i for i, t in enumerate(translations.tolist())}

    def index(shift):
        inverse = np.linalg.inv(supercell_matrix)
        for place, t in folded.items():
            difference = (np.array(shift) - place) @ inverse
            if np.abs(difference - np.rint(difference)).max() < 1e-6:
                return t
        raise AssertionError(shift)

    for shift in itertools.product(*(range(-r, r + 1) for r in reach)):
        bonds = cartesian[None] + np.array(shift) @ cell.cell - cartesian[:, None]
        lengths = np.linalg.norm(bonds, axis=2)
        near = (lengths > 1e-6) & (lengths < cutoff)
        if not near.any():
            continue
        place = index(shift)
        for i, j in np.argwhere(near):
            unit = bonds[i, j] / lengths[i, j]
            stiffness = 5.0 * np.exp(-lengths[i, j] / 1.5) * (1 + 0.1 * (cell.numbers[i] + cell.numbers[j]))
            block = stiffness * (0.8 * np.outer(unit, unit) + 0.2 * np.eye(3))
            array[i, place, j] -= block
            array[i, index((0, 0, 0)), i] += block
    return ForceConstants(array, translations, supercell_matrix)


def spring_crystal(cell, supercell_matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1)), cutoff=6.0, **more):
    """A `Crystal` of a `Cell` with spring constants."""
    return Crystal(
        cell=cell.cell,
        positions=cell.positions,
        numbers=cell.numbers,
        masses=cell.masses,
        spacegroup=find_spacegroup(cell),
        force_constants=spring_constants(cell, supercell_matrix, cutoff),
        **more,
    )


def cell_of_spacegroup(number, species=2, seed=0):
    """A primitive cell of a space group: one general and one other general orbit (two species), in a random lattice."""
    from ase.spacegroup import crystal

    rng = np.random.default_rng(1000 * number + seed)
    a, b, c = rng.uniform(6.0, 9.0, 3)
    if number < 3:
        parameters = [a, b, c, 83.0, 97.0, 76.0]
    elif number < 16:
        parameters = [a, b, c, 90, 101.0, 90]
    elif number < 75:
        parameters = [a, b, c, 90, 90, 90]
    elif number < 143:
        parameters = [a, a, c, 90, 90, 90]
    elif number < 195:
        parameters = [a, a, c, 90, 90, 120]
    else:
        parameters = [a + 2, a + 2, a + 2, 90, 90, 90]
    for _ in range(200):
        basis = [rng.uniform(0.05, 0.45, 3) for _ in range(species)]
        atoms = crystal(["H", "He", "Li"][:species], basis, spacegroup=number, cellpar=parameters, primitive_cell=True)
        distances = atoms.get_all_distances(mic=True) + 10 * np.eye(len(atoms))
        if distances.min() > 0.5:
            break
    else:
        raise AssertionError(f"no room for atoms in {number}")
    numbers = atoms.numbers
    return Cell(atoms.cell.array, atoms.get_scaled_positions(), numbers, [MASSES[int(z)] for z in numbers])
