"""The book of a run as plain numbers, and which trajectory of an ensemble it is of."""

import numpy as np
import pytest
from model_potentials import d3d_potential

from lattice import InputError, Pulse, simulate, simulate_ensemble
from lattice.observe.book import ledger_report, one_trajectory

PULSES = [Pulse(0.1, 2.05, 1.0), Pulse(0.3, 2.05, 1.0, helicity=-1.0)]


def test_a_trajectory_of_an_ensemble_has_the_book_of_its_own_run():
    runs = simulate_ensemble(d3d_potential(), PULSES, 3.0)
    for number, pulse in enumerate(PULSES):
        alone = ledger_report(simulate(d3d_potential(), pulse, 3.0))
        chosen = ledger_report(one_trajectory(runs, number))
        assert chosen["gross_hbar"] == pytest.approx(alone["gross_hbar"], rel=1e-9)
        light = [{row["channel"]: row for row in report["rows"]}["light"] for report in (alone, chosen)]
        assert np.sign(light[1]["received_hbar"]["Eu(1)"]) == (1, -1)[number]
        assert light[1]["received_hbar"] == pytest.approx(light[0]["received_hbar"], rel=1e-9)
    for number in (None, 2, -1):
        with pytest.raises(InputError, match="One trajectory"):
            one_trajectory(runs, number)


def test_a_run_is_its_own_only_trajectory():
    run = simulate(d3d_potential(), PULSES[0], 1.0)
    assert one_trajectory(run) is one_trajectory(run, 0) is run
    for number in (1, -1):
        with pytest.raises(InputError, match="One trajectory"):
            one_trajectory(run, number)
