"""Channels: the symbolic table against projected polynomials, known answers, and what no gauge can change."""

import itertools
import math

import numpy as np
import pytest
from model_crystals import cell_of_spacegroup, spring_crystal

import lattice
from lattice.anharmonic.channels import representatives
from lattice.anharmonic.invariance import coordinate_representation
from lattice.errors import InputError
from lattice.modes.modes import real_coordinates
from lattice.modes.representation import cell_of

# one of each crystal system, chiral, achiral and centrosymmetric ones; several with degenerate modes whose axis is C2
SYSTEMS = {
    "triclinic": (2, 3),
    "monoclinic": (14, 1),
    "orthorhombic": (33, 2),
    "tetragonal": (113, 1),
    "tetragonal, S4": (81, 1),
    "tetragonal, screw": (76, 2),
    "trigonal": (150, 1),
    "trigonal, complex irreps": (147, 1),
    "hexagonal": (173, 2),
    "cubic": (198, 1),
}
SMALL = ("triclinic", "orthorhombic", "tetragonal, screw", "trigonal", "trigonal, complex irreps")


def wurtzite():
    from ase.build import bulk

    return lattice.load(bulk("AlN", "wurtzite", a=3.11, c=4.98))


def projected(modes, order, seed):
    """A random invariant polynomial in real coordinates, as its derivatives in circular partners of optical modes.

    No code of the channels: real matrices of the crystal's group turn a random symmetric tensor, which is averaged.
    """
    optical = [i for x in modes.multiplets if not x.acoustic for i in x.indices]
    real = real_coordinates(modes)[optical]
    matrices, _ = coordinate_representation(real, cell_of(modes.crystal))
    n = len(optical)
    tensor = np.random.default_rng(seed).standard_normal((n,) * order)
    tensor = sum(tensor.transpose(p) for p in itertools.permutations(range(order)))
    average = np.zeros_like(tensor)
    for matrix in matrices:
        turned = tensor
        for _ in range(order):  # contract the first axis; the new one goes last, so that all are turned in the end
            turned = np.tensordot(turned, matrix, axes=(0, 0))
        average += turned
    circular = modes.eigenvectors[optical].reshape(n, -1).conj() @ real.reshape(n, -1).T  # rows: ε_s*, in real ones
    average = average.astype(complex) / len(matrices)
    for k in range(order):
        average = np.tensordot(average, circular if k == order - 1 else circular.conj(), axes=(0, 1))
    return optical, np.abs(average)


def pattern(modes, order, seed):
    optical, derivative = projected(modes, order, seed)
    found = set()
    for place in np.argwhere(derivative > 1e-9):
        *inputs, output = (optical[i] for i in place)
        found.add((*sorted(inputs), output))
    # A random polynomial takes no allowed value by accident below this; forbidden ones are round-off.
    assert derivative[derivative > 1e-9].min() > 1e-6
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_table_is_the_pattern_of_projected_cubic_terms(system):
    number, species = SYSTEMS[system]
    crystal = spring_crystal(cell_of_spacegroup(number, species=species), cutoff=4.0)
    assert crystal.spacegroup.number == number
    modes = lattice.solve_modes(crystal)
    table = {tuple(row["modes"]) for row in lattice.channels(modes)}
    assert table == pattern(modes, 3, number)


@pytest.mark.parametrize("system", SMALL)
def test_table_is_the_pattern_of_projected_quartic_terms(system):
    number, species = SYSTEMS[system]
    crystal = spring_crystal(cell_of_spacegroup(number, species=min(species, 2)), cutoff=4.0)
    modes = lattice.solve_modes(crystal)
    table = {tuple(row["modes"]) for row in lattice.channels(modes, order=4)}
    assert table == pattern(modes, 4, number)


def test_patterns_of_a_structure_alone_give_the_same_table_as_its_modes():
    crystal = spring_crystal(cell_of_spacegroup(150, species=1), cutoff=4.0)
    modes, patterns = lattice.solve_modes(crystal), lattice.solve_patterns(crystal)
    assert {tuple(row["modes"]) for row in lattice.channels(patterns)} == pattern(patterns, 3, 7)

    def signature(table, solved):
        home = {i: x.irrep for x in solved.multiplets for i in x.indices}
        return sorted(
            (sorted(home[i] for i in row["modes"][:-1]), home[row["modes"][-1]], row["delta_m"]) for row in table
        )

    assert signature(lattice.channels(modes), modes) == signature(lattice.channels(patterns), patterns)
    for row in lattice.channels(patterns):
        assert row["detuning_THz"] is None
        assert row["detuning_difference_THz"] is None


def test_bi2se3_two_quanta_of_eu_make_one_of_eg_that_turns_the_other_way():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    plus, minus = modes.multiplet("Eu(1)").indices
    g_plus, g_minus = modes.multiplet("Eg(2)").indices
    rows = {tuple(row["modes"]): row for row in lattice.channels(modes)}
    row = rows[plus, plus, g_minus]
    assert (row["m"], row["delta_m"], row["rotation_order"], row["umklapp"]) == ([1, 1, -1], 3, 3, True)
    np.testing.assert_allclose(row["J"], [1, 1, -1], atol=1e-12)
    assert row["delta_J"] == pytest.approx(3)
    assert row["detuning_THz"] == pytest.approx(modes.frequency[g_minus] - 2 * modes.frequency[plus], abs=1e-12)
    assert row["detuning_difference_THz"] == pytest.approx(modes.frequency[g_minus], abs=1e-12)
    assert row["drivable"]
    assert row["detectable"]
    assert rows[minus, minus, g_plus]["delta_m"] == -3
    assert (plus, plus, g_plus) not in rows
    # circular drive makes no force on A1g, linear drive (both partners) does
    for label in ("A1g(1)", "A1g(2)"):
        (singlet,) = modes.multiplet(label).indices
        assert (plus, plus, singlet) not in rows
        assert rows[plus, minus, singlet]["umklapp"] is False
    # m is conserved but parity forbids: Eg·Eg → Eu
    assert (g_plus, g_plus, minus) not in rows
    # conserved m, even parity, yet forbidden by the two-fold axis: A1g·A2u → A1g
    assert not any(
        set(row["multiplets"]) == {"A1g(1)", "A2u(1)"} and row["modes"][2] == singlet for row in rows.values()
    )


def test_quartic_selection_in_bi2se3():
    """Re and Im of u⁴-type products: |u|⁴ is the only invariant of one Eu pair, so that u₊u₊ū₊ → u₊ alone."""
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    plus, minus = modes.multiplet("Eu(1)").indices
    own = {tuple(row["modes"]) for row in lattice.channels(modes, 4) if set(row["multiplets"]) == {"Eu(1)"}}
    assert own == {(plus, plus, minus, plus), (plus, minus, minus, minus)}


def test_wurtzite_reverses_the_real_angular_momentum_without_umklapp():
    patterns = lattice.solve_patterns(wurtzite())
    assert patterns.rotation_order == 6
    plus, minus = patterns.multiplet("E2(1)").indices
    assert (patterns.m[plus], patterns.m[minus]) == (2, -2)
    np.testing.assert_allclose(patterns.J[plus], [0, 0, -1], atol=1e-9)
    drive, _ = patterns.multiplet("E1(1)").indices
    rows = {tuple(row["modes"]): row for row in lattice.channels(patterns)}
    assert set(rows) == pattern(patterns, 3, 186)
    row = rows[drive, drive, plus]
    assert (row["m"], row["delta_m"], row["umklapp"]) == ([1, 1, 2], 0, False)
    assert row["delta_J"] == pytest.approx(3)
    assert row["drivable"]
    assert (drive, drive, minus) not in rows


def test_rows_are_sorted_and_time_reversed_channels_come_together():
    modes = lattice.solve_modes(lattice.load("Bi2Se3"))
    rows = lattice.channels(modes)
    closeness = [min(abs(r["detuning_THz"]), abs(r["detuning_difference_THz"])) for r in rows]
    order = [(round(c, 9), r["modes"]) for c, r in zip(closeness, rows, strict=True)]
    assert order == sorted(order)  # equal ones by their modes, whatever their round-off
    conjugate = np.where(modes.pair >= 0, modes.pair, np.arange(modes.n_modes))
    table = {tuple(r["modes"]): r for r in rows}
    assert len(table) == len(rows)
    for product, row in table.items():
        *inputs, output = product
        assert inputs == sorted(inputs)
        mirrored = table[(*sorted(int(conjugate[i]) for i in inputs), int(conjugate[output]))]
        assert mirrored["delta_m"] == -row["delta_m"]
        assert mirrored["delta_J"] == pytest.approx(-row["delta_J"], abs=1e-9)


def test_soft_modes_have_no_detuning():
    crystal = spring_crystal(cell_of_spacegroup(4, species=2), cutoff=5.0)
    constants = crystal.force_constants
    soft = type(constants)(-np.array(constants.array), constants.translations, constants.supercell_matrix)
    modes = lattice.solve_modes(
        lattice.Crystal(crystal.cell, crystal.positions, crystal.numbers, crystal.masses, crystal.spacegroup, soft)
    )
    rows = lattice.channels(modes)
    assert rows
    assert all(row["detuning_THz"] is None for row in rows)


@pytest.mark.parametrize(("number", "n"), [(3, 2), (16, 2), (75, 4), (143, 3), (168, 6)])
def test_allowed_channels_conserve_m_modulo_the_order_of_the_axis(number, n):
    patterns = lattice.solve_patterns(spring_crystal(cell_of_spacegroup(number, species=1), cutoff=4.0))
    rows = lattice.channels(patterns)
    assert rows
    for row in rows:
        assert row["rotation_order"] == n
        assert row["delta_m"] == row["m"][0] + row["m"][1] - row["m"][2]
        assert row["delta_m"] % n == 0
        assert row["umklapp"] == (row["delta_m"] != 0)
        np.testing.assert_allclose((patterns.m[row["modes"]] - row["m"] + 1e-6) % n, 0, atol=2e-6)


def test_no_axis_gives_null_m():
    rows = lattice.channels(lattice.solve_patterns(spring_crystal(cell_of_spacegroup(2), cutoff=4.0)))
    assert rows
    for row in rows:
        assert row["m"] is row["delta_m"] is row["umklapp"] is row["delta_J"] is None
        assert row["J"] == [None, None, None]


@pytest.mark.parametrize(
    ("m", "n", "expected"),
    [
        ([1, 1, -1], 3, [1, 1, -1]),
        ([2, 1, -1], 4, [-2, 1, -1]),
        ([2, 2, 0], 4, [2, -2, 0]),
        ([1, 1, 2], 4, [1, 1, 2]),
        ([-1, -1, 2], 4, [-1, -1, -2]),
        ([3, 1, -2], 6, [-3, 1, -2]),
        ([1, 1, 0], 2, [1, -1, 0]),
        ([1, 0, 1], 2, [1, 0, 1]),
        ([2, 2, 2, 2], 4, [2, 2, -2, 2]),
    ],
)
def test_representatives_make_delta_m_smallest(m, n, expected):
    chosen = representatives(m, n)
    assert abs(sum(chosen[:-1]) - chosen[-1]) == abs(sum(expected[:-1]) - expected[-1])
    assert sorted(map(abs, chosen)) == sorted(map(abs, m))
    assert all((a - b) % n == 0 for a, b in zip(chosen, m, strict=True))
    if m.count(n // 2) < 2:
        assert chosen == expected


def test_no_channel_of_order_four_is_listed_twice():
    patterns = lattice.solve_patterns(spring_crystal(cell_of_spacegroup(113, species=1), cutoff=4.0))
    assert patterns.n_modes == 24
    rows = lattice.channels(patterns, 4)
    assert len(rows) == len({tuple(row["modes"]) for row in rows})


@pytest.mark.parametrize("order", [2, 5, 3.5])
def test_unknown_order(order):
    with pytest.raises(InputError, match="order 3 or 4"):
        lattice.channels(lattice.solve_patterns(wurtzite()), order)


def test_modes_elsewhere_or_along_a_direction_are_refused():
    crystal = lattice.load("Bi2Se3")
    with pytest.raises(InputError, match="full symmetry"):
        lattice.channels(lattice.solve_modes(crystal, nac_direction=(1, 0, 0)))
    with pytest.raises(InputError, match="full symmetry"):
        lattice.channels(lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0, 0, 0.5)))


def test_j_of_a_row_is_null_exactly_where_force_constants_change_it():
    """S4 in P-4: circular partners of E modes turn either way, by how much the force constants decide."""
    patterns = lattice.solve_patterns(spring_crystal(cell_of_spacegroup(81, species=1), cutoff=4.0))
    rows = [row for row in lattice.channels(patterns) if any(x.startswith("E") for x in row["multiplets"])]
    assert any(row["delta_J"] is None for row in rows)
    for row in rows:
        for label, j in zip(row["multiplets"], row["J"], strict=True):
            assert (j is None) == label.startswith("E")
            assert j is None or math.isclose(j, 0, abs_tol=1e-9)
