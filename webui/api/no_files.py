"""gradio takes, wherever an event has a value, a file for it: by a path on this machine or a URL that it then fetches.

Nothing on our page takes a file, so an event that names one comes from nobody's page, and is refused.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.api.errors import reply
from webui.api.strict import loads
from webui.messages import Message as Words

MARK = '"_type": "gradio.FileData"'  # as json.dumps writes it; inside a text its quotes would be escaped


class NoFiles:
    """ASGI, around gradio's routes and whatever else there is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or "/gradio_api/" not in scope["path"]:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        if _names_a_file(body):
            await reply(request, 422, Words(code="no_files"))(scope, receive, send)
            return
        unread = [body]

        async def again() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop()}
            return await receive()

        await self._app(scope, again, send)


def _names_a_file(body: bytes) -> bool:
    """What cannot be read as JSON is no event; gradio refuses it by itself."""
    try:
        value: Any = loads(body)
    except json.JSONDecodeError:
        return False
    return MARK in json.dumps(value)
