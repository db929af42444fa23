"""How far light drives the modes: the range over which couplings have to hold."""

from __future__ import annotations

import math

import numpy as np

from lattice import units
from lattice.anharmonic.coordinates import Coordinates
from lattice.structure.crystal import FloatArray

MAIN_AMPLITUDE = 0.3  #: MV/cm, field of the main job
MAIN_DURATION = 1.0  #: ps, duration of the main job
_NO_CHARGE = 1e-6  #: e/√amu; smaller is round-off of a charge that symmetry forbids
_WEAK = 0.1  #: of the largest reach; multiplets below it get no displacements of their own


def pulse_reach(coordinates: Coordinates) -> dict[str, float]:
    """Return multiplet → largest |Q| in *Å√amu* to which the main job's pulse drives it at resonance.

    |Q| = |Z| E₀ ∫g dt / (2ω) of an undamped harmonic mode, with the envelope g = exp(−2 ln2 t²/duration²) and |Z| the
    largest mode charge within the multiplet.

    Parameters
    ----------
    coordinates : Coordinates

    Returns
    -------
    dict
        Of the stable polar multiplets; empty without Born charges.
    """
    crystal = coordinates.crystal
    if crystal.born_charges is None:
        return {}
    weight = crystal.masses**-0.5
    charge = np.linalg.norm(np.einsum("kab,skb,k->sa", crystal.born_charges, coordinates.eigenvectors, weight), axis=1)
    area = MAIN_DURATION * math.sqrt(math.pi / (2 * math.log(2)))
    found = {}
    for name, places in coordinates.blocks:
        frequency = float(coordinates.modes.frequency[coordinates.numbers[places[0]]])
        force = units.FIELD_FORCE * MAIN_AMPLITUDE * float(charge[places].max())
        if charge[places].max() > _NO_CHARGE and frequency > 0:
            found[name] = force * area / (2 * units.TWO_PI * frequency)
    return found


def driven_directions(coordinates: Coordinates) -> FloatArray:
    """Return one vector ``(n,)`` within each multiplet that light drives well, off its symmetry directions.

    Returns
    -------
    ndarray
        ``(n_driven, n)``; lengths in units of the largest reach of `pulse_reach`.
    """
    reach = pulse_reach(coordinates)
    largest = max(reach.values(), default=0.0)
    found = np.zeros((0, coordinates.n))
    for name, places in coordinates.blocks:
        if reach.get(name, 0.0) > _WEAK * largest:
            direction = np.zeros(coordinates.n)
            direction[places] = 0.3 ** np.arange(len(places))
            found = np.vstack([found, direction * reach[name] / largest / np.linalg.norm(direction)])
    return found
