"""Lanczos resampling (Lanczos 1956; Turkowski 1990), as Pillow does it: a windowed sinc over three pixels each way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webui.upscalers.kinds import Upscaler

if TYPE_CHECKING:
    from PIL.Image import Image


def upscale(image: Image, width: int, height: int) -> Image:
    from PIL.Image import Resampling

    return image.resize((width, height), Resampling.LANCZOS)


LANCZOS = Upscaler("Lanczos", 20, upscale)
