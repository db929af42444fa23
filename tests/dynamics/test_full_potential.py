"""Runs with a calculator's forces: against Newton's equations of all atoms, and against the polynomial they check."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from lennard_jones import BondCalculator, calculator, crystal
from scipy.integrate import solve_ivp

import lattice
from lattice import units
from lattice.anharmonic.forces import atoms_of
from lattice.dynamics.full_motion import SRKN6, VERLET
from lattice.dynamics.full_potential import simulate_full_potential
from lattice.dynamics.pulse import total_field
from lattice.dynamics.table import RESERVED
from lattice.dynamics.twin import twin_of_run

RECORD = lattice.Record(every=0.02)
BOOKED = lattice.Record(every=0.02, quantities=("Q", "P", "L", "E", "ledger"))
DURATION = 1.2


@pytest.fixture(scope="module")
def cubic():
    return lattice.fit_potential(crystal(), BondCalculator(), order=3, amplitudes=(0.01, 0.02))


@pytest.fixture(scope="module")
def quartic():
    return lattice.fit_potential(crystal(), BondCalculator(), order=4, amplitudes=(0.02, 0.04, 0.06))


def pulse_for(potential, amplitude, helicity=1.0):
    return replace(lattice.default_pulse(potential, helicity), amplitude=amplitude, duration=0.3, center=0.5)


def facts(run):
    return json.loads(run.attrs["provenance"])["full_potential"]


def newton(potential, pulse, duration, times):
    """Q of Newton's equations for all atoms under F + Zᵀ E and the friction of the modes, no normal modes in them."""
    c, engine, e = crystal(), BondCalculator(), potential.eigenvectors
    weight = np.sqrt(c.masses)[:, None]
    gamma = units.TWO_PI * potential.linewidth

    def rate(t, y):
        u, v = y.reshape(2, -1, 3)
        E = total_field((pulse.about(potential.axis),), np.array([t]))[0]
        force = units.EV * engine.get_forces(atoms_of(c, u)) + units.FIELD_FORCE * np.einsum(
            "a,kab->kb", E, c.born_charges
        )
        force -= np.einsum("s,ska->ka", gamma * np.einsum("ska,ka->s", e, weight * v), e) * weight
        return np.concatenate([v, force / c.masses[:, None]]).ravel()

    solved = solve_ivp(
        rate,
        (0, duration),
        np.zeros(6 * c.n_atoms),
        method="DOP853",
        rtol=1e-9,
        atol=1e-12,
        t_eval=times,
        max_step=0.05,
    )
    u = solved.y[: 3 * c.n_atoms].T.reshape(-1, c.n_atoms, 3)
    return np.einsum("ska,tka->ts", e, u * weight)


def test_bonds_are_the_calculator():
    moved = atoms_of(crystal(), 0.05 * np.random.default_rng(0).normal(size=(5, 3)))
    np.testing.assert_allclose(BondCalculator().get_forces(moved), calculator().get_forces(moved), atol=1e-12)


def test_every_force_call_is_counted(cubic):
    class Counter(BondCalculator):
        made = 0

        def get_forces(self, atoms):
            type(self).made += 1
            return super().get_forces(atoms)

    pulse = pulse_for(cubic, 0.1)
    run = simulate_full_potential(cubic, pulse, 0.1, calculator=Counter(), record=RECORD, rtol=1e-3)
    assert facts(run)["force_calls"] == Counter.made > 1


@pytest.mark.parametrize(("chosen", "linewidth"), [(None, 0.3), (["Eu(1)", "Eg(1)"], 0.0)])
def test_motion_is_that_of_newtons_equations(chosen, linewidth, cubic):
    """With all modes and friction, and with modes left out, which light then moves too."""
    potential = lattice.fit_potential(
        cubic.modes.crystal, BondCalculator(), order=3, amplitudes=(0.01, 0.02), multiplets=chosen, linewidth=linewidth
    )
    pulse = pulse_for(potential, 0.5, helicity=0.6)
    run = simulate_full_potential(
        potential, pulse, DURATION, BondCalculator(), record=RECORD, born_charges=crystal().born_charges
    )
    exact = newton(potential, pulse, DURATION, run["time"].values)
    for name in potential.multiplets:
        own = potential.multiplet == name
        assert np.abs(run["Q"].values - exact)[:, own].max() < 2e-5 * np.abs(exact[:, own]).max()
    book = lattice.ledger(run)
    assert float(book["closure_axial"]) < 1e-12
    assert facts(run)["outside_A"] > 1e-3 if chosen else facts(run)["outside_A"] == 0.0


@pytest.mark.parametrize(("order", "power"), [(3, 2), (4, 4)])
def test_the_polynomial_errs_at_its_truncation_order(order, power, cubic, quartic):
    """Relative error of the driven pair ∝ E² without, E⁴ with quartic terms; torque of what remains ∝ E⁴ and E⁶."""
    potential = {3: cubic, 4: quartic}[order]
    error, remains = [], []
    for amplitude in (0.2, 0.1):
        pulse = pulse_for(potential, amplitude)
        full = simulate_full_potential(potential, pulse, DURATION, BondCalculator(), record=RECORD)
        ours = lattice.simulate(potential, pulse, DURATION, record=RECORD)
        driven = potential.multiplet == "Eu(2)"
        gap = np.abs(full["Q"].values - ours["Q"].values)[:, driven].max()
        error.append(gap / np.abs(ours["Q"].values[:, driven]).max())
        remains.append(float(np.abs(full["ledger"].sel(channel="exchange")).max()))
        assert full["channel"].values.tolist()[-4:] == ["exchange", "harmonic", "damping", "noise"]
    assert error[0] / error[1] == pytest.approx(2**power, rel=0.12)
    assert remains[0] / remains[1] == pytest.approx(2 ** (power + 2), rel=0.15)


def test_every_row_is_the_torque_of_its_forces(cubic):
    """In weak light every row is that of the polynomial run; the crystal takes what remains, not the light."""
    pulse = pulse_for(cubic, 0.02)
    full = simulate_full_potential(cubic, pulse, DURATION, BondCalculator(), record=RECORD)
    ours = lattice.simulate(cubic, pulse, DURATION, record=RECORD)
    gross = float(lattice.ledger(ours)["gross_axial"])
    for row in ours["channel"].values.tolist():
        gap = np.abs(full["ledger"].sel(channel=row).values - ours["ledger"].sel(channel=row).values).max()
        assert gap < 1e-3 * gross
    gross_energy = float(np.abs(ours["energy_ledger"]).sum())
    assert gross_energy > 0
    for row in ours["channel"].values.tolist():
        gap = np.abs(full["energy_ledger"].sel(channel=row).values - ours["energy_ledger"].sel(channel=row).values)
        assert gap.max() < 1e-3 * gross_energy
    np.testing.assert_allclose(full["crystal"].sel(channel="light").values, 0.0)
    np.testing.assert_allclose(
        full["crystal"].sel(channel="exchange").values,
        -full["ledger"].sel(channel="exchange").sum("multiplet").values,
        atol=1e-18,
    )


def test_energy_is_kept(cubic):
    Q0 = np.zeros(cubic.n_modes)
    Q0[cubic.labels == "Eu(1)x"] = 0.3
    run = simulate_full_potential(
        cubic, (), DURATION, BondCalculator(), record=BOOKED, initial=(Q0, np.zeros(cubic.n_modes))
    )
    e, weight = cubic.eigenvectors, np.sqrt(crystal().masses)[:, None]
    home = crystal().positions @ crystal().cell
    engine = BondCalculator()
    potential = np.array([engine.energy(home + np.tensordot(Q, e, axes=1) / weight) for Q in run["Q"].values])
    kinetic = 0.5 * (run["P"].values ** 2).sum(axis=1) / units.EV
    total = kinetic + potential
    assert np.ptp(total) < 1e-5 * np.ptp(kinetic)
    assert np.ptp(kinetic) > 1e-4
    # What anharmonic rows and the rest of the calculator's forces gave is what its anharmonic energy lost.
    spring = units.TWO_PI * cubic.frequency
    stretched = 0.5 * ((spring * run["Q"].values) ** 2).sum(axis=1) / units.EV
    inside = [row for row in run["channel"].values.tolist() if row not in RESERVED]
    given = run["energy_series"].sel(channel=inside).sum(("channel", "multiplet")).values
    lost = (potential - stretched)[0] - (potential - stretched)
    tolerance = 1e-5 * np.ptp(kinetic)
    assert np.ptp(lost) > 100 * tolerance
    np.testing.assert_allclose(given, lost, atol=tolerance)


@pytest.mark.parametrize("method", ["srkn6", "verlet"])
def test_books_close_at_every_recorded_time(method, cubic):
    """Both, to round-off, from a state in motion and a record that begins and ends within the run."""
    Q0 = np.where(cubic.multiplet == "Eg(2)", 0.2, 0.1)
    record = lattice.Record(every=0.03, start=0.05, quantities=("Q", "P", "ledger"))
    run = simulate_full_potential(
        cubic, pulse_for(cubic, 0.5), 0.4, BondCalculator(), record=record, initial=(Q0, np.zeros(cubic.n_modes)),
        method=method, rtol=1e-2,
    )  # fmt: skip
    twin = twin_of_run(run)
    start, path = (Q0, np.zeros(cubic.n_modes)), (run["Q"].values, run["P"].values)
    gross, gross_energy = float(np.abs(run["ledger"]).sum()), float(np.abs(run["energy_ledger"]).sum())
    for name, of, size in (("ledger", "angular_momentum", gross), ("energy", "energy", gross_energy)):
        gained = getattr(twin, of)(*path) - getattr(twin, of)(*start)
        assert np.abs(gained).max() > 1e-4 * size
        np.testing.assert_allclose(run[f"{name}_series"].sum("channel").values, gained, atol=1e-11 * size)
    np.testing.assert_allclose(run["energy_ledger"].sum("channel"), run["energy_change"], atol=1e-11 * gross_energy)
    spring = np.abs(run["energy_series"].sel(channel="harmonic").values).max()
    assert spring == 0.0 if method == "srkn6" else 0.0 < spring < 0.1 * gross_energy


def test_verlet_is_another_road_of_order_two(cubic):
    pulse = pulse_for(cubic, 0.3)
    reference = simulate_full_potential(cubic, pulse, 0.8, BondCalculator(), record=RECORD)
    error = []
    for every in (0.02, 0.01):
        run = simulate_full_potential(
            cubic, pulse, 0.8, BondCalculator(), record=lattice.Record(every=every), method="verlet", rtol=1e-2
        )
        thinned = run["Q"].values[:: round(0.02 / every)]
        error.append(np.abs(thinned - reference["Q"].values).max())
        assert (lattice.ledger(run)["closure"].values < 1e-11).all()
    assert error[0] / error[1] == pytest.approx(4, rel=0.05)
    assert error[1] < 1e-3 * np.abs(reference["Q"].values).max()


@pytest.mark.parametrize(("composition", "order"), [(SRKN6, 4), (VERLET, 2)])
def test_order_of_the_compositions(composition, order):
    """On the Hénon–Heiles oscillator; drifts and kicks each add up to a step."""
    assert composition.drifts.sum() == pytest.approx(1.0, abs=1e-15)
    assert composition.kicks.sum() == pytest.approx(1.0, abs=1e-15)

    def end(n):
        h, q, p = 4.0 / n, np.array([0.4, 0.1]), np.array([0.0, 0.3])
        for _ in range(n):
            for drift, kick in zip(composition.drifts, composition.kicks, strict=False):
                q = q + h * drift * p
                p = p + h * kick * np.array([-q[0] - 2 * q[0] * q[1], -q[1] - q[0] ** 2 + q[1] ** 2])
            q = q + h * composition.drifts[-1] * p
        return q

    exact = end(3200)
    errors = [np.abs(end(n) - exact).max() for n in (20, 40, 80)]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2**order, rel=0.05)


def test_step_error_is_that_of_the_motion(cubic):
    """The change on halving the step, and finer steps where it is above rtol."""
    Q0 = np.where(cubic.multiplet == "Eg(2)", 0.4, 0.2)
    runs = {
        every: simulate_full_potential(
            cubic,
            (),
            0.4,
            BondCalculator(),
            record=lattice.Record(every=every),
            rtol=1e-2,
            initial=(Q0, np.zeros(cubic.n_modes)),
        )
        for every in (0.04, 0.02, 0.0025)
    }
    exact = runs[0.0025]["Q"].values
    for every in (0.04, 0.02):
        found = runs[every]["Q"].values
        scale = [np.abs(exact[:, cubic.multiplet == name]).max() for name in cubic.multiplet]
        error = (np.abs(found - exact[:: round(every / 0.0025)]) / scale).max()
        assert 0 < error < float(runs[every]["step_error"])
    finer = simulate_full_potential(
        cubic,
        (),
        0.4,
        BondCalculator(),
        record=lattice.Record(every=0.04),
        rtol=1e-5,
        initial=(Q0, np.zeros(cubic.n_modes)),
    )
    assert float(finer["step"]) < float(runs[0.04]["step"])
    assert float(finer["step_error"]) <= 1e-5


def test_supercell_moves_as_one_cell_until_it_is_shaken(cubic):
    """Cells move alike under a uniform field; shaken, motions outside Γ begin, and the book still closes."""
    pulse = replace(pulse_for(cubic, 0.5), duration=0.05, center=0.06)
    options = {"record": lattice.Record(every=0.02), "rtol": 1e-2}
    one = simulate_full_potential(cubic, pulse, 0.12, calculator(), **options)
    two = simulate_full_potential(cubic, pulse, 0.12, calculator(), supercell=(2, 1, 1), **options)
    scale = np.abs(one["Q"].values).max()
    np.testing.assert_allclose(two["Q"].values, one["Q"].values, atol=1e-9 * scale)
    assert facts(two)["outside_A"] < 1e-9
    shaken = simulate_full_potential(cubic, pulse, 0.12, calculator(), supercell=(2, 1, 1), rattle=0.02, **options)
    assert 0.01 < facts(shaken)["outside_A"] < 0.2
    assert np.abs(shaken["Q"].values - one["Q"].values).max() > 1e-4 * scale
    assert (lattice.ledger(shaken)["closure"].values < 1e-12).all()
    assert facts(shaken)["supercell"] == [2, 1, 1]


def test_a_structure_that_is_not_relaxed_stays_at_rest_and_says_so():
    unrelaxed = lattice.load("Bi2Se3")
    potential = lattice.fit_potential(unrelaxed, calculator(), order=2, amplitudes=(0.01, 0.02))
    run = simulate_full_potential(potential, (), 0.1, calculator(), record=RECORD, rtol=1e-2)
    assert np.abs(run["Q"].values).max() < 1e-12
    assert facts(run)["rest_force_eV_A"] > 0.1
    from lattice.observe.report import cautions

    assert any("taken off" in words for words in cautions(run))


def test_other_frequencies_are_told(cubic):
    from lattice.anharmonic.overrides import override_multiplets
    from lattice.observe.report import cautions

    other = override_multiplets(
        cubic, {"Eu(1)": {"frequency": 1.1 * float(cubic.frequency[cubic.labels == "Eu(1)x"][0])}}
    )
    for potential, told in ((cubic, False), (other, True)):
        run = simulate_full_potential(potential, pulse_for(cubic, 0.1), 0.1, BondCalculator(), record=RECORD, rtol=1e-2)
        assert any("other frequencies than the potential: Eu(1)" in words for words in cautions(run)) == told
        own = facts(run)["frequency_THz"]
        assert own["Eu(1)"] == pytest.approx(float(cubic.frequency[cubic.labels == "Eu(1)x"][0]), rel=1e-3)


def test_files_keep_it_and_verify_says_what_it_cannot_do(cubic, tmp_path):
    from lattice.dynamics.runfile import load_run, save_run
    from lattice.observe.verify import verify_run

    run = simulate_full_potential(cubic, pulse_for(cubic, 0.1), 0.6, BondCalculator(), record=BOOKED)
    save_run(run, tmp_path / "full.nc")
    np.testing.assert_array_equal(load_run(tmp_path / "full.nc")["Q"].values, run["Q"].values)
    report = verify_run(tmp_path / "full.nc")
    assert report["ok"]
    assert not report["reintegrated"]
    assert any("calculator" in words for words in report["warnings"])
    for name in ("ledger", "energy_ledger", "ledger_series", "energy_series"):
        save_run(run.assign({name: run[name] * 1.1}), tmp_path / "damaged.nc")
        assert not verify_run(tmp_path / "damaged.nc")["ok"]


class Failing:
    def get_forces(self, atoms):
        if np.abs(atoms.positions - crystal().positions @ crystal().cell).max() > 0.005:
            raise RuntimeError("no convergence")
        return np.zeros_like(atoms.positions)


def test_wrong_arguments(cubic):
    pulse = pulse_for(cubic, 0.5)
    good = {"record": RECORD}
    for wrong, words in (
        ({"method": "euler"}, "method"),
        ({"supercell": (0, 1, 1)}, "supercell"),
        ({"supercell": (2, 1)}, "supercell"),
        ({"supercell": (99, 99, 99)}, "supercell"),
        ({"rtol": 1.0}, "rtol"),
        ({"rattle": -1.0}, "rattle"),
        ({"on_failure": "ignore"}, "on_failure"),
        ({"record": 0.01}, "Record"),
        ({"initial": (np.zeros(3), np.zeros(3))}, "initial state"),
        ({"initial": (np.zeros(12), np.zeros(3))}, "initial state"),
        ({"initial": (np.zeros(3), np.zeros(12))}, "initial state"),
        ({"born_charges": np.zeros((2, 3, 3))}, "Born charges"),
    ):
        with pytest.raises(lattice.InputError, match=words):
            simulate_full_potential(cubic, pulse, 0.1, BondCalculator(), **{**good, **wrong})
    for duration in (-1.0, 0.0, np.nan):
        with pytest.raises(lattice.InputError, match="duration"):
            simulate_full_potential(cubic, pulse, duration, BondCalculator(), **good)
    with pytest.raises(lattice.InputError, match="no pulse"):
        simulate_full_potential(cubic, [3], 0.1, BondCalculator(), **good)
    with pytest.raises(lattice.InputError, match="atoms of the potential"):
        simulate_full_potential(replace(cubic, crystal=None, modes=None), pulse, 0.1, BondCalculator(), **good)
    renamed = replace(cubic, channel=np.where(cubic.channel == cubic.channel[0], "exchange", cubic.channel))
    with pytest.raises(lattice.InputError, match="exchange"):
        simulate_full_potential(renamed, pulse, 0.1, BondCalculator(), **good)
    with pytest.raises(lattice.FitError, match="no convergence"):
        simulate_full_potential(cubic, pulse, 0.6, Failing(), **good)
