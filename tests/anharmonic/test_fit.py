"""Fitted couplings against analytic lattice sums, in any gauge, from any mapping, with every call made once."""

import json
from dataclasses import replace

import numpy as np
import pytest
from lennard_jones import calculator, coefficient, crystal, derivative, nearest_shell_to_cutoff
from scipy.stats import ortho_group

import lattice
from lattice.anharmonic.coordinates import gamma_coordinates
from lattice.anharmonic.fit_forces import potential_from_forces
from lattice.anharmonic.fit_plan import FitPlan, generating_operations, plan_fit
from lattice.anharmonic.forces import compute_forces
from lattice.anharmonic.invariance import check_invariance

SMALL = (0.01, 0.02)  # Å√amu


@pytest.fixture(scope="module")
def cubic():
    return lattice.fit_potential(crystal(), calculator(), order=3, amplitudes=SMALL)


def anharmonic(potential, order):
    rows = np.flatnonzero(((potential.mode_index >= 0).sum(axis=1) == order) & (potential.field_axis < 0).all(axis=1))
    return {tuple(int(s) for s in potential.mode_index[t] if s >= 0): t for t in rows}


def value(potential, points):
    """Cubic and higher part of V at points (k, n)."""
    total = np.zeros(len(points))
    for t in np.flatnonzero((potential.field_axis < 0).all(axis=1)):
        modes = potential.mode_index[t][potential.mode_index[t] >= 0]
        total += potential.coefficient[t] * np.prod(points[:, modes], axis=1)
    return total


def test_cubic_couplings_are_the_lattice_sums(cubic):
    """Every term to 1e-6 of itself or 1e-9 of the largest one, with errors that are not too small."""
    assert nearest_shell_to_cutoff() > 0.05
    rows = anharmonic(cubic, 3)
    exact = np.array([coefficient(cubic.eigenvectors, modes) for modes in rows])
    found = cubic.coefficient[list(rows.values())]
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-9 * np.abs(exact).max())
    error = np.array(cubic.source["error"])[list(rows.values())]
    assert (np.abs(found - exact) <= error + 1e-10 * np.abs(exact).max()).all()


def test_calls_condition_and_forbidden_terms(cubic):
    report = cubic.source["fit"]
    assert len(report["invariants"]) == 40
    assert report["force_calls"] == 17
    assert report["force_calls"] + report["check_calls"] <= 40 < report["naive_calls"] == 289
    assert report["condition"]["3"] < 20
    largest = max(abs(entry["coefficient"]) for entry in report["invariants"])
    assert report["forbidden"]["3"] <= 1e-9 * largest
    assert report["residual"] < 1e-6
    assert report["residual_force"] < 1e-8
    assert check_invariance(cubic)
    assert cubic.irreps.tolist() == [name.partition("(")[0] for name in cubic.multiplet.tolist()]


def test_harmonic_constants_come_from_the_same_forces(cubic):
    """A structure without force constants: frequencies by the forces are those of the analytic dynamical matrix."""
    n = cubic.n_modes
    matrix = np.array([[derivative(cubic.eigenvectors, a, b) for b in range(n)] for a in range(n)])
    frequency = [lattice.units.frequency_from_curvature(x) for x in np.diag(matrix)]
    np.testing.assert_allclose(cubic.frequency, frequency, rtol=1e-8)
    assert np.abs(matrix - np.diag(np.diag(matrix))).max() < 1e-8 * np.abs(matrix).max()
    np.testing.assert_allclose(cubic.source["fit"]["frequency"], cubic.frequency, rtol=1e-9)


def test_quartic_couplings_are_the_lattice_sums():
    fitted = lattice.fit_potential(crystal(), calculator(), order=4, amplitudes=(0.02, 0.04, 0.06))
    rows = anharmonic(fitted, 4)
    rng = np.random.default_rng(1)
    some = [list(rows)[i] for i in rng.choice(len(rows), 40, replace=False)]
    exact = np.array([coefficient(fitted.eigenvectors, modes) for modes in some])
    found = np.array([fitted.coefficient[rows[modes]] for modes in some])
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-6 * np.abs(exact).max())
    assert len(fitted.source["fit"]["invariants"]) == 40 + 142
    assert fitted.source["fit"]["condition"]["4"] < 50


def test_gauge_does_not_matter(cubic):
    """A random rotation inside each multiplet before the fit leaves V(Q) along random directions unchanged."""
    own = gamma_coordinates(cubic.modes)
    rng = np.random.default_rng(5)
    turn = np.zeros((own.n, own.n))
    for _, places in own.blocks:
        turn[np.ix_(places, places)] = ortho_group.rvs(len(places), random_state=rng) if len(places) > 1 else -1.0
    turned = replace(
        own,
        eigenvectors=np.tensordot(turn, own.eigenvectors, axes=1),
        matrices=turn @ own.matrices @ turn.T,
    )
    plan = plan_fit(cubic.modes.crystal, order=3, amplitudes=SMALL)
    other = FitPlan(turned, 3, plan.rays, plan.condition, True)
    assert np.abs(other.displacements - plan.displacements).max() > 1e-4
    forces = compute_forces(crystal(), calculator(), other.displacements).array
    again = potential_from_forces(other, forces, linewidth=0.0, source={})
    points = rng.normal(size=(50, own.n))
    expected = value(cubic, points)
    np.testing.assert_allclose(value(again, points @ turn.T), expected, atol=1e-9 * np.abs(expected).max())


def test_crystal_with_force_constants_keeps_its_own_modes(cubic):
    """The harmonic constants of the source define the coordinates; chosen multiplets cost fewer calls."""
    source = cubic.modes.crystal
    part = lattice.fit_potential(
        source, calculator(), multiplets=["Eu(1)", "Eg(2)"], order=3, amplitudes=SMALL, linewidth=0.1
    )
    assert part.multiplets == ("Eu(1)", "Eg(2)")
    assert part.source["fit"]["force_calls"] < cubic.source["fit"]["force_calls"]
    whole = {
        frozenset((str(cubic.labels[s]), m.count(s)) for s in m): cubic.coefficient[t]
        for m, t in anharmonic(cubic, 3).items()
    }
    for modes, t in anharmonic(part, 3).items():
        name = frozenset((str(part.labels[s]), modes.count(s)) for s in modes)
        np.testing.assert_allclose(part.coefficient[t], whole[name], rtol=1e-6)
    assert (part.linewidth == 0.1).all()


def test_chosen_multiplets_of_a_bare_structure(cubic):
    part = lattice.fit_potential(crystal(), calculator(), multiplets=["Eu(1)", "Eg(2)"], order=3, amplitudes=SMALL)
    assert part.multiplets == ("Eu(1)", "Eg(2)")
    rows = anharmonic(part, 3)
    exact = [coefficient(part.eigenvectors, modes) for modes in rows]
    np.testing.assert_allclose(part.coefficient[list(rows.values())], exact, rtol=1e-6)
    assert check_invariance(part)


def test_light_couples_through_the_born_charges(cubic):
    np.testing.assert_allclose(cubic.mode_charge[:, :], np.real(_real_charge(cubic)), atol=1e-8)
    bare = replace(crystal(), born_charges=None, dielectric=None)
    dark = lattice.fit_potential(bare, calculator(), order=2, amplitudes=SMALL)
    assert len(dark.coefficient) == 0


def _real_charge(potential):
    born, masses = potential.modes.crystal.born_charges, potential.crystal.masses
    return np.einsum("kab,skb,k->sa", born, potential.eigenvectors, masses**-0.5)


def test_files_keep_the_report(cubic, tmp_path):
    for suffix in (".toml", ".nc"):
        cubic.save(tmp_path / f"potential{suffix}")
        read = lattice.load_potential(tmp_path / f"potential{suffix}")
        np.testing.assert_array_equal(read.coefficient, cubic.coefficient)
        assert read.source["error"] == cubic.source["error"]
        assert read.source["fit"]["condition"] == cubic.source["fit"]["condition"]


class Counting:
    """The calculator, counting its calls and failing at one of them."""

    def __init__(self, fail_at=None):
        self.inner, self.calls, self.fail_at = calculator(), 0, fail_at
        self.parameters = self.inner.parameters

    def get_forces(self, atoms):
        if self.calls == self.fail_at:
            raise RuntimeError("the machine went down")
        self.calls += 1
        copy = atoms.copy()
        copy.calc = self.inner
        return copy.get_forces()


def test_an_interrupted_fit_goes_on_and_repeats_no_call(cubic, tmp_path):
    source = cubic.modes.crystal
    options = {"order": 3, "amplitudes": SMALL, "cache": tmp_path / "calls"}
    first = Counting(fail_at=9)
    with pytest.raises(lattice.FitError, match="went down"):
        lattice.fit_potential(source, first, **options)
    second = Counting()
    fitted = lattice.fit_potential(source, second, **options)
    report = fitted.source["fit"]
    assert first.calls == 9
    assert second.calls == report["force_calls"] + report["check_calls"] - 9
    assert fitted.source["calls_found_on_disk"] == 9
    third = Counting()
    again = lattice.fit_potential(source, third, **options)
    assert third.calls == 0
    np.testing.assert_array_equal(again.coefficient, fitted.coefficient)
    third.parameters = {**third.parameters, "epsilon": 9.0}  # another calculator: nothing of the folder is its own
    lattice.fit_potential(source, third, **options)
    assert third.calls == first.calls + second.calls


def test_a_damaged_call_is_named(cubic, tmp_path):
    options = {"order": 2, "amplitudes": SMALL, "multiplets": ["A1g(1)"], "cache": tmp_path}
    lattice.fit_potential(cubic.modes.crystal, calculator(), **options)
    damaged = next(tmp_path.iterdir())
    damaged.write_bytes(b"PK\x03\x04 not a zip file")
    with pytest.raises(lattice.FormatError, match=damaged.name):
        lattice.fit_potential(cubic.modes.crystal, calculator(), **options)


def test_any_mapping_serves(cubic):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        fitted = lattice.fit_potential(cubic.modes.crystal, calculator(), order=3, amplitudes=SMALL, map=pool.map)
    np.testing.assert_allclose(fitted.coefficient, cubic.coefficient, rtol=1e-6, atol=1e-9)


class Broken:
    """A calculator whose forces break the symmetry."""

    def __init__(self):
        self.inner = calculator()

    def get_forces(self, atoms):
        copy = atoms.copy()
        copy.calc = self.inner
        moved = atoms.positions - crystal().positions @ crystal().cell
        return copy.get_forces() + 0.02 * np.stack([moved[:, 0] ** 2, 0 * moved[:, 0], 0 * moved[:, 0]], axis=1)


def test_forbidden_terms_are_seen(cubic):
    fitted = lattice.fit_potential(cubic.modes.crystal, Broken(), order=3, amplitudes=SMALL)
    report = fitted.source["fit"]
    assert report["forbidden"]["3"] > 1e-7
    assert report["residual"] > 1e3 * np.finfo(float).eps


def test_forces_must_be_forces():
    class Wrong:
        def __init__(self, forces):
            self.forces = forces

        def get_forces(self, atoms):
            return self.forces

    for forces in (np.zeros((2, 3)), np.full((5, 3), np.nan)):
        with pytest.raises(lattice.FitError, match="usable forces"):
            lattice.fit_potential(crystal(), Wrong(forces), order=3)
    for engine in (object(), Wrong, 3.0):
        with pytest.raises(lattice.InputError, match="no ASE calculator"):
            lattice.fit_potential(crystal(), engine, order=3)


def test_wrong_arguments(cubic):
    for amplitudes in ((0.01,), (0.01, 0.01), (0.0, 0.1), (-0.1, 0.1), (0.1, np.nan)):
        with pytest.raises(lattice.InputError, match="amplitudes"):
            plan_fit(crystal(), order=3, amplitudes=amplitudes)
    for order in (1, 7, 3.0, True):
        with pytest.raises(lattice.InputError, match="order"):
            plan_fit(crystal(), order=order)
    with pytest.raises(lattice.FitError, match="condition"):
        plan_fit(cubic.modes.crystal, order=3, max_condition=1.01)
    unused = Counting()
    with pytest.raises(lattice.InputError, match="no such multiplet"):
        lattice.fit_potential(crystal(), unused, multiplets=["Eu(7)"])
    assert unused.calls == 0
    with pytest.raises(lattice.InputError, match="linewidth"):
        lattice.fit_potential(crystal(), calculator(), linewidth=-1.0)
    with pytest.raises(lattice.InputError, match="relax"):
        lattice.fit_potential(crystal(), calculator(), modes=cubic.modes, relax=True)
    with pytest.raises(lattice.InputError, match="another structure"):
        lattice.fit_potential(lattice.load("Bi2Se3"), calculator(), modes=cubic.modes)
    with pytest.raises(lattice.InputError, match="folder"):
        lattice.fit_potential(crystal(), calculator(), order=2, cache="no/such/folder")


def test_generators_make_the_whole_group(cubic):
    rotations = gamma_coordinates(cubic.modes).rotations
    chosen = generating_operations(rotations)
    assert 1 <= len(chosen) <= 3
    products = [np.eye(3)]
    for _ in range(12):
        fresh = [a @ rotations[g] for a in products for g in chosen]
        products = list({tuple(np.rint(m * 1e4).ravel()): m for m in [*products, *fresh]}.values())
    assert len(products) == len(rotations) == 12


@pytest.mark.parametrize(
    ("name", "structure", "options", "counts"),
    [
        ("rocksalt", "NaCl", {"a": 5.6}, (0, 2)),  # one polar triplet: no cubic term, two quartic ones
        ("wurtzite", "AlN", {"a": 3.11, "c": 4.98}, (18, 56)),
        ("zincblende", "GaAs", {"a": 5.65}, (1, 2)),
    ],
)
def test_other_crystals(name, structure, options, counts):
    """From the structure alone, any point group; the forces break no symmetry and the rows are invariant."""
    from ase.build import bulk

    bare = lattice.load(bulk(structure, name, **options))
    fitted = lattice.fit_potential(bare, "lj", order=4)
    report = fitted.source["fit"]
    sizes = [int((fitted.mode_index[[c == x for c in fitted.channel]][0] >= 0).sum()) for x in set(fitted.channel)]
    assert len(report["invariants"]) == sum(counts)
    assert (3 in sizes) == (counts[0] > 0)
    assert check_invariance(fitted)
    assert max(report["forbidden"].values()) < 1e-10 * max(abs(entry["coefficient"]) for entry in report["invariants"])


def test_relaxation_is_offered_and_said(cubic):
    unrelaxed = lattice.load("Bi2Se3")
    fitted = lattice.fit_potential(unrelaxed, calculator(), order=2, amplitudes=SMALL, relax=True)
    assert "relaxed" in fitted.source["structure"]
    np.testing.assert_allclose(fitted.frequency, cubic.frequency, rtol=1e-4)
    silent = lattice.fit_potential(unrelaxed, calculator(), order=2, amplitudes=SMALL)
    assert "relaxed" not in silent.source["structure"]
    assert silent.source["fit"]["residual_force"] > 0.1
    np.testing.assert_array_equal(silent.crystal.positions, unrelaxed.positions)
    from lattice.anharmonic.relax import relax_structure

    with pytest.raises(lattice.FitError, match="did not relax"):
        relax_structure(unrelaxed, calculator(), steps=1)
    moved = np.abs((cubic.crystal.positions - unrelaxed.positions) @ unrelaxed.cell).max()
    assert moved > 0.01
    assert f"largest move {moved:.3f}" in fitted.source["structure"]
    assert json.dumps(dict(fitted.source))
