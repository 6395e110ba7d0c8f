"""sd-webui's txt2img JSON → our Request.

What would change the picture and is not here yet is refused by name; what sd-webui's clients always send, and has no
bearing, is taken silently; a field that nobody knows is left aside and listed in the reply as ``ignored``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from webui.api.body import NAMES, NOT_YET, PLACES, Txt2ImgBody
from webui.api.errors import invalid
from webui.app import App
from webui.files.embedded import content
from webui.infotext import decode_picture
from webui.messages import Fault, Message
from webui.registry import UnknownName
from webui.reproduce import read_text
from webui.reproduce.names import method
from webui.request import Request
from webui.settings import Settings, changed
from webui.upscalers import latent_modes

MAX_IGNORED = 50  # names listed
DENOISING = 0.75  # of the second pass; the page has another default, as sd-webui's has
AS_BEFORE = ("use same checkpoint", "use same sampler", "use same scheduler")
OVERRIDE = "override_settings."
OF_BODY = PLACES.keys() & Txt2ImgBody.model_fields.keys() - {"force_task_id", "enable_hr"}
FROM_SETTINGS = OF_BODY & Settings.model_fields.keys()  # where the body is silent
OF_HIRES = frozenset(name for name in OF_BODY if PLACES[name].startswith("hires."))
OF_REFINER = frozenset(name for name in OF_BODY if PLACES[name].startswith("refiner."))
OVERRIDDEN = frozenset(name.removeprefix(OVERRIDE) for name in PLACES if name.startswith(OVERRIDE))


@dataclass(frozen=True)
class Asked:
    """A body, understood: what App.submit is given, the names that were left aside, and what its infotext lacked."""

    request: Request
    settings: Settings
    ignored: tuple[str, ...]
    notes: tuple[Message, ...] = ()


def understand(body: Txt2ImgBody, app: App) -> Asked:
    """Raises Fault under sd-webui's name of the field that is wrong."""
    refuse_not_yet(body)
    body, notes = with_infotext(body, app)
    overrides = body.override_settings or {}
    known = {name: value for name, value in overrides.items() if name in Settings.model_fields}
    try:
        settings = changed(app.settings.now, known)
    except Fault as fault:
        raise renamed(fault, {name: OVERRIDE + name for name in known}) from fault
    ignored = tuple(sorted({name[:100] for name in _ignored(body, overrides.keys() - known.keys())})[:MAX_IGNORED])
    return Asked(_request(_values(body, settings, app)), settings, ignored, notes)


def refuse_not_yet(body: Txt2ImgBody) -> None:
    if body.alwayson_scripts:
        raise Fault("unknown_script", field="alwayson_scripts", name=next(iter(body.alwayson_scripts))[:100])
    for name, field in Txt2ImgBody.model_fields.items():
        value = getattr(body, name)
        if field.description == NOT_YET and value and value != "None":
            raise Fault("not_yet", field=name, name=name)


def with_infotext(body: Txt2ImgBody, app: App) -> tuple[Txt2ImgBody, tuple[Message, ...]]:
    """The body with what its generation text says, wherever it says nothing itself."""
    if not body.infotext:
        return body, ()
    reading = read_text(body.infotext, app.at_hand())
    given = body.model_fields_set | ({"sampler_name"} if "sampler_index" in body.model_fields_set else set[str]())
    told = {NAMES[path]: value for path, value in reading.values.items() if path in NAMES}
    if "s_tmax" in told:
        told["s_tmax"] = told["s_tmax"] or 0  # no limit, whatever the setting
    own = {name: value for name, value in told.items() if name in Txt2ImgBody.model_fields and name not in given}
    settings = {name.removeprefix(OVERRIDE): value for name, value in told.items() if name.startswith(OVERRIDE)}
    own["override_settings"] = {**reading.settings, **settings, **(body.override_settings or {})}
    return body.model_copy(update=own), reading.notes


def _ignored(body: Txt2ImgBody, overrides: set[str]) -> Iterator[str]:
    yield from body.model_extra or {}
    yield from (OVERRIDE + name for name in overrides)
    yield from (name for name in ("firstphase_width", "firstphase_height") if getattr(body, name))
    if body.firstpass_image and not body.enable_hr:
        yield "firstpass_image"


def _values(body: Txt2ImgBody, settings: Settings, app: App) -> dict[str, Any]:
    """By the names of PLACES, without those left at what the Request has for them anyway."""
    values = {name: getattr(body, name) for name in OF_BODY - OF_HIRES - OF_REFINER}
    values |= {name: getattr(settings, name) for name in FROM_SETTINGS if values[name] is None}
    values |= {OVERRIDE + name: getattr(settings, name) for name in OVERRIDDEN}
    values["s_tmax"] = values["s_tmax"] or None  # 0 means no upper end, as it always has
    for name in ("seed_resize_from_w", "seed_resize_from_h"):
        values[name] = max(values[name] or 0, 0)
    values["save_images"] = body.save_images and settings.samples_save and not body.do_not_save_samples
    values["sampler_name"], values["scheduler"] = sampler_and_scheduler(
        app, body.sampler_name or body.sampler_index or "Euler", body.scheduler or "Automatic"
    )
    if body.enable_hr:
        values |= _hires(body, app)
    if body.refiner_checkpoint not in (None, "", "None"):
        values |= {name: getattr(body, name) for name in OF_REFINER}
    return {name: value for name, value in values.items() if value is not None}


def _hires(body: Txt2ImgBody, app: App) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in OF_HIRES}
    for name in ("hr_checkpoint_name", "hr_sampler_name", "hr_scheduler"):
        wish = values[name] or ""
        values[name] = "" if wish.lower() in AS_BEFORE else wish
    values["hr_sampler_name"], values["hr_scheduler"] = sampler_and_scheduler(
        app, values["hr_sampler_name"], values["hr_scheduler"]
    )
    if body.denoising_strength is None:
        values["denoising_strength"] = DENOISING
    values["hr_upscaler"] = body.hr_upscaler or next(iter(latent_modes()))
    values["firstpass_image"] = _kept(body.firstpass_image, app) if body.firstpass_image else None
    return values


def _kept(picture: str, app: App) -> str:
    """The hash under which a request can name it. Raises Fault for what is no picture."""
    data = content(picture, "firstpass_image")
    try:
        decode_picture(data)
    except Fault as fault:
        raise renamed(fault, {"image": "firstpass_image"}) from fault
    return app.blobs.put(data)


def sampler_and_scheduler(app: App, sampler: str, scheduler: str) -> tuple[str, str]:
    """As asked; and the names of before 2024, "DPM++ 2M Karras", become the two that they are made of."""
    if not sampler or len(sampler) > 100:
        return sampler, scheduler
    try:
        found = method(app.samplers, app.schedulers, sampler)
    except UnknownName:
        return sampler, scheduler
    return (found.sampler.name, found.scheduler.name) if found.sampler and found.scheduler else (sampler, scheduler)


def _request(values: Mapping[str, Any]) -> Request:
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, key = PLACES[name].partition(".")
        parts.setdefault(part, {})[key] = value
    try:
        return Request.model_validate(parts)
    except ValidationError as error:
        raise invalid(error.errors()[0], _name) from error


def _name(place: str) -> str:
    """sd-webui's name of a field of ours, or of what stands in one ("prompts.styles.0")."""
    return NAMES.get(place) or NAMES.get(place.rpartition(".")[0], place)


def renamed(fault: Fault, names: Mapping[str, str] = NAMES) -> Fault:
    """The same fault under sd-webui's name of its field."""
    field = fault.message.field
    fault.message = fault.message.model_copy(update={"field": names.get(field, field) if field else None})
    return fault
