"""Ways to enlarge: latents inside the second pass, and pictures. One list for the page and the API. No torch here."""

from __future__ import annotations

from collections.abc import Mapping

from webui.messages import Fault
from webui.registry import UnknownName, discover, find
from webui.upscalers.kinds import LatentMode, Upscaler

__all__ = ["LatentMode", "Upscaler", "find_upscaler", "latent_modes", "upscalers"]


def latent_modes() -> Mapping[str, LatentMode]:
    """The ways to enlarge a latent by name ("Latent (bicubic)"), in the order people know."""
    return discover("webui.upscalers", LatentMode)


def upscalers() -> Mapping[str, Upscaler]:
    """What enlarges pictures by name ("Lanczos"), in the order people know."""
    return discover("webui.upscalers", Upscaler)


def find_upscaler(name: str, field: str = "hires.upscaler") -> LatentMode | Upscaler:
    """By name in any case. Raises Fault ``unknown_upscaler`` with the nearest names."""
    try:
        return find({**latent_modes(), **upscalers()}, name, "upscaler")
    except UnknownName as error:
        raise Fault("unknown_upscaler", field=field, name=name[:100], nearest=error.nearest) from error
