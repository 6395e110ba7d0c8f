"""The one gate before every route, the page's included: who may ask, from where, and how much they may send.

1. ``Host`` must be an IP address, localhost or a name the user allowed: a foreign name that was made to resolve to us
   (DNS rebinding) gets nothing.
2. What a browser says it does for another site's page is refused; programs, which say nothing of the kind, pass.
3. Where passwords are set, every request carries one (HTTP Basic).
4. A body has to be shorter than MAX_BODY; one that does not say how long it is gets counted as it arrives, and cut
   off at MAX_UNDECLARED.

Replies get headers that forbid framing, sniffing and sharing across sites, whatever the route behind them says.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.api.auth import Doorkeeper
from webui.api.errors import reply
from webui.messages import Fault
from webui.options import Options

MAX_BODY = 32 << 20  # bytes
MAX_UNDECLARED = 8 << 20  # bytes
DRAIN_SECONDS = 5.0  # a body that is too large is read and dropped for so long, so that its sender sees the answer
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Misdirected(Fault):
    status = 421


class Forbidden(Fault):
    status = 403


class TooLarge(Fault):
    status = 413


class Guard:
    """Pure ASGI, around everything."""

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self._app = app
        self._vouched = frozenset(options.allow_hosts)
        self._names = self._vouched | {"localhost", options.host.lower()}
        self._doorkeeper = Doorkeeper(options.users)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await self._guarded(scope, receive, _with_headers(send))

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._check_host(connection.headers)
            self._check_site(scope, connection.headers)
            scope["user"] = self._doorkeeper.admit(connection)
            limit = _limit(connection.headers)
        except Fault as fault:
            await _refuse(connection, fault, receive, send)
            return
        metered = _Metered(receive, send, limit)
        try:
            await self._app(scope, metered.receive, metered.send)
        except Exception:
            if not metered.cut:
                raise
        if metered.cut and not metered.answered:
            await _refuse(connection, too_large(MAX_UNDECLARED), receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise Misdirected("wrong_host")

    def _is_ours(self, host: str) -> bool:
        """``host`` may carry a port. An address cannot be rebound; a name can, unless the user vouches for it."""
        name = _name(host)
        if name in self._names:
            return True
        with contextlib.suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return False

    def _check_site(self, scope: Scope, headers: Headers) -> None:
        """``Sec-Fetch-Site`` cannot be forged by a page; browsers send it to us only over https or on this machine."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        visits = (
            scope.get("method") in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        )  # somebody follows a link
        if site in ("cross-site", "same-site") and not visits:
            raise Forbidden("foreign_site")
        if origin is None or (origin == "null" and site in ("same-origin", "none")):
            return  # pages that send no referrer may post forms to themselves with the origin "null"
        host = urlsplit(origin).netloc.lower()
        if host != headers["host"].lower() and _name(host) not in self._vouched:
            raise Forbidden("foreign_site")


class _Metered:
    """Passes a body on, but cuts it off at ``limit``: the route sees its client leave, and its answer is dropped."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._taken = 0
        self.cut = False
        self.answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken <= self._limit:
            return message
        self.cut = True
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.cut and not self.answered:
            return
        self.answered = True
        await self._send(message)


def _limit(headers: Headers) -> int:
    """Bytes that may come. Raises TooLarge when more are announced."""
    length = headers.get("content-length")
    if length is None:
        return MAX_UNDECLARED
    if len(length) > 12 or not length.isdecimal() or int(length) > MAX_BODY:
        raise too_large(MAX_BODY)
    return MAX_BODY


def too_large(limit: int) -> TooLarge:
    return TooLarge("too_large", limit_mb=limit >> 20)


def _name(host: str) -> str:
    """``"[::1]:7860"`` → ``"::1"``, ``"Localhost.:80"`` → ``"localhost"``; "" for what is no host."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]
            headers.update(HEADERS)
        await send(message)

    return sending


async def _refuse(connection: HTTPConnection, fault: Fault, receive: Receive, send: Send) -> None:
    kind, extensions = connection.scope["type"], connection.scope.get("extensions", {})
    if kind == "websocket" and "websocket.http.response" not in extensions:
        await send({"type": "websocket.close", "code": 1008})  # which answers the handshake with a 403
        return
    response = reply(connection, fault.status, fault.message)
    if fault.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Atelier WebUI", charset="UTF-8"'
    if fault.status == TooLarge.status:
        await _drop(receive)
    await response(connection.scope, receive, send)


async def _drop(receive: Receive) -> None:
    """Many clients look for an answer only when they have sent everything. Nothing is kept of it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while (await receive()).get("more_body"):
                pass
