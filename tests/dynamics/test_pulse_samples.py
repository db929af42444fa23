"""Sampled fields: reading, interpolation, scaling, and the same run as under the formula they were sampled from."""

import json

import numpy as np
import pytest
import xarray
from model_potentials import d3d_potential

from lattice import (
    FormatError,
    InputError,
    Pulse,
    Record,
    Samples,
    pulse_spectrum,
    read_samples,
    sampled_pulse,
    simulate,
)
from lattice.dynamics.pulse_samples import carrier, interpolation_error
from lattice.dynamics.runfile import load_run, save_run

TRUTH = Pulse(0.3, 2.05, 0.6, center=2.5, chirp=0.3)


def sampled(step=0.02, pulse=TRUTH, end=5.0):
    t = np.arange(round(end / step) + 1) * step
    return Samples(t, pulse.field(t)[:, :2], "truth.txt")


def write_text(path, samples, columns=2, separator=" "):
    rows = np.column_stack([samples.time, samples.field[:, :columns]])
    np.savetxt(path, rows, fmt="%.17g", delimiter=separator, header="ps, MV/cm")
    return path


def test_interpolation_is_of_order_six_and_its_error_is_known():
    t = np.linspace(0.0, 5.0, 3333)
    errors, estimates = [], []
    for step in (0.08, 0.04, 0.02):
        samples = sampled(step)
        errors.append(np.linalg.norm(samples.at(t) - TRUTH.field(t)[:, :2], axis=1).max() / 0.3)
        estimates.append(interpolation_error(samples))
    assert errors[0] / errors[1] > 50
    assert errors[1] / errors[2] > 50
    assert errors[2] < 1e-6
    for error, estimate in zip(errors, estimates, strict=True):
        assert 0.3 < estimate / error < 8


def test_samples_are_met_and_outside_is_zero():
    samples = sampled()
    np.testing.assert_allclose(samples.at(samples.time), samples.field, atol=1e-15)
    assert not samples.at(np.array([-0.5, 5.5])).any()
    edge = samples.at(np.array([-0.02, -0.01, 5.01, 5.02]))
    assert np.abs(edge).max() <= np.linalg.norm(samples.field[[0, -1]], axis=1).max()


def test_the_field_is_smooth_where_the_samples_end():
    """A field that stops at 0.8 % of its peak falls to zero without a jump."""
    cut = Pulse(0.3, 2.05, 0.6, center=1.1)
    t = np.arange(0, 200) * 0.02
    samples = Samples(t, cut.field(t)[:, :2])
    assert np.linalg.norm(samples.field[0]) > 0.005 * 0.3
    near = samples.at(np.arange(-0.4, 0.1, 1e-4))
    assert np.abs(np.diff(near, axis=0)).max() < 2e-5
    run = simulate(d3d_potential(), sampled_pulse(samples), 4.0, record=Record(0.1))
    assert run.status == 0


def test_carrier_of_known_pulses():
    frequency, duration, rate = carrier(sampled(0.02, Pulse(0.3, 2.05, 0.6, center=2.5)))
    assert frequency == pytest.approx(2.05, rel=1e-3)
    assert duration == pytest.approx(0.6, rel=1e-3)
    assert 2 * np.pi * 3.0 < rate < 2 * np.pi * 6.0
    pulse = sampled_pulse(sampled())
    assert pulse.amplitude == pytest.approx(0.3, rel=1e-12)
    assert (pulse.center, pulse.shape) == (2.5, "sampled")
    assert pulse.span() == (0.0, 5.0)


def test_scaling_shift_mirror_and_turn():
    t = np.linspace(0, 7, 99)
    pulse = sampled_pulse(sampled(), 0.6, center=3.5, transmission=0.5)
    np.testing.assert_allclose(pulse.field(t), sampled_pulse(sampled()).field(t - 1.0), atol=1e-14)
    mirror = sampled_pulse(sampled(), helicity=-1.0).field(t)
    np.testing.assert_allclose(mirror, sampled_pulse(sampled()).field(t) * [1, -1, 1], atol=1e-16)
    turned = sampled_pulse(sampled(), angle=90.0).field(t)
    np.testing.assert_array_equal(turned[:, 1], sampled_pulse(sampled()).field(t)[:, 0])
    along_x = sampled_pulse(sampled(), axis=(1, 0, 0)).field(t)
    np.testing.assert_allclose(along_x[:, [1, 2]], sampled_pulse(sampled()).field(t)[:, :2], atol=1e-16)


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_text_files(tmp_path, separator):
    samples = read_samples(write_text(tmp_path / "truth.txt", sampled(), separator=separator))
    assert samples == sampled()
    linear = read_samples(write_text(tmp_path / "linear.txt", sampled(), 1))
    assert not linear.field[:, 1].any()


def test_netcdf_files(tmp_path):
    samples = sampled()
    data = xarray.Dataset(
        {"E": (("time", "component"), samples.field, {"units": "MV/cm"})},
        {"time": ("time", samples.time, {"units": "ps"})},
    )
    data.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf")
    found = read_samples(tmp_path / "truth.nc")
    assert found.sha256 == samples.sha256
    data.assign_coords(time=data.time.assign_attrs(units="fs")).to_netcdf(tmp_path / "fs.nc", engine="h5netcdf")
    with pytest.raises(FormatError, match="ps"):
        read_samples(tmp_path / "fs.nc")
    data.drop_vars("E").to_netcdf(tmp_path / "none.nc", engine="h5netcdf")
    with pytest.raises(FormatError, match="lacks the variable E"):
        read_samples(tmp_path / "none.nc")


def test_a_sampled_run_is_that_of_its_formula():
    potential = d3d_potential()
    run = simulate(potential, sampled_pulse(sampled(0.01)), 6.0, record=Record(0.05))
    exact = simulate(potential, TRUTH, 6.0, record=Record(0.05))
    assert run.status == 0
    np.testing.assert_allclose(run.Q, exact.Q, atol=2e-7 * float(np.abs(exact.Q).max()))
    assert run.step > 0.004  # the step follows the field's bandwidth, not the spacing of the samples


def test_a_spike_between_records_is_not_missed():
    t = np.arange(0, 4.0, 0.002)
    spike = 5.0 * np.exp(-(((t - 2.013) / 0.006) ** 2))
    potential = d3d_potential(gamma=0.0, linewidth=(0.0, 0.0))
    run = simulate(potential, sampled_pulse(Samples(t, spike)), 4.0, record=Record(0.5))
    kick = spike.sum() * 0.002 * 1.21 * 96.48533212 * np.exp(-((np.pi * 2.05 * 0.006) ** 2))
    assert np.abs(run.P.sel(time=2.5)[0] ** 2 + (2 * np.pi * 2.05 * run.Q.sel(time=2.5)[0]) ** 2) == pytest.approx(
        kick**2, rel=1e-5
    )


def test_a_run_file_stands_alone(tmp_path):
    pulse = sampled_pulse(sampled(0.001))
    run = simulate(d3d_potential(), pulse, 1.0, record=Record(0.1))
    save_run(run, tmp_path / "run.nc")
    stored = json.loads(load_run(tmp_path / "run.nc").attrs["pulses"])[0][0]
    again = Pulse(**stored)
    assert again == pulse.about((0, 0, 1))
    assert stored["samples"]["sha256"] == pulse.samples.sha256
    stored["samples"]["field"][100][0] += 1e-9
    with pytest.raises(InputError, match="hash"):
        Pulse(**stored)


def test_uneven_times():
    t = 2.5 + 2.5 * np.sinh(np.linspace(-2, 2, 601)) / np.sinh(2)
    samples = Samples(t, TRUTH.field(t)[:, :2])
    middle = np.linspace(0.5, 4.5, 777)
    np.testing.assert_allclose(samples.at(middle), TRUTH.field(middle)[:, :2], atol=1e-6)
    assert sampled_pulse(samples).duration == pytest.approx(0.6, rel=2e-3)


def times_and(**change):
    keys = {"time": np.arange(100) * 0.02, "field": np.exp(-(((np.arange(100) - 50) / 8) ** 2))} | change
    return keys["time"], keys["field"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (times_and(time=np.zeros(100)), "ascend"),
        (times_and(time=-np.arange(100)), "ascend"),
        (times_and(field=np.zeros(100)), "zero everywhere"),
        (times_and(field=np.full(100, np.nan)), "finite"),
        (times_and(field=np.ones(100)), "end near zero"),
        (times_and(field=np.zeros((100, 3))), "shape"),
        (times_and(field=np.zeros(99)), "shape"),
        (times_and(field=["a"] * 100), "numbers"),
        ((np.arange(5), np.zeros(5)), "shape"),
        (times_and(time=np.append(np.arange(99), 1e9)), "gaps"),
    ],
)
def test_bad_samples_are_named(given, word):
    with pytest.raises(InputError, match=word):
        Samples(*given)


@pytest.mark.parametrize("keys", [{"frequency": 2.0}, {"chirp": 1.0}, {"shape": "gaussian"}, {"phase": 1.0}])
def test_what_the_samples_say_cannot_be_given(keys):
    with pytest.raises(InputError, match=next(iter(keys))):
        sampled_pulse(sampled(), **keys)
    good = sampled_pulse(sampled()).parameters()
    with pytest.raises(InputError):
        Pulse(**(good | keys))


@pytest.mark.parametrize(
    "text", ["", "time field\n1 2", "\n".join("1 2 3 4 5" for _ in range(30)), "1 2\n3", "1 2 " * 400]
)
def test_bad_text_is_one_clear_error(tmp_path, text):
    path = tmp_path / "field.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_samples(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_samples(tmp_path / "absent.txt")
    for name in ("bad.nc", "bad.txt"):
        (tmp_path / name).write_bytes(b"\x00\xff\xfe binary")
        with pytest.raises(FormatError):
            read_samples(tmp_path / name)


def test_samples_are_light():
    frequency, power = pulse_spectrum(sampled_pulse(sampled(0.02, Pulse(0.3, 2.05, 0.6, center=2.5))))
    assert frequency[np.argmax(power)] == pytest.approx(2.05, abs=0.02)
