"""Tiny random models of the real classes, written in the real single-file layout."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from webui.models import ldm
from webui.models.sd1_load import make_modules
from webui.models.sd1_shapes import Shapes, TextShape

UNET = ldm.UNetShape(channels=(32, 64), res_blocks=1, attention=(True, True), context=64)
VAE = ldm.VaeShape(channels=(32, 32, 32, 32), res_blocks=1)
TEXT = TextShape(layers=2, width=64, inner=128, prefix=ldm.CLIP + "text_model.")
SHAPES = Shapes(UNET, VAE, TEXT)


def modules(seed: int = 0, shapes: Shapes = SHAPES) -> tuple[torch.nn.Module, torch.nn.Module, torch.nn.Module]:
    """(text encoder, denoiser, VAE) with random weights, float32."""
    torch.manual_seed(seed)
    assert shapes.vae
    made = make_modules(shapes, shapes.vae)
    for module in made:
        module.requires_grad_(False).eval()
    return made


def tensors(seed: int = 0, shapes: Shapes = SHAPES) -> dict[str, torch.Tensor]:
    """{key of the file: tensor}."""
    text, unet, vae = (module.state_dict() for module in modules(seed, shapes))
    assert shapes.vae
    found = {ldm.UNET + key: unet[name] for key, name in ldm.unet_keys(shapes.unet).items()}
    for key, name in ldm.vae_keys(shapes.vae).items():
        found[ldm.VAE + key] = vae[name][:, :, None, None] if ldm.is_vae_attention(key) else vae[name]
    for key, name in ldm.clip_keys(shapes.text.layers).items():
        found[shapes.text.prefix + key.removeprefix("text_model.")] = text[name]
    return {key: tensor.contiguous() for key, tensor in found.items()}


def checkpoint(
    path: Path, seed: int = 0, shapes: Shapes = SHAPES, dtype: torch.dtype = torch.float16, size: str = "64x64"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: tensor.to(dtype) for key, tensor in tensors(seed, shapes).items()}
    save_file(weights, path, metadata={"modelspec.resolution": size})
    return path
