"""sha256 of model files, remembered by (path, size, modification time)."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

from webui.files.write import write_atomic

BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Hashes:
    """A small cache on disk. Losing it costs time, never a wrong answer."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        try:
            self._known: dict[str, str] = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = {}

    @staticmethod
    def _key(path: Path, size: int, mtime_ns: int) -> str:
        return f"{size}:{mtime_ns}:{path}"

    def known(self, path: Path, size: int, mtime_ns: int) -> str | None:
        return self._known.get(self._key(path, size, mtime_ns))

    def of(self, path: Path, size: int, mtime_ns: int) -> str:
        """Reads the file if need be (seconds for gigabytes). Raises OSError when it cannot be read."""
        key = self._key(path, size, mtime_ns)
        if key not in self._known:
            value = sha256_of(path)
            with self._lock:
                self._known[key] = value
                write_atomic(self._file, json.dumps(self._known, indent=0).encode())
        return self._known[key]
