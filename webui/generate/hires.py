"""Enlarging between the two passes."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from webui.messages import Fault
from webui.request import Request, hires_size
from webui.upscalers import LatentMode, Upscaler


@torch.inference_mode()
def enlarge_latent(mode: LatentMode, latent: Tensor, request: Request, cell: int) -> Tensor:
    """(1, C, h, w) → the second pass's, not yet cut. ``cell``: pixels of a latent's cell, each way."""
    width, height = hires_size(request)
    return mode.enlarge(latent, height // cell, width // cell)


def enlarge_image(upscaler: Upscaler, image: Image.Image, request: Request) -> Image.Image:
    """In the second pass's size, not yet cut."""
    return upscaler.upscale(image, *hires_size(request))


def cut_latent(latent: Tensor, request: Request, cell: int) -> Tensor:
    """Where both sides were asked for, what sticks out is left away on both sides alike."""
    left, top, right, bottom = _cut(request, cell)
    return latent[:, :, top : latent.shape[2] - bottom, left : latent.shape[3] - right]


def cut_image(image: Image.Image, request: Request, cell: int) -> Image.Image:
    """The same cut for a picture that does not go through the second pass."""
    left, top, right, bottom = (cells * cell for cells in _cut(request, cell))
    return image.crop((left, top, image.width - right, image.height - bottom))


def _cut(request: Request, cell: int) -> tuple[int, int, int, int]:
    """Cells to cut off: left, top, right, bottom. An odd one goes at the right and at the bottom."""
    hires = request.hires
    if hires is None or not (hires.width and hires.height):
        return 0, 0, 0, 0
    width, height = hires_size(request)
    x, y = (width - hires.width) // cell, (height - hires.height) // cell
    return x // 2, y // 2, (x + 1) // 2, (y + 1) // 2


def read_source(path: Path, request: Request) -> Image.Image:
    """The picture that takes the first pass's place. Raises Fault for what is none, or of another size."""
    size = request.size
    try:
        with Image.open(path) as image:
            if image.size != (size.width, size.height):
                found = f"{image.width}×{image.height}"
                raise Fault("source_size", field="hires.source", found=found, wanted=f"{size.width}×{size.height}")
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise Fault("source_unreadable", field="hires.source") from error
