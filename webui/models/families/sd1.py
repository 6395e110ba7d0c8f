"""Stable Diffusion 1.x, of any width and depth, in the original single-file layout (Rombach et al. 2022).

Widths, depths and levels are read off the tensors' shapes. What shapes cannot say is the family's rule: GroupNorm has
32 groups, the denoiser 8 heads, CLIP one head per 64 channels and quick-GELU.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webui.devices import Precision
from webui.files.header import Header
from webui.models import ldm
from webui.models.family import Family, NotThis, OnProgress, Parts, TextOptions, Variant
from webui.sampling.schedule import EPSILON, scaled_linear

if TYPE_CHECKING:
    from torch import Tensor, device

    from webui.prompt import Chunk

GROUPS = 32
HEADS = 8
CLIP_HEAD = 64  # channels a head
LATENT_SCALE = 0.18215
NATIVE_SIZE = (512, 512)
VAE_ALONE = ""  # prefix of an autoencoder that stands in a file of its own


@dataclass(frozen=True)
class TextShape:
    layers: int
    width: int
    inner: int  # of the MLP
    prefix: str  # NovelAI-era files leave "text_model." out


@dataclass(frozen=True)
class Shapes:
    unet: ldm.UNetShape
    vae: ldm.VaeShape | None
    text: TextShape


class StableDiffusion1(Family):
    name = "Stable Diffusion 1.x"
    order = 10
    schedule = scaled_linear()
    prediction = EPSILON

    def detect(self, header: Header) -> Variant:
        unet = _unet_shape(header)
        text = _text_shape(header)
        if unet.context != text.width:
            raise NotThis("sd1_widths", context=unet.context, width=text.width)
        try:
            vae = _vae_shape(header, ldm.VAE)
        except NotThis:
            vae = None  # its keys are named as missing, and a separate VAE can take its place
        shapes = Shapes(unet, vae, text)
        missing = tuple(key for key in _needed(shapes) if key not in header.tensors)
        return Variant("base", _native_size(header), missing, shapes)

    def detect_vae(self, header: Header) -> ldm.VaeShape:
        prefix = ldm.VAE if f"{ldm.VAE}decoder.conv_in.weight" in header.tensors else VAE_ALONE
        shape = _vae_shape(header, prefix)
        missing = [key for key in ldm.vae_keys(shape) if prefix + key not in header.tensors]
        if missing:
            raise NotThis("no_key", key=prefix + missing[0])
        return shape

    def load(
        self, path: Path, variant: Variant, vae: Path | None, to: device, precision: Precision, progress: OnProgress
    ) -> Parts:
        from webui.models.sd1_load import load

        return load(self, path, variant.shapes, vae, to, precision, progress)

    def encode(self, parts: Parts, chunks: list[Chunk], options: TextOptions) -> Tensor:
        from webui.models.text import encode_clip

        return encode_clip(parts.text_encoder, chunks, options)

    def predict(self, parts: Parts, x: Tensor, t: float, conds: Sequence[Tensor]) -> list[Tensor]:
        import torch

        if len({cond.shape for cond in conds}) > 1:
            return [output for cond in conds for output in self.predict(parts, x, t, [cond])]
        net: Any = parts.denoiser
        times = torch.full((len(conds),), t, device=x.device, dtype=torch.float32)
        xs = x.expand(len(conds), -1, -1, -1)
        outputs = net(xs.to(net.dtype), times, torch.cat(list(conds)).to(net.dtype), return_dict=False)[0]
        return list(outputs.float().split(1))

    def decode(self, parts: Parts, latent: Tensor) -> Tensor:
        vae: Any = parts.vae
        return vae.decode((latent / LATENT_SCALE).to(vae.dtype), return_dict=False)[0].float()


SD1 = StableDiffusion1()


def _needed(shapes: Shapes) -> list[str]:
    """All keys of a complete file. Without a VAE in it, those of a whole one stand for what is missing."""
    vae = shapes.vae or ldm.VaeShape((128, 256, 512, 512), 2)
    text = (key.removeprefix("text_model.") for key in ldm.clip_keys(shapes.text.layers))
    return [
        *(ldm.UNET + key for key in ldm.unet_keys(shapes.unet)),
        *(ldm.VAE + key for key in ldm.vae_keys(vae)),
        *(shapes.text.prefix + key for key in text),
    ]


def _shape(header: Header, key: str) -> tuple[int, ...]:
    shape = header.shape(key)
    if shape is None:
        raise NotThis("no_key", key=key)
    return shape


def _unet_shape(header: Header) -> ldm.UNetShape:
    p = ldm.UNET
    first = _shape(header, f"{p}input_blocks.0.0.weight")
    if first[1] != 4:
        raise NotThis("sd1_in_channels", channels=first[1])
    channels: list[int] = [0]
    blocks, attention = [0], [False]
    number = 1
    sample = ""  # some attention block, to read the rest off
    while True:
        block = f"{p}input_blocks.{number}"
        if f"{block}.0.op.weight" in header.tensors:
            channels, blocks, attention = [*channels, 0], [*blocks, 0], [*attention, False]
        elif out := header.shape(f"{block}.0.out_layers.3.weight"):
            channels[-1] = out[0]
            blocks[-1] += 1
            if f"{block}.1.norm.weight" in header.tensors:
                attention[-1], sample = True, f"{block}.1"
        else:
            break
        number += 1
    if len(set(blocks)) != 1 or not sample:
        raise NotThis("sd1_uneven", blocks=blocks)
    if any(width % GROUPS for width in channels):
        raise NotThis("sd1_groups", channels=channels)
    if len(_shape(header, f"{sample}.proj_in.weight")) != 4:
        raise NotThis("sd1_linear")
    depth = re.compile(re.escape(sample) + r"\.transformer_blocks\.(\d+)\.norm1\.weight")
    return ldm.UNetShape(
        channels=tuple(channels),
        res_blocks=blocks[0],
        attention=tuple(attention),
        mid_attention=f"{p}middle_block.1.norm.weight" in header.tensors,
        depth=sum(1 for key in header.tensors if depth.fullmatch(key)),
        in_channels=first[1],
        context=_shape(header, f"{sample}.transformer_blocks.0.attn2.to_k.weight")[1],
    )


def _vae_shape(header: Header, prefix: str) -> ldm.VaeShape:
    channels: list[int] = []
    while shape := header.shape(f"{prefix}encoder.down.{len(channels)}.block.0.conv1.weight"):
        channels.append(shape[0])
    if not channels:
        raise NotThis("no_key", key=f"{prefix}encoder.down.0.block.0.conv1.weight")
    blocks = 1
    while f"{prefix}encoder.down.0.block.{blocks}.conv1.weight" in header.tensors:
        blocks += 1
    latent = _shape(header, f"{prefix}post_quant_conv.weight")[0]
    if latent != 4 or len(channels) != 4:
        raise NotThis("sd1_vae", latent=latent, levels=len(channels))
    return ldm.VaeShape(tuple(channels), blocks, latent)


def _text_shape(header: Header) -> TextShape:
    prefix = ldm.CLIP
    if f"{prefix}embeddings.token_embedding.weight" not in header.tensors:
        prefix += "text_model."
    width = _shape(header, f"{prefix}embeddings.token_embedding.weight")[1]
    inner = _shape(header, f"{prefix}encoder.layers.0.mlp.fc1.weight")[0]
    layers = 1
    while f"{prefix}encoder.layers.{layers}.mlp.fc1.weight" in header.tensors:
        layers += 1
    if width % CLIP_HEAD:
        raise NotThis("sd1_text_width", width=width)
    return TextShape(layers, width, inner, prefix)


def _native_size(header: Header) -> tuple[int, int]:
    """From the metadata (modelspec.org), else what the family was trained at."""
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", header.metadata.get("modelspec.resolution", ""))
    return (int(match[1]), int(match[2])) if match else NATIVE_SIZE
