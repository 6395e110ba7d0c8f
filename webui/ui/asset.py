"""The files in ``assets``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

_FOLDER = Path(__file__).parent / "assets"


def asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def icons() -> Iterator[tuple[str, str]]:
    """(name, address that holds the whole picture)."""
    for file in sorted((_FOLDER / "icons").glob("*.svg")):
        yield file.stem, data_url(f"icons/{file.name}")


def data_url(name: str) -> str:
    return f"data:image/svg+xml,{quote(asset(name))}"
