"""Every pixel takes the colour of the nearest one: blocks, nothing invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webui.upscalers.kinds import Upscaler

if TYPE_CHECKING:
    from PIL.Image import Image


def upscale(image: Image, width: int, height: int) -> Image:
    """Blocks at one factor both ways; what is then over or short, by a pixel or for another shape, Lanczos evens out.

    As in sd-webui.
    """
    from PIL.Image import Resampling

    scale = max(width / image.width, height / image.height)
    if scale > 1:
        image = image.resize((int(image.width * scale), int(image.height * scale)), Resampling.NEAREST)
    return image if image.size == (width, height) else image.resize((width, height), Resampling.LANCZOS)


NEAREST = Upscaler("Nearest", 30, upscale)
