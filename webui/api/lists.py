"""What there is, in the shapes that sd-webui lists it in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel

from webui.app import App
from webui.messages import Fault
from webui.sampling import kinds
from webui.upscalers import latent_modes, upscalers

UNIFORM = "uniform"  # the schedule of samplers for which sd-webui names none
# What a sampler makes use of: its name with sd-webui.
OPTIONS: Mapping[kinds.Use, str] = {
    "discard": "discard_next_to_last_sigma",
    "ensd": "uses_ensd",
    "second_order": "second_order",
    "brownian": "brownian_noise",
}
# Samplers that sd-webui makes from another by an option; here they are samplers of their own.
VARIANTS: Mapping[str, Mapping[str, str]] = {"DPM++ 2M SDE Heun": {"solver_type": "heun"}}


class SdModel(BaseModel):
    """``hash`` and ``sha256`` are null until the file has been read once, in idle time."""

    title: str
    model_name: str
    hash: str | None
    sha256: str | None
    filename: str
    config: str | None = None


class SdVae(BaseModel):
    model_name: str
    filename: str


class Sampler(BaseModel):
    name: str
    aliases: list[str]
    options: dict[str, str]


class Upscaler(BaseModel):
    name: str
    model_name: str | None = None
    model_path: str | None = None
    model_url: str | None = None
    scale: float  # its own; 1 where it takes any


class Named(BaseModel):
    name: str


class Style(BaseModel):
    name: str
    prompt: str
    negative_prompt: str


class Scheduler(BaseModel):
    name: str
    label: str
    aliases: list[str] | None
    default_rho: float  # -1: it has none
    need_inner_model: bool


def sd_models(app: App) -> list[SdModel]:
    return [
        SdModel(
            title=file.title,
            model_name=PurePosixPath(file.name).with_suffix("").as_posix().replace("/", "_"),
            hash=file.short_hash,
            sha256=file.sha256,
            filename=str(file.path),
        )
        for file in app.catalog.of("checkpoint")
    ]


def sd_vaes(app: App) -> list[SdVae]:
    return [SdVae(model_name=file.name, filename=str(file.path)) for file in app.catalog.of("vae")]


def samplers(app: App) -> list[Sampler]:
    return [Sampler(name=s.name, aliases=list(s.aliases), options=_options(s)) for s in app.samplers.values()]


def _options(sampler: kinds.Sampler) -> dict[str, str]:
    """Under sd-webui's keys, which it gives to samplers on sigmas only."""
    if "timesteps" in sampler.uses:
        return {}
    named = isinstance(sampler.schedule, str) and sampler.schedule != UNIFORM
    schedule = {"scheduler": str(sampler.schedule)} if named else {}
    used = {name: "True" for use, name in OPTIONS.items() if use in sampler.uses}
    return {**schedule, **used, **VARIANTS.get(sampler.name, {})}


def upscaler_list() -> list[Upscaler]:
    return [Upscaler(name=each.name, scale=each.scale) for each in upscalers().values()]


def latent_mode_list() -> list[Named]:
    return [Named(name=name) for name in latent_modes()]


def styles(app: App) -> list[Style]:
    return [Style(name=each.name, prompt=each.prompt, negative_prompt=each.negative) for each in app.styles.all()]


def schedulers(app: App) -> list[Scheduler]:
    return [
        Scheduler(
            name=each.name,
            label=each.label,
            aliases=list(each.aliases) or None,
            default_rho=-1 if each.rho is None else each.rho,
            need_inner_model=each.on_timesteps,
        )
        for each in app.schedulers.values()
    ]


def options(app: App) -> dict[str, Any]:
    """The settings, with the checkpoint that would be used by its title, as clients look it up in the list."""
    settings = app.settings.now.model_dump(mode="json")
    try:
        checkpoint = app.checkpoint()
    except Fault:
        return settings
    return settings | {"sd_model_checkpoint": checkpoint.title, "sd_checkpoint_hash": checkpoint.sha256}
