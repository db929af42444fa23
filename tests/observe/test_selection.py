"""ΔM of the process that the ledger follows; m by the group of the crystal against m of the solver."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

from lattice.anharmonic.files import load_potential
from lattice.anharmonic.potential import CellRecord, Potential
from lattice.modes.modes import real_coordinates
from lattice.modes.solve import solve_modes
from lattice.observe import selection
from lattice.observe.selection import pair_m, select

SYMBOLS = {1: "H", 2: "He", 3: "Li", 4: "Be"}


def potential_of(modes):
    """All Γ coordinates of a crystal, without couplings."""
    crystal, n = modes.crystal, modes.n_modes
    names = [next(m.label for m in modes.multiplets if i in m.indices) for i in range(n)]
    return Potential(
        axis=modes.axis,
        frequency=modes.frequency,
        linewidth=np.full(n, 0.1),
        labels=[f"{name}.{i}" for i, name in enumerate(names)],
        multiplet=names,
        coefficient=[],
        mode_index=np.zeros((0, 1), int),
        field_axis=np.zeros((0, 1), int),
        channel=[],
        pair=modes.pair,
        eigenvectors=real_coordinates(modes),
        crystal=CellRecord(
            crystal.cell, crystal.positions, tuple(SYMBOLS[int(z)] for z in crystal.numbers), crystal.masses
        ),
    )


@pytest.mark.parametrize("number", [75, 82, 143, 147, 150, 156, 168, 174, 177])
def test_m_by_the_group_is_that_of_the_solver(number):
    modes = solve_modes(spring_crystal(cell_of_spacegroup(number)))
    potential = potential_of(modes)
    seen = set()
    for multiplet in modes.multiplets:
        pairs = [i for i in multiplet.indices if modes.pair[i] > i]
        found = pair_m(potential, multiplet.label)
        if not pairs:
            assert found is None
            continue
        m, order = found
        assert order == modes.rotation_order
        assert m % order == int(modes.m[pairs[0]]) % order
        seen.add(m)
    assert seen


def test_m_of_the_bundled_crystal():
    potential = load_potential("Bi2Se3")
    assert {name: pair_m(potential, name) for name in ("Eg(1)", "Eu(1)", "Eg(2)", "Eu(2)")} == dict.fromkeys(
        ("Eg(1)", "Eu(1)", "Eg(2)", "Eu(2)"), (1, 3)
    )
    assert pair_m(potential, "A1g(1)") is None


def test_a_potential_from_a_file_knows_m_too(tmp_path):
    load_potential("Bi2Se3").save(tmp_path / "mine.toml")
    assert pair_m(load_potential(tmp_path / "mine.toml"), "Eu(1)") == (1, 3)


@pytest.mark.parametrize(
    ("order", "m_driver", "m_receiver", "helicities", "delta"),
    [
        (3, 1, 1, (1, -1), 3),
        (3, 1, 1, (-1, 1), -3),
        (3, 1, 1, (1, 1), 1),
        (6, 1, 2, (1, 1), 0),
        (6, 2, 2, (1, -1), 6),
        (4, 1, 2, (1, 1), 0),
        (4, 1, 2, (1, -1), 0),  # −2 stands for 2 where that makes |ΔM| smaller
        (4, 1, 2, (-1, 1), 0),
    ],
)
def test_delta_M_follows_the_partners_that_move(monkeypatch, order, m_driver, m_receiver, helicities, delta):
    values = {"E(1)": (m_driver, order), "E(2)": (m_receiver, order)}
    monkeypatch.setattr(selection, "pair_m", lambda _, name: values[name])
    rows = {"E(1)": {"helicity": helicities[0]}, "E(2)": {"helicity": helicities[1]}}
    assert select(None, rows, {"driver": "E(1)", "receiver": "E(2)"}).delta == delta


def test_what_does_not_turn_has_no_delta_M():
    potential = load_potential("Bi2Se3")
    summary = {"driver": "Eu(1)", "receiver": "Eg(2)"}
    rows = {"Eu(1)": {"helicity": 1.0}, "Eg(2)": {"helicity": None}}
    assert select(potential, rows, summary) is None
    assert select(potential, rows, {"driver": None, "receiver": None}) is None
