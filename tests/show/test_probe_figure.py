"""Figures of a probe: lines and maps are the numbers of the dataset, with units."""

import numpy as np
import pytest

import lattice
from lattice.errors import InputError
from lattice.show.probe import angle_unit, draw_probe, probe_figure, shown_quantity

PROBE = lattice.Probe(epsilon=(5 + 1.5j) ** 2, geometry="reflection")


@pytest.fixture(scope="module")
def run():
    potential = lattice.load_potential("Bi2Se3")
    return lattice.simulate(potential, lattice.default_pulse(potential), 8.0)


@pytest.fixture(scope="module")
def seen(run):
    return lattice.kerr(run, PROBE, raman={"Eg(2)x.xx": 0.5, "Eg(1)x.xx": 0.1})


def test_the_channels_and_the_spectrum_are_the_data(seen):
    channels, spectrum, angles, short = draw_probe(seen).axes[:4]
    quantity = shown_quantity(seen)
    for line, column in zip(channels.lines, (1, 0), strict=False):
        expected = seen[f"source_{quantity}"].sum("source").values[:, column]
        ratio = np.abs(line.get_ydata()).max() / np.abs(expected).max()
        assert round(ratio) in (1000, 1000000)
        assert line.get_ydata() == pytest.approx(ratio * expected)
    assert [text.get_text() for text in channels.get_legend().get_texts()] == ["θ = 45° (Eg(2)x)", "θ = 0° (Eg(2)y)"]
    assert channels.get_ylabel() in (f"{quantity} (mrad)", f"{quantity} (µrad)")
    assert angle_unit(seen) == channels.get_ylabel()
    assert spectrum.get_xlabel() == "signed frequency (THz)"
    peak = spectrum.lines[0].get_xdata()[np.argmax(spectrum.lines[0].get_ydata())]
    assert peak == pytest.approx(-4.06, abs=0.05)
    assert (angles.get_ylabel(), short.get_ylabel()) == ("probe angle θ (degrees)", "signed frequency (THz)")
    low, high = angles.get_xlim()
    assert high - low == pytest.approx(8 / 4.06, rel=0.05)  # eight periods


def test_without_a_pair_two_panels_and_with_a_background_its_line(run):
    breathing = lattice.kerr(run, PROBE, raman={"A1g(1).xx": 1.0})
    assert len(draw_probe(breathing).axes) == 3  # with the colour bar
    tensor = np.zeros((3,) * 4)
    tensor[0, 1, 0, 1] = tensor[1, 0, 0, 1] = 1e-3
    both = lattice.kerr(run, PROBE, raman={"Eg(2)x.xx": 0.5}, kerr=tensor)
    assert draw_probe(both).axes[0].get_legend().get_texts()[-1].get_text() == "electronic, 45°"


def test_an_open_scale_is_written_on_the_figure(seen, run):
    assert draw_probe(seen).get_suptitle() == ""
    assert "scale of the angles is open" in draw_probe(lattice.kerr(run)).get_suptitle()


def test_files_and_refusals(seen, run, tmp_path):
    for suffix in (".png", ".pdf"):
        probe_figure(seen, tmp_path / f"probe{suffix}")
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InputError, match="probe"):
        draw_probe(run)
