"""The program's settings, under sd-webui's option names where it has them. A job keeps the snapshot it started with."""

from __future__ import annotations

import difflib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.files.write import write_atomic
from webui.messages import Fault, refusal
from webui.request import MAX_SEED, Real, Whole


def _option(default: Any, section: str, step: float | None = None, **limits: Any) -> Any:
    """A setting shown in ``section`` of the Settings tab; label and help stand in ``locales`` under its name.

    ``step`` is that of its slider.
    """
    return Field(default, json_schema_extra={"section": section, "step": step}, **limits)


Key = Annotated[str, Field(max_length=100)]


class Settings(BaseModel):
    """Values only; whoever needs one is handed the whole. Unknown keys (a newer version's) are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    sd_model_checkpoint: str = _option("", "models", max_length=1000)
    sd_vae: str = _option("Automatic", "models", max_length=1000)
    sd_checkpoints_limit: Whole = _option(1, "models", ge=1, le=10)
    disable_weights_auto_swap: bool = _option(True, "models")

    prompt_syntax: Literal["atelier", "sd-webui"] = _option("atelier", "prompts")
    use_old_scheduling: bool = _option(False, "prompts")
    enable_prompt_comments: bool = _option(True, "prompts")
    enable_wildcards: bool = _option(True, "prompts")
    emphasis: Literal["Original", "No norm", "Ignore", "None"] = _option("Original", "prompts")
    comma_padding_backtrack: Whole = _option(20, "prompts", ge=0, le=74)
    CLIP_stop_at_last_layers: Whole = _option(1, "prompts", ge=1, le=12)
    pad_cond_uncond: bool = _option(False, "prompts")

    randn_source: Literal["NV", "CPU", "GPU"] = _option("NV", "sampling")
    eta_noise_seed_delta: Whole = _option(0, "sampling", ge=0, le=MAX_SEED)
    tiling: bool = _option(False, "sampling")
    eta_ancestral: Real = _option(1.0, "sampling", ge=0.0, le=1.0)
    eta_ddim: Real = _option(0.0, "sampling", ge=0.0, le=1.0)
    s_churn: Real = _option(0.0, "sampling", ge=0.0, le=100.0)
    s_tmin: Real = _option(0.0, "sampling", ge=0.0, le=1000.0)
    s_tmax: Real = _option(0.0, "sampling", ge=0.0, le=1000.0)
    s_noise: Real = _option(1.0, "sampling", step=0.001, ge=0.0, le=1.1)
    s_min_uncond: Real = _option(0.0, "sampling", ge=0.0, le=15.0)
    s_min_uncond_all: bool = _option(False, "sampling")
    skip_early_cond: Real = _option(0.0, "sampling", ge=0.0, le=1.0)
    sigma_min: Real = _option(0.0, "sampling", ge=0.0, le=2.0)
    sigma_max: Real = _option(0.0, "sampling", ge=0.0, le=60.0)
    rho: Real = _option(0.0, "sampling", ge=0.0, le=20.0)
    beta_dist_alpha: Real = _option(0.6, "sampling", ge=0.01, le=2.0)
    beta_dist_beta: Real = _option(0.6, "sampling", ge=0.01, le=2.0)
    always_discard_next_to_last_sigma: bool = _option(False, "sampling")
    sgm_noise_multiplier: bool = _option(False, "sampling")
    sd_noise_schedule: Literal["Default", "Zero Terminal SNR"] = _option("Default", "sampling")
    uni_pc_variant: Literal["bh1", "bh2", "vary_coeff"] = _option("bh1", "sampling")
    uni_pc_skip_type: Literal["time_uniform", "time_quadratic", "logSNR"] = _option("time_uniform", "sampling")
    uni_pc_order: Whole = _option(3, "sampling", ge=1, le=3)
    uni_pc_lower_order_final: bool = _option(True, "sampling")
    refiner_switch_by_sample_steps: bool = _option(False, "sampling")

    samples_save: bool = _option(True, "saving")
    samples_format: Literal["png", "jpg", "webp", "avif"] = _option("png", "saving")
    jpeg_quality: Whole = _option(80, "saving", ge=1, le=100)
    webp_lossless: bool = _option(False, "saving")
    save_txt: bool = _option(False, "saving")
    save_images_add_number: bool = _option(True, "saving")
    save_to_dirs: bool = _option(True, "saving")
    keep_unsaved_days: Whole = _option(3, "saving", ge=1, le=365)

    add_model_hash_to_info: bool = _option(True, "infotext")
    add_model_name_to_info: bool = _option(True, "infotext")
    add_vae_hash_to_info: bool = _option(True, "infotext")
    add_vae_name_to_info: bool = _option(True, "infotext")
    add_version_to_infotext: bool = _option(True, "infotext")
    infotext_styles: Literal["Ignore", "Apply", "Discard", "Apply if any"] = _option("Apply if any", "infotext")
    infotext_skip_pasting: tuple[Key, ...] = _option((), "infotext", max_length=100)
    auto_backcompat: bool = _option(True, "infotext")
    paste_sd_webui_exactly: bool = _option(True, "infotext")

    live_previews_enable: bool = _option(True, "interface")
    show_progress_type: Literal["Approx cheap", "Full"] = _option("Approx cheap", "interface")
    show_progress_every_n_steps: Whole = _option(1, "interface", ge=1, le=32)
    live_preview_refresh_period: Whole = _option(100, "interface", ge=50, le=5000)
    quicksettings_list: tuple[Key, ...] = _option((), "interface", max_length=30)
    keyedit_precision_attention: Real = _option(0.1, "interface", ge=0.01, le=0.2)
    keyedit_precision_extra: Real = _option(0.05, "interface", ge=0.01, le=0.2)
    keyedit_delimiters: str = _option(".,\\/!?%^*;:{}=`~() ", "interface", max_length=100)


class SettingsFile:
    """``data/settings.json``: written whole, the version before kept as ``.bak``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._now = self._load()

    @property
    def now(self) -> Settings:
        return self._now

    def _load(self) -> Settings:
        for file in (self._file, self._file.with_suffix(".json.bak")):
            try:
                return Settings.model_validate_json(file.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValidationError):
                # Not silent: people find the broken file beside the one that is used instead.
                file.replace(file.with_name(file.name + ".damaged"))
        return Settings()

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """Raises Fault naming the first that is wrong; then nothing is changed."""
        with self._lock:
            new = changed(self._now, changes)
            if self._file.exists():
                write_atomic(self._file.with_suffix(".json.bak"), self._file.read_bytes())
            text = json.dumps(new.model_dump(), indent=2, ensure_ascii=False)
            write_atomic(self._file, text.encode())
            self._now = new
            return new


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """A copy with ``changes``. Raises Fault naming the first that is wrong, by ``unknown_setting`` the nearest ones."""
    for name in changes:
        _known(name, name)
    try:
        new = Settings.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        raise refusal(first, name, name) from error
    for name in new.quicksettings_list if "quicksettings_list" in changes else ():
        _known(name, "quicksettings_list")
    return new


def _known(name: str, field: str) -> None:
    if name not in Settings.model_fields:
        nearest = difflib.get_close_matches(name[:100], list(Settings.model_fields), n=3, cutoff=0.0)
        raise Fault("unknown_setting", field=field[:100], name=name[:100], nearest=nearest)
