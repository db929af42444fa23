"""The ledger against time: a second road to the integrator's book."""

import numpy as np
import pytest
from model_potentials import d3d_potential, random_potential

from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.observe.ledger_series import ledger_series
from lattice.observe.multiplet_motion import along_axis

PULSE = Pulse(0.3, 2.05, 1.0)


@pytest.mark.parametrize("potential", [d3d_potential(a1g=8e-4), random_potential()], ids=["D3d", "no symmetry"])
def test_it_ends_at_the_book_and_adds_up_to_L_at_every_time(potential):
    run = simulate(potential, PULSE, 8.0)
    series, book, L = ledger_series(run), along_axis(run, "ledger"), along_axis(run, "L")
    gross = np.abs(book).sum()
    assert gross > 0.01
    assert np.abs(series[-1] - book).max() < 1e-5 * gross
    assert np.abs(series.sum(axis=1) - (L - L[0])).max() < 1e-5 * gross
    assert not series[0].any()


def test_what_was_not_recorded_or_is_too_coarse_or_hot_has_no_series():
    potential = d3d_potential()
    for record in (
        Record(quantities=("Q", "P", "L")),
        Record(quantities=("Q", "L", "E")),
        Record(start=1.0),
    ):
        assert ledger_series(simulate(potential, PULSE, 8.0, record=record)) is None
    assert ledger_series(simulate(random_potential(), PULSE, 8.0, record=Record(every=0.4))) is None
    assert ledger_series(simulate(potential, PULSE, 4.0, temperature=300.0, rtol=1e-3)) is None


def test_without_motion_it_is_zero():
    series = ledger_series(simulate(d3d_potential(), (), 2.0))
    assert series is not None
    assert not series.any()


def test_a_recorded_ledger_is_taken_as_it_is():
    potential = d3d_potential(a1g=8e-4)
    made = ledger_series(simulate(potential, PULSE, 6.0))
    run = simulate(potential, PULSE, 6.0, record=Record(0.01, quantities=("L", "ledger")))
    kept = ledger_series(run)
    assert np.abs(kept - made).max() < 1e-5 * np.abs(made).max()
    np.testing.assert_allclose(kept[-1], along_axis(run, "ledger"), atol=1e-14)


@pytest.mark.parametrize(("n_times", "shown"), [(3, False), (4, True), (5, True)])
def test_a_cubic_needs_four_recorded_times(n_times, shown):
    run = simulate(d3d_potential(), (), 2.0, record=Record(every=2.0 / (n_times - 1)))
    assert len(run["time"]) == n_times
    assert (ledger_series(run) is not None) == shown
