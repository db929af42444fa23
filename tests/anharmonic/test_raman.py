"""Raman tensors: forms by symmetry, their terms, their files, and finite differences of a polarisable model."""

from dataclasses import replace

import numpy as np
import pytest

import lattice
from lattice import units
from lattice.anharmonic.field_forms import KERR, POCKELS, field_forms, field_tensor
from lattice.anharmonic.invariance import coordinate_representation
from lattice.anharmonic.raman import raman_forms, raman_from_constants, raman_from_terms, with_raman_drive
from lattice.dynamics.stored_potential import potential_of_run
from lattice.errors import FitError, FormatError, InputError, SymmetryError

CONSTANTS = {"Eg(1)x.xx": 0.7 - 0.2j, "Eg(1)x.yz": 0.1, "A1g(1).xx": -0.4, "A1g(1).zz": 0.3j, "Eg(2)x.xx": 1.3 + 0.5j}


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


@pytest.fixture(scope="module")
def with_raman(potential):
    return replace(potential, raman=raman_from_constants(potential, CONSTANTS))


def test_forms_of_d3d_are_those_of_the_tables(potential):
    """E_g has (xx − yy, xy) and (xz, yz), A_1g xx + yy and zz; what is odd under inversion has none."""
    forms = raman_forms(potential)
    by_irrep = {}
    for form in forms:
        by_irrep.setdefault(form.multiplet[:3], []).append(form)
    assert {name: len(found) for name, found in by_irrep.items()} == {"Eg(": 4, "A1g": 4}
    for form in forms:
        trace = np.trace(form.tensor, axis1=1, axis2=2)
        if form.multiplet.startswith("Eg"):
            assert np.abs(trace).max() < 1e-9
        else:
            singlet = form.tensor[potential.multiplet == form.multiplet][0]
            assert np.abs(singlet - np.diag(np.diag(singlet))).max() < 1e-9
            assert singlet[0, 0] == pytest.approx(singlet[1, 1])


def test_forms_are_invariant_and_complete(potential):
    matrices, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())

    def mean(tensor):
        turned = np.einsum("gts,gki,glj,tkl->gsij", matrices, rotations, rotations, tensor, optimize=True)
        return turned.mean(axis=0)

    forms = raman_forms(potential)
    for form in forms:
        assert mean(form.tensor) == pytest.approx(form.tensor, abs=1e-7)
    basis = np.stack([form.tensor.ravel() for form in forms], axis=1)
    random = np.random.default_rng(0).standard_normal((potential.n_modes, 3, 3))
    allowed = mean(random + random.swapaxes(1, 2)).ravel()
    assert basis @ np.linalg.lstsq(basis, allowed, rcond=None)[0] == pytest.approx(allowed, abs=1e-6)


def test_a_form_has_its_constant_as_the_component_of_its_name(potential):
    for form in raman_forms(potential):
        label, component = form.name.rsplit(".", 1)
        i, j = ("xyz".index(a) for a in component)
        assert form.tensor[potential.labels.tolist().index(label), i, j] == 1.0


def test_files_keep_raman_tensors(with_raman, tmp_path):
    for name in ("potential.toml", "potential.nc"):
        with_raman.save(tmp_path / name)
        assert np.array_equal(lattice.load_potential(tmp_path / name).raman, with_raman.raman)
    run = lattice.simulate(with_raman, (), 0.02)
    assert np.array_equal(potential_of_run(run).raman, with_raman.raman)


def test_a_file_with_a_raman_tensor_that_breaks_the_symmetry_is_refused(potential, tmp_path):
    wrong = np.zeros((potential.n_modes, 3, 3))
    wrong[0] = np.diag([1.0, 0.5, 0.0])  # Eg(1) alone, and not traceless
    replace(potential, raman=wrong).save(tmp_path / "wrong.toml")
    with pytest.raises(SymmetryError, match=r"Raman tensors of Eg\(1\)"):
        lattice.load_potential(tmp_path / "wrong.toml")


@pytest.mark.parametrize("value", ["[[1, 0, 0], [0, 1, 0]]", "3", '["a"]', "[[1, 2, 3], [4, 5, 6], [7, 8, nan]]"])
def test_a_malformed_tensor_in_a_file_is_refused(potential, tmp_path, value):
    potential.save(tmp_path / "p.toml")
    text = (tmp_path / "p.toml").read_text(encoding="utf-8")
    (tmp_path / "p.toml").write_text(text.replace("linewidth", f"raman = {value}\nlinewidth", 1), encoding="utf-8")
    with pytest.raises(FormatError, match="raman"):
        lattice.load_potential(tmp_path / "p.toml")


@pytest.mark.parametrize("bad", [np.zeros((2, 3, 3)), np.full((12, 3, 3), np.nan), np.triu(np.ones((12, 3, 3)))])
def test_tensors_that_cannot_be_are_refused(potential, bad):
    with pytest.raises(InputError):
        replace(potential, raman=bad)


def test_terms_of_light_are_minus_half_the_field_energy(with_raman):
    """V(Q, E) of the terms against −½ ε0 V E·(Σ R Q)·E, at random Q and E."""
    driven = with_raman_drive(with_raman)
    rng = np.random.default_rng(1)
    Q, E = rng.standard_normal(driven.n_modes), rng.standard_normal(3)
    new = [t for t, channel in enumerate(driven.channel.tolist()) if channel.endswith("E^2")]
    energy = 0.0
    for t in new:
        modes = [s for s in driven.mode_index[t] if s >= 0]
        fields = [a for a in driven.field_axis[t] if a >= 0]
        assert (len(modes), len(fields)) == (1, 2)
        energy += driven.coefficient[t] * Q[modes].prod() * E[fields].prod()
    change = np.tensordot(Q, with_raman.raman.real, axes=1)
    volume = abs(np.linalg.det(with_raman.crystal.cell)) * 1e-30
    joule = -0.5 * 8.8541878188e-12 * volume * 1e16 * (E @ change @ E)
    assert energy == pytest.approx(joule / 1.602176634e-19, rel=1e-8)
    assert pytest.approx(8.8541878188e-12 * 1e-30 * 1e16 / 1.602176634e-19, rel=1e-9) == units.FIELD_ENERGY


def test_terms_and_tensors_are_one_another(with_raman):
    driven = with_raman_drive(with_raman)
    assert raman_from_terms(driven) == pytest.approx(with_raman.raman.real, abs=1e-15)
    assert len(with_raman_drive(driven).coefficient) == len(driven.coefficient)  # replaced, not added
    assert raman_from_terms(with_raman) is None


def test_unknown_constants_and_missing_parts_are_named(potential):
    with pytest.raises(InputError, match=r"Eg\(1\)x\.xx"):
        raman_from_constants(potential, {"Eg(1)": 1.0})
    with pytest.raises(InputError, match="Raman tensors"):
        with_raman_drive(potential)
    with pytest.raises(InputError, match="crystal"):
        raman_forms(replace(potential, crystal=None))


def test_the_kerr_tensor_of_d3d_has_eight_constants_and_inversion_forbids_pockels(potential):
    forms = field_forms(potential, KERR)
    assert len(forms) == 8  # Nye: the elasto-optic matrix of −3m has 8
    assert field_forms(potential, POCKELS) == {}
    _, rotations = coordinate_representation(potential.eigenvectors, potential.crystal.to_cell())
    tensor = field_tensor(potential, {name: 1.0 + 0.1j * i for i, name in enumerate(forms)}, KERR)
    turned = np.einsum("gia,gjb,gkc,gld,abcd->gijkl", *[rotations] * 4, tensor, optimize=True)
    assert np.abs(turned - tensor).max() < 1e-7
    assert tensor == pytest.approx(tensor.transpose(1, 0, 3, 2))
    for i, name in enumerate(forms):
        place = tuple("xyz".index(a) for a in name.replace(".", ""))
        assert tensor[place] == pytest.approx(1.0 + 0.1j * i)
    with pytest.raises(InputError, match="forbids"):
        field_tensor(potential, {"xx.x": 1.0}, POCKELS)


def bond_permittivity(atoms):
    """ε of bonds with α_∥(r) and α_⊥(r) (Wolkenstein's model), all pairs of atoms within 6 Å."""
    from ase.neighborlist import neighbor_list

    distance, vector = neighbor_list("dD", atoms, 6.0)
    cut = (1 - (distance / 6.0) ** 2) ** 3
    along, across = (3.0 + 0.4j) * np.exp(-0.5 * distance) * cut, 1.1 * np.exp(-0.7 * distance) * cut
    unit = vector / distance[:, None]
    outer = np.einsum("bi,bj->bij", unit, unit)
    total = np.einsum("b,bij->ij", along - across, outer) + across.sum() * np.eye(3)
    return np.eye(3) + total / atoms.get_volume() * 100


def test_finite_differences_of_a_bond_model(potential):
    """The second road: the same derivative along partners that the fit never displaced, with another stencil."""
    from lattice.anharmonic.raman_differences import _displaced

    moves, home = [], potential.crystal.positions @ potential.crystal.cell

    def watched(atoms):
        moves.append(np.abs(atoms.positions - home).max())
        return bond_permittivity(atoms)

    fitted = lattice.fit_raman(potential, watched)
    assert fitted.source["raman"]["calls"] == len(moves) == 16  # one partner of each of two E_g pairs, two A_1g
    assert 1e-3 < min(moves) < max(moves) < 0.03  # Å: small against bonds, large against the noise of an ε
    assert np.abs(fitted.raman).max() > 0.02
    for s in range(potential.n_modes):
        ends = [bond_permittivity(_displaced(potential, s, h)) for h in (0.01, -0.01, 0.005, -0.005)]
        coarse, fine = (ends[0] - ends[1]) / 0.02, (ends[2] - ends[3]) / 0.01
        direct = fine + (fine - coarse) / 3
        assert fitted.raman[s] == pytest.approx(direct, abs=2e-5 * np.abs(fitted.raman).max()), potential.labels[s]
    part = lattice.fit_raman(potential, bond_permittivity, multiplets=["Eg(2)"])
    assert part.raman[5:7] == pytest.approx(fitted.raman[5:7])
    assert not part.raman[:5].any()


def test_a_permittivity_without_the_symmetry_is_not_forced_into_it(potential):
    def noisy(atoms):
        return bond_permittivity(atoms) + 0.2 * np.diag([0, atoms.positions[0, 1] ** 2, atoms.positions[2, 0]])

    with pytest.raises(FitError, match="symmetry"):
        lattice.fit_raman(potential, noisy)


@pytest.mark.parametrize("bad", [lambda _: 3.0, lambda _: "no", lambda _: np.full((3, 3), np.inf)])
def test_a_permittivity_that_is_no_matrix_is_refused(potential, bad):
    with pytest.raises(InputError, match="permittivity"):
        lattice.fit_raman(potential, bad)
    with pytest.raises(InputError, match="step"):
        lattice.fit_raman(potential, bond_permittivity, step=0.0)
    with pytest.raises(InputError, match="no Raman tensor"):
        lattice.fit_raman(potential, bond_permittivity, multiplets=["Eu(1)"])
