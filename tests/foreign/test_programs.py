"""Texts in the shapes in which other programs write them; the contents are ours."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.foreign import Understood, invokeai, novelai, programs, understand
from webui.foreign.kinds import escaped
from webui.infotext import ImageText
from webui.prompt import parse

FORGE = """a red boat
Negative prompt: blur
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x512, Model hash: 6ce0161689, Model: v1-5, Denoising strength: 0.7, Hires Module 1: Use same choices, Hires CFG Scale: 6, Hires upscale: 2, Hires upscaler: Latent, Distilled CFG Scale: 3.5, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6, Module 1: vae-ft-mse"""  # noqa: E501

SDNEXT = """a red boat
Negative prompt: blur
Steps: 20, Size: 512x768, Sampler: Euler a, Seed: 5, CFG scale: 6, CLiP-skip: 2, Batch: 1x1, Parser: native, Model: v1-5, Model hash: 6ce0161689, Variation seed: 3, Variation strength: 0.2, App: SD.Next, Version: 8d0fe5c, Operations: txt2img; detailer, Pipeline: StableDiffusionPipeline"""  # noqa: E501

INVOKE_4 = {
    "app_version": "5.6.0", "generation_mode": "txt2img", "positive_prompt": "a (red)1.3 boat++, [old] (sea)",
    "negative_prompt": "blur", "width": 512, "height": 640, "seed": 5, "rand_device": "cpu", "cfg_scale": 7.5,
    "cfg_rescale_multiplier": 0, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1, "seamless_x": False,
    "model": {"key": "k", "hash": "blake3:0f", "name": "dreamy", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"key": "l", "name": "ink"}, "weight": 0.75}],
    "hrf_enabled": True, "controlnets": [],
}  # fmt: skip
INVOKE_3 = {"positive_prompt": "a boat", "scheduler": "euler", "model": {"model_name": "old", "base_model": "sd-1"}}
INVOKE_2 = {
    "model": "stable diffusion", "model_weights": "sd-1.5", "app_id": "invoke-ai/InvokeAI", "app_version": "v2.2.5",
    "image": {
        "prompt": [{"prompt": "a boat [blur, text]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5, "width": 512,
        "height": 512, "sampler": "k_lms", "seed": 42, "hires_fix": False, "seamless": False, "type": "txt2img",
    },
}  # fmt: skip

NOVELAI = {
    "steps": 28, "sampler": "k_euler_ancestral", "seed": 5, "strength": 0.7, "noise": 0.2, "scale": 11.0,
    "uc": "lowres, {bad}", "noise_schedule": "karras", "width": 640, "height": 960,
}  # fmt: skip


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


COMFY = {
    "3": node(
        "KSampler", seed=["20", 0], steps=20, cfg=8.0, sampler_name="dpmpp_2m_sde_gpu", scheduler="karras", denoise=1.0,
        model=["10", 0], positive=["6", 0], negative=["12", 0], latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="sd15\\v1-5.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "6": node("CLIPTextEncode", text="a (red:1.2) boat, [old]", clip=["11", 0]),
    "7": node("CLIPTextEncode", text=["21", 0], clip=["11", 0]),
    "8": node("VAEDecode", samples=["3", 0], vae=["13", 0]),
    "9": node("SaveImage", filename_prefix="x", images=["8", 0]),
    "10": node(
        "LoraLoader", lora_name="ink.safetensors", strength_model=0.8, strength_clip=1.0, model=["4", 0], clip=["4", 1],
    ),
    "11": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["10", 1]),
    "12": node("ConditioningZeroOut", conditioning=["7", 0]),
    "13": node("VAELoader", vae_name="bright.safetensors"),
    "20": node("PrimitiveInt", value=5),
    "21": node("StringConstant", string="blur"),
}  # fmt: skip
COMFY_HIRES = {
    **COMFY,
    "30": node("LatentUpscaleBy", samples=["3", 0], upscale_method="nearest-exact", scale_by=1.5),
    "31": node(
        "KSampler", seed=6, steps=10, cfg=5.0, sampler_name="euler", scheduler="normal", denoise=0.55,
        model=["10", 0], positive=["6", 0], negative=["7", 0], latent_image=["30", 0],
    ),
    "8": node("VAEDecode", samples=["31", 0], vae=["4", 2]),
}  # fmt: skip


def of(text: str = "", **items: str) -> Understood:
    return understand(ImageText(text=text, items=items, width=640, height=960))


def fields(found: Understood, **expected: str) -> None:
    """``expected`` with blanks as underscores."""
    wanted = {key.replace("__", "-").replace("_", " "): value for key, value in expected.items()}
    assert {key: found.text.parsed.fields.get(key) for key in wanted} == wanted


def codes(found: Understood) -> list[str]:
    return [note.code.removeprefix("reading.") for note in found.text.notes]


def test_programs_are_found() -> None:
    assert list(programs()) == ["forge", "sdnext", "novelai", "invokeai", "comfyui"]


@pytest.mark.parametrize(
    ("text", "source", "exact"),
    [
        ("a boat", "", None),
        ("{a|b} boat", "", None),
        ("a boat\nSteps: 2, Seed: 1, Sampler: Euler", "sd-webui", None),
        ("a boat\nSteps: 2, Seed: 1, Version: v1.10.1", "sd-webui", None),
        ("a boat\nSteps: 2, Seed: 1, Version: atelier-0.1.0", "atelier", None),
        (FORGE, "forge", True),
        (SDNEXT, "sdnext", False),
        (json.dumps(INVOKE_4), "invokeai", False),  # pasted as text
        (json.dumps(COMFY), "comfyui", False),
    ],
)
def test_who_wrote_a_text(text: str, source: str, exact: bool | None) -> None:
    found = of(text)
    assert (found.source, found.text.exact) == (source, exact)


def test_forge() -> None:
    found = of(FORGE)
    fields(found, Version="v1.10.1", VAE="vae-ft-mse", Hires_CFG_Scale="6", Hires_upscale="2", Steps="20")
    assert not any("Module" in key for key in found.text.parsed.fields)
    assert found.text.notes[0].params == {"program": "Forge", "fields": ["Distilled CFG Scale: 3.5"]}
    several = of("a\nSteps: 2, Seed: 1, Module 1: ae, Module 2: clip_l")
    assert several.text.notes[0].params["fields"] == ["Module 1: ae", "Module 2: clip_l"]
    assert "VAE" not in several.text.parsed.fields


def test_sdnext() -> None:
    found = of(SDNEXT)
    fields(found, Clip_skip="2", Variation_seed_strength="0.2", Seed="5", Size__1="512", Model_hash="6ce0161689")
    assert "Version" not in found.text.parsed.fields
    assert codes(found) == ["sdnext_parser", "sdnext_operations"]
    assert found.text.notes[1].params == {"operations": ["detailer"]}
    same = of(SDNEXT.replace("native", "A1111").replace("; detailer", ""))
    assert (codes(same), same.text.exact) == ([], True)


def test_invokeai_of_today() -> None:
    found = of(invokeai_metadata=json.dumps(INVOKE_4))
    assert found.text.parsed.prompt == "a (red:1.3) (boat:1.21), \\[old\\] sea\n<lora:ink:0.75>"
    assert found.text.parsed.negative == "blur"
    fields(found, Sampler="DPM++ 2M", Schedule_type="Karras", Seed="5", Model="dreamy", Clip_skip="2", RNG="CPU")
    fields(found, CFG_scale="7.5", Size__2="640", Steps="30")
    assert found.text.notes[1].params["fields"] == ["hrf_enabled"]


def test_invokeai_of_before() -> None:
    three = of(invokeai_metadata=json.dumps(INVOKE_3))
    fields(three, Sampler="Euler", Schedule_type="Uniform", Model="old")
    two = of(**{"sd-metadata": json.dumps(INVOKE_2), "Dream": '"a boat" -s 50'})
    assert two.source == "invokeai"
    assert (two.text.parsed.prompt, two.text.parsed.negative) == ("a boat", "blur, text")
    fields(two, Sampler="LMS", Schedule_type="Uniform", Steps="50", Seed="42", Model="sd-1.5", Size__1="512")


@pytest.mark.parametrize(
    ("compel", "ours"),
    [
        ("a boat", "a boat"),
        ("boat+ sea", "(boat:1.1) sea"),
        ("boat--", "(boat:0.81)"),
        ("(red boat)1.25, x", "(red boat:1.25), x"),
        ("(red boat)++", "(red boat:1.21)"),
        ("(red boat)", "red boat"),
        ("well-known, c++17", "well-known, c++17"),
        ("a [b] \\ c", "a \\[b\\] \\\\ c"),
        (None, ""),
    ],
)
def test_compel(compel: Any, ours: str) -> None:
    assert invokeai.ours(compel) == ours


def test_novelai() -> None:
    found = of(Software="NovelAI", Description="a {{red}} boat", Comment=json.dumps(NOVELAI))
    assert found.source == "novelai"
    assert found.text.parsed.prompt == "a (red:1.103) boat"
    assert found.text.parsed.negative == "lowres, (bad:1.05)"
    fields(found, Sampler="Euler a", Schedule_type="Karras", CFG_scale="11", ENSD="31337", Clip_skip="2", Size__1="640")
    later = {
        **NOVELAI,
        "prompt": "x",
        "v4_prompt": {"caption": {"base_caption": "1.5::red:: boat", "char_captions": []}},
    }
    assert of(Software="NovelAI", Comment=json.dumps(later)).text.parsed.prompt == "(red:1.5) boat"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a boat", "a boat"),
        ("{a} [b] (c)", "(a:1.05) (b:0.9524) \\(c\\)"),
        ("{a [b]} c", "(a :1.05)b c"),
        ("1.2::a, {b}:: c", "(a, :1.2)(b:1.26) c"),
        ("at 10:30", "at 10:30"),
        ("}}a", "(a:0.907)"),
    ],
)
def test_novelai_s_weights(theirs: str, ours: str) -> None:
    assert novelai.ours(theirs) == ours


def test_comfyui() -> None:
    found = of(prompt=json.dumps(COMFY))
    assert found.text.parsed.prompt == "a (red:1.2) boat, \\[old\\]\n<lora:ink:1.0:0.8>"
    assert found.text.parsed.negative == "blur"
    fields(found, Sampler="DPM++ 2M SDE", Schedule_type="Karras", Seed="5", Steps="20", CFG_scale="8", RNG="CPU")
    fields(found, Size__1="512", Size__2="768", Model="v1-5", VAE="bright.safetensors", Clip_skip="2")
    assert found.text.notes[1].params == {"nodes": ["ConditioningZeroOut"]}


def test_comfyui_s_second_pass_is_hires_fix() -> None:
    found = of(prompt=json.dumps(COMFY_HIRES))
    fields(found, Steps="20", Seed="5", Hires_steps="10", Denoising_strength="0.55", Hires_upscale="1.5")
    fields(found, Hires_upscaler="Latent (nearest-exact)", Hires_sampler="Euler", Hires_schedule_type="Normal")
    assert "VAE" not in found.text.parsed.fields


@pytest.mark.parametrize(
    "graph",
    [
        {"1": node("KSampler", latent_image=["1", 0], positive=["1", 0], model=["1", 0], seed=["1", 0])},
        {"1": node("SaveImage", images=["2", 0]), "2": node("VAEDecode", samples=["1", 0], vae=["2", 0])},
        {"1": {"class_type": "KSampler", "inputs": []}, "2": 5, "3": {"inputs": {}}},
        {"1": node("KSampler", seed=[[]], positive=["9", 0], steps={"a": 1}, sampler_name=7)},
        {"x": node("SaveImage", images=["0", 0]), **{f"{i}": node("Reroute", samples=[i + 1, 0]) for i in range(5000)}},
        {"1": node("KSampler", seed=10**4000, cfg=1e400)},
    ],
)  # fmt: skip
def test_odd_graphs_end(graph: dict[str, Any]) -> None:
    assert of(prompt=json.dumps(graph)).source == "comfyui"


def test_a_text_beside_a_graph_goes_first() -> None:
    image = ImageText("a\nSteps: 2, Seed: 1, Version: v1.10.1", "parameters", {"prompt": json.dumps(COMFY)})
    assert understand(image).source == "sd-webui"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from([*INVOKE_4, *NOVELAI, "image", "prompt", "v4_prompt", "caption"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=8), st.sampled_from(["invokeai_metadata", "sd-metadata", "Comment"]))
def test_any_object_is_read(said: dict[str, Any], key: str) -> None:
    said = {"positive_prompt": "a", **said} if key == "invokeai_metadata" else said
    image = {"image": {**said}} if key == "sd-metadata" else said
    of(Software="NovelAI", **{key: json.dumps(image)})


LINK = st.tuples(st.sampled_from("123456"), st.just(0)).map(list)
INPUT = st.sampled_from(
    ["seed", "steps", "positive", "negative", "latent_image", "model", "text", "clip", "samples", "images"]
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("123456"),
        st.builds(
            lambda kind, inputs: {"class_type": kind, "inputs": inputs},
            st.sampled_from(["KSampler", "SaveImage", "CLIPTextEncode", "VAEDecode", "LoraLoader", "Odd"]),
            st.dictionaries(INPUT, LINK | JSON, max_size=6),
        ),
        min_size=1,
    )
)
def test_any_graph_is_read(graph: dict[str, Any]) -> None:
    assert of(prompt=json.dumps(graph)).source == "comfyui"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"class_type"' + "[" * 100_000])
def test_deep_nesting_is_no_trouble(text: str) -> None:
    for key in ("prompt", "invokeai_metadata", "sd-metadata", "Comment"):
        of(Software="NovelAI", **{key: text})
    of(text)


@pytest.mark.parametrize("ours", [invokeai.ours, novelai.ours])
@pytest.mark.parametrize("worst", ["(", "+", "a", "a+", "-", "((a", "1.", "{", "::", "1::", "(a)-"])
def test_long_prompts_take_linear_time(ours: Any, worst: str) -> None:
    def seconds(length: int) -> float:
        """Of this process: others may be busy."""
        text = (worst * length)[:length]
        times = []
        for _ in range(5):
            start = time.process_time()
            ours(text)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(64_000) < 64 * max(seconds(4_000), 1e-4)  # 16 in linear, 256 in quadratic time


@settings(max_examples=200, deadline=None)
@given(st.text("()[]\\a:1 ", max_size=30))
def test_escaped_text_is_plain_text(text: str) -> None:
    pieces = parse(escaped(text)).pieces
    assert "".join(piece.text for piece in pieces) == text
    assert {piece.weight for piece in pieces} <= {1.0}
