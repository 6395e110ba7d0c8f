"""The API over painted pictures: called directly, or served on a port for clients that need one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from webui import api
from webui.api.guard import Guard
from webui.app import App
from webui.options import Options
from webui.ports import listen

SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 5}


def guarded(app: App, options: Options | None = None) -> ASGIApp:
    options = options or Options()
    return Guard(api.create(app, options), options)


def client_of(app: ASGIApp) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False)


@pytest.fixture
def client(app: App) -> TestClient:
    return client_of(guarded(app))


@pytest.fixture
def slow_app(make_app: Callable[[float], App]) -> App:
    """Its steps take 20 ms, so that there is something to interrupt."""
    return make_app(0.02)


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """The port of a server that runs inside."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
