"""The generation text that every picture carries: how it is written, read, and kept in files."""

from webui.infotext.parse import Parsed, parse
from webui.infotext.write import Extent, Fields, format_infotext, number, quote

__all__ = ["Extent", "Fields", "Parsed", "format_infotext", "number", "parse", "quote"]
