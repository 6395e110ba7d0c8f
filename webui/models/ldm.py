"""The names of tensors in a CompVis (LDM) single file, beside diffusers' and transformers' names.

One table for loading, exporting, reporting missing keys and making test files. Names only: no torch here.
Keys are yielded without the prefixes that a whole checkpoint puts before them (`UNET`, `VAE`, `CLIP`).

Shapes are the same on both sides with one exception: the four projections of the autoencoder's attention
(`mid.attn_1.q`, `k`, `v`, `proj_out`) are 1x1 convolutions in the file, (C, C, 1, 1), and linear layers, (C, C),
in diffusers. `is_vae_attention` names them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

UNET = "model.diffusion_model."
VAE = "first_stage_model."
CLIP = "cond_stage_model.transformer."

Pairs = Iterator[tuple[str, str]]
"""(LDM key or module, diffusers key or module), in the order of the forward pass."""


@dataclass(frozen=True)
class UNetShape:
    """What decides which keys an SD 1 denoiser has. Levels go from the finest to the coarsest."""

    channels: tuple[int, ...]
    res_blocks: int
    attention: tuple[bool, ...]
    mid_attention: bool = True
    depth: int = 1
    in_channels: int = 4
    context: int = 768


@dataclass(frozen=True)
class VaeShape:
    """What decides which keys an autoencoder has. Levels go from the finest to the coarsest."""

    channels: tuple[int, ...]
    res_blocks: int
    latent: int = 4


def unet_keys(shape: UNetShape) -> dict[str, str]:
    """{LDM key: diffusers key} of every tensor in the denoiser."""
    return dict(_unet(shape))


def vae_keys(shape: VaeShape) -> dict[str, str]:
    """{LDM key: diffusers key} of every tensor in the autoencoder."""
    return dict(_vae(shape))


def clip_keys(layers: int) -> dict[str, str]:
    """{LDM key: transformers key} of every tensor in a CLIP text encoder.

    transformers >= 5.6 names them without the `text_model.` of the files.
    """
    return {f"text_model.{key}": key for key in _clip(layers)}


def is_vae_attention(ldm_key: str) -> bool:
    """Whether the file holds this autoencoder tensor as a 1x1 convolution, and diffusers as a matrix."""
    return ".mid.attn_1." in ldm_key and ldm_key.endswith(".weight") and ".norm." not in ldm_key


def _both(ldm: str, diffusers: str, parts: Iterable[str] = ("weight", "bias")) -> Pairs:
    for part in parts:
        yield f"{ldm}.{part}", f"{diffusers}.{part}"


# --- denoiser ---------------------------------------------------------------------------------------------------


def _unet(shape: UNetShape) -> Pairs:
    yield from _both("time_embed.0", "time_embedding.linear_1")
    yield from _both("time_embed.2", "time_embedding.linear_2")
    yield from _unet_down(shape)
    yield from _unet_middle(shape)
    yield from _unet_up(shape)
    yield from _both("out.0", "conv_norm_out")
    yield from _both("out.2", "conv_out")


def _unet_down(shape: UNetShape) -> Pairs:
    yield from _both("input_blocks.0.0", "conv_in")
    block, width = 1, shape.channels[0]
    last = len(shape.channels) - 1
    for level, channels in enumerate(shape.channels):
        down = f"down_blocks.{level}"
        for i in range(shape.res_blocks):
            yield from _unet_resnet(f"input_blocks.{block}.0", f"{down}.resnets.{i}", skip=width != channels)
            if shape.attention[level]:
                yield from _transformer(f"input_blocks.{block}.1", f"{down}.attentions.{i}", shape.depth)
            block, width = block + 1, channels
        if level < last:
            yield from _both(f"input_blocks.{block}.0.op", f"{down}.downsamplers.0.conv")
            block += 1


def _unet_middle(shape: UNetShape) -> Pairs:
    yield from _unet_resnet("middle_block.0", "mid_block.resnets.0", skip=False)
    if shape.mid_attention:  # without it diffusers' middle is one residual block
        yield from _transformer("middle_block.1", "mid_block.attentions.0", shape.depth)
        yield from _unet_resnet("middle_block.2", "mid_block.resnets.1", skip=False)


def _unet_up(shape: UNetShape) -> Pairs:
    levels = list(reversed(range(len(shape.channels))))
    block = 0
    for index, level in enumerate(levels):
        up = f"up_blocks.{index}"
        for i in range(shape.res_blocks + 1):
            # the input is joined with a skip, so it is always wider than the output
            yield from _unet_resnet(f"output_blocks.{block}.0", f"{up}.resnets.{i}", skip=True)
            if shape.attention[level]:
                yield from _transformer(f"output_blocks.{block}.1", f"{up}.attentions.{i}", shape.depth)
            if i == shape.res_blocks and level > 0:
                place = 1 + shape.attention[level]
                yield from _both(f"output_blocks.{block}.{place}.conv", f"{up}.upsamplers.0.conv")
            block += 1


def _unet_resnet(ldm: str, diffusers: str, skip: bool) -> Pairs:
    names = {
        "in_layers.0": "norm1",
        "in_layers.2": "conv1",
        "emb_layers.1": "time_emb_proj",
        "out_layers.0": "norm2",
        "out_layers.3": "conv2",
    }
    if skip:
        names["skip_connection"] = "conv_shortcut"
    for left, right in names.items():
        yield from _both(f"{ldm}.{left}", f"{diffusers}.{right}")


def _transformer(ldm: str, diffusers: str, depth: int) -> Pairs:
    """Inside a spatial transformer both sides use the same names."""
    weight_only = ("weight",)
    yield from _both(f"{ldm}.norm", f"{diffusers}.norm")
    yield from _both(f"{ldm}.proj_in", f"{diffusers}.proj_in")
    for i in range(depth):
        for attention in ("attn1", "attn2"):
            for name in ("to_q", "to_k", "to_v"):
                path = f"transformer_blocks.{i}.{attention}.{name}"
                yield from _both(f"{ldm}.{path}", f"{diffusers}.{path}", weight_only)
            path = f"transformer_blocks.{i}.{attention}.to_out.0"
            yield from _both(f"{ldm}.{path}", f"{diffusers}.{path}")
        for name in ("norm1", "norm2", "norm3", "ff.net.0.proj", "ff.net.2"):
            path = f"transformer_blocks.{i}.{name}"
            yield from _both(f"{ldm}.{path}", f"{diffusers}.{path}")
    yield from _both(f"{ldm}.proj_out", f"{diffusers}.proj_out")


# --- autoencoder ------------------------------------------------------------------------------------------------


def _vae(shape: VaeShape) -> Pairs:
    yield from _vae_encoder(shape)
    yield from _both("quant_conv", "quant_conv")
    yield from _both("post_quant_conv", "post_quant_conv")
    yield from _vae_decoder(shape)


def _vae_encoder(shape: VaeShape) -> Pairs:
    yield from _both("encoder.conv_in", "encoder.conv_in")
    width = shape.channels[0]
    last = len(shape.channels) - 1
    for level, channels in enumerate(shape.channels):
        ldm, diffusers = f"encoder.down.{level}", f"encoder.down_blocks.{level}"
        for i in range(shape.res_blocks):
            yield from _vae_resnet(f"{ldm}.block.{i}", f"{diffusers}.resnets.{i}", skip=width != channels)
            width = channels
        if level < last:
            yield from _both(f"{ldm}.downsample.conv", f"{diffusers}.downsamplers.0.conv")
    yield from _vae_middle("encoder")
    yield from _both("encoder.norm_out", "encoder.conv_norm_out")
    yield from _both("encoder.conv_out", "encoder.conv_out")


def _vae_decoder(shape: VaeShape) -> Pairs:
    """diffusers counts the decoder's levels in the order they run, the file counts them from the finest."""
    yield from _both("decoder.conv_in", "decoder.conv_in")
    yield from _vae_middle("decoder")
    width = shape.channels[-1]
    for index, level in enumerate(reversed(range(len(shape.channels)))):
        ldm, diffusers = f"decoder.up.{level}", f"decoder.up_blocks.{index}"
        for i in range(shape.res_blocks + 1):
            skip = width != shape.channels[level]
            yield from _vae_resnet(f"{ldm}.block.{i}", f"{diffusers}.resnets.{i}", skip)
            width = shape.channels[level]
        if level > 0:
            yield from _both(f"{ldm}.upsample.conv", f"{diffusers}.upsamplers.0.conv")
    yield from _both("decoder.norm_out", "decoder.conv_norm_out")
    yield from _both("decoder.conv_out", "decoder.conv_out")


def _vae_middle(side: str) -> Pairs:
    ldm, diffusers = f"{side}.mid", f"{side}.mid_block"
    yield from _vae_resnet(f"{ldm}.block_1", f"{diffusers}.resnets.0", skip=False)
    names = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
    for left, right in names.items():
        yield from _both(f"{ldm}.attn_1.{left}", f"{diffusers}.attentions.0.{right}")
    yield from _vae_resnet(f"{ldm}.block_2", f"{diffusers}.resnets.1", skip=False)


def _vae_resnet(ldm: str, diffusers: str, skip: bool) -> Pairs:
    for name in ("norm1", "conv1", "norm2", "conv2"):
        yield from _both(f"{ldm}.{name}", f"{diffusers}.{name}")
    if skip:
        yield from _both(f"{ldm}.nin_shortcut", f"{diffusers}.conv_shortcut")


# --- text encoder -----------------------------------------------------------------------------------------------


def _clip(layers: int) -> Iterator[str]:
    yield "embeddings.token_embedding.weight"
    yield "embeddings.position_embedding.weight"
    modules = ("self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj", "self_attn.out_proj")
    modules += ("layer_norm1", "mlp.fc1", "mlp.fc2", "layer_norm2")
    for layer in range(layers):
        for module in modules:
            for part in ("weight", "bias"):
                yield f"encoder.layers.{layer}.{module}.{part}"
    yield "final_layer_norm.weight"
    yield "final_layer_norm.bias"
