"""From whatever people drop or paste to a reading."""

from __future__ import annotations

from dataclasses import replace

from webui.foreign import understand
from webui.infotext import ImageText
from webui.messages import Fault, Message
from webui.reproduce.kinds import AtHand, Reading
from webui.reproduce.read import read

MAX_TEXT = 1_000_000  # characters


def read_text(text: str, at_hand: AtHand) -> Reading:
    """Any program's text. Raises Fault ``text_too_long``."""
    if len(text) > MAX_TEXT:
        raise Fault("text_too_long", field="text", limit=MAX_TEXT)
    return read_picture(ImageText(text=text), at_hand)


def read_picture(image: ImageText, at_hand: AtHand) -> Reading:
    """What a picture file says. A picture without a text decides nothing, and that is said."""
    found = understand(image).text
    parsed = found.parsed
    if not (parsed.prompt or parsed.negative or parsed.fields):
        silent = () if found.notes else (Message(code="image_no_text"),)
        return Reading(notes=(*image.notes, *found.notes, *silent))
    reading = read(parsed, at_hand, exact=found.exact)
    return replace(reading, notes=(*image.notes, *found.notes, *reading.notes))
