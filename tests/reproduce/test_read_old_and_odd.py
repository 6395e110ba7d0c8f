"""Old texts, what is left over, styles, and any text at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reproduce.conftest import Hand
from tests.reproduce.texts import BASE, codes, params, text
from webui.files.catalog import Catalog
from webui.infotext import Parsed, parse
from webui.prompt.styles import Style
from webui.reproduce import AtHand, Reading, read
from webui.reproduce.old import first_pass_size
from webui.reproduce.options import KEYS
from webui.reproduce.text import declared
from webui.sampling.kinds import samplers, schedulers
from webui.settings import Settings

# --- old texts


def test_the_first_pass_of_old_texts(hand: Hand) -> None:
    reading = read(text("Denoising strength: 0.7, First pass size: 512x384", version=""), hand())
    asked = reading.request()
    assert (asked.size.width, asked.size.height) == (512, 384)
    assert asked.hires and (asked.hires.width, asked.hires.height) == (512, 768)
    chosen = read(text("First pass size: 0x0", base=BASE.replace("512x768", "1024x1536"), version=""), hand()).request()
    assert (chosen.size.width, chosen.size.height) == first_pass_size(1024, 1536) == (448, 640)


@pytest.mark.parametrize(
    ("version", "prompt", "more", "setting"),
    [
        ("v1.5.2", "[a:b:0.5]", "", {"use_old_scheduling": True}),
        ("v1.5.2", "a", "", {}),
        ("v1.6.0", "[a:b:0.5]", "", {}),
        ("", "[a:b:0.5]", "", {}),
        ("v1.5.2", "[a:b:0.5]", "Old prompt editing timelines: False", {}),
        ("v1.7.0", "a", "Refiner: fine [dd33ee44ff]", {"refiner_switch_by_sample_steps": True}),
        ("v1.8.0", "a", "Refiner: fine [dd33ee44ff]", {}),
    ],
)
def test_versions(hand: Hand, version: str, prompt: str, more: str, setting: dict[str, object]) -> None:
    reading = read(text(more, prompt, version), hand(prompt_syntax="sd-webui"))
    assert reading.settings == setting
    assert read(text(more, prompt, version), hand(prompt_syntax="sd-webui", auto_backcompat=False)).settings == {}


@pytest.mark.parametrize(
    ("version", "sampler", "said"),
    [
        ("v1.5.2", "DDIM", {"old_padding", "old_precision"}),
        ("v1.7.0-224-gabc", "Euler", {"old_precision"}),
        ("v1.7.0-225-gabc", "Euler", set[str]()),
        ("v1.8.0", "DDIM", set[str]()),
        ("", "DDIM", set[str]()),
    ],
)
def test_what_an_old_version_did_otherwise_is_said(hand: Hand, version: str, sampler: str, said: set[str]) -> None:
    base = f"Steps: 20, Sampler: {sampler}, Schedule type: Automatic, Seed: 5"
    assert codes(read(text(base=base, version=version), hand())) - {"rng_nv"} == said


def test_networks_of_old_texts_become_tags(hand: Hand) -> None:
    reading = read(text("Hypernet: deep, Hypernet strength: 0.5", version=""), hand())
    assert reading.values["prompts.prompt"] == "a boat\n<hypernet:deep:0.5>"
    more = "AddNet Enabled: True, AddNet Module 1: LoRA, AddNet Model 1: ink(0123abcdef12), AddNet Weight A 1: 0.7"
    added = read(text(more, version=""), hand())
    assert added.values["prompts.prompt"] == "a boat\n<lora:ink:0.7>"
    assert params(added, "networks") == {"names": ["lora: ink"]}
    assert "unknown" not in codes(added)


# --- what is left


def test_what_is_not_understood_is_named(hand: Hand) -> None:
    reading = read(text("Face restoration: CodeFormer, Dynamic thresholding: True, Mimic scale: 7"), hand())
    assert params(reading, "face_restoration") == {"name": "CodeFormer"}
    assert params(reading, "unknown") == {"fields": ["Dynamic thresholding: True", "Mimic scale: 7"], "more": 0}
    inpainting = read(text("Denoising strength: 0.75, Mask blur: 4, Init image hash: 2f1c9b6a31"), hand())
    assert inpainting.values["hires.enabled"] is False
    assert params(inpainting, "img2img")["keys"] == ["Init image hash", "Mask blur"]
    grid = read(text('Script: X/Y/Z plot, X Type: CFG Scale, X Values: "5,7", Fixed X Values: "5.0, 7.0"'), hand())
    assert codes(grid) - {"rng_nv"} == {"script"}


def test_every_key_is_either_understood_or_named(hand: Hand) -> None:
    known = [*declared(), *KEYS]
    silent = {"Styles array", "Negative prompt"}
    for key in known:
        assert "unknown" not in codes(read(Parsed("a", "", {"Steps": "5", key: "1"}), hand())), key
    assert silent < set(known)


def test_values_out_of_range_are_named_and_left_out(hand: Hand) -> None:
    reading = read(text(base="Steps: 2000, Sampler: Euler, CFG scale: nan, Size: 513x64"), hand())
    assert not {"sampling.steps", "sampling.cfg_scale", "size.width"} & set(reading.values)
    assert {note.params["key"] for note in reading.notes if note.code == "reading.bad_value"} == {
        "Steps", "CFG scale", "Size-1"
    }  # fmt: skip
    wish = read(text("Emphasis: Loud"), hand(prompt_syntax="sd-webui"))
    assert wish.settings == {}
    assert params(wish, "bad_value") == {"key": "Emphasis", "value": "Loud"}


def test_keys_that_are_not_to_be_pasted(hand: Hand) -> None:
    skipped = ("Seed", "Size", "Model", "Model hash", "Clip skip", "Pad conds", "Negative prompt")
    reading = read(
        text("Clip skip: 2, Pad conds: True, Model hash: aa11bb22cc, Model: mine", prompt="a\nNegative prompt: b"),
        hand(infotext_skip_pasting=skipped, prompt_syntax="sd-webui"),
    )
    assert reading.settings == {}
    assert not {"seeds.seed", "size.width", "size.height", "models.checkpoint", "models.clip_skip"} & set(
        reading.values
    )
    assert "prompts.negative" not in reading.values
    assert reading.values["sampling.steps"] == 20


def test_a_bare_prompt_decides_nothing_else(hand: Hand) -> None:
    assert read(parse("a boat, 10:30"), hand()) == Reading({"prompts.prompt": "a boat, 10:30"})
    both = read(parse("a boat\nNegative prompt: blur"), hand())
    assert both.values == {"prompts.prompt": "a boat", "prompts.negative": "blur"}


# --- styles

INK = Style("Ink", "ink drawing of {prompt}", "photo")
GLOW = Style("Glow", "glowing", "")


@pytest.mark.parametrize(
    ("prompt", "negative", "expected", "names"),
    [
        ("a boat, glowing", "", ("a boat", ""), ("Glow",)),
        ("ink drawing of a boat", "blur, photo", ("a boat", "blur"), ("Ink",)),
        ("ink drawing of a boat, glowing", "photo", ("a boat", ""), ("Ink", "Glow")),
        ("ink drawing of a boat", "blur", ("ink drawing of a boat", "blur"), None),
        ("a boat ,  glowing", "", ("a boat ,  glowing", ""), None),  # would not come back as it was
    ],
)
def test_styles_are_taken_out(
    hand: Hand, prompt: str, negative: str, expected: tuple[str, str], names: tuple[str, ...] | None
) -> None:
    values = read(Parsed(prompt, negative, text().fields), hand(styles=(GLOW, INK))).values
    assert (values["prompts.prompt"], values["prompts.negative"]) == expected
    assert values.get("prompts.styles") == names


@pytest.mark.parametrize(
    ("option", "with_style", "without_style"),
    [
        ("Ignore", ("a, glowing", None), ("a", None)),
        ("Apply", ("a", ("Glow",)), ("a", ())),
        ("Discard", ("a", None), ("a", None)),
        ("Apply if any", ("a", ("Glow",)), ("a", None)),
    ],
)
def test_what_to_do_with_styles_is_a_setting(hand: Hand, option: str, with_style: Any, without_style: Any) -> None:
    for prompt, expected in (("a, glowing", with_style), ("a", without_style)):
        values = read(text(prompt=prompt), hand(styles=(GLOW,), infotext_styles=option)).values
        assert (values["prompts.prompt"], values.get("prompts.styles")) == expected


def test_styles_are_taken_out_of_both_passes_or_of_none(hand: Hand) -> None:
    both = read(text('Hires upscale: 2, Hires prompt: "b, glowing"', "a, glowing"), hand(styles=(GLOW,))).values
    assert (both["prompts.prompt"], both["hires.prompt"], both["prompts.styles"]) == ("a", "b", ("Glow",))
    one = read(text("Hires upscale: 2, Hires prompt: b", "a, glowing"), hand(styles=(GLOW,))).values
    assert (one["prompts.prompt"], one["hires.prompt"], one.get("prompts.styles")) == ("a, glowing", "b", None)


@pytest.mark.parametrize(
    ("prompt", "version", "now", "wanted"),
    [
        ("{a|b} __c__", "atelier-0.1.0, Wildcards: False", {}, {"enable_wildcards": False}),
        ("__gone__", "atelier-0.1.0", {}, {}),
        ("__gone__", "atelier-0.1.0", {"enable_wildcards": False}, {"enable_wildcards": True}),
        ("a boat", "atelier-0.1.0", {"enable_wildcards": False}, {}),
        ("[a|b]", "atelier-0.1.0", {}, {}),
        ("{a|b}", "v1.10.1", {"paste_sd_webui_exactly": False}, {"enable_wildcards": False}),
        ("{a|b}", "v1.10.1", {}, {"prompt_syntax": "sd-webui"}),
        ("a # b", "atelier-0.1.0, Prompt comments: False", {}, {"enable_prompt_comments": False}),
        ("a # b", "v1.10.1", {"prompt_syntax": "sd-webui"}, {"enable_prompt_comments": False}),
        ("a #fff", "atelier-0.1.0", {}, {}),
    ],
)
def test_nothing_is_drawn_or_stripped_again(
    hand: Hand, prompt: str, version: str, now: dict[str, object], wanted: dict[str, object]
) -> None:
    assert read(text(prompt=prompt, version=version), hand(**now)).settings == wanted


def test_a_prompt_that_is_too_long_is_said(hand: Hand) -> None:
    for reading in (read(parse("a" * 20_001), hand()), read(text(prompt="a" * 20_001), hand())):
        assert "prompts.prompt" not in reading.values
        assert params(reading, "prompt_too_long") == {"key": "Prompt", "count": 20_001, "limit": 20_000}


# --- any text


def at_hand() -> AtHand:
    return AtHand(samplers(), schedulers(), ("Latent",), Catalog(), Settings())


keys = st.sampled_from([*declared(), *KEYS, "Version", "Model hash", "First pass size", "Hypernet", "Refiner", "RNG"])
odd = st.one_of(
    st.text(max_size=30), st.sampled_from(["0x0", "512x512", "-1", "1e999", "nan", "True", "9" * 400, "\0"])
)
fields = st.dictionaries(st.one_of(keys, st.text(max_size=20)), odd, max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=100), st.text(max_size=60), fields)
def test_any_text_has_a_reading(prompt: str, negative: str, fields: dict[str, str]) -> None:
    reading = read(Parsed(prompt, negative, fields), at_hand())
    reading.request()
    for note in reading.notes:
        for language in ("en", "zh-CN"):
            assert note.text(language)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_bytes_have_a_reading(text: str) -> None:
    read(parse(text), at_hand()).request()
