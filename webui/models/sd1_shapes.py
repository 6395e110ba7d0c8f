"""What a Stable Diffusion 1.x file is made of, read off its header: widths, depths, levels. No torch.

What shapes cannot say is the family's rule: GroupNorm has 32 groups, the denoiser 8 heads, CLIP one head per 64
channels and quick-GELU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from webui.files.header import Header
from webui.models import ldm
from webui.models.family import NotThis

GROUPS = 32
HEADS = 8
CLIP_HEAD = 64  # channels a head
NATIVE_SIZE = (512, 512)


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


@dataclass(frozen=True)
class VaePlace:
    """An autoencoder in some file: what its keys begin with, and what they are."""

    prefix: str
    shape: ldm.VaeShape


def read_shapes(header: Header) -> Shapes:
    """Raises NotThis for what is no checkpoint of the family."""
    unet, text = _unet_shape(header), _text_shape(header)
    if unet.context != text.width:
        raise NotThis("sd1_widths", context=unet.context, width=text.width)
    try:
        vae = _vae_shape(header, ldm.VAE)
    except NotThis:
        vae = None  # its keys are named as missing, and a separate VAE can take its place
    return Shapes(unet, vae, text)


def read_separate_vae(header: Header) -> VaePlace:
    """The autoencoder of a file of its own, or of another checkpoint. Raises NotThis."""
    prefix = ldm.VAE if f"{ldm.VAE}decoder.conv_in.weight" in header.tensors else ""
    shape = _vae_shape(header, prefix)
    missing = [key for key in ldm.vae_keys(shape) if prefix + key not in header.tensors]
    if missing:
        raise NotThis("no_key", key=prefix + missing[0])
    return VaePlace(prefix, shape)


def needed_keys(shapes: Shapes) -> list[str]:
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


def native_size(header: Header) -> tuple[int, int]:
    """From the metadata (modelspec.org), else what the family was trained at."""
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", header.metadata.get("modelspec.resolution", ""))
    return (int(match[1]), int(match[2])) if match else NATIVE_SIZE
