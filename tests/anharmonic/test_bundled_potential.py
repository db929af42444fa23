"""The potential of Bi2Se3 that is installed with the package."""

import importlib.util
import itertools
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import lattice
from lattice import units
from lattice.anharmonic.invariance import check_invariance, coordinate_representation
from lattice.anharmonic.polynomial import polynomial_from_table
from lattice.structure.bundled import bundled_file

MEASURED_THZ = {"Eg(1)": 1.10, "Eu(1)": 2.05, "A1g(1)": 2.25, "Eg(2)": 4.05}  # Melnikov, PRB 97, 214304 (2018)


RECIPE = bundled_file("Bi2Se3").parent / "recipe"


def recipe():
    spec = importlib.util.spec_from_file_location("bi2se3_potential_recipe", RECIPE / "potential.py")
    module = importlib.util.module_from_spec(spec)
    before, loaded = list(sys.path), set(sys.modules)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - loaded:  # modules of the recipe have the names of those of other recipes
            if not name.startswith("lattice"):
                del sys.modules[name]
    return module


def computed_couplings():
    return json.loads((RECIPE / "couplings.json").read_text())


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


def test_the_file_follows_from_the_computed_couplings(potential):
    again = recipe().potential()
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    for name in ("coefficient", "eigenvectors", "frequency", "mode_charge"):
        np.testing.assert_allclose(getattr(again, name), getattr(computed, name), atol=1e-9)
    for name in ("mode_index", "field_axis", "channel", "labels", "pair", "mode_numbers"):
        np.testing.assert_array_equal(getattr(again, name), getattr(computed, name))


def test_charges_of_a_record_are_written_as_a_born_file(tmp_path, monkeypatch):
    from phonopy import Phonopy
    from phonopy.interface.vasp import read_vasp

    module = recipe()
    gamma = json.loads((RECIPE / "gamma.json").read_text())
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    model = Phonopy(read_vasp(str(RECIPE.parent / "POSCAR")), primitive_matrix=np.eye(3))
    module.write_born(model, gamma["fields"])
    crystal = lattice.load(RECIPE.parent / "POSCAR", born=tmp_path / "BORN")
    for atom, name in enumerate(("Bi", "Bi", "Se1", "Se2", "Se2")):
        in_plane, along = gamma["fields"]["born_charges_e"][name]
        np.testing.assert_allclose(crystal.born_charges[atom], np.diag([in_plane, in_plane, along]), atol=1e-5)
    in_plane, along = gamma["fields"]["epsilon"]
    np.testing.assert_allclose(crystal.dielectric, np.diag([in_plane, in_plane, along]), atol=1e-5)
    assert "36 Ry, k 6x6x6" in module.charges_source(gamma)
    assert "36 Ry, k 4x4x4" in module.charges_source(gamma | {"denser_fields": gamma["fields"]})
    with pytest.raises(SystemExit, match="no denser_fields"):
        module.charges_source(gamma | {"denser_fields": None})


def test_frequencies_computed_or_measured(potential):
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    np.testing.assert_allclose(computed.frequency, computed.modes.frequency[computed.mode_numbers], atol=1e-9)
    for s, name in enumerate(potential.multiplet):
        expected = MEASURED_THZ.get(str(name), computed.frequency[s])
        assert potential.frequency[s] == expected
        assert potential.linewidth[s] == computed.linewidth[s] == (0.16 if name == "Eu(1)" else 0.10)
    assert set(potential.source["overrides"]) == set(MEASURED_THZ)
    with pytest.raises(lattice.InputError, match="measured"):
        lattice.load_potential("Bi2Se3", frequencies="guessed")


def test_the_headline_term_has_the_published_form(potential):
    """V3 = γ Re[(u_x + i u_y)² (g_x + i g_y)] with |γ| of couplings.json."""
    polynomial = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    place = {str(label): s for s, label in enumerate(potential.labels)}
    ux, uy, gx, gy = (place[k] for k in ("Eu(1)x", "Eu(1)y", "Eg(2)x", "Eg(2)y"))
    gamma = polynomial[(ux, ux, gx), ()]
    given = computed_couplings()["cubic"]["Eu1 Eu1 Eg2"]["value"]
    np.testing.assert_allclose(abs(gamma), abs(given), rtol=1e-12)
    np.testing.assert_allclose(polynomial[(uy, uy, gx), ()], -gamma, rtol=1e-12)
    np.testing.assert_allclose(polynomial[(ux, uy, gy), ()], -2 * gamma, rtol=1e-12)
    assert (ux, ux, gy) not in [modes for modes, _ in polynomial]


def test_couplings_against_forces_in_cartesian_coordinates(potential):
    """Displace along Cartesian E_u1 x by hand: the force on Cartesian E_g y and A1g must be that of couplings.json."""
    gamma = json.loads((RECIPE / "gamma.json").read_text())
    given = {
        name.split()[-1]: entry["value"] for name, entry in computed_couplings()["cubic"].items() if "Eu1 Eu1" in name
    }
    polynomial = polynomial_from_table(potential.coefficient, potential.mode_index, potential.field_axis)
    cubic = {k[0]: c for k, c in polynomial.items() if len(k[0]) == 3}

    def project(name, axis):
        vector = np.zeros((5, 3))
        vector[:, axis] = gamma["modes"][name]["pattern"]
        return np.einsum("ska,ka->s", potential.eigenvectors, vector)

    q = project("Eu1", 0)  # Q = 1 along x
    gradient = np.zeros(potential.n_modes)
    for modes, c in cubic.items():
        for k in range(3):
            others = [modes[j] for j in range(3) if j != k]
            gradient[modes[k]] += c * np.prod(q[others])
    for receiver, axis in (("Eg1", 1), ("Eg2", 1), ("A1g1", 2), ("A1g2", 2)):
        np.testing.assert_allclose(gradient @ project(receiver, axis), given[receiver], rtol=1e-9)
    np.testing.assert_allclose(gradient @ project("Eg2", 0), 0, atol=1e-15)


def test_all_forty_cubic_couplings_are_in_the_file(potential):
    """Every cubic invariant that symmetry allows is there: the file spans as many as the group has."""
    from lattice.anharmonic.invariants import find_invariants

    coordinates = lattice.gamma_coordinates(potential.modes)
    names = {
        str(channel)
        for channel, modes in zip(potential.channel, potential.mode_index, strict=True)
        if (modes >= 0).sum() == 3
    }
    assert len(find_invariants(coordinates, [3])) == len(names) == len(computed_couplings()["cubic"]) == 40


def test_quartic_couplings_against_the_energy_of_moved_pairs(potential):
    """V4 = b|Q|⁴ + b'|P|⁴ + s|Q|²|P|² + t Re(Q²P*²), Q of Eu(1) and P of Eg(2), in any frame that the two share."""
    given = {name: entry["value"] for name, entry in computed_couplings()["quartic"].items()}
    place = {str(label): s for s, label in enumerate(potential.labels)}
    rng = np.random.default_rng(5)
    for _ in range(4):
        q, p = rng.normal(size=(2, 2)) @ [1, 1j]
        Q = np.zeros(potential.n_modes)
        for name, value in (("Eu(1)", q), ("Eg(2)", p)):
            Q[place[f"{name}x"]], Q[place[f"{name}y"]] = value.real, value.imag
        found = sum(
            c * np.prod(Q[modes[modes >= 0]])
            for c, modes in zip(potential.coefficient, potential.mode_index, strict=True)
            if (modes >= 0).sum() == 4
        )
        expected = given["Eu1^4"] * abs(q) ** 4 + given["Eg2^4"] * abs(p) ** 4
        expected += given["|Eu1|^2 |Eg2|^2"] * abs(q * p) ** 2
        expected += given["Re(Eu1^2 Eg2*^2)"] * (q**2 * p.conjugate() ** 2).real
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def symmetric_tensor(potential, order, weight):
    """Coefficients of one order as a symmetric tensor in y = weight · Q, *eV^(1 − order/2)*."""
    tensor = np.zeros((potential.n_modes,) * order)
    for c, modes in zip(potential.coefficient, potential.mode_index, strict=True):
        factors = modes[modes >= 0]
        if len(factors) == order:
            places = set(itertools.permutations(factors.tolist()))
            for place in places:
                tensor[place] += c / len(places) / np.prod(weight[factors])
    return tensor


def test_the_energy_stays_positive_far_beyond_the_main_job(potential):
    """With y² the harmonic energy, |V3| ≤ σ3 |y|³ and |V4| ≤ σ4 y⁴ by the spectral norms of the unfolded tensors."""
    weight = np.sqrt((units.TWO_PI * potential.frequency) ** 2 / units.EV / 2)
    third, fourth = (symmetric_tensor(potential, order, weight) for order in (3, 4))
    n = potential.n_modes
    sigma3 = np.linalg.norm(third.reshape(n, n * n), 2)
    sigma4 = np.linalg.norm(fourth.reshape(n * n, n * n), 2)
    # 1 − σ3 y − σ4 y² = 0
    safe = (np.sqrt(sigma3**2 + 4 * sigma4) - sigma3) / (2 * sigma4)
    run = lattice.simulate(potential, lattice.default_pulse(potential), 6.0)
    reached = ((weight * run["Q"].values) ** 2).sum(axis=1).max()
    assert 0.01 < reached < safe**2 / 4


def test_the_ionic_permittivity_from_the_mode_charges(potential):
    computed = lattice.load_potential("Bi2Se3", frequencies="computed")
    omega = 2 * np.pi * computed.frequency
    volume = abs(np.linalg.det(computed.crystal.cell))
    epsilon = (
        units.EPSILON_IONIC / volume * np.einsum("sa,sb,s->ab", computed.mode_charge, computed.mode_charge, omega**-2.0)
    )
    np.testing.assert_allclose(np.diag(epsilon), [96.00, 96.00, 7.96], atol=0.006)  # docs/bi2se3.md
    np.testing.assert_allclose(epsilon - np.diag(np.diag(epsilon)), 0, atol=1e-9)


def test_it_is_invariant_and_a_changed_term_is_named(potential):
    assert check_invariance(potential)
    row = int(np.flatnonzero(potential.channel == "Eu(1)^2 Eg(2)")[1])
    coefficient = potential.coefficient.copy()
    coefficient[row] *= 1.001
    with pytest.raises(lattice.SymmetryError, match=r"Eu\(1\). Eu\(1\). Eg\(2\). \(modes = \[3, "):
        check_invariance(replace(potential, coefficient=coefficient))
    frequency = potential.frequency.copy()
    frequency[3] += 0.01
    with pytest.raises(lattice.SymmetryError, match="breaks the symmetry"):
        check_invariance(replace(potential, frequency=frequency))


def with_squares(potential, squares):
    """The potential with terms c Q_s² beside its frequencies, {s: c}."""
    width = potential.mode_index.shape[1] - 2
    rows = [[s, s, *[-1] * width] for s in squares]
    return replace(
        potential,
        coefficient=np.append(potential.coefficient, list(squares.values())),
        mode_index=np.concatenate([potential.mode_index, rows]),
        field_axis=np.concatenate([potential.field_axis, np.full((len(rows), potential.field_axis.shape[1]), -1)]),
        channel=np.append(potential.channel, ["square"] * len(rows)),
        source={},
    )


def test_squares_in_the_table_add_to_the_frequencies(potential):
    """Equal ones of both partners are invariant; a change of one to 1e-4 of the harmonic energy is not."""
    x, y = np.flatnonzero(potential.multiplet == "Eu(1)").tolist()
    harmonic = 0.5 * (2 * np.pi * potential.frequency[x]) ** 2 / units.EV
    assert check_invariance(with_squares(potential, {x: 0.1 * harmonic, y: 0.1 * harmonic}))
    for change in (1e-4, -0.1):
        broken = with_squares(potential, {x: 0.1 * harmonic, y: (0.1 + change) * harmonic})
        with pytest.raises(lattice.SymmetryError, match=r"Eu\(1\)"):
            check_invariance(broken)
    frequency = potential.frequency.copy()
    frequency[x] *= np.sqrt(0.98)  # both partners have the same curvature, one of them from two sources
    assert check_invariance(with_squares(replace(potential, frequency=frequency), {x: 0.02 * harmonic}))


def test_representation_is_a_homomorphism(potential):
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    assert len(matrices) == 12
    for a, ra in zip(matrices, rotations, strict=True):
        np.testing.assert_allclose(a @ a.T, np.eye(12), atol=1e-9)
        for b, rb in zip(matrices, rotations, strict=True):
            match = np.abs(rotations - ra @ rb).max(axis=(1, 2)).argmin()
            np.testing.assert_allclose(matrices[match], a @ b, atol=1e-9)


def test_angular_momentum_is_antisymmetric_and_plus_one_for_pairs(potential):
    matrix = potential.angular_momentum
    np.testing.assert_allclose(matrix, -matrix.transpose(0, 2, 1), atol=1e-14)
    for s, partner in enumerate(potential.pair):
        if partner > s:
            np.testing.assert_allclose(matrix[:, s, partner], potential.axis, atol=1e-12)


def test_no_potential_for_the_crystal_without_couplings():
    with pytest.raises(lattice.InputError, match="No potential is bundled"):
        lattice.load_potential("Bi2Se3-noSOC")
