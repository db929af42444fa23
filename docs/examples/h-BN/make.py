"""Make POSCAR, FORCE_SETS and fc3.hdf5 of a sheet of hexagonal boron nitride: `python make.py`, two minutes.

The forces are those of the Tersoff potential in `tersoff.py`; another calculator there gives the files of another
crystal. The displacements of FORCE_SETS are phonopy's; fc3.hdf5 has the form of phono3py's compact files.
"""

from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from phonopy import Phonopy
from phonopy.file_IO import write_FORCE_SETS
from phonopy.interface.vasp import write_vasp
from phonopy.structure.atoms import PhonopyAtoms
from scipy.optimize import minimize_scalar
from tersoff import calculator

HERE = Path(__file__).parent
VACUUM = 15.0  # Å, the third lattice vector
SUPERCELL = np.diag([4, 4, 1])
STEP = 0.01  # Å


def sheet(a):
    """Return the primitive cell for a lattice constant in Å."""
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, VACUUM]]
    return PhonopyAtoms(["B", "N"], cell=cell, scaled_positions=[[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]])


def with_calculator(cell):
    """Return ASE atoms with a new calculator."""
    atoms = Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
    atoms.calc = calculator()
    return atoms


def relaxed():
    """Return the primitive cell of lowest energy."""
    least = minimize_scalar(
        lambda a: with_calculator(sheet(a)).get_potential_energy(),
        bounds=(2.4, 2.6),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return sheet(float(round(least.x, 8)))


def force_sets(phonon):
    """Return phonopy's data set of displacements with their forces, eV/Å."""
    phonon.generate_displacements(distance=STEP)
    phonon.forces = [with_calculator(cell).get_forces() for cell in phonon.supercells_with_displacements]
    return phonon.dataset


def third_derivatives(phonon):
    """Return ∂³V/∂u_i∂u_j∂u_k in eV/Å³ by central differences, `(2, n, n, 3, 3, 3)`, i in the primitive cell."""
    atoms = with_calculator(phonon.supercell)
    rest, n = atoms.positions.copy(), len(atoms)
    constants = np.zeros((2, n, n, 3, 3, 3))
    for row, i in enumerate(phonon.primitive.p2s_map):
        for a, j, b in np.ndindex(3, n, 3):
            for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = rest.copy()
                moved[i, a] += signs[0] * STEP
                moved[j, b] += signs[1] * STEP
                atoms.positions = moved
                constants[row, j, :, a, b] -= signs[0] * signs[1] * atoms.get_forces() / (4 * STEP**2)
    return np.where(np.abs(constants) < 1e-9, 0.0, constants)


def main():
    """Write the three files beside this one."""
    phonon = Phonopy(relaxed(), SUPERCELL)
    write_vasp(HERE / "POSCAR", phonon.unitcell)
    write_FORCE_SETS(force_sets(phonon), HERE / "FORCE_SETS")
    with h5py.File(HERE / "fc3.hdf5", "w") as file:
        options = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        file.create_dataset("fc3", data=third_derivatives(phonon), **options)
        file["p2s_map"] = np.asarray(phonon.primitive.p2s_map)


if __name__ == "__main__":
    main()
