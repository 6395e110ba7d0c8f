"""Reading a Stable Diffusion 1.x file into diffusers' and transformers' modules: every tensor lands, or a Fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import safe_open
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from webui.devices import Precision
from webui.files.header import read_header
from webui.messages import Fault
from webui.models import ldm
from webui.models.family import NotThis, OnProgress, Parts
from webui.models.sd1_shapes import CLIP_HEAD, GROUPS, HEADS, Shapes, TextShape, VaePlace, read_separate_vae

Tick = Callable[[], None]


def load(
    path: Path, shapes: Shapes, vae: Path | None, to: torch.device, precision: Precision, progress: OnProgress
) -> Parts:
    """See ``Family.load``."""
    vae_path, place = (path, VaePlace(ldm.VAE, _inside(shapes))) if vae is None else (vae, _separate(vae))
    text_keys = {key.removeprefix("text_model."): name for key, name in ldm.clip_keys(shapes.text.layers).items()}
    unet_keys, vae_keys = ldm.unet_keys(shapes.unet), ldm.vae_keys(place.shape)
    tick = _counter(len(text_keys) + len(unet_keys) + len(vae_keys), progress)

    with torch.device("meta"):
        text_encoder, denoiser, autoencoder = make_modules(shapes, place.shape)
    _fill(text_encoder, path, shapes.text.prefix, text_keys, to, precision.text_encoder, tick)
    text_encoder.embeddings.position_ids = torch.arange(77, device=to)[None]  # a buffer that no file needs to hold
    _fill(denoiser, path, ldm.UNET, unet_keys, to, precision.denoiser, tick)
    _fill(autoencoder, vae_path, place.prefix, vae_keys, to, precision.vae, tick)
    return Parts(text_encoder, denoiser, autoencoder)


def _inside(shapes: Shapes) -> ldm.VaeShape:
    assert shapes.vae is not None  # Found.require has made sure
    return shapes.vae


def _separate(vae: Path) -> VaePlace:
    try:
        return read_separate_vae(read_header(vae))
    except NotThis as reason:
        raise Fault("not_a_vae", field="models.vae", name=vae.name, reason=reason.message.text()) from reason


def make_modules(shapes: Shapes, vae: ldm.VaeShape) -> tuple[Any, nn.Module, nn.Module]:
    """(text encoder, denoiser, VAE) as the classes initialise them."""
    return _clip(shapes.text), _unet(shapes.unet), _vae(vae)


def _counter(total: int, progress: OnProgress) -> Tick:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if done % 32 == 0 or done == total:
            progress(done / total)

    return tick


def _fill(
    module: Any, path: Path, prefix: str, keys: Mapping[str, str], to: torch.device, dtype: str, tick: Tick
) -> None:
    """Copies, so that the file may be replaced or deleted while the model is in use."""
    tensors: dict[str, Tensor] = {}
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    with safe_open(path, framework="pt") as file:
        for key, name in keys.items():
            tensor = file.get_tensor(prefix + key).to(to, getattr(torch, dtype), copy=True)
            if ldm.is_vae_attention(key) and tensor.ndim == 4:
                tensor = tensor[:, :, 0, 0]
            if tuple(tensor.shape) != wanted[name]:
                raise Fault(
                    "wrong_shape", field="models.checkpoint", name=path.name, key=prefix + key,
                    found="×".join(map(str, tensor.shape)), wanted="×".join(map(str, wanted[name])),
                )  # fmt: skip
            tensors[name] = tensor
            tick()
    module.load_state_dict(tensors, strict=True, assign=True)
    module.requires_grad_(False).eval()


def _unet(shape: ldm.UNetShape) -> nn.Module:
    down = ["CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in shape.attention]
    up = ["CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(shape.attention)]
    return UNet2DConditionModel(
        in_channels=shape.in_channels,
        out_channels=4,
        block_out_channels=shape.channels,
        layers_per_block=shape.res_blocks,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        mid_block_type="UNetMidBlock2DCrossAttn" if shape.mid_attention else "UNetMidBlock2D",
        transformer_layers_per_block=shape.depth,
        cross_attention_dim=shape.context,
        attention_head_dim=HEADS,  # diffusers' name for the number of heads
        norm_num_groups=GROUPS,
    )


def _vae(shape: ldm.VaeShape) -> nn.Module:
    make: Any = AutoencoderKL  # its annotations say one level only
    return make(
        block_out_channels=shape.channels,
        down_block_types=("DownEncoderBlock2D",) * len(shape.channels),
        up_block_types=("UpDecoderBlock2D",) * len(shape.channels),
        layers_per_block=shape.res_blocks,
        latent_channels=shape.latent,
        norm_num_groups=GROUPS,
    )


def _clip(shape: TextShape) -> Any:
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=shape.width,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.width // CLIP_HEAD,
            hidden_act="quick_gelu",
            projection_dim=shape.width,
        )
    )
