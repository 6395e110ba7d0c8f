"""From a generation text or a picture back to a request, and from a picture to the same picture again."""

from webui.reproduce.kinds import AtHand, Reading
from webui.reproduce.read import read

__all__ = ["AtHand", "Reading", "read"]
