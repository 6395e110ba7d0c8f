"""Latents ↔ pixels, by the VAE of the model in use."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from webui.messages import Fault
from webui.models.manager import Model

PREVIEW_SIDE = 512  # pixels: what a preview by the VAE is at most


@torch.inference_mode()
def to_pixels(model: Model, latent: Tensor) -> np.ndarray:
    """(1, C, h, w) → (H, W, 3) uint8. Raises Fault ``model_nan``."""
    if not bool(torch.isfinite(latent).all()):
        raise Fault("model_nan", name=model.name)
    picture = model.family.decode(model.parts, latent)[0]
    if not bool(torch.isfinite(picture).all()):
        raise Fault("model_nan", name=model.name)
    return _pixels(picture)


@torch.inference_mode()
def to_latent(model: Model, image: Image.Image) -> Tensor:
    """An RGB picture whose sides are multiples of the model's cells → (1, C, h, w)."""
    pixels = torch.from_numpy(np.array(image, dtype=np.float32) / 255.0)
    picture = pixels.permute(2, 0, 1)[None].to(model.device) * 2.0 - 1.0
    return model.family.encode_picture(model.parts, picture)


def preview(model: Model, latent: Tensor, *, full: bool) -> str:
    """A JPEG in base64 of a latent (1, C, h, w) that is still being made; ``full``: by the VAE, not by a linear map."""
    if not full:
        return model.previewer.jpeg(latent)
    image = Image.fromarray(_pixels(model.family.decode(model.parts, latent)[0].nan_to_num()))
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return base64.b64encode(file.getvalue()).decode()


def _pixels(picture: Tensor) -> np.ndarray:
    """(3, H, W), −1..1 → (H, W, 3) uint8. Cut off, not rounded: sd-webui's pixels."""
    return (((picture + 1) / 2).clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
