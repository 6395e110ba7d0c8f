"""Texts in a PNG file, without decoding the picture: whatever lies around it, broken files included.

Chunks after Portable Network Graphics (PNG) Specification, third edition, section 11.3.3: tEXt, zTXt, iTXt, eXIf.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 8 * 2**20  # bytes of one text, unpacked; ComfyUI's graphs reach 5 MB
MAX_TEXTS = 2 * MAX_TEXT  # of all texts in a file
MAX_CHUNKS = 10_000


@dataclass
class Chunks:
    """``left_out``: keys of texts that are too long, or packed and broken."""

    width: int
    height: int
    texts: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    exif: bytes = b""


def read_chunks(data: bytes) -> Chunks:
    """Raises ValueError for what does not start like a PNG. A file that stops too early has what came before."""
    if len(data) < 33 or not data.startswith(SIGNATURE) or data[12:16] != b"IHDR":
        raise ValueError("not a PNG file")
    found = Chunks(*struct.unpack(">II", data[16:24]))
    room = MAX_TEXTS
    for kind, content in _chunks(data):
        if kind == b"eXIf":
            found.exif = found.exif or content
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, _, rest = content.partition(b"\0")
            name = key[:80].decode("latin-1")
            text = _text(kind, rest, min(room, MAX_TEXT))
            if text is None:
                found.left_out.append(name)
            else:
                room -= len(text)
                found.texts.setdefault(name, text)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content); checksums are left to those who decode the picture."""
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, position)
        kind, start = data[position + 4 : position + 8], position + 8
        if kind == b"IEND" or start + length > len(data):
            return
        yield kind, data[start : start + length]
        position = start + length + 4


def _text(kind: bytes, content: bytes, room: int) -> str | None:
    """None when it is longer than ``room`` bytes or cannot be unpacked."""
    if kind == b"tEXt":
        return _decode(content, "latin-1") if len(content) <= room else None
    if kind == b"zTXt":
        unpacked = _unpack(content[1:], room) if content[:1] == b"\0" else None
        return None if unpacked is None else _decode(unpacked, "latin-1")
    packed, content = content[:2], content[2:]
    _language, _, content = content.partition(b"\0")
    _translated, _, content = content.partition(b"\0")
    if packed[:1] != b"\0":
        unpacked = _unpack(content, room)
        return None if unpacked is None else _decode(unpacked, "utf-8")
    return _decode(content, "utf-8") if len(content) <= room else None


def _unpack(packed: bytes, room: int) -> bytes | None:
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(packed, room + 1)
    except zlib.error:
        return None
    return unpacked if len(unpacked) <= room and unpacking.eof else None


def _decode(content: bytes, encoding: str) -> str:
    return content.decode(encoding, "replace")
