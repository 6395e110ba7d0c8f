"""What a picture file says about how it was made, whoever wrote it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from webui.foreign import understand
from webui.infotext import parse, read_image
from webui.infotext.parse import NEGATIVE, PROMPT
from webui.messages import Fault, Message

NAME = "image"
HELP = "what a picture says about how it was made"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)


def explain(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Good when the picture says something."""
    answer = explain_image(options.file)
    return answer, bool(answer["fields"])


def explain_image(file: Path) -> dict[str, Any]:
    """``{"text", "fields": {key: value}, "source", "notes": [{"code", "text"}]}``.

    ``text``: the generation text as it lies in the file. ``fields``: under sd-webui's keys where these can be told, the
    prompts among them. ``source``: the program that wrote it, null when unknown.
    """
    try:
        image = read_image(file)
    except Fault as fault:
        return {"text": "", "fields": {}, "source": None, "notes": _notes([fault.message])}
    understood = understand(image)
    parsed, notes = understood.text.parsed, (*image.notes, *understood.text.notes)
    prompts = {PROMPT: parsed.prompt, NEGATIVE: parsed.negative}
    fields = {key: text for key, text in prompts.items() if text} | {**parse(image.text).fields, **parsed.fields}
    if not fields:
        notes = (*notes, Message(code="image_no_text"))
    return {"text": image.text, "fields": fields, "source": understood.source or None, "notes": _notes(notes)}


def _notes(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"code": message.code, "text": message.text()} for message in messages]
