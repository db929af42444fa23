"""GPAW: forces of POSCAR."""

from ase.io import read
from gpaw import GPAW, PW

atoms = read("POSCAR")
atoms.calc = GPAW(
    mode=PW(250),
    xc="LDA",
    kpts={"size": (2, 2, 2), "gamma": True},
    txt="gpaw.txt",
    maxiter=60,
    convergence={"forces": 1e-4, "density": 1e-6},
)
atoms.get_forces()
