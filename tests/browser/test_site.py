"""The documentation site in Chromium without network: every page loads, asks for nothing outside, and fits a phone.

Build the site first, with `.ci/docs`; LATTICE_SITE names its folder if it is not docs/_build/html.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("LATTICE_SITE", ROOT / "docs" / "_build" / "html"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default"),  # those of the browser's driver are not ours
]


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--headless", "--no-sandbox"]
        )
        yield browser
        browser.close()


def written_pages():
    return sorted(path.stem for path in (ROOT / "docs").glob("*.md"))


@pytest.fixture
def opened(chromium):
    """Open a page; what it asks for outside and what it complains of are returned with it."""
    contexts = []

    def visit(name, width=1280):
        context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True)
        contexts.append(context)
        page, wrong = context.new_page(), []
        page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((SITE / name).as_uri())
        page.wait_for_load_state("load")
        return page, wrong

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", [f"docs/{stem}.html" for stem in written_pages()] + ["README.html"])
def test_pages_load_without_network_and_fit_a_phone(opened, name):
    assert SITE.is_dir(), "build the site with .ci/docs first"
    page, wrong = opened(name, width=375)
    assert page.locator("h1").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert not page.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.src)")
    assert wrong == []


def test_every_page_is_in_the_navigation(opened):
    page, _ = opened("docs/index.html")
    targets = page.evaluate("[...document.querySelectorAll('.sidebar-tree a')].map(link => link.href)")
    for stem in set(written_pages()) - {"index"}:
        assert (SITE / "docs" / f"{stem}.html").as_uri() in targets
    assert sum("/notebooks/" in target for target in targets) == len(list((ROOT / "docs/notebooks").glob("*.ipynb")))


def test_the_root_leads_to_the_index(opened):
    page, _ = opened("index.html")
    page.wait_for_url("**/docs/index.html")
    assert page.title()


def test_formulas_are_drawn_and_public_names_are_listed(opened):
    import lattice

    page, _ = opened("docs/theory.html")
    sizes = page.evaluate("[...document.querySelectorAll('math')].map(x => x.getBoundingClientRect().width)")
    assert len(sizes) > 40
    assert min(sizes) > 0
    page, _ = opened("docs/api.html")
    listed = page.evaluate("[...document.querySelectorAll('dt[id]')].map(item => item.id)")
    assert {f"lattice.{name}" for name in lattice.__all__} - {"lattice.__version__"} <= set(listed)


def test_notebooks_show_their_results(opened):
    for name in ("bi2se3", "chiral-phonons"):
        page, wrong = opened(f"docs/notebooks/{name}.html")
        assert page.locator(".cell_output img").count() >= 1
        assert page.locator(".cell_output pre").count() >= 3
        assert wrong == []


def test_search_finds_a_word(opened):
    page, _ = opened("search.html")
    page.goto((SITE / "search.html").as_uri() + "?q=Umklapp")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() >= 3
