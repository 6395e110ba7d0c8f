"""Stable Diffusion 1.x: what is accepted, what is refused and why, and that every byte of a file lands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests import tiny
from webui.devices import Precision
from webui.explain.model import explain_model
from webui.files.header import Header, Tensor, read_header
from webui.messages import Fault
from webui.models import ldm
from webui.models.detect import identify_header
from webui.models.families.sd1 import SD1
from webui.models.sd1_load import load, make_modules
from webui.models.sd1_shapes import Shapes, TextShape, needed_keys

FULL = Shapes(
    ldm.UNetShape((320, 640, 1280, 1280), 2, (True, True, True, False)),
    ldm.VaeShape((128, 256, 512, 512), 2),
    TextShape(12, 768, 3072, ldm.CLIP + "text_model."),
)
Change = Callable[[dict[str, Tensor]], None]


def header_of(shapes: Shapes, **metadata: str) -> Header:
    """The header of a complete checkpoint, from modules without memory."""
    with torch.device("meta"):
        assert shapes.vae
        text, unet, vae = (module.state_dict() for module in make_modules(shapes, shapes.vae))
    found: dict[str, Tensor] = {}
    for key, name in ldm.unet_keys(shapes.unet).items():
        found[ldm.UNET + key] = Tensor("F16", tuple(unet[name].shape))
    for key, name in ldm.vae_keys(shapes.vae).items():
        shape = tuple(vae[name].shape)
        found[ldm.VAE + key] = Tensor("F16", (*shape, 1, 1) if ldm.is_vae_attention(key) else shape)
    for key, name in ldm.clip_keys(shapes.text.layers).items():
        found[shapes.text.prefix + key.removeprefix("text_model.")] = Tensor("F16", tuple(text[name].shape))
    return Header(found, metadata)


def drop(start: str) -> Change:
    def change(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if key.startswith(start)]:
            del tensors[key]

    return change


def reshape(key: str, shape: tuple[int, ...]) -> Change:
    return lambda tensors: tensors.update({key: Tensor("F16", shape)})


@pytest.mark.parametrize("shapes", [tiny.SHAPES, FULL], ids=["tiny", "Stable Diffusion 1.5"])
def test_widths_and_depths_are_read_off_the_header(shapes: Shapes) -> None:
    variant = SD1.detect(header_of(shapes))
    assert variant.shapes == shapes
    assert variant.missing == ()
    assert variant.native_size == (512, 512)


def test_a_full_size_file_has_the_known_number_of_tensors() -> None:
    """686 + 248 + 196 parameters in v1-5-pruned, beside its buffers."""
    assert len(header_of(FULL).tensors) == 686 + 248 + 196


def test_the_native_size_stands_in_the_metadata() -> None:
    header = header_of(tiny.SHAPES, **{"modelspec.resolution": "256x384"})
    assert SD1.detect(header).native_size == (256, 384)


def test_novelai_era_names_are_read() -> None:
    shapes = Shapes(tiny.UNET, tiny.VAE, TextShape(2, 64, 128, ldm.CLIP))
    assert SD1.detect(header_of(shapes)).missing == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (drop("model."), "no_key"),
        (drop("cond_stage_model."), "no_key"),
        (reshape("model.diffusion_model.input_blocks.0.0.weight", (32, 9, 3, 3)), "sd1_in_channels"),
        (reshape("model.diffusion_model.input_blocks.3.1.proj_in.weight", (64, 64)), "sd1_linear"),
        (
            reshape("model.diffusion_model.input_blocks.3.1.transformer_blocks.0.attn2.to_k.weight", (64, 1024)),
            "sd1_widths",
        ),
    ],
)
def test_what_is_not_stable_diffusion_1_is_refused_by_name(change: Change, code: str) -> None:
    tensors = dict(header_of(tiny.SHAPES).tensors)
    change(tensors)
    found = identify_header(Header(tensors, {}), "x.safetensors")
    assert found.family is None
    assert found.refused[SD1.name].code == code
    with pytest.raises(Fault) as fault:
        found.require()
    assert fault.value.message.field == "models.checkpoint"


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("conditioner.embedders.1.model.ln_final.weight", "Stable Diffusion XL"),
        ("model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale", "Flux"),
        ("lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight", "LoRA"),
        ("decoder.conv_in.weight", "VAE"),
    ],
)
def test_files_of_other_kinds_are_called_by_their_name(key: str, what: str) -> None:
    found = identify_header(Header({key: Tensor("F16", (8, 8))}, {}), "x.safetensors")
    with pytest.raises(Fault, match=what):
        found.require()


def test_one_missing_tensor_is_named() -> None:
    tensors = dict(header_of(tiny.SHAPES).tensors)
    lost = "model.diffusion_model.middle_block.1.transformer_blocks.0.norm2.bias"
    del tensors[lost]
    found = identify_header(Header(tensors, {}), "x.safetensors")
    with pytest.raises(Fault) as fault:
        found.require()
    assert fault.value.message.code == "checkpoint_incomplete"
    assert fault.value.message.params["keys"] == [lost]


def test_without_a_vae_inside_a_separate_one_is_asked_for() -> None:
    tensors = dict(header_of(tiny.SHAPES).tensors)
    drop("first_stage_model.")(tensors)
    found = identify_header(Header(tensors, {}), "x.safetensors")
    with pytest.raises(Fault):
        found.require()
    found.require(vae_given=True)


def test_every_tensor_lands_as_it_is_in_the_file(tmp_path: Path) -> None:
    file = tiny.checkpoint(tmp_path / "tiny.safetensors", seed=3)
    shapes = SD1.detect(read_header(file)).shapes
    seen: list[float] = []
    parts = load(file, shapes, None, torch.device("cpu"), Precision(), seen.append)
    for module, original in zip((parts.text_encoder, parts.denoiser, parts.vae), tiny.modules(seed=3), strict=True):
        loaded, wanted = module.state_dict(), original.state_dict()
        assert loaded.keys() == wanted.keys()
        for name in wanted:
            expected = wanted[name]
            if expected.is_floating_point():
                expected = expected.half().float()
            assert torch.equal(loaded[name], expected), name
    assert seen[-1] == 1.0 and seen == sorted(seen)


@pytest.mark.parametrize("prefix", ["", "first_stage_model."])
def test_a_separate_vae_takes_the_place_of_the_one_inside(tmp_path: Path, prefix: str) -> None:
    file = tiny.checkpoint(tmp_path / "tiny.safetensors", seed=1)
    vae_tensors = {
        prefix + key.removeprefix(ldm.VAE): tensor for key, tensor in tiny.tensors(seed=2).items() if ldm.VAE in key
    }
    vae = tmp_path / "other.safetensors"
    save_file(vae_tensors, vae)
    parts = load(file, tiny.SHAPES, vae, torch.device("cpu"), Precision(), lambda fraction: None)
    wanted = tiny.modules(seed=2)[2].state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in parts.vae.state_dict().items())


def test_a_checkpoint_is_no_vae_of_itself_when_keys_are_missing(tmp_path: Path) -> None:
    file = tiny.checkpoint(tmp_path / "tiny.safetensors")
    wrong = tmp_path / "wrong.safetensors"
    save_file({"some.tensor": torch.zeros(2)}, wrong)
    with pytest.raises(Fault) as fault:
        load(file, tiny.SHAPES, wrong, torch.device("cpu"), Precision(), lambda fraction: None)
    assert fault.value.message.code == "not_a_vae"


def test_a_tensor_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    weights = tiny.tensors()
    key = "model.diffusion_model.out.0.bias"
    weights[key] = torch.zeros(3)
    file = tmp_path / "wrong.safetensors"
    save_file(weights, file)
    with pytest.raises(Fault) as fault:
        load(file, tiny.SHAPES, None, torch.device("cpu"), Precision(), lambda fraction: None)
    assert fault.value.message.params["key"] == key


def test_explain_model_tells_family_and_reasons(tmp_path: Path) -> None:
    good = explain_model(tiny.checkpoint(tmp_path / "tiny.safetensors"))
    assert good.pop("prediction")["kind"] == "epsilon"
    assert good == {"family": SD1.name, "variant": "base", "refused": {}, "missing": []}
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"PK\x03\x04" + b"0" * 100)
    answer = explain_model(junk)
    assert answer["family"] is None and "pickle" in answer["refused"]["file"]
    assert json.dumps(answer)


def test_all_needed_keys_are_unique() -> None:
    keys = needed_keys(FULL)
    assert len(keys) == len(set(keys))
