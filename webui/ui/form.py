"""The form of a request: one component per field, known by the field's path ("sampling.steps"), never by position.

Default and limits come from the declarations in ``webui.request``, label and help from ``locales``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import annotated_types
import gradio as gr
from gradio.components import Component
from gradio.i18n import I18nData
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from webui.request import Txt2Img
from webui.settings import Settings
from webui.ui.invalid import fault_of
from webui.ui.words import t

Choice = str | tuple[str | I18nData, str]  # what the request holds, or (what is shown, what the request holds)

# Fields that the page takes from the settings, as people know it from sd-webui.
FROM_SETTINGS: Mapping[str, str] = {
    "size.tiling": "tiling",
    "models.clip_skip": "CLIP_stop_at_last_layers",
    "sampling.s_churn": "s_churn",
    "sampling.s_tmin": "s_tmin",
    "sampling.s_tmax": "s_tmax",
    "sampling.s_noise": "s_noise",
    "sampling.s_min_uncond": "s_min_uncond",
    "seeds.rng": "randn_source",
    "seeds.eta_noise_seed_delta": "eta_noise_seed_delta",
    "keep.save": "samples_save",
}
# Fields of FROM_SETTINGS whose 0 stands for None there.
ZERO_IS_NONE = frozenset({"sampling.s_tmax"})
# Dropdowns that may be empty, which leaves the choice to the request's default.
MAY_BE_EMPTY = frozenset({"models.checkpoint", "models.vae", "hires.checkpoint", "refiner.checkpoint"})
# Parts of a request that may be absent.
PARTS = ("hires", "refiner")
# Switches of the page: what is switched off is not asked for; what stands there waits.
SWITCHES: Mapping[str, frozenset[str]] = {
    **{f"{part}.enabled": frozenset({part}) for part in PARTS},
    "seeds.extra": frozenset(
        f"seeds.{name}" for name in ("subseed", "subseed_strength", "resize_width", "resize_height")
    ),
}
# ``sampling.eta`` is the settings' where the request has none; a second pass's source is chosen by the button for it.
NOT_ON_THE_PAGE = frozenset({"sampling.eta", "hires.source", "kind", "version"})
# What a slider offers where the limits of the declaration are wider than a hand wants: (from, to, step).
SLIDERS: Mapping[str, tuple[float, float, float]] = {
    "sampling.cfg_scale": (1, 30, 0.5),
    "seeds.subseed_strength": (0, 1, 0.01),
    "hires.scale": (1, 4, 0.05),
    "hires.denoising": (0, 1, 0.01),
    "hires.cfg_scale": (0, 30, 0.5),
    "refiner.switch_at": (0.01, 1, 0.01),
}


def declared(model: type[BaseModel] = Txt2Img, prefix: str = "") -> dict[str, FieldInfo]:
    """Every field of a request, by path; those of parts that may be absent too."""
    fields: dict[str, FieldInfo] = {}
    for name, info in model.model_fields.items():
        if part := _part_of(info):
            fields |= declared(part, f"{prefix}{name}.")
        else:
            fields[prefix + name] = info
    return fields


def _part_of(info: FieldInfo) -> type[BaseModel] | None:
    """The model that a field holds, or holds where it is not None."""
    kinds = (info.annotation, *get_args(info.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def read(values: Mapping[str, Any], settings: Settings, language: str = "en") -> Txt2Img:
    """The request that the form's values, by path, ask for. Raises Fault naming the first field that is wrong."""
    nested: dict[str, Any] = {part: {} for part in PARTS if values.get(f"{part}.enabled")}
    for path, value in (from_settings(settings) | _asked(values)).items():
        part, _, name = path.rpartition(".")
        (nested.setdefault(part, {}) if part else nested)[name] = value
    try:
        return Txt2Img.model_validate(nested)
    except ValidationError as error:
        raise fault_of(error, "field", language) from error


def from_settings(settings: Settings) -> dict[str, Any]:
    """The fields that the page has no component for, or leaves to the settings."""
    found = {path: getattr(settings, name) for path, name in FROM_SETTINGS.items()}
    return {path: value or None if path in ZERO_IS_NONE else value for path, value in found.items()}


def _asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the switches and what is switched off. A box that is not ticked leaves its field to the settings."""
    off = frozenset[str]().union(*(paths for switch, paths in SWITCHES.items() if not values.get(switch)))
    return {
        path: value
        for path, value in values.items()
        if path not in SWITCHES
        and path not in off
        and path.partition(".")[0] not in off
        and not (path in MAY_BE_EMPTY and value is None)
        and not (path in FROM_SETTINGS and value is False)
    }


class Form:
    """The components of one tab. ``shared`` ones stand in the header and belong to every tab's form."""

    def __init__(self, shared: Mapping[str, Component]) -> None:
        self.components: dict[str, Component] = dict(shared)

    def slider(self, path: str, value: float | None = None) -> gr.Slider:
        info = declared()[path]
        low, high, step = SLIDERS.get(path) or limits(info)
        value = info.default if value is None else value
        return self._keep(path, gr.Slider(low, high, value, step=step, buttons=[], **look_of(path)))

    def choice(self, path: str, names: Iterable[Choice], **look: Any) -> gr.Dropdown:
        """The first choice where the declaration's default is none of them."""
        choices = list(names)
        default = declared()[path].default
        values = [each[1] if isinstance(each, tuple) else each for each in choices]
        value = default if default in values else next(iter(values), None)
        return self._keep(path, gr.Dropdown(choices, value=value, **look_of(path), **look))

    def several(self, path: str, names: Iterable[str], **look: Any) -> gr.Dropdown:
        return self._keep(path, gr.Dropdown(list(names), value=[], multiselect=True, **look_of(path), **look))

    def tick(self, path: str, **look: Any) -> gr.Checkbox:
        """A field that is on or off, or a switch of the page."""
        return self._keep(path, gr.Checkbox(False, **look_of(path), **look))

    def number(self, path: str, **look: Any) -> gr.Number:
        low, high, step = limits(declared()[path])
        value = declared()[path].default
        box = gr.Number(value, precision=0, minimum=low, maximum=high, step=step, **look_of(path), **look)
        return self._keep(path, box)

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
