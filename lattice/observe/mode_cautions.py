"""What makes modes less than certain: instability, near-degeneracy, charges that are missing."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lattice.modes.modes import Modes

SOFT = -1e-3  #: THz; nearer to zero lies round-off
CLOSE = 0.01  #: THz; force constants are not known better, so that multiplets of one irrep nearer than this may mix


def mode_cautions(modes: Modes) -> list[str]:
    """Return one sentence for each doubt about modes.

    Parameters
    ----------
    modes : Modes
        At one q-point.

    Returns
    -------
    list of str
        Imaginary frequencies; pairs of multiplets of one irrep (or of unknown ones) within 0.01 THz; at Γ modes that
        are infrared-active in a crystal without Born charges.
    """
    optical = [x for x in modes.multiplets if not x.acoustic]
    found = [
        f"the frequency of {x.label} is imaginary ({x.frequency:.3f} THz): the crystal is not stable in this structure"
        for x in optical
        if x.frequency < SOFT
    ]
    found += [
        f"{a.label} and {b.label} lie {abs(a.frequency - b.frequency):.1e} THz apart and have the same symmetry: how"
        " they mix, with J and the charge of each, is beyond the accuracy of force constants; their sums are not"
        for a, b in combinations(optical, 2)
        if a.irrep == b.irrep and abs(a.frequency - b.frequency) < CLOSE
    ]
    active = [x.label for x in optical if x.ir_active]
    if active and modes.crystal.born_charges is None:
        found.append(
            f"{', '.join(active)} may be polar, and no Born charges are known: mode charges and, in an insulator, the"
            " LO–TO splitting are missing; give BORN"
        )
    return found
