"""Remarks in a prompt: ``#`` and what follows it on its line, as in sd-webui."""

from __future__ import annotations

import re

from webui.messages import Message

_COLOUR = r"(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3,4})(?!\w)"
COLOUR = re.compile("#" + _COLOUR)

# A line that is nothing but a remark goes with one of its line ends; one at a line's end leaves the line end.
_THEIRS = (re.compile(r"(?:\A|\n)#[^\n]*(?:\n|\Z)"), re.compile(r"#[^\n]*(?:\n|\Z)"))
_OURS = tuple(re.compile(pattern.pattern.replace("#", f"#(?!{_COLOUR})")) for pattern in _THEIRS)


def strip(text: str, sd_webui: bool = False) -> str:
    """The text without its remarks. What has been stripped once stays as it is.

    A colour such as ``#ff8800`` (3, 4, 6 or 8 hexadecimal digits, no word going on) begins no remark, unless
    ``sd_webui``: there every ``#`` does.
    """
    for pattern in _THEIRS if sd_webui else _OURS:
        text = pattern.sub("\n", text)
    return text


def notes(stripped: str) -> list[Message]:
    """What to say about a text that was stripped our way."""
    colour = COLOUR.search(stripped)
    return [Message(code="prompt_colour_kept", params={"colour": colour[0]})] if colour else []
