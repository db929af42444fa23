"""Irreps away from Γ against spgrep's small representations, which share no code with phonopy's tables."""

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal
from spgrep import get_spacegroup_irreps_from_primitive_symmetry

import lattice
from lattice.modes.irreps import _listed
from lattice.modes.solve import little_group
from lattice.structure.phonopy_object import phonopy_from_crystal

POINTS = ((0.0, 0.0, 0.2), (0.0, 0.0, 0.5), (0.5, 0.0, 0.0), (0.5, 0.5, 0.0), (0.2, 0.0, 0.0), (0.13, 0.2, 0.31))


def characters(modes):
    """Characters of each multiplet under the unitary little group, from the eigenvectors."""
    primitive = phonopy_from_crystal(modes.crystal).primitive
    operations = [o for o in little_group(modes.crystal, modes.qpoint, primitive) if not o.is_antiunitary]
    flat = modes.eigenvectors.reshape(modes.n_modes, -1)
    rows = []
    for multiplet in modes.multiplets:
        columns = flat[list(multiplet.indices)].T
        rows.append([np.trace(columns.conj().T @ o.transform_vectors(columns)) for o in operations])
    return operations, np.array(rows)


def multiplicities(modes):
    """How often each of spgrep's small irreps is in each multiplet ``(n_multiplets, n_irreps)``."""
    group = modes.crystal.spacegroup
    irreps, mapping = get_spacegroup_irreps_from_primitive_symmetry(group.rotations, group.translations, modes.qpoint)
    operations, rows = characters(modes)
    assert [o.rotation.tolist() for o in operations] == group.rotations[mapping].tolist()
    theirs = np.array([np.trace(irrep, axis1=1, axis2=2) for irrep in irreps])
    return rows @ theirs.conj().T / len(operations), theirs


@pytest.mark.parametrize("number", [14, 19, 62, 76, 113, 147, 150, 164, 173])
def test_one_label_is_one_small_irrep(number):
    supercell = np.diag([2, 2, 2])
    crystal = spring_crystal(cell_of_spacegroup(number, species=1), supercell, cutoff=4.0)
    for q in POINTS:
        modes = lattice.solve_modes(crystal, q)
        counts, theirs = multiplicities(modes)
        np.testing.assert_allclose(counts, np.rint(counts.real), atol=1e-5)
        counts = np.rint(counts.real).astype(int)
        home = {}
        for multiplet, count in zip(modes.multiplets, counts, strict=True):
            assert count @ theirs[:, 0].real.astype(int) == len(multiplet.indices)  # complete
            if multiplet.irrep is None:
                assert multiplet.irrep_reason
                continue
            assert multiplet.irrep_reason == ""
            parts = np.flatnonzero(count)
            # one irrep once; two only where time reversal joins complex-conjugate ones to E
            assert count.max() == 1
            assert len(parts) == 1 or (len(parts) == 2 and multiplet.irrep.startswith("E"))
            assert home.setdefault(multiplet.irrep, tuple(parts)) == tuple(parts)
        assert len(set(home.values())) == len(home)


def test_the_line_along_the_axis_keeps_the_names_of_the_zone_centre():
    """P3m1 is symmorphic and (0, 0, z) keeps all of it: each irrep as often as at Γ."""
    crystal = spring_crystal(cell_of_spacegroup(156, species=2), np.diag([1, 1, 2]), cutoff=4.0)
    assert crystal.spacegroup.number == 156

    def content(q):
        return sorted(x.irrep for x in lattice.solve_modes(crystal, q).multiplets)

    assert content((0, 0, 0.2)) == content((0, 0, 0.5)) == content((0, 0, 0))
    assert set(content((0, 0, 0.2))) == {"A1", "A2", "E"}


def test_the_trigonal_axis_of_bi2se3():
    """Γ–Z is C3v: Eg and Eu become E, A1g and A2u become A1; both ends of the line have inversion."""
    crystal = lattice.load("Bi2Se3-noSOC")
    group = crystal.spacegroup
    axis = crystal.cell @ [0.0, 0.0, 1.0]  # q along the hexagonal axis
    line = lattice.solve_modes(crystal, 0.3 * axis / np.abs(axis).max())
    assert group.number == 166
    assert sorted(x.irrep for x in line.multiplets) == ["A1"] * 5 + ["E"] * 5


def test_m_and_the_screw_line():
    """On (0, 0, z) of P6_3 A and B have m = 0, 3 with the screw's phase split off; complex irreps are not named."""
    crystal = spring_crystal(cell_of_spacegroup(173, species=2), np.diag([1, 1, 2]), cutoff=4.0)
    modes = lattice.solve_modes(crystal, (0, 0, 0.2))
    for multiplet in modes.multiplets:
        m = modes.m[list(multiplet.indices)] % 6
        if multiplet.irrep is None:
            assert "no single irrep" in multiplet.irrep_reason
            assert set(m) <= {1, 2, 4, 5}
        else:
            np.testing.assert_allclose(m, {"A": 0, "B": 3}[multiplet.irrep], atol=1e-6)


def test_a_projective_representation_has_no_name_and_gives_its_characters():
    crystal = spring_crystal(cell_of_spacegroup(19, species=1), np.diag([2, 1, 1]), cutoff=4.0)
    modes = lattice.solve_modes(crystal, (0.5, 0, 0))
    for multiplet in modes.multiplets:
        assert multiplet.irrep is None
        assert "projective" in multiplet.irrep_reason
        assert "characters 1: 2" in multiplet.irrep_reason


def test_characters_are_listed_by_the_kind_of_operation_without_signs_of_zero():
    three = np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]])
    operations = np.array([np.eye(3, dtype=int), three, -np.eye(3, dtype=int), np.diag([1, 1, -1]), -three])
    row = np.array([2.0, complex(-1e-9, -1e-9), -2.0, complex(-1e-17, 0.5), complex(0.25, -0.86612)])
    assert _listed(row, operations) == "characters 1: 2; 3: 0; -1: -2; m: 0+0.5i; -3: 0.25-0.866i"


def test_names_that_depend_on_a_choice_of_axes_are_not_given():
    """2 ∥ x of mm2 in an orthorhombic crystal: B1 and B2 swap with the other two axes."""
    crystal = spring_crystal(cell_of_spacegroup(62, species=1), np.diag([2, 1, 1]), cutoff=4.0)
    modes = lattice.solve_modes(crystal, (0.2, 0, 0))
    assert {"A1", "A2"} <= {x.irrep for x in modes.multiplets}
    unnamed = [x for x in modes.multiplets if x.irrep is None]
    assert unnamed
    assert all("B1 or B2" in x.irrep_reason for x in unnamed)


def test_along_a_direction_at_gamma_the_lower_group_names_the_modes():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"), nac_direction=(0, 0, 1))
    assert sorted({x.irrep for x in modes.multiplets}) == ["A1g", "A2u", "Eg", "Eu"]
    lower = lattice.solve_modes(lattice.load("Bi2Se3"), nac_direction=(1, 0, 0))
    assert {x.irrep for x in lower.multiplets} == {"Ag", "Bg", "Au", "Bu"}
