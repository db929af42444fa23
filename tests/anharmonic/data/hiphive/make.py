"""Third-order force constants by hiPhive 1.5: a cluster space of SiC fitted to Lennard-Jones forces.

`SPOSCAR` and `phono3py_disp.yaml` come from phonopy first: the atoms of a 2×2×2 supercell in its order.
"""

import numpy as np
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import read
from hiphive import ClusterSpace, ForceConstantPotential, StructureContainer
from hiphive.structure_generation import generate_rattled_structures
from hiphive.utilities import prepare_structures

primitive = bulk("SiC", "zincblende", a=4.36)
primitive.write("POSCAR", format="vasp", direct=True)
cell = primitive.repeat(4)
clusters = ClusterSpace(primitive, [3.0, 2.0])
container = StructureContainer(clusters)
potential = LennardJones(sigma=1.7, epsilon=0.5, rc=4.2, smooth=False)
for atoms in prepare_structures(generate_rattled_structures(cell, 2, 0.02, seed=3), cell, potential):
    container.add_structure(atoms)
table, forces = container.get_fit_data()
model = ForceConstantPotential(clusters, np.linalg.lstsq(table, forces, rcond=None)[0])
constants = model.get_force_constants(read("SPOSCAR"))
constants.write_to_phono3py("fc3.hdf5")
constants.write_to_shengBTE("FORCE_CONSTANTS_3RD", primitive)
