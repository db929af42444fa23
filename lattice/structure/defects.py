"""How far force constants are from the identities that they must obey; nothing is repaired."""

from __future__ import annotations

import numpy as np

from lattice.structure.cell import Cell
from lattice.structure.crystal import ForceConstants, SpaceGroup
from lattice.structure.supercell import translation_index, wrap_translations
from lattice.structure.symmetry import cartesian_rotations, permutations


def sum_rule_defect(constants: ForceConstants) -> float:
    """Return max |Σ_{l,j} Φ(i; l, j)| in *eV/Å²*: zero if a rigid shift of the crystal costs no force."""
    return float(np.abs(constants.array.sum(axis=(1, 2))).max())


def exchange_defect(constants: ForceConstants) -> float:
    """Return max |Φ_ab(i; l, j) − Φ_ba(j; −l, i)| in *eV/Å²*: zero if the forces have a potential."""
    opposite = translation_index(-constants.translations, constants.translations, constants.supercell_matrix)
    swapped = constants.array[:, opposite].transpose(2, 1, 0, 4, 3)
    return float(np.abs(constants.array - swapped).max())


def symmetry_defect(constants: ForceConstants, cell: Cell, spacegroup: SpaceGroup) -> float:
    """Return max |Φ(g i; g l, g j) − R Φ(i; l, j) Rᵀ| in *eV/Å²* over the operations g that keep the supercell.

    Parameters
    ----------
    constants : ForceConstants
        Force constants of the cell.
    cell : Cell
        The cell, for the images of its atoms.
    spacegroup : SpaceGroup
        Its operations; those that turn the supercell into another one say nothing about these numbers.
    """
    matrix = constants.supercell_matrix
    atoms, shifts = permutations(cell, spacegroup)
    cartesian = cartesian_rotations(cell, spacegroup)
    largest = 0.0
    for rotation, images, moves, turn in zip(spacegroup.rotations, atoms, shifts, cartesian, strict=True):
        # Columns of R Sᵀ are the turned supercell vectors; they must be vectors of the supercell again.
        if wrap_translations((rotation @ matrix.T).T, matrix).any():
            continue
        turned_cells = constants.translations @ rotation.T
        vectors = turned_cells[None, :, None, :] + moves[None, None, :, :] - moves[:, None, None, :]
        cells = translation_index(vectors, constants.translations, matrix)
        image = constants.array[images[:, None, None], cells, images[None, None, :]]
        turned = turn @ constants.array @ turn.T
        largest = max(largest, float(np.abs(image - turned).max()))
    return largest


def describe_defects(constants: ForceConstants, cell: Cell, spacegroup: SpaceGroup) -> str:
    """Return the report line on the defects of force constants, in eV/Å²."""
    return (
        f"force constants, left as they are: largest {np.abs(constants.array).max():.3g} eV/Å², "
        f"sum rule broken by {sum_rule_defect(constants):.2g}, exchange symmetry by {exchange_defect(constants):.2g}, "
        f"space group by {symmetry_defect(constants, cell, spacegroup):.2g}"
    )
