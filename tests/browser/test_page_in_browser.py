"""The page in Debian's Chromium without network: it loads, moves, stops, turns, and fits a narrow screen.

Run by `pytest -m browser`; needs Chromium (CHROMIUM names it, else /usr/bin/chromium) and Playwright.
"""

import re

import numpy as np
import pytest

import lattice
from lattice.show.page import page_text
from lattice.show.page_data import run_data

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default"),  # those of the browser's driver are not ours
]

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
PIXELS = "document.getElementById('scene').toDataURL()"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    potential = lattice.load_potential("Bi2Se3")
    run = lattice.simulate(potential, lattice.default_pulse(potential), 12.0)
    lattice.write_page(run, folder / "run.html")
    lattice.write_page(lattice.solve_modes(lattice.load("Bi2Se3")), folder / "modes.html")
    lattice.write_page(lattice.solve_modes(lattice.load("Bi2Se3-noSOC"), (0.25, 0.25, 0.25)), folder / "wave.html")
    strange = run.copy()
    for name in ("multiplet", "mode", "mode_multiplet", "channel", "term_channel"):
        values = [HOSTILE + x if "Eu(1)" in x else x for x in run[name].values.tolist()]
        strange[name] = (run[name].dims, np.array(values), run[name].attrs)
    data = run_data(strange)  # a species that is no element is refused earlier; here it is put in by hand
    data |= {"title": HOSTILE, "verdict": HOSTILE, "warnings": [HOSTILE], "facts": [[HOSTILE, HOSTILE]]}
    data["crystal"]["names"] = [HOSTILE, "Se"]
    (folder / "hostile.html").write_text(page_text(data), encoding="utf-8")
    return folder


def pause(page):
    page.click("#play")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    page.wait_for_timeout(100)


@pytest.mark.parametrize("name", ["run.html", "modes.html", "wave.html"])
def test_play_moves_the_atoms_and_pause_stops_them(visit, name):
    page = visit(name)
    assert page.get_attribute("#play", "aria-pressed") == "true"
    first = page.evaluate(PIXELS)
    page.wait_for_timeout(400)
    assert page.evaluate(PIXELS) != first
    pause(page)
    still, clock = page.evaluate(PIXELS), page.inner_text("#clock")
    page.wait_for_timeout(400)
    assert page.evaluate(PIXELS) == still
    assert page.inner_text("#clock") == clock
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    page.wait_for_timeout(300)
    assert page.inner_text("#clock") != clock


def test_the_selector_changes_the_mode(visit):
    page = visit("run.html")
    pause(page)
    names = page.eval_on_selector_all("#mode option", "all => all.map(x => x.textContent)")
    mode = next(name for name in names if name.startswith("Eu(1) ↺"))
    assert "Eu · J +1.00 ħ · m +1" in mode
    pictures = set()
    for name in ("the run, everything", "the run, Eg(2) alone", mode, mode.replace("↺", "↻").replace("+1", "−1")):
        page.select_option("#mode", label=name)
        page.wait_for_timeout(150)
        pictures.add(page.evaluate(PIXELS))
    assert len(pictures) == 4
    assert page.inner_text("#list-title") == "Modes"
    page.check("#list tbody tr:nth-child(1) input")  # two modes at once
    assert page.locator("#list tr.on").count() == 2
    page.wait_for_timeout(150)
    assert page.evaluate(PIXELS) not in pictures


@pytest.mark.parametrize(
    ("motion", "sense"),
    [("Eu(1) ↺", 1), ("Eu(1) ↻", -1), ("Eg(2) ↺", 1), ("the run, Eu(1) alone", 1), ("the run, Eg(2) alone", -1)],
)
def test_seen_from_the_tip_of_the_axis_plus_turns_counter_clockwise(visit, motion, sense):
    page = visit("run.html")
    pause(page)
    names = page.locator("#mode option").all_text_contents()
    page.select_option("#mode", label=next(name for name in names if name.startswith(motion)))
    page.click("#top")
    page.wait_for_timeout(150)
    seen = 0
    for atom in (2, 3):  # two Se; one is at rest by symmetry where the mode is even
        path = np.array(page.evaluate(f"Array.from({{length: 40}}, (_, k) => Scene.place({atom}, 4 + 0.02 * k))"))
        x, y = path[:, 0] - path[:, 0].mean(), path[:, 1].mean() - path[:, 1]  # y of the screen points down
        if np.hypot(x, y).max() > 1:
            angle = np.unwrap(np.arctan2(y, x))
            assert (angle[-1] - angle[0]) * sense > np.pi
            seen += 1
    assert seen


def test_the_mouse_turns_and_the_wheel_zooms(visit):
    page = visit("modes.html")
    pause(page)
    box = page.locator("#scene").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    pictures = [page.evaluate(PIXELS)]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 30, steps=4)
    page.mouse.up()
    page.wait_for_timeout(150)
    pictures.append(page.evaluate(PIXELS))
    page.mouse.move(x + 150, y)  # without a button nothing turns
    page.wait_for_timeout(150)
    assert page.evaluate(PIXELS) == pictures[1]
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(150)
    pictures.append(page.evaluate(PIXELS))
    for selector in ("#top", "#side", "#images", "#bonds", "#edges"):
        page.click(selector)
        page.wait_for_timeout(150)
        pictures.append(page.evaluate(PIXELS))
    assert len(set(pictures)) == len(pictures)


def test_keys(visit):
    page = visit("run.html")
    pause(page)
    page.focus("#scene")
    clock = float(page.inner_text("#clock").split()[0])
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(150)
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(clock + 0.02, abs=0.011)
    pictures = [page.evaluate(PIXELS)]
    for key in ("+", "Shift+ArrowLeft", "Shift+ArrowUp", "-", "0"):
        page.keyboard.press(key)
        page.wait_for_timeout(150)
        pictures.append(page.evaluate(PIXELS))
    assert pictures[-1] == pictures[0]  # 0: the first view
    assert len(set(pictures)) == len(pictures) - 1
    page.keyboard.press("ArrowDown")
    assert page.locator("#list tr.on").count() == 1


def test_the_cursor_links_traces_ledger_and_atoms(visit):
    page = visit("run.html")
    pause(page)
    captions = page.eval_on_selector_all("#traces b", "all => all.map(x => x.textContent)")
    assert captions[0] == "Light inside the crystal (MV/cm)"
    assert captions[1:3] == ["Eu(1), 2.05 THz (Å√amu)", "Eg(2), 4.05 THz (Å√amu)"]
    assert captions[3] == "Angular momentum along n̂ (ħ per cell)"
    assert "ħ per cell" in captions[-1]
    before = page.evaluate(PIXELS)
    box = page.locator("#traces svg").nth(3).bounding_box()
    readings = []
    for part in (0.2, 0.999):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + 30)
        page.wait_for_timeout(150)
        readings.append(page.locator("#traces figure:last-child svg").text_content())
    assert readings[0] != readings[1]
    assert page.evaluate(PIXELS) != before
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(12.0, abs=0.2)
    words = page.locator("#traces figure:last-child svg").text_content()
    assert re.search(r"\+5\.9\d\d", words), words  # what light gave to Eu(1) by the end
    assert "clockwise" in page.locator("#traces figure.half").nth(1).text_content()
    mode = next(x for x in page.locator("#mode option").all_text_contents() if x.startswith("Eu(1) ↺"))
    page.select_option("#mode", label=mode)  # the cursor stays where the run was left, at any width
    page.set_viewport_size({"width": 1000, "height": 860})
    page.wait_for_timeout(200)
    cursor = page.locator("#traces svg").first.locator("circle").first.get_attribute("cx")
    assert float(cursor) > 0.98 * page.locator("#traces svg").first.bounding_box()["width"]
    page.select_option("#mode", label="the run, everything")
    page.wait_for_timeout(150)
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(12.0, abs=0.2)


def test_the_verdict_and_the_facts_are_words(visit):
    page = visit("run.html")
    assert page.inner_text("#verdict").startswith("1 + 1 = −1: two quanta of Eu(1)")
    assert "helicity +1" in page.inner_text("#facts")
    assert page.title() == "Bi₂Se₃ driven by light · lattice"


@pytest.mark.parametrize("name", ["run.html", "modes.html", "hostile.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_needs_no_sideways_scroll(visit, name, scheme):
    page = visit(name, viewport={"width": 375, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.locator("#scene").bounding_box()["width"] > 300


def test_dark_and_light_follow_the_system_and_the_switch(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit("modes.html", color_scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(ground) == "rgb(255, 255, 255)"
    assert dark.evaluate(ground) == "rgb(15, 19, 24)"
    light.click("#theme")
    dark.click("#theme")
    assert light.evaluate(ground) == "rgb(15, 19, 24)"
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"


def test_reduced_motion_begins_at_rest(visit):
    page = visit("run.html", reduced_motion="reduce")
    assert page.get_attribute("#play", "aria-pressed") == "false"
    first = page.evaluate(PIXELS)
    page.wait_for_timeout(300)
    assert page.evaluate(PIXELS) == first


def test_every_control_has_a_name(visit):
    page = visit("run.html")
    nameless = page.eval_on_selector_all(
        "button, input, select, canvas, svg",
        "all => all.filter(x => !(x.getAttribute('aria-label') || x.textContent.trim() || x.labels?.length)).length",
    )
    assert nameless == 0


def test_hostile_names_are_shown_as_they_are(visit):
    page = visit("hostile.html")
    assert page.title() == f"{HOSTILE} driven by light · lattice"
    assert page.locator("img").count() == 0
    for place in ("#title", "#verdict", "#warnings", "#facts", "#legend", "#list", "#traces", "#mode"):
        assert HOSTILE in page.locator(place).text_content(), place
