"""Polynomials: substitution is evaluation at the turned point, and tables survive the way there and back."""

import numpy as np
from scipy.stats import ortho_group

from lattice.anharmonic.polynomial import channel_name, padded, polynomial_from_table, substitute


def value(polynomial, q, e):
    return sum(c * np.prod(q[list(modes)]) * np.prod(e[list(fields)]) for (modes, fields), c in polynomial.items())


def test_substitution_is_evaluation_at_the_turned_point():
    rng = np.random.default_rng(0)
    polynomial = {
        ((0, 0, 2), ()): 1.3,
        ((1, 2, 2, 3), ()): -0.4,
        ((1,), (2,)): 0.7,
        ((0, 3), (1,)): 0.2,
        ((3,), (0, 1)): -1.1,
        ((0, 1, 1, 2, 3, 3), ()): 0.05,
    }
    turn, rotation = ortho_group.rvs(4, random_state=rng), ortho_group.rvs(3, random_state=rng)
    turned = substitute(polynomial, turn, rotation)
    for _ in range(5):
        q, e = rng.normal(size=4), rng.normal(size=3)
        np.testing.assert_allclose(value(turned, q, e), value(polynomial, turn @ q, rotation @ e), rtol=1e-12)


def test_rows_of_the_same_monomial_add_up():
    table = polynomial_from_table(np.array([1.0, 2.0]), np.array([[1, 0, -1], [0, 1, -1]]), padded([(), ()]))
    assert table == {((0, 1), ()): 3.0}


def test_padding():
    np.testing.assert_array_equal(padded([(0, 1, 2), (3,), ()]), [[0, 1, 2], [3, -1, -1], [-1, -1, -1]])
    assert padded([]).shape == (0, 0)


def test_channel_names():
    assert channel_name(["Eu(1)", "Eu(1)", "Eg(2)"]) == "Eu(1)^2 Eg(2)"
    assert channel_name(["Eg(1)", "Eu(1)", "Eu(1)"]) == "Eu(1)^2 Eg(1)"
    assert channel_name(["Eg(1)", "Eu(1)", "Eu(2)"]) == "Eg(1) Eu(1) Eu(2)"
    assert channel_name(["Eg(2)"] * 3) == "Eg(2)^3"
