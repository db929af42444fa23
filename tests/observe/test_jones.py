"""Jones matrices against Maxwell's equations, integrated through the crystal layer by layer (Berreman, 4 × 4)."""

import numpy as np
import pytest
from polarisation import stokes_angles
from scipy.linalg import expm

from lattice.errors import InputError
from lattice.observe.jones import (
    jones_change,
    jones_matrix,
    response,
    small_angles,
    transverse,
    transverse_change,
)

RNG = np.random.default_rng(7)
FRAME = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
FRAME[2] = np.cross(FRAME[0], FRAME[1])
ISOTROPIC = (4.0 + 0.8j) ** 2 * np.eye(3)
UNIAXIAL = FRAME.T @ np.diag([12.0 + 1j, 12.0 + 1j, 7.0 + 0.4j]) @ FRAME
SKEW = RNG.standard_normal((3, 3))
OBLIQUE = (10 + 0.5j) * np.eye(3) + 0.4 * (SKEW + SKEW.T)
CRYSTALS = {"isotropic": ISOTROPIC, "uniaxial along the probe": UNIAXIAL, "oblique": OBLIQUE}


def maxwell(epsilon, phase):
    """Reflected and transmitted amplitudes (2, 2) of a plate, from ∂_z (E_x, E_y, h_x, h_y) = i k₀ Δ (…), e^(−iωt)."""
    e = FRAME @ epsilon @ FRAME.T
    flat = e[:2, :2] - np.outer(e[:2, 2], e[2, :2]) / e[2, 2]  # E_z from D_z = 0
    delta = np.zeros((4, 4), complex)
    delta[0, 3], delta[1, 2] = 1, -1  # curl E = iω μ0 H
    delta[3, :2], delta[2, :2] = flat[0], -flat[1]  # curl H = −iω D
    through = expm(1j * phase * delta)
    forward = np.array([[1, 0], [0, 1], [0, -1], [1, 0]])  # h = k̂ × E in vacuum
    backward = np.array([[1, 0], [0, 1], [0, 1], [-1, 0]])
    # through (forward + backward r) = forward t
    unknown = np.linalg.solve(np.hstack([through @ backward, -forward]), -through @ forward)
    return unknown[:2], unknown[2:]


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_plate_transmits_as_maxwell_says(name):
    square = transverse(CRYSTALS[name], FRAME)
    _, through = maxwell(CRYSTALS[name], 0.7)
    assert jones_matrix(square, response("slab", 0.7)) == pytest.approx(through, abs=1e-12)


def test_a_thick_crystal_reflects_as_maxwell_says():
    epsilon = OBLIQUE + 3j * np.eye(3)
    back, _ = maxwell(epsilon, 20.0)  # e^(−2·20·Im n) ~ 1e-8 comes back from the far side
    assert jones_matrix(transverse(epsilon, FRAME), response("reflection", 0.0)) == pytest.approx(back, abs=1e-7)


def test_one_passage_is_the_plate_without_its_surfaces():
    """The second road of `transmission`: T = t₁ e^(iφn) t₂ of a plate so absorbing that nothing comes back."""
    n = np.sqrt(ISOTROPIC[0, 0])
    plate = jones_matrix(ISOTROPIC[:2, :2], response("slab", 12.0))
    surfaces = 2 / (1 + n) * 2 * n / (1 + n)
    assert plate == pytest.approx(surfaces * jones_matrix(ISOTROPIC[:2, :2], response("transmission", 12.0)), rel=1e-7)


@pytest.mark.parametrize("geometry", ["slab", "reflection", "transmission"])
@pytest.mark.parametrize("name", CRYSTALS)
def test_the_first_order_change_is_the_limit_of_finite_changes(name, geometry):
    epsilon, function = CRYSTALS[name], response(geometry, 0.9)
    change = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
    change = change + change.T

    def jones(h):
        return jones_matrix(transverse(epsilon + h * change, FRAME), function)

    small = jones_change(transverse(epsilon, FRAME), transverse_change(epsilon, change, FRAME), function)
    errors = [np.abs((jones(h) - jones(-h)) / (2 * h) - small).max() for h in (1e-3, 5e-4)]
    assert errors[0] < 1e-6 * max(np.abs(small).max(), 0.1)
    assert errors[1] < 0.3 * errors[0]  # second order: what is left is the third derivative


@pytest.mark.parametrize("name", CRYSTALS)
def test_small_angles_are_the_change_of_the_polarisation_of_a_plate_by_maxwell(name):
    """Rotation and ellipticity of a real probe through a plate, without any linearisation, against the formula."""
    epsilon, change = CRYSTALS[name], 1e-5 * FRAME.T @ np.array([[1, 2, 0.3], [2, -1, 0.2], [0.3, 0.2, 0.5]]) @ FRAME
    function, square = response("slab", 0.8), transverse(epsilon, FRAME)
    for theta in np.radians([0.0, 30.0, 45.0, 110.0]):
        p = np.array([np.cos(theta), np.sin(theta)])
        before, after, back = (stokes_angles(maxwell(epsilon + h * change, 0.8)[1] @ p) for h in (0, 1, -1))
        moved = jones_change(square, transverse_change(epsilon, change, FRAME), function) @ p
        found = small_angles(jones_matrix(square, function) @ p, moved)
        for k in (0, 1):
            turn = (after[k] - back[k] + np.pi / 2) % np.pi - np.pi / 2
            assert found[k] == pytest.approx(turn / 2, abs=2e-10 + 1e-5 * abs(turn))
            assert abs(after[k] - before[k]) < 1e-2


def test_signs_and_factors_of_an_isotropic_crystal():
    """ρ = g ŝ·δε·p̂ with g = i k₀d/(2n) through and 1/(n(n² − 1)) from the crystal; rotation Re ρ, ellipticity Im ρ."""
    n, phase = 3.0 + 0.5j, 2.0
    change = np.array([[1e-3, 2e-3], [2e-3, -1e-3]])
    p, s = np.array([np.cos(0.4), np.sin(0.4)]), np.array([-np.sin(0.4), np.cos(0.4)])
    for geometry, factor in (("transmission", 1j * phase / (2 * n)), ("reflection", 1 / (n * (n**2 - 1)))):
        function, square = response(geometry, phase), n**2 * np.eye(2)
        rotation, ellipticity = small_angles(
            jones_matrix(square, function) @ p, jones_change(square, change, function) @ p
        )
        assert rotation + 1j * ellipticity == pytest.approx(factor * (s @ change @ p), rel=1e-12)


def test_an_ellipse_that_turns_counter_clockwise_is_positive():
    time = np.linspace(0, 1, 9)[:-1]
    field = np.array([1.0, 0.3j])
    motion = (field * np.exp(-2j * np.pi * time)[:, None]).real
    assert (motion[:-1, 0] * motion[1:, 1] - motion[:-1, 1] * motion[1:, 0] > 0).all()
    azimuth, ellipticity = stokes_angles(field)
    assert azimuth == pytest.approx(0.0)
    assert np.tan(ellipticity) == pytest.approx(0.3)


def test_an_unknown_geometry_is_refused():
    with pytest.raises(InputError, match="geometry"):
        response("total reflection", 1.0)


def test_a_field_that_is_circular_at_rest_has_no_rotation():
    with pytest.raises(InputError, match="circular"):
        small_angles(np.array([1.0, 1.0j]), np.array([0.0, 1e-3]))
