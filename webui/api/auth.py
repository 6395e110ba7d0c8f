"""Names and passwords, asked for by HTTP Basic so that browsers and programs both know how to answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from starlette.authentication import BaseUser, SimpleUser, UnauthenticatedUser
from starlette.requests import HTTPConnection

from webui.messages import Fault, TooMany

TRIES = 10  # wrong passwords from one address, before it has to wait
WAIT_SECONDS = 60.0
MAX_ADDRESSES = 10_000  # remembered


class NotSignedIn(Fault):
    status = 401


class Doorkeeper:
    """Lets in who knows a password; everybody where none is set."""

    def __init__(self, users: Sequence[tuple[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._users = [(name, _digest(f"{name}:{password}")) for name, password in users]
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}  # by address: how often, and when last

    def admit(self, connection: HTTPConnection) -> BaseUser:
        """Raises NotSignedIn without a right password, TooMany from an address that has guessed too often."""
        if not self._users:
            return UnauthenticatedUser()
        address = connection.client.host if connection.client else ""
        times, last = self._wrong.get(address, (0, 0.0))
        if self._clock() - last > WAIT_SECONDS:
            times = 0
        if times >= TRIES:
            raise TooMany("too_many_passwords", seconds=int(WAIT_SECONDS))
        header = connection.headers.get("authorization")
        name = self._known(header) if header else None
        if name is not None:
            return SimpleUser(name)
        if header:
            self._remember(address, times + 1)
        raise NotSignedIn("sign_in")

    def _known(self, header: str) -> str | None:
        """Compares with every user, in a time that tells nothing."""
        scheme, _, credentials = header.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        digest = sha256(given).digest()
        matches = [name for name, right in self._users if hmac.compare_digest(digest, right)]
        return matches[0] if matches else None

    def _remember(self, address: str, times: int) -> None:
        self._wrong.pop(address, None)
        self._wrong[address] = (times, self._clock())
        if len(self._wrong) > MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
