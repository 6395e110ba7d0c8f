"""Puts our scripts into the page before gradio's own.

gradio's ``head`` comes too late: by then it has chosen the language and the colours, from the browser alone.
"""

from __future__ import annotations

import json
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.messages import LANGUAGES
from webui.options import Options
from webui.ui.asset import asset, data_url

SCRIPTS = ("boot.js", "form.js", "paste.js", "styles.js", "keys.js", "stage.js", "actions.js", "settings.js")
# Cards for other sites' link previews, with addresses of gradio's own; this page is nobody's business.
_CARDS = re.compile(rb"\s*<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*/>")


def head(options: Options) -> str:
    """What stands first in the page's head."""
    start = {"languages": LANGUAGES, "language": options.language, "theme": options.theme}
    scripts = "".join(f"<script>{asset(name)}</script>" for name in SCRIPTS)
    icon = f'<link rel="icon" type="image/svg+xml" href="{data_url("mark.svg")}">'
    return f"<script>const START = {json.dumps(start)};</script>{scripts}{icon}"


class FirstScript:
    """ASGI middleware: gradio's page begins with ``html`` in its head; everything else passes untouched."""

    def __init__(self, app: ASGIApp, html: str) -> None:
        self._app = app
        self._html = html.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_get = scope["type"] == "http" and scope["method"] == "GET"
        await self._app(scope, receive, _Page(send, self._html).send if is_get else send)


class _Page:
    """Holds a reply that is HTML back until it is whole, so that its length can be told."""

    def __init__(self, send: Send, html: bytes) -> None:
        self._send, self._html = send, html
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            is_html = Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
            if is_html:
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._body
        if b"window.gradio_config" in body:
            body = _CARDS.sub(b"", body).replace(b"<head>", b"<head>" + self._html, 1)
        headers = MutableHeaders(raw=list(self._start["headers"]))
        headers["content-length"] = str(len(body))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})
