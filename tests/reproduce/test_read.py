"""Texts of sd-webui, old and new, and of our own: what is made of them, and what is said about the rest."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from tests.reproduce.conftest import Hand, without
from tests.reproduce.texts import codes, params, text
from webui.files.catalog import Catalog, ModelFile
from webui.reproduce import read
from webui.reproduce.options import KEYS
from webui.settings import Settings


@pytest.mark.parametrize(
    ("more", "values"),
    [
        ("", {"sampling.steps": 20, "sampling.sampler": "Euler a", "sampling.cfg_scale": 7.0, "seeds.seed": 5}),
        ("", {"size.width": 512, "size.height": 768, "size.tiling": False, "models.clip_skip": 1}),
        ("Clip skip: 2", {"models.clip_skip": 2}),
        ("ENSD: 31337", {"seeds.eta_noise_seed_delta": 31337}),
        ("RNG: CPU", {"seeds.rng": "CPU"}),
        ("RNG: NV", {"seeds.rng": "NV"}),
        ("", {"seeds.rng": "NV"}),
        ("Tiling: True", {"size.tiling": True}),
        ("Variation seed: 9, Variation seed strength: 0.3", {"seeds.subseed": 9, "seeds.subseed_strength": 0.3}),
        ("Seed resize from: 256x320", {"seeds.resize_width": 256, "seeds.resize_height": 320}),
        ("Eta: 0.4", {"sampling.eta": 0.4}),
        ("Eta DDIM: 0.5", {"sampling.eta": 0.5}),
        ("", {"sampling.eta": None, "sampling.s_tmax": None}),
        ("Sigma churn: 3, Sigma tmin: 0.1, Sigma tmax: 9", {"sampling.s_churn": 3.0, "sampling.s_tmax": 9.0}),
        ("NGMS: 2", {"sampling.s_min_uncond": 2.0}),
        ("", {"hires.enabled": False, "refiner.enabled": False, "models.vae": "Automatic"}),
        ("Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: lanczos", {"hires.enabled": True}),
        ("Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: lanczos", {"hires.denoising": 0.5}),
        ("Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: lanczos", {"hires.upscaler": "Lanczos"}),
        ("Hires resize: 1024x0, Hires steps: 7", {"hires.width": 1024, "hires.height": 0, "hires.steps": 7}),
        ("Hires upscale: 2", {"hires.upscaler": "Latent", "hires.sampler": "", "hires.scheduler": ""}),
        ('Hires upscale: 2, Hires prompt: "x, y"', {"hires.prompt": "x, y", "hires.negative": ""}),
        ("Hires upscale: 2, Hires CFG Scale: 3", {"hires.cfg_scale": 3.0}),
        ("Hires upscale: 2, Hires checkpoint: fine [dd33ee44ff]", {"hires.checkpoint": "sub/fine.safetensors"}),
        ("Hires upscale: 2, Hires sampler: Use same sampler", {"hires.sampler": ""}),
        ("Refiner: gone by another name [dd33ee44ff], Refiner switch at: 0.6", {"refiner.enabled": True}),
        ("Refiner: gone by another name [dd33ee44ff]", {"refiner.checkpoint": "sub/fine.safetensors"}),
        ("Refiner: fine [dd33ee44ff], Refiner switch at: 0.6", {"refiner.switch_at": 0.6}),
        ("VAE: bright.safetensors", {"models.vae": "bright.safetensors"}),
        ("VAE hash: 0123456789, VAE: elsewhere.pt", {"models.vae": "bright.safetensors"}),
        ("VAE: None", {"models.vae": "None"}),
    ],
)  # fmt: skip
def test_values(hand: Hand, more: str, values: dict[str, object]) -> None:
    reading = read(text(more), hand())
    assert {path: reading.values[path] for path in values} == values
    reading.request()  # and they fit each other


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("", {}),
        ("Pad conds: True", {"pad_cond_uncond": True}),
        ("Schedule min sigma: 0.1, Schedule max sigma: 12, Schedule rho: 5", {"sigma_min": 0.1, "sigma_max": 12.0}),
        ("Beta schedule alpha: 0.8", {"beta_dist_alpha": 0.8}),
        ("Beta scheduler alpha: 0.8", {"beta_dist_alpha": 0.8}),
        ("Noise Schedule: Zero Terminal SNR", {"sd_noise_schedule": "Zero Terminal SNR"}),
        ("Discard penultimate sigma: True", {"always_discard_next_to_last_sigma": True}),
        ("SGM noise multiplier: True", {"sgm_noise_multiplier": True}),
        ("Skip Early CFG: 0.2, NGMS all steps: True", {"skip_early_cond": 0.2, "s_min_uncond_all": True}),
        ("Emphasis: No norm", {"emphasis": "No norm"}),
        ("UniPC variant: bh2, UniPC order: 2", {"uni_pc_variant": "bh2", "uni_pc_order": 2}),
        ("Refiner switch by sampling steps: True", {"refiner_switch_by_sample_steps": True}),
    ],
)  # fmt: skip
def test_settings_that_the_text_wants(hand: Hand, more: str, wanted: dict[str, object]) -> None:
    reading = read(text(more), hand(prompt_syntax="sd-webui"))
    assert wanted.items() <= reading.settings.items()
    assert set(reading.settings) - set(wanted) <= {"rho"}


@pytest.mark.parametrize("name", sorted(set(KEYS.values())))
def test_a_silent_text_wants_defaults(hand: Hand, name: str) -> None:
    """Whatever the settings are now, the text was made with the default of what it does not speak of."""
    info = Settings.model_fields[name]
    other = {bool: lambda: not info.default, int: lambda: 1, float: lambda: 0.5}
    choices = {"sd_noise_schedule": "Zero Terminal SNR", "uni_pc_variant": "bh2", "uni_pc_skip_type": "logSNR"}
    value = choices.get(name) or other[type(info.default)]()
    reading = read(text(), hand(prompt_syntax="sd-webui", **{name: value}))
    assert reading.settings == {name: info.default}


def test_emphasis_is_asked_for_only_where_it_matters(hand: Hand) -> None:
    now = hand(emphasis="No norm", prompt_syntax="sd-webui")
    assert read(text(prompt="a boat"), now).settings == {}
    assert read(text(prompt="a (boat)"), now).settings == {"emphasis": "Original"}


@pytest.mark.parametrize(
    ("version", "exactly", "syntax", "wanted"),
    [
        ("v1.10.1", True, "atelier", "sd-webui"),
        ("", True, "atelier", "sd-webui"),
        ("v1.10.1", False, "atelier", None),
        ("v1.10.1", True, "sd-webui", None),
        ("v1.10.1", False, "sd-webui", None),
        ("atelier-0.1.0", True, "atelier", None),
        ("atelier-0.1.0", True, "sd-webui", "atelier"),
        ("atelier-0.1.0, Prompt syntax: sd-webui", True, "atelier", "sd-webui"),
    ],
)
def test_the_language_of_the_prompts(hand: Hand, version: str, exactly: bool, syntax: str, wanted: str | None) -> None:
    now = hand(paste_sd_webui_exactly=exactly, prompt_syntax=syntax)
    assert read(text(version=version), now).settings.get("prompt_syntax") == wanted


def test_our_own_text_without_rng_means_the_graphics_card(hand: Hand) -> None:
    reading = read(text(version="atelier-0.1.0"), hand())
    assert reading.values["seeds.rng"] == "GPU"
    assert "rng_nv" not in codes(reading)
    assert "rng_nv" in codes(read(text(), hand()))


# --- names


@pytest.mark.parametrize(
    ("sampler", "schedule", "version", "expected"),
    [
        ("DPM++ 2M", "Karras", "v1.10.1", ("DPM++ 2M", "Automatic")),  # what it chooses by itself
        ("DPM++ 2M", "SGM Uniform", "v1.10.1", ("DPM++ 2M", "SGM Uniform")),
        ("DPM++ 2M", "", "", ("DPM++ 2M", "Automatic")),
        ("DPM++ 2M Karras", "", "v1.6.0", ("DPM++ 2M", "Automatic")),
        ("Euler Karras", "", "", ("Euler", "Karras")),
        ("Euler a", "", "v1.6.0", ("Euler a", "Automatic")),
        ("DPM++ 2M", "", "v1.6.0", ("DPM++ 2M", "Uniform")),
        ("DPM++ 2M Exponential", "Automatic", "v1.9.0", ("DPM++ 2M", "Exponential")),
        ("k_euler_a", "", "", ("Euler a", "Automatic")),
        ("euler", "uniform", "", ("Euler", "Uniform")),
        ("DDIM", "Automatic", "v1.10.1", ("DDIM", "Automatic")),
    ],
)
def test_samplers_and_schedules(
    hand: Hand, sampler: str, schedule: str, version: str, expected: tuple[str, str]
) -> None:
    base = f"Steps: 20, Sampler: {sampler}, Seed: 5" + (f", Schedule type: {schedule}" if schedule else "")
    values = read(text(base=base, version=version), hand()).values
    assert (values["sampling.sampler"], values["sampling.scheduler"]) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Sampler: DPM++ 2M, Schedule type: Karras", "", ("", "")),
        ("Sampler: DPM++ 2M, Schedule type: Karras", "Hires sampler: Euler", ("Euler", "Karras")),
        ("Sampler: Euler, Schedule type: Automatic", "Hires sampler: DPM++ 2M", ("DPM++ 2M", "")),
        ("Sampler: Euler", "Hires sampler: DPM++ 2M, Hires schedule type: Karras", ("DPM++ 2M", "")),
        ("Sampler: Euler, Schedule type: Automatic", "Hires schedule type: Karras", ("", "Karras")),
        ("Sampler: Euler", "Hires sampler: DPM++ 2M Exponential", ("DPM++ 2M", "Exponential")),
        ("Sampler: Euler, Schedule type: Karras", "Hires sampler: DPM++ 2M", ("DPM++ 2M", "Automatic")),
    ],
)  # fmt: skip
def test_the_second_pass_has_its_own(hand: Hand, first: str, second: str, expected: tuple[str, str]) -> None:
    """Always the same schedule as in the text, whatever "as before" would come to."""
    more = ", ".join(filter(None, ("Denoising strength: 0.7, Hires upscale: 2", second)))
    values = read(text(more, base=f"Steps: 20, {first}, Seed: 5"), hand()).values
    assert (values["hires.sampler"], values["hires.scheduler"]) == expected


def test_unknown_names_are_said_with_the_nearest(hand: Hand) -> None:
    reading = read(text(base="Steps: 20, Sampler: Euler b, Schedule type: Karas, Seed: 5"), hand())
    assert not {"sampling.sampler", "sampling.scheduler"} & set(reading.values)
    assert "Euler" in params(reading, "sampler_unknown")["nearest"]
    assert params(reading, "scheduler_unknown")["nearest"][0] == "Karras"
    gone = read(text(), without(hand(), "Euler a"))
    assert params(gone, "sampler_unknown")["name"] == "Euler a"


def test_an_upscaler_that_is_not_here_is_said(hand: Hand) -> None:
    reading = read(text("Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+"), hand())
    assert "hires.upscaler" not in reading.values
    assert params(reading, "upscaler_missing") == {"name": "R-ESRGAN 4x+"}


# --- models


@pytest.mark.parametrize(
    ("more", "name", "said"),
    [
        ("Model hash: aa11bb22cc, Model: mine", "mine.safetensors", set[str]()),
        ("Model hash: aa11bb22cc, Model: as it was called", "mine.safetensors", {"model_renamed"}),
        ("Model hash: AA11BB22CC", "mine.safetensors", set[str]()),
        ("Model: fine", "sub/fine.safetensors", set[str]()),
        ("Model hash: 9999999999, Model: mine", "mine.safetensors", {"model_other"}),
        ("Model hash: 9999999999, Model: gone", None, {"checkpoint_missing"}),
        ("Model: gone", None, {"checkpoint_missing_no_hash"}),
        ("Model hash: 9999999999", None, {"checkpoint_missing"}),
        ("Model hash: dd33ee44ff, Model: mine", "sub/fine.safetensors", {"model_renamed"}),
    ],
)
def test_checkpoints(hand: Hand, more: str, name: str | None, said: set[str]) -> None:
    reading = read(text(more), hand())
    assert reading.values.get("models.checkpoint") == name
    assert codes(reading) - {"rng_nv"} == said


def test_texts_leave_the_checkpoint_alone_where_that_is_set(hand: Hand) -> None:
    told = "Model hash: aa11bb22cc, Model: mine"
    kept = read(text(told), hand(disable_weights_auto_swap=True))
    assert "models.checkpoint" not in kept.values
    assert params(kept, "model_kept") == {"name": "mine.safetensors"}
    chosen = hand(disable_weights_auto_swap=True, sd_model_checkpoint="mine.safetensors")
    assert "model_kept" not in codes(read(text(told), chosen))


def test_files_not_hashed_yet_are_read_for_the_text_s_sake(hand: Hand) -> None:
    files = [ModelFile("checkpoint", f"{name}.safetensors", Path("/x"), 10, 1) for name in ("a", "b", "c")]
    huge = dataclasses.replace(files[0], name="huge.safetensors", size=1 << 40)
    looked_at: list[str] = []

    def hash_of(file: ModelFile) -> str:
        looked_at.append(file.stem)
        return file.stem * 64

    here = dataclasses.replace(hand(catalog=Catalog({"checkpoint": (huge, *files)})), hash_of=hash_of)
    reading = read(text("Model hash: bbbbbbbbbb, Model: c"), here)
    assert reading.values["models.checkpoint"] == "b.safetensors"
    assert looked_at == ["c", "a", "b"]
    assert "model_unsure" in codes(read(text("Model hash: 1111111111, Model: huge"), here))
    assert params(read(text("Model hash: 1111111111, Model: c"), here), "model_other")["here"] == "c" * 10


def test_hashes_of_before_1_0(hand: Hand, tmp_path: Path) -> None:
    """Eight digits, of 64 KiB in the middle of the file."""
    content = bytes(range(256)) * 5000
    file = tmp_path / "renamed.safetensors"
    file.write_bytes(content)
    digest = hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]
    catalog = Catalog({"checkpoint": (ModelFile("checkpoint", "renamed.safetensors", file, 1, 1, "f" * 64),)})
    reading = read(text(f"Model hash: {digest}", version=""), hand(catalog=catalog))
    assert reading.values["models.checkpoint"] == "renamed.safetensors"


def test_a_refiner_that_is_not_here_is_said_and_left_off(hand: Hand) -> None:
    reading = read(text("Refiner: xl_refiner [7440042bbd], Refiner switch at: 0.8"), hand())
    assert reading.values["refiner.enabled"] is False
    assert params(reading, "checkpoint_missing") == {"name": "xl_refiner", "hash": "7440042bbd"}
    assert reading.request().refiner is None


def test_a_text_of_unknown_age_says_nothing_of_the_vae(hand: Hand) -> None:
    assert "models.vae" not in read(text(version=""), hand()).values
