"""Pictures from an exported file with as little code as possible: a check that does not lean on the application."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from starter import models, train_vae
from starter.export import FILE
from starter.settings import Settings
from starter.vocabulary import clip_tokenizer
from webui.models import ldm


@dataclass(frozen=True)
class Parts:
    tokenizer: Any
    text: Any
    unet: Any
    vae: Any
    scale: float


def _fill(module: Any, table: dict[str, str], prefix: str, file: dict[str, Tensor]) -> Any:
    tensors = {}
    for key, name in table.items():
        value = file[prefix + key].float()
        tensors[name] = value[:, :, 0, 0] if ldm.is_vae_attention(key) else value
    module.load_state_dict(tensors)
    return module.eval()


def load(path: Path = FILE) -> Parts:
    """The parts of a file that `export` wrote with the current settings, in single precision."""
    settings, file = Settings(), load_file(path)
    unet_shape = ldm.UNetShape(settings.unet_channels, 1, settings.unet_attention, context=settings.text_width)
    text = models.build_text(settings, settings.vocabulary)
    vae = train_vae.blank(settings)
    return Parts(
        tokenizer=clip_tokenizer(),
        text=_fill(text, ldm.clip_keys(settings.text_layers), ldm.CLIP, file),
        unet=_fill(models.build_unet(settings), ldm.unet_keys(unet_shape), ldm.UNET, file),
        vae=_fill(vae, ldm.vae_keys(ldm.VaeShape(settings.vae_channels, 1)), ldm.VAE, file),
        scale=settings.latent_scale,
    )


@torch.no_grad()
def encode(parts: Parts, texts: list[str]) -> Tensor:
    """(B, 77, width): always 77 tokens, padded with the end mark."""
    ids = parts.tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    return parts.text(input_ids=ids).last_hidden_state


@torch.no_grad()
def sample_latents(parts: Parts, texts: list[str], seeds: list[int], size: int, steps: int, cfg: float) -> Tensor:
    """DDIM with classifier-free guidance, (B, 4, size/8, size/8) as the denoiser sees them."""
    noises = [torch.randn(4, size // 8, size // 8, generator=torch.Generator().manual_seed(s)) for s in seeds]
    x = torch.stack(noises)
    context = torch.cat([encode(parts, [""] * len(texts)), encode(parts, texts)])
    alphas = models.sd_alphas()
    times = torch.linspace(999, 0, steps + 1).round().long()
    for now, after in zip(times[:-1], times[1:], strict=True):
        both = parts.unet(torch.cat([x, x]), now.expand(2 * len(x)), context).sample
        empty, asked = both.chunk(2)
        eps = empty + cfg * (asked - empty)
        x0 = (x - (1 - alphas[now]).sqrt() * eps) / alphas[now].sqrt()
        x = models.add_noise(x0, eps, after.expand(len(x)), alphas) if after > 0 else x0
    return x


@torch.no_grad()
def pictures(
    parts: Parts, texts: list[str], seeds: list[int], size: int = 256, steps: int = 20, cfg: float = 7.0
) -> Tensor:
    """(B, 3, size, size) in [0, 1]."""
    z = sample_latents(parts, texts, seeds, size, steps, cfg)
    decoded = [parts.vae.decode(part / parts.scale).sample for part in z.split(4)]
    return torch.cat(decoded).add(1).div(2).clamp(0, 1)
