"""The Tersoff potential of a sheet of hexagonal boron nitride, as an ASE calculator (ASE 3.25 or newer).

Parameters of B–N bonds from C. Sevik, A. Kinaci, J. B. Haskins and T. Çağın, Phys. Rev. B 84, 085409 (2011). The
cut-off of 2 Å leaves nearest neighbours only, so a sheet needs no other bonds. There are no charges in it: LO and TO
modes are degenerate.
"""

from itertools import product

from ase.calculators.tersoff import Tersoff, TersoffParameters

BORON_NITROGEN = TersoffParameters(
    m=3.0,
    gamma=1.0,
    lambda3=0.0,  # 1/Å
    c=25000.0,
    d=4.3484,
    h=-0.89,
    n=0.72751,
    beta=1.25724e-7,
    lambda2=2.199,  # 1/Å
    B=340.0,  # eV
    R=1.95,  # Å
    D=0.05,  # Å
    lambda1=3.568,  # 1/Å
    A=1380.0,  # eV
)


def calculator():
    """Return a new calculator for sheets of boron and nitrogen atoms in turn."""
    return Tersoff(dict.fromkeys(product("BN", repeat=3), BORON_NITROGEN))
