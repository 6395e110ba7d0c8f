"""What routes are handed: the App, the person asking, and the job they mean."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from webui.app import App
from webui.options import Options


def _app(request: Request) -> App:
    return request.app.state.webui


def _options(request: Request) -> Options:
    return request.app.state.options


def _client(request: Request) -> str:
    """The name somebody signed in with; empty when no password is asked. Jobs belong to it."""
    return request.user.display_name if "user" in request.scope else ""


AppOf = Annotated[App, Depends(_app)]
OptionsOf = Annotated[Options, Depends(_options)]
Client = Annotated[str, Depends(_client)]
