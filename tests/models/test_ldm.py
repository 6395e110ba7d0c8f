"""The key tables against the modules they describe, and against diffusers' own converters."""

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]
from diffusers.loaders import single_file_utils
from transformers import CLIPTextConfig, CLIPTextModel

from webui.models import ldm

SD15_UNET = ldm.UNetShape((320, 640, 1280, 1280), 2, (True, True, True, False))
SD15_VAE = ldm.VaeShape((128, 256, 512, 512), 2)
UNETS = [
    SD15_UNET,
    ldm.UNetShape((32, 64, 96), 1, (False, True, True), context=64),
    ldm.UNetShape((32, 64), 2, (True, False), in_channels=9, context=64, depth=2),
    ldm.UNetShape((32, 32, 64), 1, (False, False, True), mid_attention=False, context=64),
]
VAES = [SD15_VAE, ldm.VaeShape((32, 32, 64, 96), 1), ldm.VaeShape((64, 32), 3, latent=8)]


def unet_module(shape: ldm.UNetShape) -> UNet2DConditionModel:
    down = ["CrossAttnDownBlock2D" if on else "DownBlock2D" for on in shape.attention]
    up = ["CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(shape.attention)]
    return UNet2DConditionModel(
        in_channels=shape.in_channels,
        block_out_channels=shape.channels,
        layers_per_block=shape.res_blocks,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        mid_block_type="UNetMidBlock2DCrossAttn" if shape.mid_attention else "UNetMidBlock2D",
        transformer_layers_per_block=shape.depth,
        cross_attention_dim=shape.context,
        attention_head_dim=8,
    )


def vae_module(shape: ldm.VaeShape) -> AutoencoderKL:
    levels = len(shape.channels)
    config: dict[str, Any] = {  # diffusers annotates these tuples as if they had one element
        "block_out_channels": shape.channels,
        "layers_per_block": shape.res_blocks,
        "latent_channels": shape.latent,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
    }
    return AutoencoderKL(**config)


def assert_one_to_one(table: dict[str, str], module: torch.nn.Module) -> None:
    assert sorted(table.values()) == sorted(module.state_dict())


@pytest.mark.parametrize("shape", UNETS)
def test_unet_table_is_the_state_dict(shape: ldm.UNetShape) -> None:
    with torch.device("meta"):
        assert_one_to_one(ldm.unet_keys(shape), unet_module(shape))


@pytest.mark.parametrize("shape", VAES)
def test_vae_table_is_the_state_dict(shape: ldm.VaeShape) -> None:
    with torch.device("meta"):
        assert_one_to_one(ldm.vae_keys(shape), vae_module(shape))


@pytest.mark.parametrize("layers", [1, 12])
def test_clip_table_is_the_state_dict(layers: int) -> None:
    config = CLIPTextConfig(hidden_size=64, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=1)
    with torch.device("meta"):
        assert_one_to_one(ldm.clip_keys(layers), CLIPTextModel(config))


def to_file(module: torch.nn.Module, table: dict[str, str], prefix: str) -> dict[str, torch.Tensor]:
    """The module's tensors as a checkpoint file holds them."""
    tensors = module.state_dict()
    wide = {key for key in table if ldm.is_vae_attention(key)}
    return {prefix + k: tensors[v][:, :, None, None] if k in wide else tensors[v] for k, v in table.items()}


def assert_same(converted: dict[str, Any], module: torch.nn.Module) -> None:
    expected = module.state_dict()
    assert sorted(converted) == sorted(expected)
    for key, value in converted.items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize("shape", [UNETS[1], UNETS[2]])
def test_unet_agrees_with_diffusers_converter(shape: ldm.UNetShape) -> None:
    module = unet_module(shape)
    file = to_file(module, ldm.unet_keys(shape), ldm.UNET)
    assert_same(single_file_utils.convert_ldm_unet_checkpoint(file, dict(module.config)), module)


@pytest.mark.parametrize("shape", [VAES[1], VAES[2]])
def test_vae_agrees_with_diffusers_converter(shape: ldm.VaeShape) -> None:
    module = vae_module(shape)
    file = to_file(module, ldm.vae_keys(shape), ldm.VAE)
    assert_same(single_file_utils.convert_ldm_vae_checkpoint(file, dict(module.config)), module)


def test_file_names_are_those_of_sd15() -> None:
    unet, vae, clip = ldm.unet_keys(SD15_UNET), ldm.vae_keys(SD15_VAE), ldm.clip_keys(12)
    assert (len(unet), len(vae), len(clip)) == (686, 248, 196)
    assert unet["output_blocks.8.2.conv.weight"] == "up_blocks.2.upsamplers.0.conv.weight"
    assert unet["input_blocks.3.0.op.bias"] == "down_blocks.0.downsamplers.0.conv.bias"
    assert vae["decoder.up.3.block.0.conv1.weight"] == "decoder.up_blocks.0.resnets.0.conv1.weight"
    assert vae["encoder.mid.attn_1.proj_out.bias"] == "encoder.mid_block.attentions.0.to_out.0.bias"
    assert clip["text_model.encoder.layers.11.mlp.fc2.bias"] == "encoder.layers.11.mlp.fc2.bias"


def test_only_vae_attention_matrices_differ_in_shape() -> None:
    names = [key for key in ldm.vae_keys(SD15_VAE) if ldm.is_vae_attention(key)]
    parts = ["q", "k", "v", "proj_out"]
    assert names == [f"{side}.mid.attn_1.{part}.weight" for side in ("encoder", "decoder") for part in parts]
