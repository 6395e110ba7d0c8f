"""What enlarges pictures. Each upscaler lies in a file of its own, found by ``webui.registry``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Upscale = Callable[["Image", int, int], "Image"]
"""(RGB picture, width, height in pixels) → the picture in exactly this size."""


@dataclass(frozen=True)
class Upscaler:
    """Enlarges finished pictures. ``scale`` is its own factor, 1 where it takes any."""

    name: str
    order: int  # place in the list
    upscale: Upscale
    scale: float = 1.0


@dataclass(frozen=True)
class LatentMode:
    """Enlarges latents, before they become pictures: ``torch.nn.functional.interpolate`` in one of its modes."""

    name: str
    order: int  # place in the list, before all upscalers
    mode: str
    antialias: bool = False

    def enlarge(self, latent: Tensor, height: int, width: int) -> Tensor:
        """(B, C, h, w) → (B, C, height, width), all in cells."""
        from torch.nn.functional import interpolate

        return interpolate(latent, size=(height, width), mode=self.mode, antialias=self.antialias)
