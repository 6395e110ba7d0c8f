"""`python -m starter.export`: the trained parts as one checkpoint file, named and shaped as SD 1's files are."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from starter import models, train_vae
from starter.settings import Settings
from starter.vocabulary import Captions
from webui.models import ldm

FILE = Path("models/Stable-diffusion/atelier-starter.safetensors")


def file_tensors(module: Any, table: dict[str, str], prefix: str) -> dict[str, Tensor]:
    """A module's tensors under the file's names, in half precision."""
    tensors = module.state_dict()
    renamed = {}
    for key, name in table.items():
        value = tensors[name][:, :, None, None] if ldm.is_vae_attention(key) else tensors[name]
        renamed[prefix + key] = value.half().contiguous()
    return renamed


def averaged(work: Path, settings: Settings) -> tuple[models.Starter, Captions, int]:
    """The text encoder and denoiser with the running average of their weights, and the steps trained."""
    captions: Captions = torch.load(work / "captions.pt", weights_only=False)
    starter = models.build(settings, captions.rows_in_use)
    state = torch.load(work / "starter.pt")
    parameters = {f"{part}.{n}": p for part, m in starter.modules().items() for n, p in m.named_parameters()}
    with torch.no_grad():
        for name, value in zip(state["names"], state["average"], strict=True):
            parameters[name].copy_(value)
    return starter, captions, state["step"]


def whole_vocabulary(compact: Tensor, captions: Captions, settings: Settings) -> Tensor:
    """CLIP's full table (49408, width): the words that captions use, and spare rows in turn for all others."""
    words, spare = compact[: len(captions.used)], compact[len(captions.used) :]
    table = spare[torch.arange(settings.vocabulary) % len(spare)].clone()
    table[torch.tensor(captions.used)] = words
    return table


def checkpoint(work: Path, settings: Settings) -> tuple[dict[str, Tensor], int]:
    """Every tensor of the file, and the steps trained."""
    starter, captions, steps = averaged(work, settings)
    vae = train_vae.load(work, settings)
    with torch.no_grad():
        embedding: Any = starter.text.embeddings.token_embedding
        embedding.weight = torch.nn.Parameter(whole_vocabulary(embedding.weight, captions, settings))
    unet_shape = ldm.UNetShape(settings.unet_channels, 1, settings.unet_attention, context=settings.text_width)
    tensors = file_tensors(starter.unet, ldm.unet_keys(unet_shape), ldm.UNET)
    tensors |= file_tensors(vae, ldm.vae_keys(ldm.VaeShape(settings.vae_channels, 1)), ldm.VAE)
    tensors |= file_tensors(starter.text, ldm.clip_keys(settings.text_layers), ldm.CLIP)
    positions = torch.arange(settings.tokens)[None]
    tensors[ldm.CLIP + "text_model.embeddings.position_ids"] = positions
    alphas = models.sd_alphas()
    tensors["alphas_cumprod"] = alphas
    tensors["betas"] = 1 - alphas / torch.cat([torch.ones(1), alphas[:-1]])
    return tensors, steps


def metadata(work: Path, settings: Settings, steps: int) -> dict[str, str]:
    matrix, shift = train_vae.latent_basis(work, settings)
    back = torch.linalg.inv(matrix)
    colors = {"factors": back[:3].T.tolist(), "bias": (-back @ shift)[:3].tolist()}
    size = f"{settings.size}x{settings.size}"
    return {
        "title": "Atelier starter",
        "license": "Apache-2.0",
        "native_size": str(settings.size),
        "steps": str(steps),
        "latent_rgb": json.dumps(colors),  # latent (times 0.18215) @ factors + bias = red, green, blue in [-1, 1]
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.title": "Atelier starter",
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": size,
        "modelspec.prediction_type": "epsilon",
        "modelspec.description": "A small model of captioned landscapes, trained from scratch on drawn pictures.",
    }


def write(path: Path, work: Path, settings: Settings) -> None:
    tensors, steps = checkpoint(work, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata(work, settings, steps))
    os.replace(partial, path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(tensors)} tensors, {steps} steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("starter/work"))
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args()
    write(options.file, options.work, Settings())


if __name__ == "__main__":
    main()
