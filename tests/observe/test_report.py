"""The report of a run: its keys, its numbers by a second road, its symmetry, and its verdict."""

import json
from dataclasses import replace

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential

from lattice.anharmonic.files import load_potential
from lattice.dynamics.pulse import Pulse, default_pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.observe.report import cautions, multiplet_row, run_report, summary_of
from lattice.observe.selection import Selection, select
from lattice.observe.verdict import channel_share, verdict

ROW_KEYS = {
    "multiplet",
    "irrep",
    "frequency_THz",
    "linewidth_THz",
    "peak_L_hbar",
    "peak_displacement_A",
    "helicity",
    "spectral_peak_THz",
}
LEDGER_KEYS = {
    "channel",
    "source_hbar",
    "transferred_hbar",
    "crystal_hbar",
    "ratio",
    "crystal_per_quantum",
    "closure",
}


@pytest.fixture(scope="module")
def potential():
    return load_potential("Bi2Se3")


@pytest.fixture(scope="module")
def run(potential):
    return simulate(potential, default_pulse(potential), 20.0)


@pytest.fixture(scope="module")
def report(run, potential):
    return run_report(run, potential)


def rows_of(report):
    return {row["multiplet"]: row for row in report["multiplets"]}


def test_keys_are_those_of_the_contract(report):
    assert set(report) == {"pulse", "axis", "multiplets", "ledger", "step_error", "verdict", "warnings"}
    assert all(set(row) == ROW_KEYS for row in report["multiplets"])
    assert set(report["ledger"]) == LEDGER_KEYS
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_main_job_shows_one_and_one_make_minus_one(report):
    rows = rows_of(report)
    driver, receiver = rows["Eu(1)"], rows["Eg(2)"]
    assert driver["helicity"] >= 0.95
    assert receiver["helicity"] <= -0.95
    assert receiver["spectral_peak_THz"] / driver["spectral_peak_THz"] == pytest.approx(2.0, abs=0.08)
    assert driver["peak_L_hbar"] > 0 > receiver["peak_L_hbar"]
    assert report["ledger"]["ratio"] == pytest.approx(2.0, abs=1e-6)
    assert report["ledger"]["crystal_per_quantum"] == pytest.approx(3.0, abs=1e-6)
    assert report["ledger"]["closure"] <= 1e-9
    assert report["step_error"] <= 1e-8
    assert report["verdict"].startswith("1 + 1 = -1: ")
    assert "ΔM = +3 about a 3-fold axis" in report["verdict"]
    assert report["warnings"] == []


def test_the_opposite_pulse_gives_the_mirror_image(report, potential):
    mirrored = run_report(simulate(potential, default_pulse(potential, -1.0), 20.0), potential)
    for name, row in rows_of(mirrored).items():
        other = rows_of(report)[name]
        assert row["peak_L_hbar"] == pytest.approx(-other["peak_L_hbar"], abs=1e-10)
        assert row["peak_displacement_A"] == pytest.approx(other["peak_displacement_A"], abs=1e-10)
        if row["helicity"] is not None:
            assert row["helicity"] == pytest.approx(-other["helicity"], abs=1e-9)
            assert row["spectral_peak_THz"] == pytest.approx(other["spectral_peak_THz"], abs=1e-9)
    assert mirrored["verdict"].startswith("1 + 1 = -1: ")
    assert "ΔM = -3" in mirrored["verdict"]
    assert "takes -3.00 ħ" in mirrored["verdict"]


def test_displacements_by_a_second_road(report, run):
    Q, e, mass = run["Q"].values, run["eigenvector"].values, run["mass"].values
    for name, row in rows_of(report).items():
        largest = {}
        for atom, species in enumerate(run["species"].values.tolist()):
            u = sum(
                Q[:, s, None] * e[s, atom] / mass[atom] ** 0.5
                for s in range(len(e))
                if run["mode_multiplet"].values[s] == name
            )
            largest[species] = max(largest.get(species, 0.0), float(np.sqrt((u**2).sum(axis=1)).max()))
        assert row["peak_displacement_A"] == pytest.approx(largest, abs=1e-15)


def test_peak_L_is_signed_and_along_the_axis(report, run):
    L = run["L"].values @ run["rotation_axis"].values
    for i, name in enumerate(run["multiplet"].values.tolist()):
        peak = rows_of(report)[name]["peak_L_hbar"]
        assert abs(peak) == pytest.approx(np.abs(L[:, i]).max(), abs=1e-300)
        assert (L[:, i] == peak).any()


def test_rows_do_not_depend_on_the_basis_of_the_pair():
    # Turning the pulse by 40° turns the motion of u by 40° and of g by −80°: nothing that is reported changes.
    potential = d3d_potential()
    one, two = (
        run_report(simulate(potential, Pulse(0.3, 2.05, 1.0, helicity=0.6, angle=a), 10.0), potential)
        for a in (0.0, 40.0)
    )
    for a, b in zip(one["multiplets"], two["multiplets"], strict=True):
        for key in ("peak_L_hbar", "helicity", "spectral_peak_THz"):
            assert a[key] == pytest.approx(b[key], abs=2e-8), key


def test_singlets_have_no_helicity_and_still_modes_no_peak(report, potential):
    rows = rows_of(report)
    assert rows["A1g(1)"]["helicity"] is None
    assert rows["A1g(1)"]["spectral_peak_THz"] is not None
    assert rows["A2u(1)"]["spectral_peak_THz"] is not None
    # Without its couplings to pairs A2u(1) stays where it is: light along the axis alone would move it.
    without = replace(potential, coefficient=potential.coefficient * ["A2u" not in name for name in potential.channel])
    still = rows_of(run_report(simulate(without, default_pulse(without), 3.0), without))
    assert still["A2u(1)"]["spectral_peak_THz"] is None


def test_linear_light_shows_nothing_and_says_why(potential):
    pulse = default_pulse(potential, 0.0)
    linear = run_report(simulate(potential, pulse, 10.0), potential)
    assert all(abs(row["peak_L_hbar"]) < 1e-10 for row in linear["multiplets"])
    assert linear["verdict"].startswith("not shown: the drive is not circular")
    assert linear["ledger"]["ratio"] is None
    assert linear["ledger"]["crystal_per_quantum"] is None


def test_what_was_not_recorded_is_null(potential):
    bare = simulate(potential, default_pulse(potential), 5.0, record=Record(quantities=("E",)))
    result = run_report(bare, potential)
    assert result["ledger"] == dict.fromkeys(LEDGER_KEYS) | {"closure": pytest.approx(0.0, abs=1e-9)}
    for row in result["multiplets"]:
        assert row["helicity"] is row["spectral_peak_THz"] is row["peak_L_hbar"] is row["peak_displacement_A"] is None
    assert result["verdict"].startswith("not shown: the motion was not recorded")


def test_several_pulses_are_listed(potential):
    pulses = [Pulse(0.1, 2.05, 1.0), Pulse(0.1, 4.05, 0.5, helicity=-1)]
    both = run_report(simulate(potential, pulses, 6.0), potential)
    assert [pulse["frequency"] for pulse in both["pulse"]] == [2.05, 4.05]


def test_warnings_say_what_is_beyond_the_model(potential):
    strong = simulate(potential, Pulse(3.0, 2.05, 1.0), 6.0)
    words = cautions(strong)
    assert any("nearest neighbour" in word for word in words)
    assert any("Eu(1) by a factor" in word for word in words)
    cut = simulate(potential, Pulse(0.1, 2.05, 1.0), 3.0)
    assert cautions(cut) == ["pulse 0 is not over at the end of the run: make it longer than 3 ps"]
    rough = cut.assign(step_error=1e-3, status=2, message="the step error is above rtol at the smallest step")
    assert [word.split(":")[0] for word in cautions(rough)[:2]] == [
        "the run did not end well",
        "the step error is 1.0e-03",
    ]


def test_an_imaginary_frequency_is_a_warning():
    terms = [([0], [0], -0.01, "dipole"), ([0, 0, 0, 0], [], 0.05, "quartic")]
    soft = make_potential([-0.5], [0.1], ["Eu(1)"], terms)
    assert cautions(simulate(soft, Pulse(0.1, 1.0, 1.0), 6.0)) == ["imaginary frequencies: Eu(1)"]


class TestVerdict:
    """Each condition, broken by itself."""

    @pytest.fixture
    def good(self, report, run, potential):
        rows = {name: dict(row) for name, row in rows_of(report).items()}
        summary = dict(summary_of(run))
        return {"rows": rows, "summary": summary, "selection": select(potential, rows, summary), "run": run}

    def test_all_together_hold(self, good):
        assert verdict(**good).startswith("1 + 1 = -1: two quanta of Eu(1) (m = +1, helicity +1.000, 2.07 THz)")

    @pytest.mark.parametrize(
        ("where", "change", "reason"),
        [
            ("summary", {"driver": None}, "no multiplet has a mode charge"),
            ("summary", {"receiver": None}, "no cubic channel"),
            ("summary", {"closure": 1e-6}, "the ledger closes only to 1.0e-06"),
            ("summary", {"ratio": None}, "no angular momentum went through"),
            ("summary", {"ratio": 1.9}, "1.9000 : 1 : -3.0000"),
            ("summary", {"crystal_per_quantum": 2.9}, "2.0000 : 1 : -2.9000"),
            ("Eu(1)", {"helicity": 0.5}, "the drive is not circular"),
            ("Eu(1)", {"helicity": None}, "does not rotate"),
            ("Eg(2)", {"helicity": None}, "does not rotate"),
            ("Eg(2)", {"helicity": 0.99}, "moves with helicity +0.990, not -1"),
            ("Eg(2)", {"helicity": -0.9}, "moves with helicity -0.900, not -1"),
            ("Eg(2)", {"spectral_peak_THz": 3.5}, "times the frequency of Eu(1), not 2"),
        ],
    )
    def test_each_condition_is_a_reason(self, good, where, change, reason):
        target = good["summary"] if where == "summary" else good["rows"][where]
        target.update(change)
        assert verdict(**good).startswith("not shown: ")
        assert reason in verdict(**good)

    def test_the_step_error_is_a_reason(self, good):
        good["run"] = good["run"].assign(step_error=1e-3)
        assert "the step error is 1.0e-03" in verdict(**good)

    def test_another_path_is_a_reason(self, good, run):
        ledger = run["ledger"].copy()
        ledger.loc[{"channel": "light2", "multiplet": "Eg(2)"}] = [0.0, 0.0, -5.0]
        good["run"] = run.assign(ledger=ledger)
        assert "gives only 11 % of what drives Eg(2)" in verdict(**good)

    def test_umklapp_is_decided_by_m_alone(self, good):
        good["selection"] = Selection(1, 2, 0, 6)
        assert "ΔM = 0: pseudo-angular momentum is conserved, no Umklapp" in verdict(**good)
        good["selection"] = None
        assert "ΔM is unknown" in verdict(**good)


def test_share_of_a_channel_is_that_of_its_torque(run):
    # E_g2 takes part in E_u1 E_u2 E_g2 as well, so E_u1² E_g2 has most of it but not all.
    share = channel_share(run, "Eu(1)^2 Eg(2)", "Eg(2)")
    assert 0.98 < share < 1.0
    others = [c for c in run["channel"].values.tolist() if c not in ("damping", "noise")]
    assert sum(channel_share(run, c, "Eg(2)") for c in others) == pytest.approx(1.0)


def test_one_row_of_a_singlet_potential():
    oscillator = make_potential([2.0], [0.1], ["A2u(1)"], [([0], [2], -0.01, "dipole")])
    run = simulate(oscillator, Pulse(0.1, 2.0, 1.0, axis=(1, 0, 0), angle=90), 10.0)
    row = multiplet_row(run, "A2u(1)")
    assert row["irrep"] is None
    assert row["peak_displacement_A"] is None
    assert row["helicity"] is None
    assert row["spectral_peak_THz"] == pytest.approx(2.0, abs=0.02)


def test_a_thermal_run_is_trusted_to_the_accuracy_that_is_asked_of_it(potential):
    pulse = default_pulse(potential)
    hot = simulate(potential, pulse, 6.0, temperature=10.0, seed=1)
    assert float(hot["step_error"]) > 1e-7
    assert not any("step error" in word for word in cautions(hot))
    assert "step error" not in run_report(hot, potential)["verdict"]
    rough = hot.assign(step_error=2e-3)
    assert "the step error is 2.0e-03: lower rtol" in cautions(rough)
    assert "the step error is 2.0e-03" in run_report(rough, potential)["verdict"]
