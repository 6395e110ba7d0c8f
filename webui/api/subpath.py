"""Behind a reverse proxy that serves us under a path: routes answer with and without it, links are made with it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Subpath:
    """ASGI. ``subpath`` is "" or "/something"."""

    def __init__(self, app: ASGIApp, subpath: str) -> None:
        self._app, self._subpath = app, subpath

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": self._subpath}, receive, send)
