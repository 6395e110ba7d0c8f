"""Generation texts out of picture files.

==================  =====================================================================================
PNG                 text chunk ``parameters``; all other text chunks are items
JPEG, WebP, AVIF    EXIF UserComment, else a JPEG's comment; ComfyUI's graphs in EXIF Make and Model
GIF                 comment
==================  =====================================================================================

What other programs write lies in the items, under their own keys: ``invokeai_metadata``, ``sd-metadata``, ``Dream``
(InvokeAI), ``prompt``, ``workflow`` (ComfyUI), ``Software``, ``Comment`` (NovelAI), ``postprocessing`` (sd-webui).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from webui.infotext import comment
from webui.infotext.chunks import SIGNATURE, read_chunks
from webui.messages import Fault, Message

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
PARAMETERS = "parameters"
MAX_PIXELS = 40_000_000
MAX_BYTES = 100 * 2**20
_GRAPH = re.compile(r"(prompt|workflow):\s*(?=[{\[])", re.IGNORECASE)  # ComfyUI's, in EXIF texts


@dataclass(frozen=True)
class ImageText:
    """What a picture file says about itself. Width and height in pixels, as stored.

    ``text``: the generation text, empty when there is none where one belongs. ``source``: what held it ("parameters",
    "UserComment", "comment", or empty). ``items``: all other texts by key. ``notes``: what could not be read.
    """

    text: str = ""
    source: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    format: str = ""
    notes: tuple[Message, ...] = ()


def read_image(picture: bytes | Path) -> ImageText:
    """Nothing is decoded. Raises Fault for what is not a picture of ``FORMATS``, or too large a one."""
    data = picture if isinstance(picture, bytes) else _read(picture)
    if data.startswith(SIGNATURE):
        return _read_png(data)
    with open_picture(data) as image:
        texts = dict(_exif(image.info.get("exif", b"")))
        remark = image.info.get("comment", b"")
        texts.setdefault("comment", remark if isinstance(remark, str) else remark.decode("utf-8", "replace"))
        kind = "JPEG" if image.format == "MPO" else image.format or ""
        return _image_text(texts, ("UserComment", "comment"), image.size, kind)


def open_picture(data: bytes) -> Image.Image:
    """Opened, not decoded yet, at most ``MAX_PIXELS``. Raises Fault; so may decoding it: see ``decode_picture``."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Fault("image_too_large", field="image", limit=MAX_PIXELS // 10**6) from error
    except Exception as error:  # Pillow raises what a broken file happens to cause
        raise Fault("image_unreadable", field="image", formats=FORMATS) from error
    _check_size(*image.size)
    return image


def decode_picture(data: bytes) -> Image.Image:
    """Decoded, the first frame only. Raises Fault."""
    image = open_picture(data)
    try:
        image.load()
    except Exception as error:  # as above
        raise Fault("image_unreadable", field="image", formats=FORMATS) from error
    return image


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Fault("image_file_too_large", field="image", limit=MAX_BYTES // 2**20)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Fault("file_unreadable", field="image", name=path.name, reason=reason) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Fault("image_too_large", field="image", limit=MAX_PIXELS // 10**6)


def _read_png(data: bytes) -> ImageText:
    try:
        found = read_chunks(data)
    except ValueError as error:
        raise Fault("image_unreadable", field="image", formats=FORMATS) from error
    _check_size(found.width, found.height)
    texts = dict(_exif(found.exif)) | found.texts
    notes = tuple(Message(code="image_text_left_out", params={"key": key}) for key in found.left_out[:10])
    return _image_text(texts, (PARAMETERS, "UserComment"), (found.width, found.height), "PNG", notes)


def _image_text(
    texts: dict[str, str], places: tuple[str, ...], size: tuple[int, int], kind: str, notes: tuple[Message, ...] = ()
) -> ImageText:
    """The generation text is the first that there is in ``places``."""
    source = next((place for place in places if texts.get(place)), "")
    items = {key: text for key, text in texts.items() if text and key != source}
    return ImageText(texts.get(source, ""), source, items, *size, format=kind, notes=notes)


def _exif(data: bytes) -> Iterator[tuple[str, str]]:
    """The texts of an EXIF block by the names of their tags; of a broken one, those that can still be read."""
    exif = Image.Exif()
    try:
        exif.load(data)
        tags: dict[int, Any] = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # noqa: BLE001 (whatever a broken block makes Pillow raise; the picture is none the worse)
        return
    for tag, value in tags.items():
        name = ExifTags.TAGS.get(tag, str(tag))
        if name == "UserComment":
            yield name, comment.decode(value) if isinstance(value, bytes) else str(value)
        elif isinstance(value, str):
            graph = _GRAPH.match(value)
            yield (graph[1].lower(), value[graph.end() :]) if graph else (name, value.rstrip("\0"))
