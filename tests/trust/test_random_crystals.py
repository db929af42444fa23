"""What symmetry demands of every crystal, for random Morse crystals of the seven crystal systems.

Frequencies, m, J, channels, couplings and both ledgers do not depend on how the crystal is written down; they turn with
the crystal, an axial vector under a mirror; and time reversal runs a motion backwards.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from same_physics import changed_cell, coupling_strengths, inside_multiplets, rewritten, turned_pulse
from strategies import (
    SYSTEMS,
    cells,
    crystals,
    deterministic,
    modes,
    morse_crystal,
    rotations,
    symmetric_charges,
    third_derivatives,
)

import lattice
from lattice.structure.cell import Cell
from lattice.structure.symmetry import find_spacegroup

MIRROR = np.diag([1.0, 1.0, -1.0])
BASES = ([[1, 0, 0], [1, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 0, -1], [0, 1, 1], [0, 0, 1]])
GAUSSIAN = lattice.Pulse(3.0, 3.0, 0.6, helicity=0.7, angle=20.0, axis=(0.0, 0.0, 1.0))
EVERY = lattice.Record(0.1)


def cell_of(crystal):
    return Cell(crystal.cell, crystal.positions, crystal.numbers, crystal.masses)


def again(crystal, order=None, turn=None, **change):
    """The crystal written differently: bonds counted anew, Born charges renumbered and turned."""
    order = np.arange(crystal.n_atoms) if order is None else order
    turn = np.eye(3) if turn is None else turn
    charges = turn @ crystal.born_charges[order] @ turn.T
    cell = changed_cell(cell_of(crystal), order=order, turn=turn, **change)
    return morse_crystal(cell, born_charges=charges)


def assert_same_modes(new, old, turn=None):
    """Frequencies, labels and m as they are, J as an axial vector, charges in size."""
    turn = np.eye(3) if turn is None else turn
    np.testing.assert_allclose(new.frequency, old.frequency, atol=1e-7)
    assert [x.label for x in new.multiplets] == [x.label for x in old.multiplets]
    np.testing.assert_array_equal(new.m, old.m)
    np.testing.assert_allclose(new.J, np.linalg.det(turn) * old.J @ turn.T, atol=1e-7)
    np.testing.assert_allclose(
        np.linalg.norm(new.mode_charge, axis=1), np.linalg.norm(old.mode_charge, axis=1), atol=1e-7
    )


def chosen(modes):
    """The labels of three optical multiplets, the most polar ones: couplings among them are enough."""
    optical = [x for x in modes.multiplets if not x.acoustic]
    charge = {x.label: np.linalg.norm(modes.mode_charge[list(x.indices)]) for x in optical}
    return sorted(charge, key=charge.get)[-3:]


def potential_of(modes, names, linewidth=0.1):
    return lattice.project_potential(
        modes, third_derivatives(cell_of(modes.crystal)), multiplets=names, linewidth=linewidth
    )


def assert_same_strengths(new, old):
    new, old = coupling_strengths(new), coupling_strengths(old)
    largest = max(old.values(), default=0.0)
    for names in {*new, *old}:
        assert new.get(names, 0.0) == pytest.approx(old.get(names, 0.0), rel=1e-6, abs=1e-9 * largest), names


def assert_same_run(new, old, turn=None):
    """L and the rows of both ledgers; energies are scalars, the rest turns as an axial vector."""
    turn = np.eye(3) if turn is None else np.linalg.det(turn) * turn
    size = float(np.abs(old.ledger.values).max()) + 1e-12
    np.testing.assert_allclose(new.L.values, old.L.values @ turn.T, atol=1e-6 * size)
    rows = new.ledger.reindex(channel=old.channel, fill_value=0.0)
    np.testing.assert_allclose(rows.values, old.ledger.values @ turn.T, atol=1e-6 * size)
    energy = new.energy_ledger.reindex(channel=old.channel, fill_value=0.0)
    np.testing.assert_allclose(
        energy.values, old.energy_ledger.values, atol=1e-6 * np.abs(old.energy_ledger.values).max()
    )


def run(potential, pulse=GAUSSIAN, **keys):
    return lattice.simulate(potential, pulse, 2.5, record=EVERY, **keys)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_crystal_has_its_symmetry(system):
    """The premise: forces of the model are those of its group, and no mode is unstable."""

    @deterministic(2)
    @given(modes(system))
    def check(found):
        assert found.frequency.min() >= 0
        assert (found.frequency[3:] > 0.05).all()
        assert found.crystal.spacegroup.number >= min(SYSTEMS[system])

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_modes_and_channels_do_not_depend_on_how_the_crystal_is_written(system):
    @deterministic(2)
    @given(crystals(system), st.randoms(use_true_random=False), st.sampled_from(BASES))
    def check(crystal, random, basis):
        old = lattice.solve_modes(crystal)
        order = np.array(random.sample(range(crystal.n_atoms), crystal.n_atoms))
        shift = (random.random(), random.random(), random.random())
        new = lattice.solve_modes(again(crystal, order=order, shift=shift, basis=basis))
        np.testing.assert_allclose(0 if new.axis is None else new.axis, 0 if old.axis is None else old.axis)
        assert_same_modes(new, old)
        keys = ("modes", "m", "delta_m", "umklapp")
        table = [[[row[key] for key in keys] for row in lattice.channels(x)] for x in (new, old)]
        assert table[0] == table[1]

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_modes_turn_with_the_crystal_and_a_mirror_image_has_the_mirrored_j(system):
    @deterministic(3)
    @given(crystals(system), rotations(), st.booleans())
    def check(crystal, turn, mirrored):
        old = lattice.solve_modes(crystal)
        turn = turn @ MIRROR if mirrored else turn
        axis = None if old.axis is None else np.linalg.det(turn) * turn @ old.axis
        assert_same_modes(lattice.solve_modes(again(crystal, turn=turn), axis=axis), old, turn)

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_waves_of_opposite_q_and_other_cells(system):
    """ω(−q) = ω(q) and J(−q) = −J(q) by time reversal; q and J follow other vectors of the same lattice."""

    @deterministic(2)
    @given(cells(system), st.sampled_from(BASES))
    def check(cell, basis):
        # With q = 1/3 along the first vector, in a supercell that holds it in any basis.
        crystal = morse_crystal(cell, np.diag([3, 1, 1]))
        plus, minus = (lattice.solve_modes(crystal, (s / 3, 0, 0)) for s in (1, -1))
        np.testing.assert_allclose(plus.frequency, minus.frequency, atol=1e-7)
        sums = [[x.J[list(m.indices)].sum(axis=0) for m in x.multiplets] for x in (plus, minus)]
        np.testing.assert_allclose(sums[0], -np.array(sums[1]), atol=1e-7)
        other = morse_crystal(changed_cell(cell, basis=basis), np.diag([3, 3, 3]))
        new = lattice.solve_modes(other, np.array(basis) @ [1 / 3, 0, 0], axis=plus.axis)
        np.testing.assert_allclose(new.frequency, plus.frequency, atol=1e-7)
        new_sums = [new.J[list(m.indices)].sum(axis=0) for m in new.multiplets]
        np.testing.assert_allclose(new_sums, sums[0], atol=1e-6)

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_gamma_of_a_supercell_holds_the_waves_that_fit_into_it(system):
    @deterministic(2)
    @given(cells(system))
    def check(cell):
        small = morse_crystal(cell, np.diag([2, 1, 1]))
        doubled = Cell(
            np.diag([2, 1, 1]) @ cell.cell,
            np.concatenate([(cell.positions + np.array([s, 0, 0])) / [2, 1, 1] for s in (0, 1)]),
            np.tile(cell.numbers, 2),
            np.tile(cell.masses, 2),
        )
        waves = [lattice.solve_modes(small, (x, 0, 0)).frequency for x in (0, 0.5)]
        found = lattice.solve_modes(morse_crystal(doubled)).frequency
        np.testing.assert_allclose(found, np.sort(np.concatenate(waves)), atol=1e-6)

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_couplings_and_both_ledgers_of_a_run(system):
    """Numbering, origin, cell vectors, basis of multiplets; crystals and light turned and mirrored together."""

    @deterministic(2)
    @given(crystals(system), st.randoms(use_true_random=False), st.sampled_from(BASES), rotations(), st.booleans())
    def check(crystal, random, basis, turn, mirrored):
        old_modes = lattice.solve_modes(crystal)
        names = chosen(old_modes)
        old = potential_of(old_modes, names)
        reference = run(old)
        assert np.abs(reference.ledger.values).max() > 1e-9
        order = np.array(random.sample(range(crystal.n_atoms), crystal.n_atoms))
        change = {"order": order, "shift": (random.random(), 0.3, random.random()), "basis": basis}
        new = potential_of(lattice.solve_modes(again(crystal, **change)), names)
        assert_same_strengths(new, old)
        assert_same_run(run(new), reference)
        other = rewritten(
            old, inside_multiplets(old, random.randrange(10**6)), np.eye(3), old.crystal, old.eigenvectors
        )
        assert_same_strengths(other, old)
        assert_same_run(run(other), reference)
        turn = turn @ MIRROR if mirrored else turn
        axis = None if old_modes.axis is None else np.linalg.det(turn) * turn @ old_modes.axis
        turned = potential_of(lattice.solve_modes(again(crystal, turn=turn), axis=axis), names)
        assert_same_strengths(turned, old)
        assert_same_run(run(turned, turned_pulse(GAUSSIAN, turn)), reference, turn)

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_time_reversal_runs_the_motion_backwards(system):
    """Without damping: from (Q, −P) at the end under E(T − t) the run returns; each row books the same torque again."""

    @deterministic(2)
    @given(crystals(system), st.floats(-1, 1), st.floats(-4, 4))
    def check(crystal, helicity, phase):
        found = lattice.solve_modes(crystal)
        potential = potential_of(found, chosen(found), linewidth=0.0)
        pulse = replace(GAUSSIAN, helicity=helicity, phase=phase, center=1.1)
        there = run(potential, pulse)
        backwards = replace(pulse, helicity=-helicity, phase=-phase, center=2.5 - 1.1)
        back = run(potential, backwards, initial=(there.Q.values[-1], -there.P.values[-1]))
        size = np.abs(there.Q.values).max()
        np.testing.assert_allclose(back.Q.values, there.Q.values[::-1], atol=1e-6 * size)
        np.testing.assert_allclose(back.P.values, -there.P.values[::-1], atol=1e-6 * np.abs(there.P.values).max())
        rows = np.abs(there.ledger.values).max()
        np.testing.assert_allclose(back.L.values, -there.L.values[::-1], atol=1e-6 * rows)
        np.testing.assert_allclose(back.ledger.values, there.ledger.values, atol=1e-6 * rows)
        energies = np.abs(there.energy_ledger.values).max()
        np.testing.assert_allclose(back.energy_ledger.values, -there.energy_ledger.values, atol=1e-6 * energies)

    check()


@pytest.mark.parametrize("system", SYSTEMS)
def test_charges_have_the_symmetry_of_the_group(system):
    @deterministic(2)
    @given(cells(system))
    def check(cell):
        charges = symmetric_charges(cell, find_spacegroup(cell), 1)
        np.testing.assert_allclose(charges.sum(axis=0), 0, atol=1e-12)
        assert np.abs(charges).max() > 0.01

    check()
