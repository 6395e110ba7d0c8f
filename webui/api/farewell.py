"""What is still open when the server stops ends in words, not in a traceback."""

from __future__ import annotations

import asyncio

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui import messages
from webui.api.errors import reply


class Farewell:
    """ASGI, outermost. The server cancels what has not ended a moment after it was told to stop, and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        last: Message = {"type": "nothing"}

        async def sending(message: Message) -> None:
            nonlocal last
            last = message
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if scope["type"] == "http" and last["type"] == "nothing":
                farewell = reply(HTTPConnection(scope), 503, messages.Message(code="stopping"))
                await farewell(scope, receive, send)
            elif last.get("more_body"):  # a stream
                await send({"type": "http.response.body"})
