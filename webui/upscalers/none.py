"""No upscaler of its own: the size is changed as pictures of any other size are, by Lanczos (sd-webui's rule)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webui.upscalers.kinds import Upscaler

if TYPE_CHECKING:
    from PIL.Image import Image


def upscale(image: Image, width: int, height: int) -> Image:
    from PIL.Image import Resampling

    return image.resize((width, height), Resampling.LANCZOS)


NONE = Upscaler("None", 10, upscale)
