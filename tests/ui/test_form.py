"""What the form holds becomes the request, field by field, by name."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from webui.app import App
from webui.messages import Fault, texts
from webui.request import Txt2Img
from webui.settings import Settings
from webui.ui import page
from webui.ui.form import FROM_SETTINGS, NOT_ON_THE_PAGE, declared, limits, read

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
}


def value_at(request: Txt2Img, path: str) -> Any:
    value: Any = request
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("path", OTHERS)
def test_a_value_reaches_its_own_field_and_no_other(path: str) -> None:
    request = read({path: OTHERS[path]}, Settings())
    defaults = Txt2Img()
    for each in declared():
        expected = OTHERS[path] if each == path else value_at(defaults, each)
        assert str(value_at(request, each)) == str(expected), each


def test_every_field_is_in_the_form_or_left_out_on_purpose(app: App) -> None:
    blocks = page.build(app)
    ids = {getattr(block, "elem_id", None) for block in blocks.blocks.values()}
    on_page = {path for path in declared() if f"field-{path.replace('.', '-')}" in ids}
    assert on_page == OTHERS.keys()
    assert on_page | FROM_SETTINGS.keys() | NOT_ON_THE_PAGE == declared().keys()
    assert not on_page & NOT_ON_THE_PAGE


def test_what_stands_in_the_settings_comes_from_there() -> None:
    settings = Settings(CLIP_stop_at_last_layers=2, randn_source="CPU", samples_save=False)
    request = read({}, settings)
    assert (request.models.clip_skip, request.seeds.rng, request.keep.save) == (2, "CPU", False)


def test_an_empty_model_list_asks_for_the_default_one() -> None:
    models = read({"models.checkpoint": None, "models.vae": None}, Settings()).models
    assert (models.checkpoint, models.vae) == ("", "Automatic")


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
    ],
)
def test_a_wrong_value_is_named_as_the_page_names_it(path: str, value: Any, language: str) -> None:
    with pytest.raises(Fault) as fault:
        read({path: value}, Settings(), language)
    message = fault.value.message
    assert message.field == path
    assert texts(language)[f"field.{path}"] in message.text(language)
    assert "{" not in message.text(language)


@pytest.mark.parametrize("path", ["no.such", "prompts.no", "", "prompts"])
def test_an_unknown_field_is_refused(path: str) -> None:
    with pytest.raises(Fault):
        read({path: 1}, Settings())


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
