"""``a cat :1.2 AND a dog :0.8``: several prompts for one picture, each with its weight (Liu et al. 2022,
arXiv:2206.01714), in sd-webui's syntax.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from webui.messages import Message

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)")


class Weighted(NamedTuple):
    """``text`` has no space at its end."""

    text: str
    weight: float = 1.0


class Split(NamedTuple):
    parts: tuple[Weighted, ...]  # at least one
    notes: tuple[Message, ...] = ()


def split(text: str, sd_webui: bool = False) -> Split:
    """The parts of a positive prompt.

    sd-webui takes a number after the last ``:`` for a weight even where nothing is composed, so that it loses the end
    of "at 10:30". We do so only where there is an AND.
    """
    parts = [_weighted(part) for part in _AND.split(text)]
    whole = Weighted(text.rstrip())
    if len(parts) > 1 or sd_webui or parts == [whole]:
        return Split(tuple(parts))
    number = whole.text.rpartition(":")[2].strip()
    return Split((whole,), (Message(code="prompt_number_is_text", params={"number": number[:100]}),))


def _weighted(part: str) -> Weighted:
    """A number too large to be held is text."""
    part = part.rstrip()
    text, colon, number = part.rpartition(":")
    weight = float(number) if colon and _NUMBER.fullmatch(number.strip()) else math.inf
    return Weighted(text.rstrip(), weight) if math.isfinite(weight) else Weighted(part)
