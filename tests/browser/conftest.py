"""A real browser. Most tests drive a server of their own that paints without a model; one drives the real program."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.api.conftest import served
from tests.conftest import running_app
from webui import api
from webui.api.guard import Guard
from webui.options import Options

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
PATIENCE = 60_000  # milliseconds; the machine may be busy
SECONDS_A_STEP = 0.05

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")  # no longer: while playwright runs, no other test can run an event loop
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM")
    if not path:
        pytest.skip("no chromium: `python launch.py test` finds one, or set CHROMIUM to its path")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    """Of a server that paints slowly enough to be watched."""
    from webui.ui.page import mount  # gradio: seconds, so only for these tests

    options = Options()
    with (
        running_app(home, SECONDS_A_STEP) as app,
        served(Guard(mount(api.create(app, options), app, options), options)) as port,
    ):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Pages of browsers that have never been here.

    An error of a script or of the server fails the test, and so does a request to anywhere else.
    """
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(url: str, **options: Any) -> Page:
        context = browser.new_context(**({"locale": "en-US", "viewport": {"width": 1440, "height": 960}} | options))
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if is_near(request.url, url) else faults.append(request.url))
        page.on("response", lambda reply: faults.append(f"{reply.status} {reply.url}") if reply.status >= 500 else None)
        page.goto(url)
        page.locator(".count").first.wait_for()  # the form is there and restored
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def is_near(address: str, url: str) -> bool:
    return address.startswith((url, "data:", "blob:"))
