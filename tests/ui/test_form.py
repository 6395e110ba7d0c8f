"""What the form holds becomes the request, field by field, by name."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from webui.app import App
from webui.messages import Fault, texts
from webui.request import Hires, Refiner, Seeds, Txt2Img
from webui.settings import Settings
from webui.ui import page
from webui.ui.form import FROM_SETTINGS, MAY_BE_EMPTY, NOT_ON_THE_PAGE, SWITCHES, declared, limits, read

# A value other than the default for every field that the page has.
OTHERS: dict[str, Any] = {
    "prompts.prompt": "a red boat",
    "prompts.negative": "people",
    "size.width": 320,
    "size.height": 448,
    "batch.count": 3,
    "batch.size": 2,
    "models.checkpoint": "other.safetensors",
    "models.vae": "None",
    "sampling.sampler": "Euler",
    "sampling.scheduler": "Karras",
    "sampling.steps": 31,
    "sampling.cfg_scale": 4.5,
    "seeds.seed": "9223372036854775807",
    "prompts.styles": ["Oil", "Ink"],
    "prompts.each_line": True,
    "size.tiling": True,
    "seeds.subseed": "9223372036854775806",
    "seeds.subseed_strength": 0.25,
    "seeds.resize_width": 256,
    "seeds.resize_height": 384,
    "hires.upscaler": "Lanczos",
    "hires.scale": 1.5,
    "hires.width": 640,
    "hires.height": 768,
    "hires.steps": 7,
    "hires.denoising": 0.35,
    "hires.cfg_scale": 3.5,
    "hires.checkpoint": "other.safetensors",
    "hires.sampler": "Euler",
    "hires.scheduler": "Karras",
    "hires.prompt": "finer",
    "hires.negative": "blur",
    "refiner.checkpoint": "other.safetensors",
    "refiner.switch_at": 0.6,
}
ON = dict.fromkeys(SWITCHES, True)


def value_at(request: Txt2Img, path: str) -> Any:
    value: Any = request
    for name in path.split("."):
        value = getattr(value, name)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", OTHERS)
def test_a_value_reaches_its_own_field_and_no_other(path: str) -> None:
    request = read({**ON, path: OTHERS[path]}, Settings())
    defaults = Txt2Img(hires=Hires(), refiner=Refiner())
    for each in declared():
        expected = OTHERS[path] if each == path else value_at(defaults, each)
        assert str(value_at(request, each)) == str(expected), each


def test_what_is_switched_off_waits() -> None:
    request = read(OTHERS, Settings())
    assert (request.hires, request.refiner) == (None, None)
    assert request.seeds == Seeds(seed=int(OTHERS["seeds.seed"]))
    assert read({**OTHERS, **ON}, Settings()).hires


def test_every_field_is_in_the_form_or_left_out_on_purpose(app: App) -> None:
    blocks = page.build(app)
    ids = {getattr(block, "elem_id", None) for block in blocks.blocks.values()}
    on_page = {path for path in declared() if f"field-{path.replace('.', '-')}" in ids}
    assert on_page == OTHERS.keys()
    assert {f"field-{switch.replace('.', '-')}" for switch in SWITCHES} <= ids
    assert on_page | FROM_SETTINGS.keys() | NOT_ON_THE_PAGE == declared().keys()
    assert not on_page & NOT_ON_THE_PAGE
    assert on_page & FROM_SETTINGS.keys() == {"size.tiling"}  # ticked here or in the settings


# Of every setting that fills a field: another value, and what it is in the request.
SET: dict[str, tuple[Any, Any]] = {
    "CLIP_stop_at_last_layers": (2, 2),
    "randn_source": ("CPU", "CPU"),
    "eta_noise_seed_delta": (31337, 31337),
    "s_churn": (2.0, 2.0),
    "s_tmin": (0.5, 0.5),
    "s_tmax": (0.0, None),  # no end
    "s_noise": (1.05, 1.05),
    "s_min_uncond": (1.0, 1.0),
    "tiling": (True, True),
    "samples_save": (False, False),
}


@pytest.mark.parametrize("path", FROM_SETTINGS)
def test_what_stands_in_the_settings_comes_from_there(path: str) -> None:
    value, expected = SET[FROM_SETTINGS[path]]
    assert value_at(read({}, Settings.model_validate({FROM_SETTINGS[path]: value})), path) == expected


def test_a_limit_that_is_set_is_kept() -> None:
    assert read({}, Settings(s_tmax=12.0)).sampling.s_tmax == 12.0


@pytest.mark.parametrize("ticked", [True, False])
@pytest.mark.parametrize("setting", [True, False])
def test_tiling_is_asked_for_here_or_in_the_settings(ticked: bool, setting: bool) -> None:
    assert read({"size.tiling": ticked}, Settings(tiling=setting)).size.tiling == (ticked or setting)


def test_an_empty_model_list_asks_for_the_default_one() -> None:
    request = read({**ON, **dict.fromkeys(MAY_BE_EMPTY)}, Settings())
    assert (request.models.checkpoint, request.models.vae) == ("", "Automatic")
    assert request.hires and request.hires.checkpoint == ""


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seeds.seed", "abc"),
        ("seeds.seed", ""),
        ("seeds.seed", "-2"),
        ("size.width", 65),
        ("size.height", None),
        ("batch.count", 1.5),
        ("sampling.steps", 100_000),
        ("prompts.prompt", "x" * 20_001),
        ("sampling.cfg_scale", "nan"),
        ("hires.scale", 9),
        ("hires.width", 65),
        ("refiner.switch_at", 0),
        ("seeds.subseed", "x"),
        ("seeds.subseed_strength", 1.5),
    ],
)
def test_a_wrong_value_is_named_as_the_page_names_it(path: str, value: Any, language: str) -> None:
    with pytest.raises(Fault) as fault:
        read({**ON, path: value}, Settings(), language)
    message = fault.value.message
    assert message.field == path
    assert texts(language)[f"field.{path}"] in message.text(language)
    assert "{" not in message.text(language)


@pytest.mark.parametrize("path", ["no.such", "prompts.no", "", "prompts", "hires", "seeds.extra.x"])
def test_an_unknown_field_is_refused(path: str) -> None:
    with pytest.raises(Fault):
        read({**ON, path: 1}, Settings())


def test_the_form_starts_with_the_declared_defaults_and_limits(app: App) -> None:
    blocks = page.build(app)
    components = {getattr(block, "elem_id", None): block for block in blocks.blocks.values()}
    steps = components["field-sampling-steps"]
    assert isinstance(steps, gr.Slider)
    assert (steps.minimum, steps.maximum, steps.value) == (1, 150, Txt2Img().sampling.steps)
    width = components["field-size-width"]
    assert isinstance(width, gr.Slider)
    assert (width.minimum, width.maximum, width.step) == limits(declared()["size.width"]) == (64, 2048, 8)
    assert width.value == app.native_size()[0]
