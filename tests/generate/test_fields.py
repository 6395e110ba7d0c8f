"""Generation texts, byte for byte. The long ones are texts that sd-webui 1.10.1 writes, but for the Version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from webui import __version__
from webui.generate.fields import Facts, _ours, _uni_pc, fields, infotext
from webui.infotext import parse
from webui.jobs.executor import FileRef, Order
from webui.plan import Shot
from webui.request import Txt2Img
from webui.settings import Settings

VERSION = f"atelier-{__version__}"
TAIL = f", Version: {VERSION}"


def file(name: str, sha256: str) -> FileRef:
    return FileRef(name=name, path=f"/models/{name}", size=1, mtime_ns=1, sha256=sha256.ljust(64, "0"))


FILES = {"checkpoint": file("v1-5-pruned-emaonly.safetensors", "6ce0161689")}


def order(request: dict[str, Any] | None = None, files: dict[str, FileRef] | None = None, **settings: Any) -> Order:
    """The request's parts by name; randomness as sd-webui has it by default, so that RNG is not written."""
    parts: dict[str, Any] = {"seeds": {}, **(request or {})}
    parts["seeds"] = {"rng": "GPU", **parts["seeds"]}
    return Order(
        job="j", fence=1, request=Txt2Img.model_validate(parts), shots=(), settings=Settings(**settings),
        files=FILES | (files or {}), staging="",
    )  # fmt: skip


def shot(prompt: str = "a cat", negative: str = "", seed: int = 1, **more: Any) -> Shot:
    return Shot(index=0, prompt=prompt, negative=negative, seed=seed, **more)


def written(asked: Order, made: Shot | None = None, facts: Facts = Facts()) -> dict[str, str]:  # noqa: B008 (frozen)
    """What a reader finds, without what every text has."""
    usual = parse(infotext(order(), shot(), Facts())).fields
    found = parse(infotext(asked, made or shot(), facts)).fields
    return {key: value for key, value in found.items() if usual.get(key) != value}


def test_a_plain_picture() -> None:
    asked = order({"sampling": {"sampler": "DPM++ 2M", "scheduler": "automatic", "steps": 20, "cfg_scale": 7}})
    made = shot(
        "a photograph of an astronaut riding a horse, (masterpiece:1.2), sharp focus",
        "lowres, [blurry], watermark",
        965400086,
    )
    assert infotext(asked, made, Facts()) == (
        "a photograph of an astronaut riding a horse, (masterpiece:1.2), sharp focus\n"
        "Negative prompt: lowres, [blurry], watermark\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x512, "
        "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly" + TAIL
    )


def test_hires_fix_a_vae_and_clip_skip() -> None:
    asked = order(
        {
            "sampling": {"sampler": "DPM++ SDE", "steps": 25, "cfg_scale": 6.5},
            "size": {"width": 512, "height": 768},
            "models": {"clip_skip": 2},
            "hires": {"upscaler": "R-ESRGAN 4x+ Anime6B", "scale": 2, "steps": 12, "denoising": 0.45},
        },
        {
            "checkpoint": file("anime/AnythingV5_v5PrtRE.safetensors", "7f96a1a9ca"),
            "vae": file("vae-ft-mse-840000-ema-pruned.safetensors", "735e4c3a44"),
        },
    )
    made = shot("1girl, red dress, <lora:epiNoiseoffset_v2:0.8>, night city", "EasyNegative", 1234567890)
    assert infotext(asked, made, Facts()) == (
        "1girl, red dress, <lora:epiNoiseoffset_v2:0.8>, night city\n"
        "Negative prompt: EasyNegative\n"
        "Steps: 25, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, "
        "Model hash: 7f96a1a9ca, Model: AnythingV5_v5PrtRE, VAE hash: 735e4c3a44, "
        "VAE: vae-ft-mse-840000-ema-pruned.safetensors, Denoising strength: 0.45, Clip skip: 2, "
        "Hires upscale: 2, Hires steps: 12, Hires upscaler: R-ESRGAN 4x+ Anime6B" + TAIL
    )


def test_a_refiner() -> None:
    asked = order(
        {
            "sampling": {"sampler": "Euler", "scheduler": "SGM Uniform"},
            "size": {"width": 1024, "height": 1024},
            "refiner": {"checkpoint": "sd_xl_refiner_1.0.safetensors", "switch_at": 0.8},
        },
        {
            "checkpoint": file("sd_xl_base_1.0.safetensors", "31e35c80fc"),
            "refiner": file("sd_xl_refiner_1.0.safetensors", "7440042bbd"),
        },
    )
    assert infotext(asked, shot("portrait of a scientist", "deformed", 100), Facts()) == (
        "portrait of a scientist\n"
        "Negative prompt: deformed\n"
        "Steps: 20, Sampler: Euler, Schedule type: SGM Uniform, CFG scale: 7, Seed: 100, Size: 1024x1024, "
        "Model hash: 31e35c80fc, Model: sd_xl_base_1.0, Refiner: sd_xl_refiner_1.0 [7440042bbd], "
        "Refiner switch at: 0.8" + TAIL
    )
    assert "Refiner" not in infotext(asked, shot(), Facts(refined=False))


def test_everything_at_once_is_in_sd_webui_s_order() -> None:
    asked = order(
        {
            "sampling": {"sampler": "Euler a", "scheduler": "Polyexponential", "eta": 0.5,
                         "s_noise": 1.01, "s_min_uncond": 1.5},
            "size": {"tiling": True},
            "models": {"clip_skip": 2},
            "seeds": {"rng": "CPU", "subseed_strength": 0.25, "resize_width": 768, "resize_height": 640,
                      "eta_noise_seed_delta": 31337},
            "hires": {
                "checkpoint": "other", "sampler": "Heun", "scheduler": "Karras", "width": 1024, "height": 0, "steps": 9,
                "denoising": 1, "cfg_scale": 5, "upscaler": "Latent (nearest-exact)",
            },
            "refiner": {"checkpoint": "third", "switch_at": 0.5},
        },
        {
            "hires_checkpoint": file("b/other.ckpt", "bbbbbbbbbb"),
            "refiner": file("third.safetensors", "cccccccccc"),
            "vae": file("vae.pt", "dddddddddd"),
        },
        use_old_scheduling=True, emphasis="No norm", sd_noise_schedule="Zero Terminal SNR", sigma_min=0.1,
        sigma_max=12.5, rho=2.0, always_discard_next_to_last_sigma=True, sgm_noise_multiplier=True,
        skip_early_cond=0.05, s_min_uncond_all=True, refiner_switch_by_sample_steps=True, comma_padding_backtrack=5,
        prompt_syntax="sd-webui",
    )  # fmt: skip
    made = shot("a (b) [c:d:1]", "e", 5, subseed=6, hires_prompt="f", hires_negative="g, h")
    facts = Facts(precision="fp16", padded=True)
    assert ", ".join(f"{key}={value}" for key, value in fields(asked, made, facts).items() if value is not None) == (
        "Steps=20, Sampler=Euler a, Schedule type=Polyexponential, CFG scale=7, Seed=5, Size=512x512, "
        "Model hash=6ce0161689, Model=v1-5-pruned-emaonly, VAE hash=dddddddddd, VAE=vae.pt, Variation seed=6, "
        "Variation seed strength=0.25, Seed resize from=768x640, Denoising strength=1, Clip skip=2, ENSD=31337, "
        "RNG=CPU, Tiling=True, Hires checkpoint=other [bbbbbbbbbb], Hires sampler=Heun, Hires prompt=f, "
        "Hires negative prompt=g, h, Hires CFG Scale=5, Hires schedule type=Karras, Hires resize=1024x0, "
        "Hires steps=9, Hires upscaler=Latent (nearest-exact), Old prompt editing timelines=True, Emphasis=No norm, "
        "Noise Schedule=Zero Terminal SNR, Discard penultimate sigma=True, Schedule min sigma=0.1, "
        "Schedule max sigma=12.5, Schedule rho=2, SGM noise multiplier=True, Eta=0.5, "
        "Refiner switch by sampling steps=True, Skip Early CFG=0.05, NGMS=1.5, NGMS all steps=True, "
        "Pad conds=True, Sigma noise=1.01, Refiner=third [cccccccccc], Refiner switch at=0.5, "
        f"Comma padding backtrack=5, Prompt syntax=sd-webui, Precision=fp16, Version={VERSION}"
    )


@pytest.mark.parametrize(
    ("request_", "settings", "more"),
    [
        ({}, {}, {}),
        ({"size": {"tiling": True}}, {}, {"Tiling": "True"}),
        ({"seeds": {"rng": "NV"}}, {}, {"RNG": "NV"}),
        ({"seeds": {"resize_width": 768}}, {}, {}),  # sd-webui asks for both
        ({"sampling": {"sampler": "Euler"}}, {}, {"Sampler": "Euler", "Schedule type": "Automatic"}),
        ({"sampling": {"scheduler": "Exponential"}}, {}, {"Schedule type": "Exponential"}),
        # noise of ancestral samplers
        ({"seeds": {"eta_noise_seed_delta": 7}}, {}, {}),
        ({"seeds": {"eta_noise_seed_delta": 7}, "sampling": {"sampler": "Euler a"}}, {},
         {"Sampler": "Euler a", "Schedule type": "Automatic", "ENSD": "7"}),
        ({"seeds": {"eta_noise_seed_delta": 7}, "sampling": {"sampler": "Euler a", "eta": 0.0}}, {},
         {"Sampler": "Euler a", "Schedule type": "Automatic", "Eta": "0"}),
        ({"sampling": {"sampler": "Euler a"}}, {"eta_ancestral": 0.67},
         {"Sampler": "Euler a", "Schedule type": "Automatic", "Eta": "0.67"}),
        ({"sampling": {"sampler": "Euler a", "eta": 1.0}}, {"eta_ancestral": 0.67},
         {"Sampler": "Euler a", "Schedule type": "Automatic"}),
        ({"sampling": {"sampler": "DDIM"}}, {"eta_ddim": 0.3, "eta_ancestral": 0.6, "rho": 5.0, "sigma_min": 0.1},
         {"Sampler": "DDIM", "Schedule type": "Automatic", "Eta DDIM": "0.3"}),
        ({"sampling": {"eta": 0.5}}, {}, {}),  # DPM++ 2M has none
        ({"sampling": {"sampler": "Euler", "s_churn": 2, "s_tmin": 0.5, "s_tmax": 10, "s_noise": 1.02}}, {},
         {"Sampler": "Euler", "Schedule type": "Automatic", "Sigma churn": "2", "Sigma tmin": "0.5",
          "Sigma tmax": "10", "Sigma noise": "1.02"}),
        ({"sampling": {"sampler": "Euler", "s_tmax": 0}}, {}, {"Sampler": "Euler", "Schedule type": "Automatic"}),
        # the sigmas
        ({}, {"rho": 7.0}, {}),  # Karras' own
        ({}, {"rho": 5.0}, {"Schedule rho": "5"}),
        ({"sampling": {"scheduler": "Exponential"}}, {"rho": 5.0}, {"Schedule type": "Exponential"}),
        ({"sampling": {"sampler": "Euler"}}, {"sigma_min": 0.1}, {"Sampler": "Euler", "Schedule type": "Automatic"}),
        ({}, {"sigma_min": 0.1, "sigma_max": 10.0}, {"Schedule min sigma": "0.1", "Schedule max sigma": "10"}),
        ({"sampling": {"scheduler": "Beta"}}, {}, {
            "Schedule type": "Beta", "Beta schedule alpha": "0.6", "Beta schedule beta": "0.6"}),
        ({}, {"always_discard_next_to_last_sigma": True}, {"Discard penultimate sigma": "True"}),
        ({"sampling": {"sampler": "DPM2"}}, {"always_discard_next_to_last_sigma": True}, {"Sampler": "DPM2"}),
        # guidance
        ({"sampling": {"s_min_uncond": 2.0}}, {}, {"NGMS": "2"}),
        ({}, {"s_min_uncond_all": True}, {}),
        ({}, {"skip_early_cond": 0.1}, {"Skip Early CFG": "0.1"}),
        # texts
        ({}, {"emphasis": "No norm"}, {}),
        ({}, {"use_old_scheduling": True}, {}),
        ({}, {"enable_prompt_comments": False, "enable_wildcards": False}, {}),
        ({}, {"prompt_syntax": "sd-webui"}, {"Prompt syntax": "sd-webui"}),
        ({}, {"comma_padding_backtrack": 0}, {"Comma padding backtrack": "0"}),
        ({"sampling": {"sampler": "UniPC"}}, {"uni_pc_order": 2, "uni_pc_lower_order_final": False}, {
            "Sampler": "UniPC", "Schedule type": "Automatic", "UniPC order": "2", "UniPC lower order final": "False"}),
        ({}, {"uni_pc_order": 2}, {}),
    ],
)  # fmt: skip
def test_what_is_written_is_what_had_an_effect(
    request_: dict[str, Any], settings: dict[str, Any], more: dict[str, str]
) -> None:
    assert written(order(request_, **settings)) == more


@pytest.mark.parametrize(
    ("prompt", "settings", "more"),
    [
        ("(a)", {"emphasis": "Ignore"}, {"Emphasis": "Ignore"}),
        ("[a:b:0.5]", {"emphasis": "Ignore"}, {}),  # no bracket is left in what is encoded
        ("a", {"emphasis": "Ignore"}, {}),
        ("[a:b:5]", {"use_old_scheduling": True}, {}),  # the same in both
        ("[a:b:1.0]", {"use_old_scheduling": True}, {"Old prompt editing timelines": "True"}),
        ("a # b", {"enable_prompt_comments": False}, {"Prompt comments": "False"}),
        ("{a|b}", {"enable_wildcards": False}, {"Wildcards": "False"}),
        ("__a__", {"enable_wildcards": False}, {"Wildcards": "False"}),
        ("{a}", {}, {}),
    ],
)
def test_settings_of_prompts_are_written_where_they_changed_something(
    prompt: str, settings: dict[str, Any], more: dict[str, str]
) -> None:
    assert written(order(**settings), shot(prompt)) == more


@pytest.mark.parametrize(
    ("first", "hires", "more"),
    [
        ({}, {}, {}),
        ({}, {"scheduler": "Automatic"}, {}),  # the same comes out
        ({}, {"scheduler": "Karras", "sampler": "DPM++ 2M"}, {}),
        ({}, {"scheduler": "Exponential"}, {"Hires schedule type": "Exponential"}),
        ({}, {"sampler": "Euler"}, {"Hires sampler": "Euler", "Hires schedule type": "Automatic"}),
        ({"scheduler": "Karras"}, {"sampler": "Euler"}, {"Hires sampler": "Euler"}),
        ({"sampler": "Euler"}, {"sampler": "DPM++ 2M"}, {
            "Sampler": "Euler", "Schedule type": "Automatic", "Hires sampler": "DPM++ 2M",
            "Hires schedule type": "Karras"}),
        ({}, {"sampler": "DDIM"}, {"Hires sampler": "DDIM"}),
        ({}, {"cfg_scale": 7}, {}),
        ({}, {"cfg_scale": 1.5}, {"Hires CFG Scale": "1.5"}),
    ],
)  # fmt: skip
def test_the_second_pass_says_what_is_otherwise(
    first: dict[str, Any], hires: dict[str, Any], more: dict[str, str]
) -> None:
    usual = {"Denoising strength": "0.7", "Hires upscale": "2", "Hires upscaler": "Latent"}
    assert written(order({"sampling": first, "hires": hires})) == usual | more


@pytest.mark.parametrize(
    ("sampling", "hires", "more"),
    [
        ({}, {}, {"Schedule type": "Automatic", "Hires schedule type": "Karras"}),
        ({"scheduler": "Karras"}, {}, {"Hires schedule type": "Karras"}),
        ({"sampler": "Euler"}, {}, {"Sampler": "Euler", "Schedule type": "Automatic"}),
        ({"scheduler": "Exponential"}, {"sampler": "Euler", "scheduler": "Automatic"}, {
            "Schedule type": "Exponential", "Hires sampler": "Euler", "Hires schedule type": "Automatic"}),
        ({"sampler": "Euler a", "eta": 0.5, "s_min_uncond": 1}, {}, {
            "Sampler": "Euler a", "Schedule type": "Automatic", "Eta": "0.5", "NGMS": "1"}),
    ],
)  # fmt: skip
def test_of_a_first_pass_that_was_not_made_nothing_is_resolved(
    sampling: dict[str, Any], hires: dict[str, Any], more: dict[str, str]
) -> None:
    """As when sd-webui enlarges a chosen result."""
    asked = order({"sampling": sampling, "hires": hires}, {"source": file("", "abcdef0123")}, sgm_noise_multiplier=True)
    usual = {
        "Denoising strength": "0.7",
        "Hires upscale": "2",
        "Hires upscaler": "Latent",
        "Hires source": "abcdef0123",
    }
    assert written(asked) == usual | more


@pytest.mark.parametrize(
    ("made", "more"),
    [
        (shot(hires_prompt="a cat", hires_negative=""), {}),
        (shot(hires_prompt="a dog: big"), {"Hires prompt": "a dog: big"}),
        (shot(hires_prompt="8x8", hires_negative=" a"), {"Hires prompt": "8x8", "Hires negative prompt": " a"}),
    ],
)
def test_prompts_of_the_second_pass(made: Shot, more: dict[str, str]) -> None:
    found = written(order({"hires": {}}), made)
    assert {key: value for key, value in found.items() if "prompt" in key} == more


def test_eta_of_the_second_pass_does_not_undo_that_of_the_first() -> None:
    found = written(order({"sampling": {"sampler": "Euler a", "eta": 0.4}, "hires": {"sampler": "Heun"}}))
    assert found["Eta"] == "0.4"


@pytest.mark.parametrize(
    ("setting", "gone"),
    [
        ("add_model_hash_to_info", {"Model hash"}),
        ("add_model_name_to_info", {"Model"}),
        ("add_vae_hash_to_info", {"VAE hash"}),
        ("add_vae_name_to_info", {"VAE"}),
        ("add_version_to_infotext", {"Version"}),
    ],
)
def test_what_people_do_not_want_said_is_not(setting: str, gone: set[str]) -> None:
    files = {"vae": file("v.pt", "a")}
    whole, less = (parse(infotext(order({}, files, **{setting: on}), shot(), Facts())).fields for on in (True, False))
    assert whole.keys() - less.keys() == gone


def test_names_with_marks_in_them_are_read_back() -> None:
    asked = order({}, {"checkpoint": file('a/my, "best": 512x512.v2.safetensors', "ab")})
    assert parse(infotext(asked, shot(), Facts())).fields["Model"] == 'my, "best": 512x512.v2'


def test_every_key_of_ours_is_documented() -> None:
    document = (Path(__file__).parents[2] / "docs/infotext.md").read_text(encoding="utf-8")
    keys = {*_ours(order(), shot(), Facts()), *_uni_pc(Settings())}
    assert not [key for key in keys if f"`{key}`" not in document]
