"""From a generation text or a picture back to a request, and from a picture to the same picture again."""

from webui.reproduce.again import Again, OfJob, Outcome, Source
from webui.reproduce.kinds import AtHand, Reading
from webui.reproduce.read import read
from webui.reproduce.remake import remake
from webui.reproduce.sources import read_picture, read_text

__all__ = ["Again", "AtHand", "OfJob", "Outcome", "Reading", "Source", "read", "read_picture", "read_text", "remake"]
