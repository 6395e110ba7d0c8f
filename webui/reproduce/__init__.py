"""From a generation text or a picture back to a request, and from a picture to the same picture again."""

from webui.reproduce.kinds import AtHand, Reading
from webui.reproduce.read import read
from webui.reproduce.sources import read_picture, read_text

__all__ = ["AtHand", "Reading", "read", "read_picture", "read_text"]
