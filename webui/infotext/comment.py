"""The EXIF tag UserComment (0x9286), where JPEG, WebP and AVIF files carry the generation text.

Eight bytes say how the rest is written (CIPA DC-008-2023, Exif 3.0, section 4.6.6.6): "UNICODE" is UTF-16 whose byte
order the standard leaves open; sd-webui writes big-endian.
"""

from __future__ import annotations

from PIL import ExifTags, Image

UNICODE, ASCII, JIS, UNDEFINED = b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)
MAX_EXIF_IN_JPEG = 65_533  # bytes; a segment's length has 16 bits


def exif_with(text: str) -> bytes:
    """An EXIF block that holds the text and nothing else."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = UNICODE + text.encode("utf-16-be", "replace")
    return exif.tobytes()


def decode(comment: bytes) -> str:
    """Also what careless programs write: the other byte order, UTF-8 under the name of ASCII or none at all."""
    code, rest = comment[:8], comment[8:]
    if code == UNICODE:
        text = _utf16(rest)
    elif code == JIS:
        text = rest.decode("shift_jis", "replace")
    else:
        text = _bytes(rest if code in (ASCII, UNDEFINED) else comment)
    return text.rstrip("\0")


def _utf16(content: bytes) -> str:
    """By its mark, else in the order that gives more of the Latin letters of which every generation text has some."""
    if content[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return content.decode("utf-16", "replace")
    latin_big, latin_little = content[0::2].count(0), content[1::2].count(0)
    return content.decode("utf-16-le" if latin_little > latin_big else "utf-16-be", "replace")


def _bytes(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
