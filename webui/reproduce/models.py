"""Model files by what a generation text says of them: the hash first, since files are renamed, then the name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from webui.files.catalog import Catalog, Kind, ModelFile
from webui.messages import Fault

TITLE = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{8,64})\]")
HASH = re.compile(r"[0-9a-f]{8,64}")
OLD_HASH = 8  # hexadecimal digits


@dataclass(frozen=True)
class Told:
    """What a text says of a model file. ``hash``: the first digits of its SHA-256, lower case, or empty."""

    name: str
    hash: str = ""


@dataclass(frozen=True)
class Match:
    """``file`` None: not here. ``sure``: found by its hash, or nothing speaks against the name."""

    file: ModelFile | None
    sure: bool = True


def told(text: str) -> Told:
    """From "name [1a2b3c4d5e]" or a bare name."""
    match = TITLE.fullmatch(text.strip())
    return Told(match[1], match[2].lower()) if match else Told(text.strip())


def match(catalog: Catalog, kind: Kind, told: Told) -> Match:
    files = catalog.of(kind)
    if HASH.fullmatch(told.hash):
        for file in files:
            if (file.sha256 or "").startswith(told.hash):
                return Match(file)
        if len(told.hash) == OLD_HASH:
            for file in files:
                if old_hash(file.path) == told.hash:
                    return Match(file)
    named = _by_name(catalog, kind, told.name)
    other = bool(named and told.hash and named.sha256)  # else it would have been found above
    return Match(named, sure=not other)


def _by_name(catalog: Catalog, kind: Kind, name: str) -> ModelFile | None:
    if not name or not catalog.of(kind):
        return None
    try:
        return catalog.find(kind, name, kind)
    except Fault:
        return None


def old_hash(path: Path) -> str:
    """sd-webui's model hash before 1.0: the first 8 digits of the SHA-256 of 64 KiB, one MiB into the file."""
    try:
        with path.open("rb") as file:
            file.seek(0x100000)
            part = file.read(0x10000)
    except OSError:
        return ""
    return hashlib.sha256(part).hexdigest()[:OLD_HASH] if part else ""
