"""Maps and pages of sweeps: what is drawn is what was computed."""

import base64
import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from model_sweep import model_sweep

from lattice.errors import InputError
from lattice.show.page import HARMLESS, sweep_text, write_page
from lattice.show.sweep import draw_sweep_figure, draw_sweep_lines, draw_sweep_map, sweep_figure, sweep_pieces
from lattice.show.sweep_data import sweep_data


@pytest.fixture(scope="module")
def sweep():
    return model_sweep()


def test_the_map_has_the_numbers_at_their_places(sweep):
    pieces, words = sweep_pieces(sweep, "L_peak", None)
    assert list(pieces) == ["Eu(1)", "Eg(2)"]  # the two with the largest numbers
    assert words == ""
    ax = Figure().add_subplot()
    image = draw_sweep_map(ax, pieces["Eu(1)"], "Eu(1)")
    drawn = image.get_array()
    sorted_helicities = np.array([-1.0, 0.0, 1.0])
    a = np.array([0.1, 0.2, 0.3, 0.4])
    expected = 10 * a[None] ** 2 * sorted_helicities[:, None]
    assert drawn.mask.sum() == 1
    assert drawn.mask[1, 3]  # the point that failed stays white
    assert drawn.compressed() == pytest.approx(expected[~drawn.mask])
    assert image.get_clim() == pytest.approx((-1.6, 1.6))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pulse.0.amplitude (MV/cm)", "pulse.0.helicity")
    assert ax.get_xlim() == pytest.approx((0.05, 0.45))


def test_what_has_no_sign_is_drawn_from_dark_to_light(sweep):
    pieces, _ = sweep_pieces(sweep, "energy_mean", {"multiplet": "Eu(1)"})
    image = draw_sweep_map(Figure().add_subplot(), pieces["Eu(1)"])
    assert image.get_clim() == pytest.approx((0.0, 0.016))
    assert image.get_cmap().name == "viridis"


def test_lines_over_one_axis_and_logarithmic_axes():
    sweep = model_sweep(amplitudes=(0.01, 0.1, 1.0), helicities=(1.0,))
    figure = draw_sweep_figure(sweep)
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    assert ax.get_ylabel() == "peak L (ħ per cell)"
    first = ax.lines[0]
    assert first.get_xdata() == pytest.approx([0.01, 0.1, 1.0])
    assert first.get_ydata()[:2] == pytest.approx([1e-3, 0.1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Eu(1)", "Eg(2)"]


def test_axes_entries_and_channels_can_be_chosen(sweep):
    pieces, words = sweep_pieces(
        sweep, "ledger", {"channel": "damping", "multiplet": ["Eg(2)"], "pulse.0.helicity": -0.9}
    )
    assert words == "pulse.0.helicity = -1"  # the nearest
    (name,) = pieces
    assert name == "Eg(2), damping"
    assert pieces[name].values == pytest.approx(-0.5 * 100 * np.array([0.1, 0.2, 0.3, 0.4]) ** 4)
    strongest, _ = sweep_pieces(sweep, "ledger", None)
    assert list(strongest) == ["Eu(1), light", "Eg(2), light"]
    ax = Figure().add_subplot()
    draw_sweep_lines(ax, pieces)
    assert ax.get_xlabel() == "pulse.0.amplitude (MV/cm)"


def test_repeats_are_averaged_and_that_is_said():
    pieces, words = sweep_pieces(model_sweep(repeats=3), "L_peak", {"multiplet": "Eu(1)"})
    assert words == "mean of the repeats"
    single, _ = sweep_pieces(model_sweep(), "L_peak", {"multiplet": "Eu(1)"})
    assert np.nan_to_num(pieces["Eu(1)"].values) == pytest.approx(np.nan_to_num(single["Eu(1)"].values))


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("momentum", None),
        ("L_peak", {"pulse.0.phase": 1}),
        ("L_peak", {"multiplet": "T1u(1)"}),
        ("L_peak", {"pulse.0.helicity": "left"}),
        ("step_error", {"pulse.0.helicity": 0, "pulse.0.amplitude": 0.1}),
    ],
)
def test_what_is_not_there_is_refused(sweep, value, at):
    with pytest.raises(InputError):
        sweep_pieces(sweep, value, at)


def test_files(sweep, tmp_path):
    for suffix in (".png", ".svg", ".pdf"):
        sweep_figure(sweep, tmp_path / f"map{suffix}", "helicity")
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(InputError, match="not a sweep"):
        sweep_figure(sweep.assign_attrs(kind="lattice run"), tmp_path / "no.png")


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype=dtype)


def test_the_page_holds_every_number(sweep):
    data = sweep_data(sweep)
    assert [axis["name"] for axis in data["axes"]] == ["pulse.0.amplitude", "pulse.0.helicity"]
    assert [axis["unit"] for axis in data["axes"]] == ["MV/cm", ""]
    assert data["axes"][1]["values"] == [1.0, -1.0, 0.0]
    for value in data["values"]:
        array = sweep[value["key"]]
        assert list(array.dims[2:]) == value["own"]
        found = unpacked(value["data"], "<f4").reshape(array.shape)
        assert np.allclose(found, array.values, rtol=1e-6, equal_nan=True)
    assert unpacked(data["status"], "<i1").reshape(4, 3).tolist() == sweep["status"].values.tolist()
    assert data["warnings"] == ["1 of 12 points: diverged"]
    assert ["light 0", "frequency 2.05 THz, duration 1.0 ps"] in data["facts"]  # without what is an axis
    json.dumps(data, allow_nan=False)


def test_a_page_that_would_be_too_large_leaves_the_ledger_out_and_says_so(monkeypatch, tmp_path, sweep):
    monkeypatch.setattr("lattice.show.sweep_data.BYTES", 4 * sweep["L_peak"].size * 4)
    data = sweep_data(sweep)
    kept = [value["key"] for value in data["values"]]
    assert kept[0] == "L_peak"
    assert "ledger" not in kept
    assert any("L received" in words for words in data["warnings"])
    monkeypatch.setattr("lattice.show.sweep_data.BYTES", 10)
    with pytest.raises(InputError, match="too many points"):
        write_page(sweep, tmp_path / "page.html")


def test_a_large_sweep_stays_below_three_megabytes(tmp_path):
    big = model_sweep(np.linspace(0.01, 0.2, 160), np.linspace(-1, 1, 101))
    write_page(big, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 3_000_000


def test_strings_are_data_never_markup(sweep):
    hostile = "</script><img src=x onerror=alert(1)>&"
    data = sweep_data(sweep)
    data["title"] = hostile
    data["entries"]["multiplet"][0] = hostile
    text = sweep_text(data)
    assert hostile not in text
    assert text.count("</script>") == 2
    assert all(HARMLESS[ord(c)] in text for c in "<>&")
    assert "http" not in text.replace("http-equiv", "")


def test_one_point_is_no_sweep_to_show():
    with pytest.raises(InputError, match="one point"):
        sweep_data(model_sweep((0.1,), (1.0,)))
