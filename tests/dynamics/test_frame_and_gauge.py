"""What a run reports does not depend on the basis in multiplets, the numbering of atoms, the origin or the frame."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import ortho_group

import lattice
from lattice.anharmonic.invariance import check_invariance
from lattice.anharmonic.polynomial import padded, polynomial_from_table, substitute
from lattice.anharmonic.potential import CellRecord

DURATION = 8.0


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


def inside_multiplets(potential, seed):
    turn = np.eye(potential.n_modes)
    for name in potential.multiplets:
        place = np.flatnonzero(potential.multiplet == name)
        turn[np.ix_(place, place)] = ortho_group.rvs(len(place), random_state=seed) if len(place) > 1 else -1.0
    return turn


def direction_angle(axis, rotation):
    """Angle of the turned x̂ of a pulse about `axis` in the frame where x̂ is the projection of Cartesian x."""
    turned = rotation @ [1.0, 0, 0]
    x = np.array([1.0, 0, 0]) - axis * axis[0]
    x /= np.linalg.norm(x)
    return float(np.degrees(np.arctan2(turned @ np.cross(axis, x), turned @ x)))


def cases(potential):
    crystal, vectors = potential.crystal, potential.eigenvectors
    unturned, frame = np.eye(potential.n_modes), np.eye(3)
    order = np.array([3, 0, 4, 2, 1])
    renumbered = CellRecord(
        crystal.cell, crystal.positions[order], [crystal.species[k] for k in order], crystal.masses[order]
    )
    shifted = CellRecord(
        crystal.cell, crystal.positions + np.array([0.11, 0.37, 0.59]), crystal.species, crystal.masses
    )
    rotation = Rotation.from_euler("zyx", [0.7, -0.9, 1.3]).as_matrix()
    rotated = CellRecord(crystal.cell @ rotation.T, crystal.positions, crystal.species, crystal.masses)
    return {
        "basis": rewritten(potential, inside_multiplets(potential, 3), frame, crystal, vectors),
        "numbering": rewritten(potential, unturned, frame, renumbered, vectors[:, order]),
        "origin": rewritten(potential, unturned, frame, shifted, vectors),
        "frame": rewritten(potential, unturned, rotation, rotated, vectors @ rotation.T),
    }, rotation


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


@pytest.mark.parametrize("helicity", [1.0, 0.4])
@pytest.mark.parametrize("name", ["basis", "numbering", "origin", "frame"])
def test_gauge_free_numbers_of_a_run(potential, name, helicity):
    changed, rotation = cases(potential)
    other = changed[name]
    assert check_invariance(other)
    pulse = replace(lattice.default_pulse(potential, helicity=helicity), angle=20.0)
    angle = 20.0 + (direction_angle(other.axis, rotation) if name == "frame" else 0.0)
    turned = replace(pulse, axis=tuple(other.axis), angle=angle)
    before = lattice.ledger(lattice.simulate(potential, pulse, DURATION))
    after_run = lattice.simulate(other, turned, DURATION)
    after = lattice.ledger(after_run)
    scale = float(before.gross_axial)
    for quantity in ("ledger_axial", "crystal_axial", "L_change_axial"):
        a, b = before[quantity], after[quantity]
        if "channel" in a.dims:
            b = b.sel(channel=a.channel)
        np.testing.assert_allclose(b.values, a.values, atol=1e-9 * scale)
    run = lattice.simulate(potential, pulse, DURATION)
    along = run.L.values @ potential.axis
    np.testing.assert_allclose(after_run.L.values @ other.axis, along, atol=1e-9 * np.abs(along).max())
    np.testing.assert_allclose(
        np.linalg.norm(after_run.L.values, axis=-1),
        np.linalg.norm(run.L.values, axis=-1),
        atol=1e-9 * np.abs(along).max(),
    )
