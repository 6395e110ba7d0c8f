"""The settings as a form: a component per setting, made from its declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from gradio.components import Component

from webui.app import BUILT_IN_VAES, App
from webui.messages import Fault, texts
from webui.reproduce.options import KEYS
from webui.reproduce.text import declared
from webui.settings import Settings, SettingsFile
from webui.ui.form import limits
from webui.ui.words import t

SLIDER_REACH = 100  # a number with more room than this is typed
FINE = 0.01  # step of numbers that are not whole, where none is declared
IN_THE_HEADER = frozenset({"sd_model_checkpoint", "sd_vae"})  # always
PROMPT_KEY = "Prompt"  # of a generation text, which writes it without one

Kind = Literal["switch", "choice", "several", "slider", "number", "text"]


@dataclass(frozen=True)
class Choice:
    """``word``: the text it is shown by, from ``locales``; ``label`` where it has none."""

    value: str
    label: str = ""
    word: str = ""

    @property
    def shown(self) -> Any:
        return t(self.word) if self.word else self.label or self.value


@dataclass(frozen=True)
class Shape:
    """What a setting is set by. ``low``, ``high`` and ``step`` are of numbers."""

    name: str
    kind: Kind
    default: Any
    choices: tuple[Choice, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0


def sections() -> dict[str, list[str]]:
    """The names of the settings, by section, in the order of their declaration."""
    found: dict[str, list[str]] = {}
    for name in Settings.model_fields:
        found.setdefault(str(_extra(name)["section"]), []).append(name)
    return found


def shapes(app: App) -> dict[str, Shape]:
    return {name: shape(name, app) for name in Settings.model_fields}


def shape(name: str, app: App) -> Shape:
    info = Settings.model_fields[name]
    default = Settings.model_validate({}).model_dump(mode="json")[name]
    if info.annotation is bool:
        return Shape(name, "switch", default)
    if info.annotation in (int, float):
        low, high, step = limits(info)
        step = step if info.annotation is int else float(_extra(name).get("step") or FINE)
        kind: Kind = "slider" if high - low <= SLIDER_REACH else "number"
        return Shape(name, kind, default, low=low, high=high, step=step)
    several = get_origin(info.annotation) is tuple
    choices = tuple(_choices(name, app))
    return Shape(name, "several" if several else "choice" if choices else "text", default, choices)


def _extra(name: str) -> Mapping[str, Any]:
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _choices(name: str, app: App) -> list[Choice]:
    annotation = Settings.model_fields[name].annotation
    if get_origin(annotation) is Literal:
        words = ((value, f"setting.{name}.{value}") for value in get_args(annotation))
        return [Choice(value, word=word if word in texts("en") else "") for value, word in words]
    if name == "sd_model_checkpoint":
        files = app.catalog.of("checkpoint")
        return [Choice("", word="page.first_checkpoint"), *(Choice(file.name, file.title) for file in files)]
    if name == "sd_vae":
        return [Choice(each) for each in (*BUILT_IN_VAES, *(file.name for file in app.catalog.of("vae")))]
    if name == "quicksettings_list":
        return [Choice(each, word=f"setting.{each}") for each in Settings.model_fields if _may_be_quick(each)]
    if name == "infotext_skip_pasting":
        return [Choice(key) for key in text_keys()]
    return []


def _may_be_quick(name: str) -> bool:
    return name not in IN_THE_HEADER and get_origin(Settings.model_fields[name].annotation) is not tuple


def text_keys() -> list[str]:
    """What a generation text is read for, a size under one name."""
    keys = (PROMPT_KEY, *declared(), *KEYS)
    return list(dict.fromkeys(key.removesuffix("-1").removesuffix("-2") for key in keys))


# --- on the page


def component(shape: Shape, value: Any) -> Component:
    name = shape.name
    look = {"label": t(f"setting.{name}"), "info": t(f"setting.{name}.help"), "elem_id": f"setting-{name}"}
    choices = offered(shape, value)
    match shape.kind:
        case "switch":
            return gr.Checkbox(value, **look)
        case "choice":
            return gr.Dropdown(choices, value=value, **look)
        case "several":
            return gr.Dropdown(choices, value=value, multiselect=True, allow_custom_value=True, **look)
        case "slider":
            return gr.Slider(shape.low, shape.high, value, step=shape.step, buttons=[], **look)
        case "number":
            return gr.Number(value, precision=0 if shape.step == 1 else None, step=shape.step, **look)
        case "text":
            return gr.Textbox(value, **look)


def offered(shape: Shape, value: Any) -> list[tuple[Any, str]]:
    """What a dropdown shows and stands for; the value too, where its file has gone or a program has set it."""
    known = [(choice.shown, choice.value) for choice in shape.choices]
    chosen = value if shape.kind == "several" else [value]
    there = {choice.value for choice in shape.choices}
    return known + [(each, each) for each in chosen if each not in there]


def values(app: App) -> dict[str, Any]:
    """What the settings are, as JSON has it."""
    now = app.settings.now.model_dump(mode="json")
    return {name: now[name] for name in Settings.model_fields}


def current(app: App) -> list[Any]:
    """What a page that is opened now shows, in the order of the declaration."""
    now, found = values(app), shapes(app)
    return [_updated(found[name], value) for name, value in now.items()]


def _updated(shape: Shape, value: Any) -> Any:
    if not shape.choices:
        return value
    return gr.Dropdown(offered(shape, value), value=value, multiselect=shape.kind == "several")


def calls(function: str, components: Mapping[str, Component]) -> dict[str, Any]:
    """Arguments of an event that hands all settings, by name, to a function of the page's scripts."""
    js = f"(...values) => atelier.{function}({json.dumps(list(components))}, values)"
    return {"fn": None, "inputs": list(components.values()), "js": js, "api_visibility": "private"}


# --- asked by the page's scripts


def change(file: SettingsFile, values: Mapping[str, Any], language: str) -> None:
    """Raises Fault, in which the setting is called by its label; then nothing is changed."""
    try:
        file.change(values)
    except Fault as fault:
        label = texts(language).get(f"setting.{fault.message.field}")
        if label and "name" in fault.message.params and fault.message.code != "unknown_setting":
            params = fault.message.params | {"name": label}
            fault.message = fault.message.model_copy(update={"params": params})
        raise


def view(app: App) -> dict[str, Any]:
    """All that the page's scripts know of the settings. ``quick``: those of the bar, whole."""
    now, found = values(app), shapes(app)
    names = dict.fromkeys(app.settings.now.quicksettings_list)
    quick = [_spelled(found[name]) for name in names if name in found and _may_be_quick(name)]
    return {"values": now, "defaults": {name: each.default for name, each in found.items()}, "quick": quick}


def _spelled(shape: Shape) -> dict[str, Any]:
    choices = [{"value": each.value, "label": each.label, "word": each.word} for each in shape.choices]
    numbers = {"low": shape.low, "high": shape.high, "step": shape.step}
    return {"name": shape.name, "kind": shape.kind, "choices": choices, **numbers}
