"""One server per data folder: who holds it says so in ``data/server.lock``.

The system drops the lock when its holder ends, however it ends, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FAR = 1 << 30  # Windows locks bytes, and nobody else can read those: so one is locked that is never written


class Held(Exception):
    """``pid`` and ``port`` of the server that holds the folder, None where it has not said."""

    def __init__(self, holder: dict[str, Any]) -> None:
        super().__init__("held")
        self.pid = holder.get("pid")
        self.port = holder.get("port")


class Lock:
    def __init__(self, file: Path) -> None:
        """Raises Held, or OSError where the folder cannot be written."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._fd)
        except OSError as error:
            holder = _read(self._fd)
            os.close(self._fd)
            raise Held(holder) from error
        self.say(pid=os.getpid())

    def say(self, **facts: int) -> None:
        """What the next one who comes is told."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, json.dumps(facts).encode())

    def release(self) -> None:
        os.close(self._fd)


def _read(fd: int) -> dict[str, Any]:
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        return dict(json.loads(os.read(fd, 1000)))
    except (ValueError, TypeError):
        return {}


def _lock(fd: int) -> None:
    """Raises OSError when somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(fd, FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
