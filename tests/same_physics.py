"""The same crystal, potential or pulse written differently: other frame, origin, numbering, cell vectors, basis."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import factorial

import numpy as np
from scipy.stats import ortho_group

from lattice.anharmonic.polynomial import padded, polynomial_from_table, substitute
from lattice.structure.cell import Cell


def changed_cell(cell, *, order=None, shift=(0, 0, 0), turn=None, basis=None):
    """A cell with atoms renumbered, its origin moved, its frame turned or mirrored, or with other cell vectors."""
    order = np.arange(cell.n_atoms) if order is None else order
    turn = np.eye(3) if turn is None else turn
    basis = np.eye(3) if basis is None else np.array(basis)
    positions = (cell.positions + shift)[order] @ np.linalg.inv(basis)
    return Cell(basis @ cell.cell @ turn.T, positions, cell.numbers[order], cell.masses[order])


def direction_angle(axis, rotation):
    """Angle of the turned x̂ of a pulse about `axis` in the frame where x̂ is the projection of Cartesian x."""
    turned = rotation @ [1.0, 0, 0]
    x = np.array([1.0, 0, 0]) - axis * axis[0]
    x /= np.linalg.norm(x)
    return float(np.degrees(np.arctan2(turned @ np.cross(axis, x), turned @ x)))


def turned_pulse(pulse, turn):
    """The pulse of field turn @ E(t); its axis must be z. A mirror is a rotation and a field of the other sign."""
    proper = np.linalg.det(turn) * turn
    axis = proper @ pulse.axis
    angle, phase = pulse.angle + direction_angle(axis, proper), pulse.phase + (np.pi if np.linalg.det(turn) < 0 else 0)
    return replace(pulse, axis=tuple(axis), angle=angle, phase=phase)


def inside_multiplets(potential, seed):
    """Random orthogonal matrix ``(n, n)`` that mixes the coordinates of each multiplet."""
    turn = np.eye(potential.n_modes)
    for name in potential.multiplets:
        place = np.flatnonzero(potential.multiplet == name)
        turn[np.ix_(place, place)] = ortho_group.rvs(len(place), random_state=seed) if len(place) > 1 else -1.0
    return turn


def rewritten(potential, turn, rotation, crystal, eigenvectors):
    """The same potential in the coordinates Q' = turn @ Q, in a frame turned by `rotation`."""
    channel_of = {}
    for t, name in enumerate(potential.channel):
        names = tuple(sorted(str(potential.multiplet[s]) for s in potential.mode_index[t] if s >= 0))
        channel_of[names, int((potential.field_axis[t] >= 0).sum())] = str(name)
    old = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    new = substitute(old, turn.T, rotation.T)
    kept = {key: c for key, c in new.items() if abs(c) > 1e-18}
    return replace(
        potential,
        axis=rotation @ potential.axis,
        coefficient=np.array(list(kept.values())),
        mode_index=padded([modes for modes, _ in kept]),
        field_axis=padded([fields for _, fields in kept]),
        channel=np.array([channel_of[tuple(sorted(str(potential.multiplet[s]) for s in m)), len(f)] for m, f in kept]),
        eigenvectors=np.einsum("st,tka->ska", turn, eigenvectors),
        crystal=crystal,
        modes=None,
    )


def coupling_strengths(potential):
    """√(Σ c² Π powers!) of the terms without field, by their multiplets: what no basis of the multiplets changes."""
    total = defaultdict(float)
    for coefficient, modes, fields in zip(
        potential.coefficient, potential.mode_index, potential.field_axis, strict=True
    ):
        if (fields < 0).all():
            factors = [int(s) for s in modes if s >= 0]
            weight = np.prod([factorial(factors.count(s)) for s in set(factors)])
            total[tuple(sorted(str(potential.multiplet[s]) for s in factors))] += weight * coefficient**2
    return {names: float(np.sqrt(value)) for names, value in total.items()}
