"""The form of a request: one component per field, known by the field's path ("sampling.steps"), never by position.

Default and limits come from the declarations in ``webui.request``, label and help from ``locales``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import annotated_types
import gradio as gr
from gradio.components import Component
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from webui.request import Txt2Img
from webui.settings import Settings
from webui.ui.invalid import fault_of
from webui.ui.words import t

# Fields that the page takes from the settings, as people know it from sd-webui.
FROM_SETTINGS: Mapping[str, str] = {
    "models.clip_skip": "CLIP_stop_at_last_layers",
    "seeds.rng": "randn_source",
    "keep.save": "samples_save",
}
# Dropdowns that may be empty, which leaves the choice to the request's default.
MODELS = frozenset({"models.checkpoint", "models.vae"})
# Fields that keep their default here and are reachable through the API; a place for them comes with the scripts.
NOT_ON_THE_PAGE = frozenset(
    {"sampling.eta", "sampling.s_churn", "sampling.s_tmin", "sampling.s_tmax", "sampling.s_noise"}
    | {"seeds.eta_noise_seed_delta", "kind", "version"}
)
# What a slider offers where the limits of the declaration are wider than a hand wants: (from, to, step).
SLIDERS: Mapping[str, tuple[float, float, float]] = {"sampling.cfg_scale": (1, 30, 0.5)}


def declared(model: type[BaseModel] = Txt2Img, prefix: str = "") -> dict[str, FieldInfo]:
    """Every field of a request, by path."""
    fields: dict[str, FieldInfo] = {}
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            fields |= declared(info.annotation, f"{prefix}{name}.")
        else:
            fields[prefix + name] = info
    return fields


def read(values: Mapping[str, Any], settings: Settings, language: str = "en") -> Txt2Img:
    """The request that the form's values, by path, ask for. Raises Fault naming the first field that is wrong."""
    chosen = {path: value for path, value in values.items() if value is not None or path not in MODELS}
    asked = {path: getattr(settings, name) for path, name in FROM_SETTINGS.items()} | chosen
    nested: dict[str, Any] = {}
    for path, value in asked.items():
        part, _, name = path.rpartition(".")
        (nested.setdefault(part, {}) if part else nested)[name] = value
    try:
        return Txt2Img.model_validate(nested)
    except ValidationError as error:
        raise fault_of(error, "field", language) from error


class Form:
    """The components of one tab. ``shared`` ones stand in the header and belong to every tab's form."""

    def __init__(self, shared: Mapping[str, Component]) -> None:
        self.components: dict[str, Component] = dict(shared)

    def slider(self, path: str, value: float | None = None) -> gr.Slider:
        info = declared()[path]
        low, high, step = SLIDERS.get(path) or limits(info)
        value = info.default if value is None else value
        return self._keep(path, gr.Slider(low, high, value, step=step, buttons=[], **look_of(path)))

    def choice(self, path: str, names: Iterable[str | tuple[str, str]]) -> gr.Dropdown:
        info = declared()[path]
        return self._keep(path, gr.Dropdown(list(names), value=info.default, **look_of(path)))

    def text(self, path: str, **look: Any) -> gr.Textbox:
        """Seeds too are typed as text: they may be larger than a number in a browser can be."""
        default = declared()[path].default
        return self._keep(path, gr.Textbox(str(default), **look_of(path), **look))

    def _keep(self, path: str, component: Any) -> Any:
        self.components[path] = component
        return component

    def calls(self, function: str) -> dict[str, Any]:
        """Arguments of an event that hands the form, by path, to a function of the page's scripts."""
        paths = json.dumps(list(self.components))
        js = f"(...values) => atelier.{function}({paths}, values)"
        return {"fn": None, "inputs": list(self.components.values()), "js": js, "api_visibility": "private"}


def limits(info: FieldInfo) -> tuple[float, float, float]:
    """(least, most, step) of a number."""
    low, high, step = 0.0, 100.0, 1.0
    for limit in info.metadata:
        if isinstance(limit, annotated_types.Ge):
            low = _number(limit.ge)
        elif isinstance(limit, annotated_types.Le):
            high = _number(limit.le)
        elif isinstance(limit, annotated_types.MultipleOf):
            step = _number(limit.multiple_of)
    return low, high, step


def _number(limit: object) -> float:
    assert isinstance(limit, int | float)
    return limit


def look_of(path: str) -> dict[str, Any]:
    return {"label": t(f"field.{path}"), "elem_id": f"field-{path.replace('.', '-')}"}
