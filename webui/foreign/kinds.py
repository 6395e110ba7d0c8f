"""What a reader of another program's texts is. Each lies in a file of its own, found by ``webui.registry``.

A reader puts what its program says under sd-webui's keys, for ``webui.reproduce`` to go on with. It never raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webui.infotext import ImageText, Parsed, number
from webui.messages import Message

LIMIT = 200  # characters of a foreign text that a note repeats


@dataclass(frozen=True)
class Translated:
    """``exact``: the prompts are in sd-webui's language; None where the text itself tells."""

    parsed: Parsed
    notes: tuple[Message, ...] = ()
    exact: bool | None = False


@dataclass(frozen=True)
class Foreign:
    """``recognise`` must be quick: every picture is shown to every reader, in ``order``."""

    name: str
    order: int
    recognise: Callable[[ImageText], bool]
    read: Callable[[ImageText], Translated]


def note(code: str, **params: Any) -> Message:
    """Texts of strangers are cut off: a note is no place for a novel."""
    short = {key: value[:LIMIT] if isinstance(value, str) else value for key, value in params.items()}
    return Message(code=f"reading.{code}", params=short)


def object_of(text: str) -> dict[str, Any]:
    """A JSON object; empty for anything else, however deeply nested."""
    if not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def part_of(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside another, empty when it is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as a generation text has them: 7.0 as 7, truths as True. What is None or a list is left out."""
    texts: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, bool | str):
            texts[key] = str(value)
        elif isinstance(value, int):
            texts[key] = _whole(value)
        elif isinstance(value, float):
            texts[key] = number(value) if abs(value) < 1e15 else str(value)
    return {key: text for key, text in texts.items() if text}


def _whole(value: int) -> str:
    """Python writes no numbers of more than some thousand digits."""
    return str(value) if abs(value) < 10**30 else "inf"


ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "()[]\\"})


def escaped(text: str) -> str:
    """The text with nothing in it that our prompt language would take for brackets."""
    return text.translate(ESCAPES)


def weighted(text: str, weight: float) -> str:
    return text if weight == 1 or not text.strip() else f"({text}:{weight:.4g})"
