"""Where a polynomial turns downwards: against the turning points of potentials that can be solved by hand."""

from dataclasses import replace

import numpy as np
import pytest
from lennard_jones import calculator, crystal

import lattice
from lattice import units
from lattice.anharmonic.bounds import polynomial_bounds
from lattice.anharmonic.potential import Potential
from lattice.observe.coupling_table import coupling_table


def model(terms, n, reach, frequency=2.0):
    """n coordinates of one multiplet with the terms {factors: coefficient}."""
    longest = max(map(len, terms), default=1)
    return Potential(
        axis=np.array([0.0, 0.0, 1.0]),
        frequency=np.full(n, frequency),
        linewidth=np.zeros(n),
        labels=np.array([f"T{s}" for s in range(n)]),
        multiplet=np.array(["T(1)"] * n),
        coefficient=np.array(list(terms.values())),
        mode_index=np.array([[*t, *[-1] * (longest - len(t))] for t in terms]).reshape(-1, longest),
        field_axis=np.zeros((len(terms), 0), dtype=int),
        channel=np.array(["c"] * len(terms)),
        pair=np.full(n, -1),
        amplitude_range=np.full(n, reach),
    )


W = (2 * np.pi * 2.0) ** 2 / units.EV  # eV/(Å√amu)²


def test_a_negative_quartic_turns_where_the_hand_says():
    """V = W Q²/2 − c Q⁴: V' = 0 at Q² = W/4c, V = 0 at Q² = W/2c."""
    found = polynomial_bounds(model({(0,) * 4: -0.1 * W}, 1, 3.0))
    assert found["method"] == "search"
    np.testing.assert_allclose(found["turns_at"], np.sqrt(2.5) / 3, rtol=1e-12)
    np.testing.assert_allclose(found["falls_below_at"], np.sqrt(5) / 3, rtol=1e-12)
    assert found["along"] == ["T(1)"]
    # between the two: a force outwards, but no energy below rest
    between = polynomial_bounds(model({(0,) * 4: -0.1 * W}, 1, 2.0))
    assert "turns_at" in between
    assert "falls_below_at" not in between
    # a quartic that is as large and positive bounds, whatever the norms say
    assert set(polynomial_bounds(model({(0,) * 4: 0.1 * W}, 1, 3.0))) == {"method", "rays"}


@pytest.mark.parametrize("seed", range(3))
def test_three_coordinates_against_the_diagonal(seed):
    """V = W Q²/2 + c xyz is lowest along a diagonal: it turns at Q = √3 W/c; in any axes."""
    c = 0.5 * W
    found = polynomial_bounds(model({(0, 1, 2): c}, 3, 6.0))
    np.testing.assert_allclose(found["turns_at"], np.sqrt(3) * W / c / 6, rtol=2e-3)
    assert found["turns_at"] >= np.sqrt(3) * W / c / 6 * (1 - 1e-12)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    terms = {}
    for i, j, k in np.ndindex(3, 3, 3):
        key = tuple(sorted((i, j, k)))
        terms[key] = terms.get(key, 0.0) + c * turn[0, i] * turn[1, j] * turn[2, k]
    again = polynomial_bounds(model(terms, 3, 6.0))
    np.testing.assert_allclose(again["turns_at"], found["turns_at"], rtol=4e-3)


def test_the_proof_holds_and_is_not_given_where_it_is_wrong():
    """Norms never prove what a ray contradicts, at any range."""
    rng = np.random.default_rng(4)
    proved = 0
    for _ in range(40):
        c3, c4 = rng.normal(size=2) * W * 0.3
        potential = model({(0, 1, 2): c3, (0, 0, 1, 1): c4, (2,) * 4: -abs(c4)}, 3, float(rng.uniform(0.1, 3)))
        found = polynomial_bounds(potential)
        if found["method"] != "proof":
            continue
        proved += 1
        a = potential.amplitude_range[0]
        x, y, z = rng.normal(size=(3, 4000))
        length = np.sqrt(x**2 + y**2 + z**2)
        x, y, z = (v / length * a * rng.uniform(0, 1, 4000) for v in (x, y, z))
        radial = W * (x**2 + y**2 + z**2) + 3 * c3 * x * y * z + 4 * (c4 * x**2 * y**2 - abs(c4) * z**4)
        assert radial.min() > 0
    assert 5 < proved < 40


def test_terms_of_second_order_count():
    """W (x² + y²)/2 + c x y falls along (1, −1) if c > W, and needs no more than its Hessian otherwise."""
    falling = polynomial_bounds(model({(0, 1): 1.1 * W}, 2, 1.0))
    assert falling["turns_at"] == falling["falls_below_at"] == 0
    assert "turns_at" not in polynomial_bounds(model({(0, 1): 0.9 * W}, 2, 1.0))


def test_what_cannot_be_judged_is_said():
    for reach in (None, [0.0], [-1.0], [np.nan], [np.inf]):
        unknown = replace(model({(0,) * 4: 1.0}, 1, 1.0), amplitude_range=reach)
        assert polynomial_bounds(unknown) == {"method": "unknown"}
    assert polynomial_bounds(model({(0,) * 4: 1.0}, 1, 1.0, frequency=-1.0)) == {"method": "unstable"}


def test_a_fit_says_it(tmp_path):
    small = lattice.fit_potential(crystal(), calculator(), order=3, amplitudes=(0.01, 0.02))
    assert small.source["fit"]["bounds"] == {"method": "proof"}
    assert not any("turns downwards" in words for words in coupling_table(small)["warnings"])
    # a cubic polynomial of large motions is not bounded
    large = replace(small, amplitude_range=np.full(small.n_modes, 50.0))
    bounds = polynomial_bounds(large)
    assert bounds["turns_at"] < 1
    report = {**small.source["fit"], "bounds": bounds}
    stored = replace(large, source={**small.source, "fit": report})
    assert any(
        "turns downwards" in words and bounds["along"][0] in words for words in coupling_table(stored)["warnings"]
    )
    for name in ("p.toml", "p.nc"):
        stored.save(tmp_path / name)
        assert lattice.load_potential(tmp_path / name).source["fit"]["bounds"] == bounds
