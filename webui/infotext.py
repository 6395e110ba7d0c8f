"""The generation text ("parameters") that every picture carries, byte for byte as sd-webui writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]


def quote(value: Any) -> str:
    """JSON iff the text holds a comma, a colon or a newline; bare otherwise."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def number(value: float) -> str:
    """7.0 is written 7, as sd-webui's sliders hand it over; 7.5 stays."""
    return str(int(value)) if float(value).is_integer() else str(value)


def format_infotext(prompt: str, negative: str, fields: Fields) -> str:
    """``fields`` in the order they are to be written; None leaves a field out."""
    pairs = ", ".join(
        key if key == value else f"{key}: {quote(value)}" for key, value in fields.items() if value is not None
    )
    middle = f"\nNegative prompt: {negative}" if negative else ""
    return f"{prompt}{middle}\n{pairs}".strip()
