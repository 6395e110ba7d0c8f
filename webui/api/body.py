"""sd-webui's txt2img request, and where each of its fields stands in ours.

Names, types and defaults are sd-webui's; limits are the Request's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from webui.request import Real, Whole

MAX_INFOTEXT = 1_000_000  # characters
NOT_YET = "Not here yet: only the value that means 'off' is taken."
NO_BEARING = "Taken, and of no bearing."


def not_yet(default: Any = None) -> Any:
    """A field that would change the picture and that we cannot do yet."""
    return Field(default, description=NOT_YET)


def no_bearing(default: Any = None) -> Any:
    """A field that sd-webui's clients send, and that changes nothing here."""
    return Field(default, description=NO_BEARING)


def said(default: Any, meaning: str) -> Any:
    return Field(default, description=meaning)


class Txt2ImgBody(BaseModel):
    """sd-webui's request. Numbers may come as strings ("5"), as its clients send them.

    A field that is null, or not there, takes the setting of its name where there is one.
    """

    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] | None = said(None, "Names of saved styles.")
    seed: Whole = -1
    subseed: Whole | None = said(-1, "The variation seed.")
    subseed_strength: Real | None = 0
    seed_resize_from_h: Whole | None = said(-1, "0 and −1 are off.")
    seed_resize_from_w: Whole | None = said(-1, "0 and −1 are off.")
    sampler_name: str | None = None
    sampler_index: str | None = said("Euler", "Used when sampler_name is not given.")
    scheduler: str | None = None
    batch_size: Whole = 1
    n_iter: Whole = 1
    steps: Whole = 50
    cfg_scale: Real = 7.0
    width: Whole = 512
    height: Whole = 512
    tiling: bool | None = None
    eta: Real | None = None
    s_min_uncond: Real | None = None
    s_churn: Real | None = None
    s_tmin: Real | None = None
    s_tmax: Real | None = said(None, "0 is no limit.")
    s_noise: Real | None = None
    override_settings: dict[str, Any] | None = Field(
        default_factory=dict, description="Settings for this job alone; the server's own stay as they are."
    )
    refiner_checkpoint: str | None = None
    refiner_switch_at: Real | None = said(None, "0.8 when not given.")
    infotext: str | None = Field(
        None, max_length=MAX_INFOTEXT, description="A generation text: it holds for every field that is not given."
    )

    enable_hr: bool = False
    denoising_strength: Real | None = said(None, "Of the second pass; 0.75 when not given.")
    hr_scale: Real | None = 2.0
    hr_upscaler: str | None = said(None, "The first of the latent modes when not given.")
    hr_second_pass_steps: Whole | None = 0
    hr_resize_x: Whole | None = 0
    hr_resize_y: Whole | None = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str | None = ""
    hr_negative_prompt: str | None = ""
    hr_cfg: Real | None = said(None, "Forge's field: the second pass's CFG scale; 0 is that of the first.")
    firstpass_image: str | None = said(None, "In base64: the second pass starts from it, and there is no first one.")

    send_images: bool = True
    save_images: bool = False
    do_not_save_samples: bool = False
    force_task_id: str | None = said(None, "The job's id; one is made when this is not given.")

    restore_faces: bool | None = not_yet()
    script_name: str | None = not_yet()
    alwayson_scripts: dict[str, Any] | None = not_yet({})
    init_images: list[Any] | None = not_yet()
    mask: str | None = not_yet()

    override_settings_restore_afterwards: bool | None = no_bearing(True)
    do_not_save_grid: bool | None = no_bearing(False)
    disable_extra_networks: bool | None = no_bearing(False)
    comments: dict[str, Any] | None = no_bearing()
    script_args: list[Any] | None = no_bearing([])
    firstphase_width: Whole | None = no_bearing(0)
    firstphase_height: Whole | None = no_bearing(0)


# Where a field stands in our Request. Messages about the one name the other.
PLACES: Mapping[str, str] = {
    "prompt": "prompts.prompt",
    "negative_prompt": "prompts.negative",
    "styles": "prompts.styles",
    "seed": "seeds.seed",
    "subseed": "seeds.subseed",
    "subseed_strength": "seeds.subseed_strength",
    "seed_resize_from_w": "seeds.resize_width",
    "seed_resize_from_h": "seeds.resize_height",
    "sampler_name": "sampling.sampler",
    "scheduler": "sampling.scheduler",
    "batch_size": "batch.size",
    "n_iter": "batch.count",
    "steps": "sampling.steps",
    "cfg_scale": "sampling.cfg_scale",
    "width": "size.width",
    "height": "size.height",
    "tiling": "size.tiling",
    "eta": "sampling.eta",
    "s_min_uncond": "sampling.s_min_uncond",
    "s_churn": "sampling.s_churn",
    "s_tmin": "sampling.s_tmin",
    "s_tmax": "sampling.s_tmax",
    "s_noise": "sampling.s_noise",
    "override_settings.sd_model_checkpoint": "models.checkpoint",
    "override_settings.sd_vae": "models.vae",
    "override_settings.CLIP_stop_at_last_layers": "models.clip_skip",
    "override_settings.randn_source": "seeds.rng",
    "override_settings.eta_noise_seed_delta": "seeds.eta_noise_seed_delta",
    "enable_hr": "hires.enabled",
    "denoising_strength": "hires.denoising",
    "hr_scale": "hires.scale",
    "hr_upscaler": "hires.upscaler",
    "hr_second_pass_steps": "hires.steps",
    "hr_resize_x": "hires.width",
    "hr_resize_y": "hires.height",
    "hr_checkpoint_name": "hires.checkpoint",
    "hr_sampler_name": "hires.sampler",
    "hr_scheduler": "hires.scheduler",
    "hr_prompt": "hires.prompt",
    "hr_negative_prompt": "hires.negative",
    "hr_cfg": "hires.cfg_scale",
    "firstpass_image": "hires.source",
    "refiner_checkpoint": "refiner.checkpoint",
    "refiner_switch_at": "refiner.switch_at",
    "save_images": "keep.save",
    "force_task_id": "id",
}
NAMES: Mapping[str, str] = {place: name for name, place in PLACES.items()}
PICTURES = frozenset({"init_images", "mask", "firstpass_image"})  # not repeated in the reply
