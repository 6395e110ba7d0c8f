"""The generation text ("parameters"), byte for byte as sd-webui writes it.

Prompt, negative prompt, and one line of ``Key: value`` pairs. Where that form would not be read back as it was meant,
and there only, more is written than sd-webui would: see ``quote`` and ``format_infotext``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from webui.infotext.parse import NEGATIVE, PROMPT, SIZE, parse, unquote

Fields = Mapping[str, Any]


class Extent(NamedTuple):
    """Pixels, written ``512x768``."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def quote(value: Any) -> str:
    """Bare; as a JSON string where the text holds a comma, a colon or a newline.

    So are texts which sd-webui writes bare and then reads as something else: ``"a"``, `` a``, ``512x512``.
    """
    text = str(value)
    meant = isinstance(value, Extent) or not (SIZE.match(text) or text != text.strip() or unquote(text) != text)
    return text if meant and not any(mark in text for mark in ",:\n") else _json(text)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def number(value: float) -> str:
    """7.0 is written 7, as sd-webui's sliders hand it over; 7.5 stays."""
    return str(int(value)) if float(value).is_integer() else str(value)


def format_infotext(prompt: str, negative: str, fields: Fields) -> str:
    """``fields`` in the order they are to be written (three or more, else nobody takes them for such).

    None leaves a field out. Prompts that would not be read back as they are (a line of theirs starts with "Negative
    prompt:", or has blanks at an end) are written a second time, as fields ``Prompt`` and ``Negative prompt``, which
    sd-webui reads too.
    """
    pairs = [key if key == value else f"{key}: {quote(value)}" for key, value in fields.items() if value is not None]
    text = _assemble(prompt, negative, pairs)
    read = parse(text)
    again = {PROMPT: (prompt, read.prompt), NEGATIVE: (negative, read.negative)}
    more = [f"{key}: {_json(meant)}" for key, (meant, found) in again.items() if meant != found]
    return _assemble(prompt, negative, pairs + more) if more and read.fields else text


def _assemble(prompt: str, negative: str, pairs: list[str]) -> str:
    middle = f"\n{NEGATIVE}: {negative}" if negative else ""
    return f"{prompt}{middle}\n{', '.join(pairs)}".strip()
