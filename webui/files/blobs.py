"""Pictures that requests refer to, kept under their content's hash, so that a job is plain text and can run again."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from webui.files.write import write_atomic

SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """The hash under which the content is kept from now on."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256)
        if not path.is_file():
            write_atomic(path, content)
        return sha256

    def path(self, sha256: str) -> Path:
        """Where the content lies, if it is there. Raises ValueError for what is not a hash."""
        if not SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256 in lower-case hexadecimal")
        return self._folder / sha256[:2] / sha256
