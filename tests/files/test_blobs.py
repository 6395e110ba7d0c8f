from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from webui.files.blobs import Blobs


def test_what_is_put_is_found_under_its_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"a picture")
    assert name == hashlib.sha256(b"a picture").hexdigest()
    assert blobs.path(name).read_bytes() == b"a picture"
    assert blobs.put(b"a picture") == name
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 1


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_hash_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        Blobs(tmp_path).path(name)
