"""Generation texts of other programs, put under sd-webui's keys as far as they say anything.

To add a program: a ``kinds.Foreign`` in a new file here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from webui import registry
from webui.foreign.kinds import Foreign, Translated
from webui.infotext import ImageText, parse

__all__ = ["Foreign", "Translated", "Understood", "programs", "understand"]

OURS = "atelier"
USUAL = "sd-webui"


class Understood(NamedTuple):
    """``source``: the name of the program that wrote it, as far as that can be told; empty for a bare prompt."""

    source: str
    text: Translated


def programs() -> Mapping[str, Foreign]:
    return registry.discover("webui.foreign", Foreign)


def understand(image: ImageText) -> Understood:
    """What a picture says, or a text without one (``ImageText(text=…)``), whoever wrote it."""
    for program in programs().values():
        if program.recognise(image):
            return Understood(program.name, program.read(image))
    parsed = parse(image.text)
    ours = parsed.fields.get("Version", "").startswith(f"{OURS}-")
    return Understood((OURS if ours else USUAL) if parsed.fields else "", Translated(parsed, exact=None))
