"""The generation text that every picture carries: how it is written, read, and kept in files."""

from webui.infotext.containers import ImageText, decode_picture, open_picture, read_image
from webui.infotext.parse import Parsed, parse
from webui.infotext.write import Extent, Fields, format_infotext, number, quote

__all__ = [
    "Extent",
    "Fields",
    "ImageText",
    "Parsed",
    "decode_picture",
    "format_infotext",
    "number",
    "open_picture",
    "parse",
    "quote",
    "read_image",
]
