"""What a run reports does not depend on the basis in multiplets, the numbering of atoms, the origin or the frame."""

from dataclasses import replace

import numpy as np
import pytest
from same_physics import direction_angle, inside_multiplets, rewritten
from scipy.spatial.transform import Rotation

import lattice
from lattice.anharmonic.invariance import check_invariance
from lattice.anharmonic.potential import CellRecord

DURATION = 8.0


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
