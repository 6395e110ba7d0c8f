"""The settings as a form: a component per setting, made from its declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from gradio.components import Component
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from webui.app import BUILT_IN_VAES, App
from webui.settings import Settings, SettingsFile
from webui.ui.form import limits
from webui.ui.invalid import fault_of
from webui.ui.words import t

SLIDER_REACH = 100  # a number with more room than this is typed


def change(file: SettingsFile, values: Mapping[str, Any], language: str) -> None:
    """Raises Fault, in which the setting is called by its label; then nothing is changed."""
    try:
        Settings.model_validate({**file.now.model_dump(), **values})
    except ValidationError as error:
        raise fault_of(error, "setting", language) from error
    file.change(dict(values))


def sections() -> dict[str, list[str]]:
    """The names of the settings, by section, in the order of their declaration."""
    found: dict[str, list[str]] = {}
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra
        assert isinstance(extra, dict)
        found.setdefault(str(extra["section"]), []).append(name)
    return found


def component(name: str, app: App) -> Component:
    info = Settings.model_fields[name]
    value = getattr(app.settings.now, name)
    look = {"label": t(f"setting.{name}"), "info": t(f"setting.{name}.help"), "elem_id": f"setting-{name}"}
    if info.annotation is bool:
        return gr.Checkbox(value, **look)
    if choices := choices_of(name, info, app):
        return gr.Dropdown(choices, value=value, **look)
    if info.annotation is int:
        low, high, step = limits(info)
        if high - low <= SLIDER_REACH:
            return gr.Slider(low, high, value, step=step, buttons=[], **look)
        return gr.Number(value, precision=0, **look)
    return gr.Textbox(value, **look)


def current(app: App) -> list[Any]:
    """What a page that is opened now shows, in the order of the declaration."""
    values = app.settings.now.model_dump()
    chosen = {name: choices_of(name, info, app) for name, info in Settings.model_fields.items()}
    return [gr.Dropdown(chosen[name], value=values[name]) if chosen[name] else values[name] for name in chosen]


def choices_of(name: str, info: FieldInfo, app: App) -> list[Any]:
    """What may be chosen; nothing for a setting that is typed or switched."""
    if get_origin(info.annotation) is Literal:
        return list(get_args(info.annotation))
    if name == "sd_model_checkpoint":
        return [(t("page.first_checkpoint"), ""), *((file.title, file.name) for file in app.catalog.of("checkpoint"))]
    if name == "sd_vae":
        return [*BUILT_IN_VAES, *(file.name for file in app.catalog.of("vae"))]
    return []


def applies(components: Mapping[str, Component]) -> dict[str, Any]:
    """Arguments of the event that hands all settings, by name, to the page's scripts."""
    js = f"(...values) => atelier.applySettings({json.dumps(list(components))}, values)"
    return {"fn": None, "inputs": list(components.values()), "js": js, "api_visibility": "private"}
