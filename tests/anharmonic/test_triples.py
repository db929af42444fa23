"""Couplings of phonons at wave vectors: lattice sums, forces, phono3py's formula, gauge, selection rules, run."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from lennard_jones import (
    calculator,
    crystal,
    cubic_constants,
    dispersive,
    home_constants,
    shengbte_text,
    supercell_derivatives,
)

import lattice
from lattice.anharmonic.invariance import check_invariance
from lattice.structure.cell import Cell
from lattice.structure.cubic import cubic_from_rows
from lattice.structure.phonopy_object import build_phonopy
from lattice.structure.supercell import locate_atoms

THIRD = 1 / 3


def supercell_of(*sides):
    """phonopy's supercell, its analytic third-order constants in phonopy's order, and the same sorted by cells."""
    c = crystal()
    phonon = build_phonopy(Cell(c.cell, c.positions, c.numbers, c.masses), np.diag(sides))
    array = cubic_constants((phonon.supercell.cell, phonon.supercell.positions))
    atoms, copies = locate_atoms(phonon.supercell.positions, c.cell, c.positions, 1e-4)
    homes = [int(np.flatnonzero((atoms == a) & (copies == 0).all(axis=1))[0]) for a in range(c.n_atoms)]
    return phonon, array, cubic_from_rows({h: array[h] for h in homes}, atoms, copies, np.diag(sides), "a test")


@pytest.fixture(scope="module")
def row():
    """3×1×1."""
    return supercell_of(3, 1, 1)


@pytest.fixture(scope="module")
def sheet():
    """2×2×1, sorted by cells alone."""
    return home_constants(2, 2, 1)


@pytest.fixture(scope="module")
def waves():
    """Modes at Γ and (1/3, 0, 0)."""
    c = dispersive(3, 1, 1)
    return [lattice.solve_modes(c), lattice.solve_modes(c, (THIRD, 0, 0))]


@pytest.fixture(scope="module")
def projected(row, waves):
    return lattice.project_waves(waves, row[2])


def rows(potential):
    dark = np.flatnonzero((potential.field_axis < 0).all(axis=1))
    return {tuple(potential.mode_index[t].tolist()): float(potential.coefficient[t]) for t in dark}


def energy(potential, Q):
    """V₃ in eV."""
    return sum(c * np.prod(Q[list(modes)]) for modes, c in rows(potential).items())


def orders_over_six(modes):
    return len(set(itertools.permutations(modes))) / 6


def test_terms_are_lattice_sums_of_the_supercell(projected):
    terms = rows(projected)
    largest = max(map(abs, terms.values()))
    assert projected.n_modes == 12 + 30
    assert projected.source["waves"]["n_cells"] == 3
    some = list(terms)[:: len(terms) // 25]
    absent = [(0, 0, 12), (0, 1, 20), (5, 6, 12 + 29)]
    assert not set(absent) & set(terms)
    for modes, exact in zip([*some, *absent], supercell_derivatives(projected, [*some, *absent]), strict=True):
        expected = exact * orders_over_six(modes)
        assert terms.get(modes, 0.0) == pytest.approx(expected, rel=1e-8, abs=1e-10 * largest)
    report = projected.source["projection"]
    for defect in (report["forbidden"]["3"], report["permutation_defect"], report["sum_rule_defect"]):
        assert defect < 1e-8 * largest
    assert check_invariance(projected)


def test_the_report_names_the_strongest_term_of_each_channel(projected):
    errors, entries = np.array(projected.source["error"]), projected.source["projection"]["channels"]
    assert {entry["name"] for entry in entries} == set(projected.channel.tolist()) - {"light"}
    for entry in entries:
        rows = np.flatnonzero(projected.channel == entry["name"])
        strongest = rows[np.abs(projected.coefficient[rows]).argmax()]
        assert (entry["coefficient"], entry["error"]) == (projected.coefficient[strongest], errors[strongest])


def test_forces_of_the_displaced_supercell(projected):
    """Third derivative along rays, from ASE's forces at displacements along the real ±q coordinates."""
    from ase import Atoms

    record = projected.crystal
    atoms = Atoms(numbers=record.to_cell().numbers, scaled_positions=record.positions, cell=record.cell, pbc=True)
    atoms.calc = calculator()
    home, amplitudes = atoms.positions.copy(), np.array([0.01, 0.02, 0.03])
    rng = np.random.default_rng(3)
    for _ in range(3):
        ray = rng.normal(size=projected.n_modes)
        ray /= np.linalg.norm(ray)
        pattern = np.einsum("s,ska->ka", ray, projected.eigenvectors) / np.sqrt(record.masses)[:, None]
        even = []
        for a in amplitudes:
            slope = []
            for sign in (1, -1):
                atoms.positions = home + sign * a * pattern
                slope.append(-float((atoms.get_forces() * pattern).sum()))
            even.append(sum(slope) / 2)
        # (g(a) + g(−a))/2 = g₀ + 3 c₃ a² + 5 c₅ a⁴: g₀ is what the relaxation left
        table = np.stack([np.ones(3), 3 * amplitudes**2, 5 * amplitudes**4], axis=1)
        assert np.linalg.solve(table, even)[1] == pytest.approx(energy(projected, ray), rel=1e-6)


def by_phono3py(phonon, array, modes):
    """Φ as phono3py sums it: over its own supercell, with the positions of its atoms, relative to the first atom."""
    homes = list(phonon.primitive.p2s_map)
    kinds = phonon.primitive.p2p_map
    cell, masses = phonon.primitive.cell, phonon.primitive.masses
    fractional = phonon.supercell.positions @ np.linalg.inv(cell)
    place = [kinds[s] for s in phonon.primitive.s2p_map]
    phases = [np.exp(2j * np.pi * (fractional @ m.qpoint)) for m in modes]
    e = [m.eigenvectors / np.sqrt(masses)[:, None] for m in modes]
    e2, e3 = (x[:, place] * phase[:, None] for x, phase in zip(e[1:], phases[1:], strict=True))
    inner = np.einsum("xjkabc,nkc->xjabn", array[homes], e3, optimize=True)
    inner = np.einsum("xjabn,mjb->xamn", inner, e2, optimize=True)
    e1 = e[0] * phases[0][homes][:, None]
    return np.einsum("lxa,xamn->lmn", e1, inner, optimize=True)


@pytest.mark.parametrize(
    "qpoints",
    [
        [(0, 0, 0), (THIRD, 0, 0), (-THIRD, 0, 0)],
        [(THIRD, 0, 0), (THIRD, 0, 0), (THIRD, 0, 0)],
        [(2 * THIRD, 0, 0), (THIRD, 1, 0), (0, 0, 1)],
    ],
)
def test_triples_are_those_of_phono3py(qpoints, row):
    phonon, array, constants = row
    modes = [lattice.solve_modes(dispersive(3, 1, 1), q) for q in qpoints]
    triple = lattice.project_triple(*modes, constants)
    expected = by_phono3py(phonon, array, modes)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(triple.array, expected, atol=1e-9 * largest)
    np.testing.assert_array_equal(triple.umklapp, np.rint(np.sum(qpoints, axis=0)))
    for defect in (triple.symmetry_defect, triple.permutation_defect, triple.sum_rule_defect):
        assert defect < 1e-9 * largest


def test_time_reversal_and_exchange(row, waves):
    """Φ(−q) with the conjugate eigenvectors is Φ(q)*; the three places may be exchanged."""
    _, _, constants = row
    gamma, wave = waves
    opposite = replace(wave, qpoint=-wave.qpoint, eigenvectors=wave.eigenvectors.conj())
    one = lattice.project_triple(gamma, wave, opposite, constants).array
    largest = np.abs(one).max()
    real = gamma.eigenvectors.imag.any(axis=(1, 2)) == 0
    other = lattice.project_triple(gamma, opposite, wave, constants).array
    np.testing.assert_allclose(other[real], one[real].conj(), atol=1e-12 * largest)
    np.testing.assert_allclose(other, one.transpose(0, 2, 1), atol=1e-12 * largest)
    triple = lattice.project_triple(wave, wave, wave, constants).array
    conjugate = lattice.project_triple(opposite, opposite, opposite, constants).array
    np.testing.assert_allclose(conjugate, triple.conj(), atol=1e-12 * np.abs(triple).max())
    np.testing.assert_allclose(triple, triple.transpose(1, 0, 2), atol=1e-12 * np.abs(triple).max())


def test_the_real_terms_are_the_complex_couplings(row, waves, projected):
    """V of the supercell from Φ: (1/3!) N^(−½) Σ Φ Q Q Q with Q_q = (Q_x − iQ_y)/√2."""
    _, _, constants = row
    gamma, wave = waves
    opposite = replace(wave, qpoint=-wave.qpoint, eigenvectors=wave.eigenvectors.conj())
    rng = np.random.default_rng(0)
    Q = rng.normal(size=projected.n_modes)
    from lattice.modes.modes import real_coordinates

    moving = replace(gamma, eigenvectors=real_coordinates(gamma).astype(complex))
    q0 = np.zeros(15)
    q0[projected.mode_numbers[:12]] = Q[:12]
    q1 = (Q[12::2] - 1j * Q[13::2]) / np.sqrt(2)
    # each entry with the number of orders of its three places
    parts = (
        (1, (moving, moving, moving), (q0, q0, q0)),
        (6, (moving, wave, opposite), (q0, q1, q1.conj())),
        (1, (wave, wave, wave), (q1, q1, q1)),
        (1, (opposite, opposite, opposite), (q1.conj(), q1.conj(), q1.conj())),
    )
    total = sum(
        count * np.einsum("abc,a,b,c->", lattice.project_triple(*m, constants).array, *q) for count, m, q in parts
    )
    assert total.imag == pytest.approx(0, abs=1e-10 * abs(total))
    assert energy(projected, Q) == pytest.approx(total.real / 6 / np.sqrt(3), rel=1e-9)


def test_phases_of_the_modes_turn_coordinates_only(row, waves, projected):
    """Other phases of ε(q) rotate the pairs ±q: V as a function of displacements stays."""
    rng = np.random.default_rng(1)
    gamma, wave = waves
    phases = np.exp(2j * np.pi * rng.random(15))
    turned = lattice.project_waves(
        [gamma, replace(wave, eigenvectors=wave.eigenvectors * phases[:, None, None])], row[2]
    )
    overlap = np.einsum("ska,tka->st", turned.eigenvectors, projected.eigenvectors)
    np.testing.assert_allclose(overlap @ overlap.T, np.eye(42), atol=1e-10)
    np.testing.assert_allclose(overlap[12, 12:14], [phases[0].real, -phases[0].imag], atol=1e-9)
    for _ in range(5):
        Q = rng.normal(size=42)
        assert energy(turned, overlap @ Q) == pytest.approx(energy(projected, Q), rel=1e-9)
    spin = projected.angular_momentum
    np.testing.assert_allclose(turned.angular_momentum[:, 12, 13], spin[:, 12, 13], atol=1e-10)
    np.testing.assert_allclose(spin[:, 12::2, 13::2].diagonal(axis1=1, axis2=2).T, wave.J, atol=1e-10)


def test_gamma_alone_is_the_projection_at_gamma(row, waves, projected):
    at_gamma = lattice.project_potential(waves[0], row[2])
    alone = lattice.project_waves(waves[:1], row[2])
    assert alone.source["waves"]["n_cells"] == 1
    ours, theirs, among = rows(alone), rows(at_gamma), rows(projected)
    assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-11)
    np.testing.assert_array_equal(alone.labels, at_gamma.labels)
    np.testing.assert_allclose(alone.eigenvectors, at_gamma.eigenvectors, atol=1e-12)
    np.testing.assert_allclose(alone.mode_charge, at_gamma.mode_charge, atol=1e-9)
    for modes, c in theirs.items():
        assert among[modes] * np.sqrt(3) == pytest.approx(c, rel=1e-8, abs=1e-10)
    np.testing.assert_allclose(projected.mode_charge[:12], np.sqrt(3) * at_gamma.mode_charge, atol=1e-8)
    assert not projected.mode_charge[12:].any()


def test_scaling_with_the_supercell(row, waves, projected):
    """Couplings fall with √N; the wave vectors that do not add up couple nowhere."""
    larger = lattice.project_waves(waves, row[2], supercell=(3, 2, 1))
    assert larger.source["waves"]["n_cells"] == 6
    scaled = {modes: c / np.sqrt(2) for modes, c in rows(projected).items()}
    found = rows(larger)
    assert found == pytest.approx(scaled, rel=1e-8, abs=1e-12)
    of_wave = [sum(s >= 12 for s in modes) for modes in found]
    assert set(of_wave) == {0, 2, 3}
    np.testing.assert_allclose(larger.mode_charge, np.sqrt(2) * projected.mode_charge, atol=1e-8)


def test_points_on_the_boundary_are_real(sheet):
    """q ≡ −q: real modes; three different points couple; two of one never do with a third of another."""
    c = dispersive(2, 2, 1)
    points = [(0.5, 0, 0), (0, 0.5, 0), (0.5, 0.5, 0)]
    potential = lattice.project_waves([lattice.solve_modes(c, q) for q in points], sheet)
    assert potential.n_modes == 45
    terms = rows(potential)
    assert {tuple(s // 15 for s in modes) for modes in terms} == {(0, 1, 2)}
    largest = max(map(abs, terms.values()))
    some = list(terms)[:: len(terms) // 10]
    for modes, exact in zip(some, supercell_derivatives(potential, some), strict=True):
        assert terms[modes] == pytest.approx(exact, rel=1e-7, abs=1e-9 * largest)
    assert check_invariance(potential)


def test_constants_of_the_home_cell_are_rows_of_the_supercell(row):
    np.testing.assert_allclose(home_constants(3, 1, 1).array, row[2].array, atol=1e-12 * np.abs(row[2].array).max())


def test_ninety_atoms_take_little_memory():
    """A 3×3×2 supercell of five atoms: one triple, and all couplings among Γ and two wave vectors."""
    import tracemalloc

    constants, c = home_constants(3, 3, 2), dispersive(3, 3, 2)
    modes = [lattice.solve_modes(c, q) for q in ((0, 0, 0), (0, 0, 0.5), (THIRD, THIRD, 0))]
    tracemalloc.start()
    lattice.project_triple(modes[2], modes[2], modes[2], constants)
    potential = lattice.project_waves(modes, constants)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert potential.n_modes == 12 + 15 + 30
    assert potential.source["waves"]["n_cells"] == 6
    assert peak < 2**29


def test_missing_arms_are_named(sheet):
    """Alone in its smallest supercell a point needs no other; in a larger one symmetry leads to other arms."""
    mode = lattice.solve_modes(dispersive(2, 2, 1), (0.5, 0, 0))
    assert lattice.project_waves([mode], sheet).n_modes == 15
    with pytest.raises(lattice.InputError, match="missing") as caught:
        lattice.project_waves([mode], sheet, supercell=(2, 2, 1))
    assert "add 1/2,1/2,0" in str(caught.value)


@pytest.fixture(scope="module")
def column():
    """1×1×3: the wave vectors (0, 0, ±1/3) lie on the three-fold axis."""
    return supercell_of(1, 1, 3)


def on_axis(*heights):
    return [lattice.solve_modes(dispersive(1, 1, 3), (0, 0, z)) for z in heights]


@pytest.mark.parametrize(("first", "second"), [(0, THIRD), (THIRD, THIRD), (THIRD, -THIRD)])
def test_couplings_vanish_exactly_where_channels_are_forbidden(first, second, column):
    """The table of channels and the couplings of a crystal agree product by product."""
    a, b, c = on_axis(first, second, first + second)
    assert a.rotation_order == b.rotation_order == c.rotation_order == 3
    opposite = replace(c, qpoint=-c.qpoint, eigenvectors=c.eigenvectors.conj())
    triple = lattice.project_triple(a, b, opposite, column[2])
    raw = by_phono3py(column[0], column[1], (a, b, opposite))
    allowed = np.zeros(triple.array.shape, dtype=bool)
    for row in lattice.line_channels(a, b, c):
        place = tuple(row["modes"])
        allowed[place] = True
        if first == second:
            allowed[place[1], place[0], place[2]] = True
    keep = np.ix_(*([i for x in m.multiplets if not x.acoustic for i in x.indices] for m in (a, b, c)))
    size, largest = np.abs(raw)[keep], np.abs(raw[keep]).max()
    assert 0.2 < allowed[keep].mean() < 0.5
    assert size[~allowed[keep]].max() < 1e-9 * largest
    assert size[allowed[keep]].min() > 1e-7 * largest
    np.testing.assert_allclose(triple.array, raw, atol=1e-9 * np.abs(raw).max())


def test_circular_partners_on_the_axis(column, tmp_path):
    """Pairs ±q of degenerate modes: four coordinates; their file can be read, run and moved by a lattice vector."""
    gamma, wave = on_axis(0, THIRD)
    potential = lattice.project_waves([gamma, wave], column[2], linewidth=0.1)
    of_wave = potential.multiplet == "E(1)@0,0,1/3"
    assert potential.labels[of_wave].tolist() == [f"E(1)@0,0,1/3{end}" for end in ("x1", "y1", "x2", "y2")]
    terms = rows(potential)
    some = list(terms)[:: len(terms) // 12]
    largest = max(map(abs, terms.values()))
    for modes, exact in zip(some, supercell_derivatives(potential, some), strict=True):
        assert terms[modes] == pytest.approx(exact * orders_over_six(modes), rel=1e-7, abs=1e-9 * largest)
    x = np.flatnonzero((potential.pair > np.arange(42)) & (np.arange(42) >= 12))
    np.testing.assert_allclose(
        potential.angular_momentum[:, x, potential.pair[x]].T, wave.J[potential.mode_numbers[x]], atol=1e-9
    )
    potential.save(tmp_path / "waves.toml")
    loaded = lattice.load_potential(tmp_path / "waves.toml")
    np.testing.assert_array_equal(loaded.pair, potential.pair)
    assert rows(loaded) == pytest.approx(terms, rel=1e-12)
    rng = np.random.default_rng(4)
    Q = rng.normal(size=42) * 0.1
    moved = Q.copy()  # by one lattice vector a₃: Q_q → Q_q exp(−2πi q·a₃), so that x turns into y
    turn = 2 * np.pi / 3
    y = potential.pair[x]
    moved[x] = np.cos(turn) * Q[x] - np.sin(turn) * Q[y]
    moved[y] = np.sin(turn) * Q[x] + np.cos(turn) * Q[y]
    assert energy(potential, moved) == pytest.approx(energy(potential, Q), rel=1e-8)
    record = lattice.Record(every=0.05)
    still = np.zeros(42)
    one, two = (lattice.simulate(loaded, [], 0.3, initial=(start, still), record=record) for start in (Q, moved))
    last, other = one["Q"].values[-1], two["Q"].values[-1]
    assert np.abs(last[12:] - Q[12:]).max() > 0.05
    np.testing.assert_allclose(other[:12], last[:12], atol=1e-7)
    np.testing.assert_allclose(other[x], np.cos(turn) * last[x] - np.sin(turn) * last[y], atol=1e-7)
    np.testing.assert_allclose(other[y], np.sin(turn) * last[x] + np.cos(turn) * last[y], atol=1e-7)


def test_only_a_running_wave_of_definite_sense_has_angular_momentum(column):
    """Q_x = cos ωt, Q_y = sin ωt runs along +q and carries J(q, ν) per quantum; along −q it is the opposite."""
    gamma, wave = on_axis(0, THIRD)
    bare = replace(lattice.project_waves([gamma, wave], column[2]), coefficient=np.zeros(0), channel=np.zeros(0, str),
                   mode_index=np.zeros((0, 3), int), field_axis=np.zeros((0, 0), int))  # fmt: skip
    pairs = [i for i in range(12, 42) if bare.pair[i] > i]
    for i in pairs[:3]:
        omega = 2 * np.pi * bare.frequency[i]
        for sense in (1, -1):
            Q, P = np.zeros(42), np.zeros(42)
            Q[i], P[i + 1] = 1.0, sense * omega
            run = lattice.simulate(bare, [], 0.1, initial=(Q, P))
            quanta = omega / lattice.units.HBAR  # energy ω² |Q|² over ħω
            spin = sense * wave.J[bare.mode_numbers[i]] * quanta
            np.testing.assert_allclose(run["L"].values.sum(axis=1), np.tile(spin, (len(run["L"]), 1)), atol=1e-7)


def test_shengbte_holds_any_rational_wave_vector(row, waves, projected, tmp_path):
    from lattice.structure.cubic_files import read_cubic

    path = tmp_path / "FORCE_CONSTANTS_3RD"
    path.write_text(shengbte_text())
    found = lattice.project_waves(waves, path)
    largest = max(map(abs, rows(projected).values()))
    assert rows(found) == pytest.approx(rows(projected), rel=1e-6, abs=1e-8 * largest)
    assert read_cubic(path, crystal(), qpoints=[(0.25, 0.5, 0)]).supercell_matrix.tolist() == [
        [2, 1, 0],
        [0, 2, 0],
        [0, 0, 1],
    ]
    for q, message in (((0.1234, 0, 0), "no simple fraction"), ((1 / 61, 1 / 59, 1 / 53), "too large")):
        with pytest.raises(lattice.InputError, match=message):
            read_cubic(path, crystal(), qpoints=[q])
    with pytest.raises(lattice.InputError, match="too large"):
        read_cubic(path, crystal(), qpoints=[(1 / 13, 1 / 17, 0), (0, 0, 1 / 5)])


def test_couplings_that_symmetry_forbids_are_none_and_no_broken_symmetry(row, waves):
    potential = lattice.project_waves(waves[:1], row[2], multiplets=["Eu(1)", "A2u(1)"])
    assert set(potential.channel) == {"light"}
    noise = np.random.default_rng(1).normal(size=row[2].array.shape) * 1e-6 * np.abs(row[2].array).max()
    noisy = lattice.project_waves(waves[:1], replace(row[2], array=row[2].array + noise), multiplets=["Eu(1)"])
    assert set(noisy.channel) == {"light"}
    assert 0 < noisy.source["projection"]["forbidden"]["3"] < 1e-4


def test_bad_arguments(row, waves, sheet):
    c = dispersive(3, 1, 1)
    quarter = lattice.solve_modes(c, (0.25, 0, 0))
    with pytest.raises(lattice.InputError, match="not commensurate") as caught:
        lattice.project_waves([quarter], row[2])
    assert "1/3,0,0" in str(caught.value)
    with pytest.raises(lattice.InputError, match="not commensurate"):
        lattice.project_triple(waves[1], waves[1], waves[1], sheet)
    with pytest.raises(lattice.InputError, match="add up") as caught:
        lattice.project_triple(waves[0], waves[0], waves[1], row[2])
    assert "take 0,0,0 as the third" in str(caught.value)
    with pytest.raises(lattice.InputError, match="no wave vectors"):
        lattice.project_waves([], row[2])
    with pytest.raises(lattice.InputError, match="linewidth"):
        lattice.project_waves(waves, row[2], linewidth=-1)
    with pytest.raises(lattice.InputError, match="cannot be chosen"):
        lattice.project_waves(waves, row[2], multiplets=["Eu(1)", "Eg(9)"])
    with pytest.raises(lattice.InputError, match="commensurate"):
        lattice.project_waves(waves, row[2], supercell=(2, 1, 1))
    broken = replace(row[2], array=np.random.default_rng(0).normal(size=row[2].array.shape))
    with pytest.raises(lattice.SymmetryError, match="symmetry of the crystal"):
        lattice.project_waves(waves, broken)
    twice = [*waves, lattice.solve_modes(c, (-THIRD, 0, 0)), lattice.solve_modes(c, (2 * THIRD, 1, 0))]
    assert lattice.project_waves(twice, row[2]).n_modes == 42
    part = lattice.project_waves(waves, row[2], multiplets=["Eu(1)", waves[1].multiplets[0].label + "@1/3,0,0"])
    assert part.n_modes == 4
