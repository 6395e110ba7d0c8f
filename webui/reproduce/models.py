"""Model files by what a generation text says of them: the hash first, since files are renamed, then the name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from webui.files.catalog import Catalog, Kind, ModelFile
from webui.messages import Fault

TITLE = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{8,64})\]")
HASH = re.compile(r"[0-9a-f]{8,64}")
OLD_HASH = 8  # hexadecimal digits
BYTES_TO_READ = 16 << 30  # some ten seconds from a disk of today; more is left to the idle work

HashOf = Callable[[ModelFile], str | None]
"""A file → its SHA-256, lower case; None when it cannot be read."""


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


def match(catalog: Catalog, hash_of: HashOf, kind: Kind, told: Told) -> Match:
    """``hash_of`` reads the whole file, which is done only for the hash's sake and up to some bytes."""
    seen: dict[str, ModelFile] = {}
    if HASH.fullmatch(told.hash):
        for file in _with_hashes(catalog.of(kind), hash_of, told):
            seen[file.name] = file
            if (file.sha256 or "").startswith(told.hash):
                return Match(file)
        if len(told.hash) == OLD_HASH:
            for file in catalog.of(kind):
                if old_hash(file.path) == told.hash:
                    return Match(file)
    named = _by_name(catalog, kind, told.name)
    # With that hash it would have been found above.
    return Match(seen.get(named.name, named), sure=not told.hash) if named else Match(None)


def _with_hashes(files: Sequence[ModelFile], hash_of: HashOf, told: Told) -> Iterator[ModelFile]:
    """Those whose hash is known already; then the others, those of the right name first."""
    yield from (file for file in files if file.sha256)
    left = BYTES_TO_READ
    for file in sorted((file for file in files if not file.sha256), key=lambda file: file.stem != told.name):
        if file.size <= left:
            left -= file.size
            yield replace(file, sha256=hash_of(file))


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
