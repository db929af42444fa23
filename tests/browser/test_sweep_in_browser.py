"""The page of a sweep in Chromium without network: map, cursor, numbers of the point, keys, screens, hostile words."""

import re

import numpy as np
import pytest
from model_sweep import model_sweep

import lattice
from lattice.show.page import sweep_text
from lattice.show.sweep_data import sweep_data

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default"),  # those of the browser's driver are not ours
]

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
PIXELS = "document.getElementById('map').toDataURL()"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    lattice.write_page(model_sweep(), folder / "map.html")
    lattice.write_page(model_sweep(helicities=(1.0,)), folder / "line.html")
    lattice.write_page(model_sweep(repeats=3), folder / "three.html")
    data = sweep_data(model_sweep())
    data |= {"title": HOSTILE, "subtitle": HOSTILE, "warnings": [HOSTILE], "facts": [[HOSTILE, HOSTILE]]}
    data["entries"] = {name: [HOSTILE, *rest] for name, (_, *rest) in data["entries"].items()}
    data["axes"][0]["name"] = HOSTILE
    (folder / "hostile.html").write_text(sweep_text(data), encoding="utf-8")
    return folder


def settled(page):
    page.wait_for_timeout(120)
    return page.inner_text("#clock")


def facts(page):
    """Numbers of the point, by name."""
    names = page.eval_on_selector_all("#point dt", "all => all.map(x => x.textContent)")
    values = page.eval_on_selector_all("#point dd", "all => all.map(x => x.textContent)")
    return dict(zip(names, values, strict=True))


def row(page, name):
    rows = page.eval_on_selector_all("#list tbody tr", "all => all.map(tr => [...tr.cells].map(td => td.textContent))")
    head = page.eval_on_selector_all("#list thead th", "all => all.map(x => x.textContent)")
    return dict(zip(head, next(r for r in rows if r[0] == name), strict=True))


def to_field(page, i, j, nx=4, ny=3):
    """Point at the middle of a field, counted from the left and from below."""
    box = page.locator("#map").bounding_box()
    x = box["x"] + 62 + (i + 0.5) * (box["width"] - 62 - 78) / nx
    y = box["y"] + 12 + (ny - j - 0.5) * (box["height"] - 12 - 44) / ny
    page.mouse.move(x, y)
    return x, y


def test_the_cursor_shows_every_number_of_the_point(visit):
    page = visit("map.html")
    assert settled(page).startswith("peak L of Eu(1): 1.6 ħ per cell at pulse.0.amplitude 0.4, pulse.0.helicity 1")
    to_field(page, 1, 0)  # amplitude 0.2, helicity −1, the lowest
    assert settled(page) == "peak L of Eu(1): −0.4 ħ per cell at pulse.0.amplitude 0.2, pulse.0.helicity −1"
    found = facts(page)
    assert found["pulse.0.amplitude (MV/cm)"] == "0.2"
    assert found["state"] == "good"
    assert found["step error"] == "2.00e−9"
    assert row(page, "Eg(2)")["peak L (ħ)"] == "0.16"
    assert row(page, "Eg(2)")["helicity"] == "1"
    assert row(page, "A1g(1)")["helicity"] == "–"
    to_field(page, 3, 1)
    settled(page)
    assert facts(page)["state"] == "diverged"
    assert row(page, "Eu(1)")["peak L (ħ)"] == "–"


def test_a_click_holds_the_cursor_and_keys_move_it(visit):
    page = visit("map.html")
    page.mouse.click(*to_field(page, 0, 2))
    held = settled(page)
    assert "amplitude 0.1, pulse.0.helicity 1" in held
    to_field(page, 3, 0)
    assert settled(page) == held
    page.keyboard.press("ArrowRight")
    assert "amplitude 0.2, pulse.0.helicity 1" in settled(page)
    page.keyboard.press("ArrowDown")
    assert "amplitude 0.2, pulse.0.helicity 0" in settled(page)
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    assert "amplitude 0.1" in settled(page)
    page.mouse.click(*to_field(page, 3, 0))
    to_field(page, 2, 0)
    assert "amplitude 0.3, pulse.0.helicity −1" in settled(page)


def test_selectors_change_what_is_drawn(visit):
    page = visit("map.html")
    settled(page)
    first = page.evaluate(PIXELS)
    page.select_option("#entry", label="Eg(2)")
    assert settled(page).startswith("peak L of Eg(2): −2.56 ħ per cell")
    second = page.evaluate(PIXELS)
    assert second != first
    page.select_option("#value", label="L received (ħ per cell)")
    assert settled(page).startswith("L received of Eg(2) through light: −3.84 ħ per cell")
    page.select_option("#channel", label="damping")
    assert settled(page).startswith("L received of Eg(2) through damping: 1.28")
    page.select_option("#value", label="peak |Q| (Å√amu)")
    assert settled(page).startswith("peak |Q| of Eg(2)x: 2.56 Å√amu")  # the largest
    page.select_option("#value", label="step error")
    assert settled(page).startswith("step error: 2.00e−9 at")
    assert page.is_hidden("#of")
    page.select_option("#across", "1")
    settled(page)
    assert page.input_value("#up") == "0"


def test_one_axis_is_a_line_and_a_third_axis_a_slider(visit):
    line = visit("line.html")
    assert line.input_value("#up") == "-1"
    before = settled(line)
    line.focus("#map")
    line.keyboard.press("ArrowLeft")
    assert settled(line) != before
    page = visit("three.html")
    settled(page)
    sliders = page.locator("#fixed label:visible")
    assert sliders.count() == 1
    assert "repeat" in sliders.first.inner_text()
    was = page.inner_text("#clock")
    page.locator("#fixed input:visible").fill("0")
    assert settled(page) != was
    assert page.inner_text("#clock").endswith("repeat 0")


@pytest.mark.parametrize("width", [375, 1360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_in_both_schemes(visit, width, scheme, tmp_path):
    page = visit("map.html", viewport={"width": width, "height": 800}, color_scheme=scheme)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = np.mean([int(x) for x in re.findall(r"\d+", ground)[:3]]) > 128
    assert light == (scheme == "light")
    page.click("#theme")
    settled(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    page.screenshot(path=tmp_path / "shot.png")
    assert (tmp_path / "shot.png").stat().st_size > 10_000


def test_words_are_never_markup(visit):
    page = visit("hostile.html")
    settled(page)
    assert HOSTILE in page.inner_text("#title")
    assert page.title() != "owned"
    assert page.locator("img").count() == 0
    assert HOSTILE in page.inner_text("#point")
