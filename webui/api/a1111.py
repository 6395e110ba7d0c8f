"""sd-webui's txt2img JSON ↔ our Request. Names, types and defaults are sd-webui's; limits are the Request's own.

What would change the picture and is not here yet is refused by name; what sd-webui's clients always send, and has no
bearing, is taken silently; a field that nobody knows is left aside and listed in the reply as ``ignored``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui import registry
from webui.api.errors import invalid
from webui.app import App
from webui.messages import Fault
from webui.request import Real, Request, Whole
from webui.settings import Settings, changed

MAX_IGNORED = 50  # names listed
NOT_YET = "Not here yet: only the value that means 'off' is taken."


def not_yet(default: Any = None) -> Any:
    """A field that would change the picture and that we cannot do yet."""
    return Field(default, description=NOT_YET)


class Txt2ImgBody(BaseModel):
    """sd-webui's request. Numbers may come as strings ("5"), as its clients send them."""

    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    negative_prompt: str = ""
    seed: Whole = -1
    sampler_name: str | None = None
    sampler_index: str | None = Field("Euler", description="Used when sampler_name is not given.")
    scheduler: str | None = None
    batch_size: Whole = 1
    n_iter: Whole = 1
    steps: Whole = 50
    cfg_scale: Real = 7.0
    width: Whole = 512
    height: Whole = 512
    eta: Real | None = None
    s_churn: Real | None = None
    s_tmin: Real | None = None
    s_tmax: Real | None = None
    s_noise: Real | None = None
    override_settings: dict[str, Any] | None = Field(
        default_factory=dict, description="Settings for this job alone; the server's own stay as they are."
    )
    send_images: bool = True
    save_images: bool = False
    do_not_save_samples: bool = False
    force_task_id: str | None = Field(None, description="The job's id; one is made when this is not given.")

    styles: list[str] | None = not_yet()
    subseed_strength: Real | None = not_yet(0)
    seed_resize_from_h: Whole | None = not_yet(-1)
    seed_resize_from_w: Whole | None = not_yet(-1)
    restore_faces: bool | None = not_yet()
    tiling: bool | None = not_yet()
    s_min_uncond: Real | None = not_yet()
    refiner_checkpoint: str | None = not_yet()
    enable_hr: bool = not_yet(False)
    script_name: str | None = not_yet()
    alwayson_scripts: dict[str, Any] | None = not_yet({})
    infotext: str | None = not_yet()
    firstpass_image: str | None = not_yet()
    init_images: list[Any] | None = not_yet()
    mask: str | None = not_yet()

    # Sent by every client; of no effect while what they belong to is off.
    subseed: Whole | None = -1
    override_settings_restore_afterwards: bool | None = True
    do_not_save_grid: bool | None = False
    disable_extra_networks: bool | None = False
    comments: dict[str, Any] | None = None
    script_args: list[Any] | None = []
    refiner_switch_at: Real | None = None
    denoising_strength: Real | None = None
    firstphase_width: Whole | None = 0
    firstphase_height: Whole | None = 0
    hr_scale: Real | None = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: Whole | None = 0
    hr_resize_x: Whole | None = 0
    hr_resize_y: Whole | None = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str | None = ""
    hr_negative_prompt: str | None = ""


# Where a field stands in our Request. Messages about the one name the other.
PLACES: Mapping[str, str] = {
    "prompt": "prompts.prompt",
    "negative_prompt": "prompts.negative",
    "seed": "seeds.seed",
    "sampler_name": "sampling.sampler",
    "scheduler": "sampling.scheduler",
    "batch_size": "batch.size",
    "n_iter": "batch.count",
    "steps": "sampling.steps",
    "cfg_scale": "sampling.cfg_scale",
    "width": "size.width",
    "height": "size.height",
    "eta": "sampling.eta",
    "s_churn": "sampling.s_churn",
    "s_tmin": "sampling.s_tmin",
    "s_tmax": "sampling.s_tmax",
    "s_noise": "sampling.s_noise",
    "override_settings.sd_model_checkpoint": "models.checkpoint",
    "override_settings.sd_vae": "models.vae",
    "override_settings.CLIP_stop_at_last_layers": "models.clip_skip",
    "override_settings.randn_source": "seeds.rng",
    "override_settings.eta_noise_seed_delta": "seeds.eta_noise_seed_delta",
    "save_images": "keep.save",
    "force_task_id": "id",
}
REQUESTED = PLACES.keys() & Txt2ImgBody.model_fields.keys() - {"force_task_id"}
_NAMES = {place: name for name, place in PLACES.items()}


@dataclass(frozen=True)
class Asked:
    """A body, understood: what App.submit is given, and the names that were left aside."""

    request: Request
    settings: Settings
    ignored: tuple[str, ...]


def understand(body: Txt2ImgBody, app: App) -> Asked:
    """Raises Fault under sd-webui's name of the field that is wrong."""
    refuse_not_yet(body)
    overrides = body.override_settings or {}
    known = {name: value for name, value in overrides.items() if name in Settings.model_fields}
    try:
        settings = changed(app.settings.now, known)
    except Fault as fault:
        raise renamed(fault, {name: f"override_settings.{name}" for name in known}) from fault
    values = dict(_values(body, settings))
    if "eta_noise_seed_delta" in overrides:
        values["override_settings.eta_noise_seed_delta"] = overrides["eta_noise_seed_delta"]
    values["sampler_name"], values["scheduler"] = sampler_and_scheduler(app, body)
    left = overrides.keys() - known.keys() - {"eta_noise_seed_delta"}
    ignored: list[str] = sorted([*(body.model_extra or {}), *(f"override_settings.{name}" for name in left)])
    return Asked(_request(values), settings, tuple(name[:100] for name in ignored[:MAX_IGNORED]))


def refuse_not_yet(body: Txt2ImgBody) -> None:
    if body.alwayson_scripts:
        raise Fault("unknown_script", field="alwayson_scripts", name=next(iter(body.alwayson_scripts))[:100])
    for name, field in Txt2ImgBody.model_fields.items():
        value = getattr(body, name)
        if field.description == NOT_YET and value and value not in (-1, "None"):
            raise Fault("not_yet", field=name, name=name)


def _values(body: Txt2ImgBody, settings: Settings) -> Iterator[tuple[str, Any]]:
    """By the names of PLACES, without those left at what the Request has for them anyway."""
    for name in PLACES:
        if name in REQUESTED and (value := getattr(body, name)) is not None:
            yield name, value
    yield "s_tmax", body.s_tmax or None  # 0 means no upper end, as it always has
    yield "save_images", body.save_images and settings.samples_save and not body.do_not_save_samples
    for setting in ("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "randn_source"):
        yield f"override_settings.{setting}", getattr(settings, setting)


def sampler_and_scheduler(app: App, body: Txt2ImgBody) -> tuple[str, str]:
    """As asked; and the names of before 2024, "DPM++ 2M Karras", become the two that they are made of."""
    sampler = body.sampler_name or body.sampler_index or "Euler"
    scheduler = body.scheduler or "Automatic"
    if len(sampler) > 100 or _is_known(app.samplers, sampler):
        return sampler, scheduler
    for known in app.schedulers.values():
        for ending in (known.label, known.name, *known.aliases):
            front = sampler[: -len(ending)].rstrip()
            if sampler.lower().endswith(f" {ending.lower()}") and _is_known(app.samplers, front):
                return front, known.name
    return sampler, scheduler


def _is_known(kinds: Mapping[str, Any], name: str) -> bool:
    try:
        registry.find(kinds, name)
    except registry.UnknownName:
        return False
    return True


def _request(values: Mapping[str, Any]) -> Request:
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, key = PLACES[name].partition(".")
        parts.setdefault(part, {})[key] = value
    try:
        return Request.model_validate(parts)
    except ValidationError as error:
        raise invalid(error.errors()[0], lambda place: _NAMES.get(place, place)) from error


def renamed(fault: Fault, names: Mapping[str, str] = _NAMES) -> Fault:
    """The same fault under sd-webui's name of its field."""
    field = fault.message.field
    fault.message = fault.message.model_copy(update={"field": names.get(field, field) if field else None})
    return fault
