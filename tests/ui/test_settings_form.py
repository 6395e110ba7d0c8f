"""The settings as a form: every one has a component, made from its declaration."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from tests.ui.test_routes import browser
from webui.app import App
from webui.messages import Fault, texts
from webui.settings import Settings, SettingsFile, changed
from webui.ui import settings_form
from webui.ui.settings_form import change, component, current, offered, sections, shapes, text_keys, values, view


def test_every_setting_stands_in_one_section() -> None:
    listed = [name for names in sections().values() for name in names]
    assert sorted(listed) == sorted(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tiling", gr.Checkbox),
        ("emphasis", gr.Dropdown),
        ("sd_model_checkpoint", gr.Dropdown),
        ("quicksettings_list", gr.Dropdown),
        ("CLIP_stop_at_last_layers", gr.Slider),
        ("eta_ancestral", gr.Slider),
        ("eta_noise_seed_delta", gr.Number),
        ("s_tmax", gr.Number),
        ("keyedit_delimiters", gr.Textbox),
    ],
)
def test_what_a_setting_is_set_by(app: App, name: str, kind: type) -> None:
    assert type(component(settings_form.shape(name, app), values(app)[name])) is kind


def test_every_default_is_one_that_its_component_can_show(app: App) -> None:
    for shape in shapes(app).values():
        if shape.kind in ("slider", "number"):
            assert shape.low <= shape.default <= shape.high, shape
            steps = (shape.default - shape.low) / shape.step
            assert steps == pytest.approx(round(steps)), shape
        elif shape.kind in ("choice", "several"):
            chosen = shape.default if shape.kind == "several" else [shape.default]
            assert {choice.value for choice in shape.choices} >= set(chosen), shape


def test_a_number_reaches_what_its_setting_allows(app: App) -> None:
    """The ends of a slider are the ends of the declaration: what it can show is taken, and what lies beyond is not."""
    for shape in shapes(app).values():
        if shape.kind in ("slider", "number"):
            changed(Settings(), {shape.name: shape.low})
            changed(Settings(), {shape.name: shape.high})
            for beyond in (shape.low - shape.step, shape.high + max(shape.step, 1e-9 * shape.high)):
                with pytest.raises(Fault):
                    changed(Settings(), {shape.name: int(beyond) if shape.step == 1 else beyond})


def test_a_value_that_is_not_offered_is_shown_all_the_same(app: App) -> None:
    """A checkpoint that has gone; a key of a text that a program has set."""
    assert offered(settings_form.shape("sd_model_checkpoint", app), "gone.safetensors")[-1][1] == "gone.safetensors"
    assert offered(settings_form.shape("infotext_skip_pasting", app), ["Seed", "My key"])[-1][1] == "My key"


def test_what_cannot_stand_in_the_bar_is_not_offered_for_it(app: App) -> None:
    names = {choice.value for choice in settings_form.shape("quicksettings_list", app).choices}
    assert names == Settings.model_fields.keys() - {
        "sd_model_checkpoint",
        "sd_vae",
        "quicksettings_list",
        "infotext_skip_pasting",
    }


def test_the_keys_of_a_generation_text_are_named_once() -> None:
    keys = text_keys()
    assert len(keys) == len(set(keys))
    assert {"Prompt", "Negative prompt", "Seed", "Size", "Hires upscaler", "Refiner", "Noise Schedule"} <= set(keys)
    assert not [key for key in keys if key.endswith(("-1", "-2"))]


def test_a_page_opened_now_shows_what_holds_now(app: App) -> None:
    app.settings.change({"keep_unsaved_days": 9, "sd_model_checkpoint": "", "quicksettings_list": ["tiling"]})
    shown = dict(zip(Settings.model_fields, current(app), strict=True))
    assert shown["keep_unsaved_days"] == 9
    assert (shown["sd_model_checkpoint"].value, shown["quicksettings_list"].value) == ("", ["tiling"])


# --- what the scripts ask


def test_the_view_has_values_and_defaults_of_all(app: App) -> None:
    app.settings.change({"tiling": True})
    seen = view(app)
    assert seen["values"].keys() == seen["defaults"].keys() == Settings.model_fields.keys()
    assert (seen["values"]["tiling"], seen["defaults"]["tiling"]) == (True, False)
    assert seen["quick"] == []
    assert json.loads(json.dumps(seen)) == seen


def test_the_bar_has_what_was_chosen_in_that_order(app: App) -> None:
    """Whatever a program has put into the list."""
    app.settings.change({"quicksettings_list": ["sd_model_checkpoint", "rho", "emphasis", "rho", "quicksettings_list"]})
    rho, emphasis = view(app)["quick"]
    assert (rho["name"], rho["kind"], rho["low"], rho["high"], rho["step"]) == ("rho", "slider", 0, 20, 0.01)
    assert [choice["value"] for choice in emphasis["choices"]] == ["Original", "No norm", "Ignore", "None"]


def test_words_of_choices_are_there() -> None:
    words = [f"setting.prompt_syntax.{value}" for value in ("atelier", "sd-webui")]
    assert texts("en").keys() >= set(words)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"keep_unsaved_days": 0}, "keep_unsaved_days", "Days to keep unsaved pictures has to be 1 or more."),
        ({"keep_unsaved_days": None}, "keep_unsaved_days", "Days to keep unsaved pictures has to be a whole number."),
        ({"rho": "x"}, "rho", "Schedule: rho has to be a number."),
        ({"quicksettings_list": "tiling"}, "quicksettings_list", "Quick settings has to be a list."),
        ({"quicksettings_list": ["x"]}, "quicksettings_list", "There is no setting called “x”."),
        ({"nobody": 1}, "nobody", "There is no setting called “nobody”."),
    ],
)
def test_a_wrong_value_is_told_by_its_label(app: App, values: dict[str, Any], field: str, said: str) -> None:
    before = app.settings.now
    with pytest.raises(Fault) as fault:
        change(app.settings, {"tiling": True, **values}, "en")
    assert (fault.value.message.field, fault.value.message.text("en")) == (field, said)
    assert app.settings.now == before


def test_over_http(app: App) -> None:
    client = browser(app)
    assert client.get("/page/settings").json() == view(app)
    reply = client.post("/page/settings", json={"quicksettings_list": ["tiling"]})
    assert [each["name"] for each in reply.json()["quick"]] == ["tiling"]
    assert client.post("/page/settings", json={"tiling": "x"}).json()["field"] == "tiling"
    assert SettingsFile(app.paths.data / "settings.json").now.quicksettings_list == ("tiling",)
