"""Debian's Chromium through Playwright, without network; a module gives the folder of its pages as `pages`."""

import os

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, pages):
    """Open a page without network; afterwards, nothing may have been asked for and no error said."""
    contexts, asked, said = [], [], []

    def go(name, **options):
        options = {"viewport": {"width": 1360, "height": 860}, "offline": True} | options
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((pages / name).as_uri())
        page.wait_for_function("document.getElementById('clock').textContent !== ''")
        return page

    yield go
    for context in contexts:
        context.close()
    assert said == []
    assert len(asked) == len(contexts)
    assert all(url.startswith("file:") and url.endswith(".html") for url in asked)
