"""What must come out of the main job, on the bundled crystal with all of its couplings."""

import numpy as np
import pytest

from lattice.anharmonic.files import load_potential
from lattice.dynamics.ledger import ledger
from lattice.dynamics.pulse import Pulse, default_pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.observe.multiplet_motion import along_axis
from lattice.observe.report import run_report
from lattice.observe.spectrum import signed_spectrum


@pytest.fixture(scope="module")
def potential():
    return load_potential("Bi2Se3")


def driven(potential, *, amplitude=0.3, helicity=0.0, angle=0.0, duration=10.0):
    return simulate(potential, Pulse(amplitude, 2.05, 1.0, helicity=helicity, angle=angle), duration)


def motion(run, multiplet):
    """Q of a multiplet, ``(n_times, its coordinates)``."""
    return run["Q"].values[:, run["mode_multiplet"].values == multiplet]


def force_on(run, potential, multiplet):
    """−∂V/∂Q of the first coordinate of a multiplet by all terms without a field, in eV/(Å√amu)."""
    Q, s = run["Q"].values, int(np.flatnonzero(potential.multiplet == multiplet)[0])
    force = np.zeros(len(Q))
    for c, modes, axes in zip(potential.coefficient, potential.mode_index, potential.field_axis, strict=True):
        factors = modes[modes >= 0].tolist()
        if s in factors and not (axes >= 0).any():
            power = factors.count(s)
            rest = [other for other in factors if other != s]
            force -= c * power * Q[:, s] ** (power - 1) * np.prod(Q[:, rest], axis=1)
    return force


@pytest.mark.parametrize("angle", [0.0, 90.0, 60.0, -30.0])
def test_linear_light_along_a_symmetry_direction_turns_nothing(potential, angle):
    # Cartesian x is a two-fold axis and y lies in a mirror plane; both recur every 60°.
    run = driven(potential, angle=angle)
    assert np.abs(motion(run, "Eg(2)")).max() > 1e-2
    assert np.abs(along_axis(run, "L")).max() < 1e-10
    # What symmetry leaves is L along the two-fold axis: Eg and A1g together turn the atoms about it.
    two_fold = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0.0])
    if angle % 60.0:
        two_fold = np.array([-two_fold[1], two_fold[0], 0.0])
    L = run["L"].values
    assert np.abs(L - (L @ two_fold)[..., None] * two_fold).max() < 1e-10


@pytest.mark.parametrize(("turn", "answer"), [(120.0, 120.0), (60.0, -120.0), (25.0, -50.0)])
def test_turning_linear_light_turns_the_answer_by_minus_twice_the_angle(potential, turn, answer):
    # By −2φ through the one channel of the headline; by a symmetry of the crystal, 120°, through all of them together.
    u0, u1 = (motion(driven(potential, angle=a, amplitude=0.01), "Eu(1)") @ [1, 1j] for a in (10.0, 10.0 + turn))
    g0, g1 = (motion(driven(potential, angle=a, amplitude=0.01), "Eg(2)") @ [1, 1j] for a in (10.0, 10.0 + turn))
    tolerance = 1e-6 if turn == 120.0 else 2e-3
    assert np.abs(u1 - u0 * np.exp(1j * np.radians(turn))).max() < tolerance * np.abs(u0).max()
    assert np.abs(g1 - g0 * np.exp(1j * np.radians(answer))).max() < tolerance * np.abs(g0).max()


def test_the_answer_grows_as_the_square_of_the_field(potential):
    fields = np.array([0.01, 0.02, 0.03])
    peaks = [
        np.linalg.norm(motion(driven(potential, amplitude=E, helicity=1.0), "Eg(2)"), axis=1).max() for E in fields
    ]
    assert peaks / fields**2 == pytest.approx(peaks[0] / fields[0] ** 2, rel=0.02)


@pytest.mark.parametrize("singlet", ["A1g(1)", "A1g(2)"])
def test_circular_light_gives_singlets_no_force_at_twice_the_frequency(potential, singlet):
    power = {}
    for helicity in (0.0, 1.0):
        run = driven(potential, amplitude=0.01, helicity=helicity, duration=20.0)
        nu, spectrum = signed_spectrum(run["time"].values, force_on(run, potential, singlet))
        power[helicity] = spectrum[np.abs(nu - 4.10) < 0.1].max()
    assert np.sqrt(power[1.0] / power[0.0]) < 1e-4
    assert power[0.0] > 0


def test_every_row_closes_along_every_axis(potential):
    pulse = default_pulse(potential)
    tilted = Pulse(pulse.amplitude, pulse.frequency, pulse.duration, helicity=0.7, axis=(0.3, -0.5, 0.8))
    book = ledger(simulate(potential, tilted, 10.0))
    assert float(book["closure_axial"]) <= 1e-9
    assert book["closure"].values == pytest.approx(0.0, abs=1e-9)
    # A tilted pulse moves A2u too, which M links to Eu across unequal frequencies.
    assert np.abs(book["ledger"].sel(channel="harmonic").values).max() > 1e-6


def test_the_channel_of_the_headline_reads_two_to_one_to_minus_three(potential):
    book = ledger(simulate(potential, default_pulse(potential), 20.0))
    rows = book["ledger_axial"].sel(channel="Eu(1)^2 Eg(2)")
    source, transferred = float(rows.sel(multiplet="Eu(1)")), float(rows.sel(multiplet="Eg(2)"))
    crystal = float(book["crystal_axial"].sel(channel="Eu(1)^2 Eg(2)"))
    assert source / transferred == pytest.approx(2.0, abs=1e-6)
    assert crystal / transferred == pytest.approx(-3.0, abs=1e-6)


@pytest.mark.parametrize(("every", "duration"), [(0.3, 20.0), (0.01, 0.03), (30.0, 20.0)])
def test_a_record_that_does_not_resolve_the_motion_gives_no_sense_of_rotation(every, duration):
    """Sampled every 0.3 ps, 2.05 THz would fold back to a line of the opposite sense."""
    potential = load_potential("Bi2Se3")
    run = simulate(potential, default_pulse(potential), duration, record=Record(every))
    report = run_report(run, potential)
    assert all(row["helicity"] is None and row["spectral_peak_THz"] is None for row in report["multiplets"])
    assert report["verdict"].startswith("not shown: the record is too short or too coarse")
    assert any("record.every" in words for words in report["warnings"])
