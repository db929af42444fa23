"""Figures: what is drawn, in which units, and that a file exists only when it is complete."""

import subprocess
import sys

import numpy as np
import pytest
from model_potentials import d3d_potential, make_potential

from lattice.dynamics.pulse import Pulse
from lattice.dynamics.record import Record
from lattice.dynamics.simulate import simulate
from lattice.errors import InputError
from lattice.show.figure import draw_run, run_figure

MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def run():
    return simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0), 12.0)


@pytest.fixture(scope="module")
def axes(run):
    return draw_run(run).axes


@pytest.mark.parametrize("suffix", MAGIC)
def test_every_format_is_written_whole(run, tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    run_figure(run, path)
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    first = path.read_bytes()
    run_figure(run, path)
    assert path.read_bytes() == first
    assert b"CreationDate" not in first
    assert b"dc:date" not in first


def test_every_axis_has_a_quantity_and_its_unit(axes):
    texts = [(ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) for ax in axes]
    assert texts == [
        ("light, inside the crystal", "", "E (MV/cm)"),
        ("Eu(1), 2.05 THz", "", "Q (Å amu$^{1/2}$)"),
        ("Eg(2), 4.05 THz", "", "Q (Å amu$^{1/2}$)"),
        ("angular momentum along n̂", "time (ps)", "L (ħ per cell)"),
        ("Eu(1) ↺", "$Q_x$ (Å amu$^{1/2}$)", "$Q_y$"),
        ("Eg(2) ↻", "$Q_x$ (Å amu$^{1/2}$)", "$Q_y$"),
        ("spectrum by sense of rotation", "frequency (THz)", ""),
        ("angular momentum received along n̂", "ΔL (ħ per cell)", ""),
    ]


def test_lines_are_the_data(axes, run):
    for ax, rows in ((axes[1], (0, 1)), (axes[2], (2, 3))):
        for line, s in zip(ax.lines, rows, strict=False):
            assert np.array_equal(line.get_ydata(), run["Q"].values[:, s])
    assert np.array_equal(axes[3].lines[0].get_ydata(), run["L"].values[:, 0, 2])
    assert np.array_equal(axes[3].lines[1].get_ydata(), run["L"].values[:, 1, 2])


def test_bars_are_the_ledger(axes, run):
    ax = axes[-1]
    channels = [label.get_text().replace("²", "^2").replace("\n", " ") for label in ax.get_yticklabels()]
    assert channels == ["light", "Eu(1)^2 Eg(2)", "damping"]
    for bars, name in zip(ax.containers, ("Eu(1)", "Eg(2)", "crystal"), strict=True):
        table = run["crystal"] if name == "crystal" else run["ledger"].sel(multiplet=name)
        expected = table.sel(channel=channels, axis="z").values
        assert [bar.get_width() for bar in bars] == pytest.approx(expected)


def test_the_driver_stands_above_and_the_receiver_below_the_axis(axes):
    heights = [(min(line.get_ydata()), max(line.get_ydata())) for line in axes[6].lines if len(line.get_ydata()) > 2]
    assert max(high for _, high in heights) == pytest.approx(1.0)
    assert min(low for low, _ in heights) == pytest.approx(-1.0)
    words = [text.get_text() for text in axes[6].texts]
    assert words[0].startswith("Eu(1)")
    assert words[0].endswith("helicity +1.000")
    assert words[1].startswith("Eg(2)")
    assert words[1].endswith("helicity −1.000")


def test_the_ledger_of_a_run_that_diverged_is_said_to_be_unknown():
    run = simulate(d3d_potential(), Pulse(0.3, 2.05, 0.3), 2.0)
    lost = run.assign({name: run[name] * np.nan for name in ("ledger", "crystal", "L_change")})
    assert [text.get_text() for text in draw_run(lost).axes[-1].texts] == ["not known: the motion diverged"]


def test_linear_light_exchanges_nothing_and_turns_nothing(tmp_path):
    linear = simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0, helicity=0.0), 12.0)
    drawn = draw_run(linear).axes
    assert [ax.get_title(loc="left") for ax in drawn[4:6]] == ["Eu(1)", "Eg(2)"]
    assert [text.get_text() for text in drawn[-1].texts] == ["nothing was exchanged"]
    assert [text.get_text() for text in drawn[3].get_legend().get_texts()] == ["Eu(1): none", "Eg(2): none"]
    run_figure(linear, tmp_path / "linear.png")


def test_a_singlet_alone_and_a_run_without_light(tmp_path):
    oscillator = make_potential([2.0], [0.1], ["A2u(1)"], [([0], [2], -0.01, "dipole")])
    for amplitude in (0.1, 0.0):
        pulse = Pulse(amplitude, 2.0, 1.0, axis=(1, 0, 0), angle=90)
        run_figure(simulate(oscillator, pulse, 10.0), tmp_path / f"{amplitude}.png")
        assert (tmp_path / f"{amplitude}.png").stat().st_size > 10_000


def test_the_crystal_may_be_any(tmp_path):
    soft = make_potential([-0.5, 3.0], [0.1, 0.1], ["Eu(1)", "Eu(1)"], [([0, 0, 0, 0], [], 0.05, "x")], pair=[1, 0])
    run = simulate(soft, (), 6.0, initial=([0.1, 0.0], [0.0, 0.0]))
    run_figure(run, tmp_path / "soft.svg")
    assert (tmp_path / "soft.svg").stat().st_size > 10_000


def test_what_cannot_be_drawn_or_written_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="unknown ending"):
        run_figure(run, tmp_path / "run.bmp")
    with pytest.raises(InputError, match="folder does not exist"):
        run_figure(run, tmp_path / "absent" / "run.png")
    bare = simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0), 3.0, record=Record(quantities=("Q", "L")))
    with pytest.raises(InputError, match="not recorded"):
        run_figure(bare, tmp_path / "run.png")
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_the_state_of_matplotlib_alone():
    code = """
import sys, matplotlib
before = matplotlib.rcParams.copy()
from model_potentials import d3d_potential
from lattice import Pulse, simulate
from lattice.show.figure import draw_run
draw_run(simulate(d3d_potential(), Pulse(0.3, 2.05, 1.0), 6.0))
assert "matplotlib.pyplot" not in sys.modules
# Reading the key "backend" would itself choose one.
assert {k: matplotlib.rcParams[k] for k in before if k != "backend"} == {k: before[k] for k in before if k != "backend"}
"""
    code = f"import sys; sys.path[:0] = {sys.path!r}\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
