"""Texts in sd-webui's form, and what a reading says of them."""

from __future__ import annotations

from typing import Any

from webui.infotext import Parsed, parse
from webui.reproduce import Reading

BASE = "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 5, Size: 512x768"


def text(more: str = "", prompt: str = "a boat", version: str = "v1.10.1", base: str = BASE) -> Parsed:
    return parse(f"{prompt}\n" + ", ".join(filter(None, (base, more, version and f"Version: {version}"))))


def codes(reading: Reading) -> set[str]:
    return {note.code.removeprefix("reading.") for note in reading.notes}


def params(reading: Reading, code: str) -> dict[str, Any]:
    return next(note.params for note in reading.notes if note.code == f"reading.{code}")
