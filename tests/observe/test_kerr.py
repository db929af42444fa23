"""What a probe sees: signs and factors, three-fold patterns, convolution, background, spectra, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from model_potentials import d3d_potential
from polarisation import stokes_angles

import lattice
from lattice import units
from lattice.anharmonic.raman import raman_from_constants, with_raman_drive
from lattice.errors import InputError
from lattice.observe.jones import jones_matrix, response, transverse
from lattice.observe.kerr import ANGLES, kerr
from lattice.observe.probe import Probe, gauge_direction, probe_average, probe_frame
from lattice.observe.probe_report import probe_report
from lattice.observe.spectrum import helicity, short_time_spectrum, signed_spectrum, spectral_peak

N = 5.0 + 1.5j
OPAQUE = Probe(epsilon=N**2, geometry="reflection", duration=0.03)
CONSTANTS = {"Eg(2)x.xx": 0.5 + 0.2j, "Eg(1)x.xx": -0.3, "A1g(1).xx": 0.8}


@pytest.fixture(scope="module")
def potential():
    return lattice.load_potential("Bi2Se3")


@pytest.fixture(scope="module")
def run(potential):
    return lattice.simulate(potential, lattice.default_pulse(potential), 10.0)


@pytest.fixture(scope="module")
def seen(run):
    return kerr(run, OPAQUE, raman=CONSTANTS)


def test_signal_against_probe_angle_has_the_form_of_an_eg_pair(run, potential):
    """signal(θ) ∝ g_x sin 2θ + g_y cos 2θ with θ from the gauge's x̂."""
    probe = replace(OPAQUE, duration=0.0)
    result = kerr(run, probe, raman={"Eg(2)x.xx": 1.0})
    g = run["Q"].values[:, potential.multiplet == "Eg(2)"]
    theta = np.radians(result["angle"].values)
    form = g[:, :1] * np.sin(2 * theta) + g[:, 1:] * np.cos(2 * theta)
    # In the gauge's axes R_x = diag(−1, 1) here: x̂ is Cartesian y. ρ = ŝ·δε·p̂/(n(n²−1)).
    factor = 1 / (N * (N**2 - 1))
    assert result["rotation"].values == pytest.approx(factor.real * form, abs=1e-12)
    assert result["ellipticity"].values == pytest.approx(factor.imag * form, abs=1e-12)
    assert gauge_direction(potential) == pytest.approx([0, 1, 0])
    assert probe_frame(probe, potential)[0] == pytest.approx([0, 1, 0])


def test_two_channels_give_back_the_coordinates(run, potential):
    result = kerr(run, replace(OPAQUE, duration=0.0), raman={"Eg(2)x.xx": 0.4 - 0.1j})
    assert result.attrs["multiplet"] == "Eg(2)"
    g = run["Q"].values[:, potential.multiplet == "Eg(2)"]
    assert result["g"].values == pytest.approx(g, abs=1e-12)
    assert helicity(result["frequency"].values, result["power"].values) < -0.999
    nu, power = signed_spectrum(run["time"].values, g[:, 0], g[:, 1])
    assert np.abs(result["power"].values - power).max() < 1e-9 * power.max()
    assert np.array_equal(result["frequency"].values, nu)


def test_against_the_probe_through_a_changed_plate(run, potential):
    """The second road at every tenth time: Jones vector through a plate with ε + δε(t), nothing linearised."""
    probe = Probe(epsilon=np.diag([12 + 1j, 12 + 1j, 8 + 0.5j]), geometry="slab", thickness=150.0, duration=0.0)
    probe = replace(probe, direction=(0.3, -0.2, 0.9))
    tensors = 1e-2 * raman_from_constants(potential, CONSTANTS)
    result = kerr(run, probe, raman=tensors, angles=[20.0, 65.0])
    frame = probe_frame(probe, potential)
    phase = 2 * np.pi * 150.0 / (12398.42 / 1.55)
    pick = slice(None, None, 97)
    largest = np.abs(result["rotation"].values).max()
    for t, Q in zip(result["time"].values[pick], run["Q"].values[pick], strict=True):
        epsilon = probe.permittivity() + np.tensordot(Q, tensors, axes=1)
        for angle in (20.0, 65.0):
            p = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            after, before = (
                stokes_angles(jones_matrix(transverse(e, frame), response("slab", phase)) @ p)
                for e in (epsilon, probe.permittivity())
            )
            at = result.sel(time=t, angle=angle)
            for k, name in enumerate(("rotation", "ellipticity")):
                assert float(at[name]) == pytest.approx(after[k] - before[k], abs=2e-3 * largest)


def test_reversing_the_pulse_reverses_the_helicity_that_is_seen(potential):
    for sense in (1.0, -1.0):
        run = lattice.simulate(potential, lattice.default_pulse(potential, sense), 8.0)
        result = kerr(run, OPAQUE, raman=CONSTANTS)
        assert helicity(result["frequency"].values, result["power"].values) * sense < -0.99
        assert spectral_peak(result["frequency"].values, result["power"].values) == pytest.approx(4.06, abs=0.05)


def test_turning_linear_light_by_120_degrees_repeats_the_signal(potential):
    """Light and probe turned by 120° together see the same crystal: −240° of g is +120°."""
    found = []
    for angle in (10.0, 130.0):
        pulse = replace(lattice.default_pulse(potential, 0.0), angle=angle)
        found.append(kerr(lattice.simulate(potential, pulse, 6.0), OPAQUE, raman={"Eg(2)x.xx": 1.0}))
    one, other = (r["rotation"].values for r in found)
    place = [ANGLES.index((a - 120) % 180) for a in ANGLES]
    assert other == pytest.approx(one[:, place], abs=1e-6 * np.abs(one).max())


def test_sources_add_up(run, potential):
    rng = np.random.default_rng(3)
    tensor = rng.standard_normal((3, 3, 3, 3))
    tensor = tensor + tensor.swapaxes(0, 1)
    pockels = rng.standard_normal((3, 3, 3))
    pockels = pockels + pockels.swapaxes(0, 1)
    result = kerr(run, OPAQUE, raman=CONSTANTS, kerr=1e-3 * tensor, pockels=1e-2 * pockels, angles=[0.0, 45.0])
    assert result["source"].values.tolist() == [*potential.multiplets, "electronic"]
    for name in ("rotation", "ellipticity"):
        assert result[f"source_{name}"].sum("source").values == pytest.approx(result[name].values, abs=1e-15)


def test_the_background_follows_the_field_and_its_square(run):
    """δε_xy = p E_x + K E_x E_y, ρ = ŝ·δε·p̂/(n(n² − 1)) with p̂ = Cartesian y (θ = 0) and ŝ = −x."""
    kerr_tensor, pockels = np.zeros((3,) * 4), np.zeros((3,) * 3)
    kerr_tensor[0, 1, 0, 1] = kerr_tensor[1, 0, 0, 1] = 2e-3
    pockels[0, 1, 0] = pockels[1, 0, 0] = 5e-3
    result = kerr(run, replace(OPAQUE, duration=0.0), raman={}, kerr=kerr_tensor, pockels=pockels, angles=[0.0])
    E = run["E"].values
    expected = -(5e-3 * E[:, 0] + 2e-3 * E[:, 0] * E[:, 1]) / (N * (N**2 - 1))
    assert result["rotation"].values[:, 0] == pytest.approx(expected.real, abs=1e-15)
    assert result["ellipticity"].values[:, 0] == pytest.approx(expected.imag, abs=1e-15)
    without = kerr(run.drop_vars("E"), replace(OPAQUE, duration=0.0), raman={}, kerr=kerr_tensor, pockels=pockels)
    assert without["rotation"].sel(angle=0.0).values == pytest.approx(expected.real, abs=1e-12)


@pytest.mark.parametrize(("duration", "step"), [(0.1, 0.01), (0.02, 0.01), (0.005, 0.01)])
def test_the_average_over_the_probe_damps_an_oscillation_as_its_spectrum_says(duration, step):
    """A Gaussian of FWHM τ multiplies cos 2πνt by exp(−(πντ)²/(4 ln 2))."""
    times, nu = step * np.arange(400), 4.0
    kept, values = probe_average(times, np.exp(2j * np.pi * nu * times), duration)
    factor = np.exp(-((np.pi * nu * duration) ** 2) / (4 * np.log(2)))
    inner = slice(10, -10)  # the spline knows less at its ends
    assert values[inner] == pytest.approx(factor * np.exp(2j * np.pi * nu * kept[inner]), abs=2e-5)
    reach = duration / np.sqrt(8 * np.log(2)) * np.sqrt(2 * np.log(1e6))
    assert kept[0] == pytest.approx(np.ceil(reach / step - 1e-9) * step, abs=1.01 * step)
    assert set(np.round(kept / step).astype(int)) <= set(range(400))


def test_a_longer_probe_sees_less(run):
    peaks = [float(np.abs(kerr(run, replace(OPAQUE, duration=d), raman=CONSTANTS)["g"]).max()) for d in (0.0, 0.1, 0.2)]
    for peak, duration in zip(peaks[1:], (0.1, 0.2), strict=True):
        assert peak / peaks[0] == pytest.approx(np.exp(-((np.pi * 4.05 * duration) ** 2) / (4 * np.log(2))), rel=0.05)


def test_a_transparent_crystal_in_transmission_gives_ellipticity_alone(run):
    result = kerr(run, Probe(epsilon=9.0, thickness=1000.0), raman={"Eg(2)x.xx": 1.0})
    assert result.attrs["quantity"] == "ellipticity"
    ellipticity = np.abs(result["ellipticity"].values).max()
    assert np.abs(result["rotation"].values).max() < 1e-12 * ellipticity
    k0d = 2 * np.pi * 1000.0 / (12398.42 / 1.55)
    g = np.hypot(*run["Q"].sel(mode=["Eg(2)x", "Eg(2)y"]).values.T).max()
    assert ellipticity < k0d / 6 * g
    assert ellipticity > 0.8 * k0d / 6 * g


def test_where_the_tensors_come_from(run, potential):
    stored = replace(potential, raman=raman_from_constants(potential, CONSTANTS))
    pulse = lattice.default_pulse(potential)
    named = kerr(lattice.simulate(stored, pulse, 4.0), OPAQUE)
    assert named.attrs["raman_source"] == "potential"
    driven = replace(with_raman_drive(stored), raman=None)
    from_terms = kerr(lattice.simulate(driven, pulse, 4.0), OPAQUE)
    assert from_terms.attrs["raman_source"].startswith("terms Q E E")
    assert from_terms["response"].sel(mode="Eg(2)x").values != pytest.approx(0.0)
    free = kerr(run, Probe())
    assert free.attrs["raman_source"] == "forms allowed by symmetry"
    assert free.attrs["warnings"].count("scale is open") == 2
    given = kerr(run, OPAQUE, raman=stored.raman)
    assert given["rotation"].values == pytest.approx(kerr(run, OPAQUE, raman=CONSTANTS)["rotation"].values)


def test_a_silent_multiplet_and_a_singlet_cannot_be_asked_for(run):
    with pytest.raises(InputError, match=r"Eu\(1\)"):
        kerr(run, OPAQUE, raman=CONSTANTS, multiplet="Eu(1)")
    with pytest.raises(InputError, match="singlet"):
        kerr(run, OPAQUE, raman=CONSTANTS, multiplet="A1g(1)")
    assert "g" not in kerr(run, OPAQUE, raman={"A1g(1).xx": 1.0})
    assert kerr(run, OPAQUE, raman=CONSTANTS, multiplet="Eg(1)").attrs["multiplet"] == "Eg(1)"


def test_along_the_axis_no_rotation_by_a_breathing_mode(run):
    result = kerr(run, OPAQUE, raman={"A1g(1).xx": 1.0, "A1g(1).zz": 0.5})
    assert np.abs(result["rotation"].values).max() < 1e-13


def test_the_short_time_spectrum_follows_a_line_that_moves_and_turns():
    times = 0.01 * np.arange(4001)
    early = times < 20
    phase = 2 * np.pi * np.where(early, 3.0, -5.0) * times
    centre, nu, power = short_time_spectrum(times, np.cos(phase), np.sin(phase), window=2.0)
    top = nu[power.argmax(axis=1)]
    assert top[(centre > 2) & (centre < 18)] == pytest.approx(3.0, abs=0.06)
    assert top[(centre > 22) & (centre < 38)] == pytest.approx(-5.0, abs=0.06)
    line = power[np.argmin(np.abs(centre - 10))]
    width = (nu[1] - nu[0]) * (line > line.max() / 2).sum()
    assert width == pytest.approx(0.62 / 2.0, abs=0.03)
    # Parseval: ∫|S|² dν = ∫ w² dt for a unit signal
    assert line.sum() * (nu[1] - nu[0]) == pytest.approx(2.0 * np.sqrt(np.pi / (8 * np.log(2))), rel=1e-6)
    with pytest.raises(InputError, match="window"):
        short_time_spectrum(times, times, window=100.0)


def test_the_report_has_the_numbers_of_the_dataset(seen, run):
    report = probe_report(seen, run)
    assert report["peak_rotation_rad"] == np.abs(seen["rotation"].values).max()
    assert report["helicity"] == pytest.approx(-1.0, abs=1e-3)
    assert report["mechanism"]["paths"]["phononic"]["share"] == pytest.approx(1.0)
    assert {row["source"]: row["peak_rotation_rad"] for row in report["sources"]}["Eu(1)"] == 0.0


def test_a_model_without_crystal_needs_its_tensors():
    run = lattice.simulate(d3d_potential(), lattice.Pulse(0.3, 2.05, 1.0), 5.0)
    with pytest.raises(InputError, match="symmetry"):
        kerr(run, OPAQUE)
    tensors = np.zeros((4, 3, 3))
    tensors[2], tensors[3] = np.diag([1.0, -1.0, 0.0]), [[0, -1, 0], [-1, 0, 0], [0, 0, 0]]
    result = kerr(run, replace(OPAQUE, duration=0.0), raman=tensors)
    assert result["g"].values == pytest.approx(run["Q"].values[:, 2:], abs=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"photon_energy": 0.0},
        {"duration": -1.0},
        {"thickness": float("nan")},
        {"geometry": "sideways"},
        {"geometry": "reflection"},
        {"epsilon": "glass"},
        {"epsilon": 9.0 - 1.0j},
        {"epsilon": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
        {"epsilon": 0.0},
        {"direction": (0, 0, 0)},
    ],
)
def test_a_probe_that_cannot_be_is_refused(settings):
    with pytest.raises(InputError):
        Probe(**settings)


def test_runs_that_cannot_be_probed_are_refused(run):
    with pytest.raises(InputError, match="Q"):
        kerr(run.drop_vars("Q"), OPAQUE)
    with pytest.raises(InputError, match="shorter than the probe"):
        kerr(run, replace(OPAQUE, duration=8.0), raman=CONSTANTS)
    with pytest.raises(InputError, match="Probe angles"):
        kerr(run, replace(OPAQUE, reference=(0, 0, 2)), raman=CONSTANTS)
    with pytest.raises(InputError, match="one trajectory"):
        kerr(run.expand_dims("trajectory"), OPAQUE)
    with pytest.raises(InputError, match="kerr tensor"):
        kerr(run, OPAQUE, raman=CONSTANTS, kerr=np.ones((3, 3)))
    with pytest.raises(InputError, match="fit the run"):
        kerr(run, OPAQUE, raman=np.ones((3, 3)))


def test_the_phase_of_one_passage_is_that_of_the_wavelength():
    """k₀ = E/(ħc): at 1.55 eV the wavelength is 7999 Å."""
    function = Probe(photon_energy=1.55, thickness=12398.42 / 1.55, epsilon=1.0).response()
    assert function(np.array([1.0 + 0j]))[0][0] == pytest.approx(1.0, abs=1e-4)
    assert pytest.approx(2 * np.pi / 12398.42, rel=1e-6) == units.WAVENUMBER_PER_EV
