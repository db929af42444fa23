"""The bundled crystals give the frequencies and the dielectric constants that their data sheet states."""

import numpy as np
import pytest

import lattice
from lattice import units
from lattice.structure.bundled import bundled_file, bundled_names, bundled_root
from lattice.structure.symmetry import cartesian_rotations, permutations

# LDA with spin-orbit coupling, transverse; THz, ascending: Eg, A1g, Eu, Eg, Eu, A2u, A2u, A1g.
GAMMA_THZ = [1.1537, 1.1537, 1.9825, 2.1945, 2.1945, 3.7829, 3.7829, 3.8164, 3.8164, 4.1259, 4.6377, 5.2196]
SPACE_GROUPS = {"AlN": 186, "Bi2Se3": 166, "Bi2Se3-noSOC": 166, "Se": 152, "Se-left": 154}
DISPERSIVE = ("AlN", "Bi2Se3-noSOC", "Se", "Se-left")
# Perturbation theory without spin-orbit coupling, cm⁻¹: even modes, and odd ones before the sum rule was imposed.
EVEN_NO_SOC_CM = [40.8, 40.8, 68.4, 132.9, 132.9, 177.1]
ODD_NO_SOC_CM = [78.1, 78.1, 131.5, 131.5, 137.6, 158.9]


def gamma_modes(crystal):
    """Frequencies in THz and displacement patterns e/√m at Γ, from the force constants with NumPy alone."""
    root = np.sqrt(np.repeat(crystal.masses, 3))
    size = 3 * crystal.n_atoms
    matrix = crystal.force_constants.array.sum(axis=1).transpose(0, 2, 1, 3).reshape(size, size)
    values, vectors = np.linalg.eigh(matrix / np.outer(root, root))
    frequency = np.sign(values) * np.sqrt(np.abs(values)) * units.THZ_PER_ROOT_EV
    return frequency, (vectors / root[:, None]).T.reshape(size, crystal.n_atoms, 3)


def ionic_dielectric(crystal):
    frequency, patterns = gamma_modes(crystal)
    charges = np.einsum("kab,skb->sa", crystal.born_charges, patterns)
    optical = frequency > 0.1
    weights = 1 / (2 * np.pi * frequency[optical]) ** 2
    tensor = np.einsum("s,sa,sb->ab", weights, charges[optical], charges[optical])
    return units.EPSILON_IONIC / crystal.volume * tensor


def test_the_crystals_are_installed():
    assert bundled_names() == tuple(SPACE_GROUPS)
    assert bundled_root().is_dir()
    assert bundled_file("Bi2Se3").is_file()
    assert bundled_file("nothing") is None


def test_the_frequencies_at_gamma_are_the_stated_ones():
    frequency, _ = gamma_modes(lattice.load("Bi2Se3"))
    assert np.abs(frequency[:3]).max() < 1e-4
    np.testing.assert_allclose(frequency[3:], GAMMA_THZ, atol=5.1e-5)


def test_the_frequencies_without_spin_orbit_coupling_are_the_stated_ones():
    crystal = lattice.load("Bi2Se3-noSOC")
    frequency, patterns = gamma_modes(crystal)
    # Inversion swaps the two Bi atoms and the two outer Se atoms: an even pattern turns into its opposite under it.
    even = np.abs(patterns[:, [1, 0, 2, 4, 3]] + patterns).max(axis=(1, 2)) < 1e-6
    optical = np.abs(frequency) > 0.1
    computed = frequency * units.INVERSE_CM_PER_THZ
    np.testing.assert_allclose(computed[optical & ~even], ODD_NO_SOC_CM, atol=0.35)
    np.testing.assert_allclose(computed[even], EVEN_NO_SOC_CM, atol=0.051)


def test_the_ionic_dielectric_constants_are_the_stated_ones():
    tensor = ionic_dielectric(lattice.load("Bi2Se3"))
    np.testing.assert_allclose(np.diagonal(tensor), [96.00, 96.00, 7.96], atol=5.1e-3)
    assert np.abs(tensor - np.diag(np.diagonal(tensor))).max() < 1e-9


def test_the_crystal_is_that_of_its_own_poscar_and_born():
    for name in bundled_names():
        crystal = lattice.load(name)
        folder = bundled_file(name).parent
        again = lattice.load(folder / "POSCAR", born=folder / "BORN")
        np.testing.assert_allclose(again.cell, crystal.cell, atol=1e-9)
        np.testing.assert_allclose(again.positions, crystal.positions, atol=1e-9)
        assert (again.numbers == crystal.numbers).all()
        np.testing.assert_allclose(again.masses, crystal.masses, rtol=1e-6)
        np.testing.assert_allclose(again.born_charges, crystal.born_charges, atol=1e-6)
        np.testing.assert_allclose(again.dielectric, crystal.dielectric, atol=1e-6)
        assert again.spacegroup.number == crystal.spacegroup.number == SPACE_GROUPS[name]


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_force_constants_obey_the_sum_rule_and_the_exchange_of_atoms(name):
    constants = lattice.load(name).force_constants
    assert np.abs(constants.array.sum(axis=(1, 2))).max() < 1e-6
    divisions = np.diag(constants.supercell_matrix)
    cells = [tuple(cell) for cell in constants.translations % divisions]
    back = [cells.index(tuple(cell)) for cell in -constants.translations % divisions]
    exchanged = constants.array[:, back].transpose(2, 1, 0, 4, 3)
    assert np.abs(constants.array - exchanged).max() < 1e-6


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_force_constants_are_those_of_the_space_group(name):
    """Φ(gi; gj) = R Φ(i; j) Rᵀ for every operation, and every atom j of the supercell."""
    crystal = lattice.load(name)
    constants, divisions = crystal.force_constants, np.diag(crystal.force_constants.supercell_matrix)
    place = {tuple(cell): number for number, cell in enumerate(constants.translations % divisions)}
    atoms, shifts = permutations(crystal, crystal.spacegroup)
    assert len(atoms) in (6, 12)
    turns = cartesian_rotations(crystal, crystal.spacegroup)
    for g, (turn, rotation) in enumerate(zip(turns, crystal.spacegroup.rotations, strict=True)):
        moved = constants.translations @ rotation.T
        for i, j in np.ndindex(crystal.n_atoms, crystal.n_atoms):
            cells = [place[tuple(R)] for R in (moved + shifts[g, j] - shifts[g, i]) % divisions]
            there = constants.array[atoms[g, i], cells, atoms[g, j]]
            assert np.abs(there - turn @ constants.array[i, :, j] @ turn.T).max() < 1e-6


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_acoustic_modes_do_not_cost_energy_at_gamma(name):
    modes = lattice.solve_modes(lattice.load(name))
    acoustic = [i for multiplet in modes.multiplets if multiplet.acoustic for i in multiplet.indices]
    assert len(acoustic) == 3
    assert np.abs(modes.frequency[acoustic]).max() < 0.05


@pytest.mark.parametrize("name", DISPERSIVE)
def test_no_mode_of_a_dense_mesh_is_imaginary(name):
    mesh = lattice.solve_mesh(lattice.load(name), (12, 12, 12))
    assert float(mesh["frequency"].min()) > -0.05  # Γ itself: zero to round-off
    assert int((mesh["frequency"] < 0.05).sum()) <= 3


def test_what_holds_only_at_gamma_names_the_other():
    crystal, other = lattice.load("Bi2Se3"), lattice.load("Bi2Se3-noSOC")
    assert crystal.force_constants.gamma_only
    assert crystal.dispersion_name == other.name == "Bi2Se3-noSOC"
    assert other.dispersion_name is None
    assert (other.force_constants.supercell_matrix == 2 * np.eye(3)).all()


def test_the_report_names_every_thing_that_was_read():
    found = "\n".join(lattice.load("Bi2Se3").found)
    for part in ("bundled crystal", "cell", "force constants", "Born charges", "supercell: 1×1×1", "R-3m", "q = 0"):
        assert part in found
