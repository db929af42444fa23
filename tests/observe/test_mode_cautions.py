"""What is said about modes that are less than certain."""

from dataclasses import replace

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.observe.mode_cautions import CLOSE, mode_cautions
from lattice.structure.crystal import ForceConstants


@pytest.fixture(scope="module")
def modes():
    return lattice.solve_modes(lattice.load("Bi2Se3"))


def test_good_modes_with_charges_need_no_words(modes):
    assert mode_cautions(modes) == []


def test_missing_charges_name_what_may_be_polar(modes):
    bare = replace(modes, crystal=replace(modes.crystal, born_charges=None, dielectric=None), mode_charge=None)
    (words,) = mode_cautions(bare)
    assert sorted(words.split(" may")[0].split(", ")) == ["A2u(1)", "A2u(2)", "Eu(1)", "Eu(2)"]
    assert "Eg" not in words
    assert "LO–TO" in words


def test_silent_crystals_need_no_charges():
    """Diamond has no infrared-active mode."""
    from ase.build import bulk

    from lattice.structure.cell import Cell

    atoms = bulk("C", "diamond", a=3.57)
    cell = Cell(atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers, atoms.get_masses())
    assert mode_cautions(lattice.solve_modes(spring_crystal(cell, cutoff=2.6))) == []


@pytest.mark.parametrize(("gap", "said"), [(0.5 * CLOSE, True), (2 * CLOSE, False)])
def test_multiplets_of_one_irrep_that_lie_close(modes, gap, said):
    first, second = (modes.multiplet(f"Eu({i})") for i in (1, 2))
    near = replace(second, frequency=first.frequency + gap)
    changed = replace(modes, multiplets=tuple(near if x is second else x for x in modes.multiplets))
    assert [("Eu(1) and Eu(2)" in words) for words in mode_cautions(changed)] == [True] * said


def test_other_irreps_may_cross(modes):
    first, other = modes.multiplet("Eu(1)"), modes.multiplet("Eg(2)")
    crossing = replace(other, frequency=first.frequency)
    assert (
        mode_cautions(replace(modes, multiplets=tuple(crossing if x is other else x for x in modes.multiplets))) == []
    )


def test_imaginary_modes_are_named():
    crystal = spring_crystal(cell_of_spacegroup(164), cutoff=5.0)
    constants = crystal.force_constants
    soft = ForceConstants(-np.array(constants.array), constants.translations, constants.supercell_matrix)
    modes = lattice.solve_modes(replace(crystal, force_constants=soft))
    words = [x for x in mode_cautions(modes) if "imaginary" in x]
    assert len(words) == len([x for x in modes.multiplets if not x.acoustic])
    assert "not stable" in words[0]
