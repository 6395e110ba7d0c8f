"""The program's settings, under sd-webui's option names where it has them. A job keeps the snapshot it started with."""

from __future__ import annotations

import difflib
import json
import threading
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from webui.files.write import write_atomic
from webui.messages import Fault


def _option(default: Any, section: str, **limits: Any) -> Any:
    """A setting shown in ``section`` of the Settings tab; label and help stand in ``locales`` under its name."""
    return Field(default, json_schema_extra={"section": section}, **limits)


class Settings(BaseModel):
    """Values only; whoever needs one is handed the whole. Unknown keys (a newer version's) are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    sd_model_checkpoint: str = _option("", "models", max_length=1000)
    sd_vae: str = _option("Automatic", "models", max_length=1000)
    sd_checkpoints_limit: int = _option(1, "models", ge=1, le=10)
    CLIP_stop_at_last_layers: int = _option(1, "generation", ge=1, le=12)
    randn_source: Literal["NV", "CPU", "GPU"] = _option("NV", "generation")
    emphasis: Literal["Original", "No norm", "Ignore", "None"] = _option("Original", "generation")
    comma_padding_backtrack: int = _option(20, "generation", ge=0, le=74)
    samples_save: bool = _option(True, "saving")
    save_images_add_number: bool = _option(True, "saving")
    save_to_dirs: bool = _option(True, "saving")
    keep_unsaved_days: int = _option(3, "saving", ge=1, le=365)
    live_previews_enable: bool = _option(True, "interface")
    show_progress_every_n_steps: int = _option(1, "interface", ge=1, le=32)


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

    def change(self, changes: dict[str, Any]) -> Settings:
        """Raises Fault ``bad_setting`` naming the first wrong one; then nothing is changed."""
        with self._lock:
            new = changed(self._now, changes)
            if self._file.exists():
                write_atomic(self._file.with_suffix(".json.bak"), self._file.read_bytes())
            text = json.dumps(new.model_dump(), indent=2, ensure_ascii=False)
            write_atomic(self._file, text.encode())
            self._now = new
            return new


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """A copy with ``changes``. Raises Fault ``unknown_setting`` or ``bad_setting``, naming the first wrong one."""
    for name in changes:
        if name not in Settings.model_fields:
            nearest = difflib.get_close_matches(name[:100], list(Settings.model_fields), n=3, cutoff=0.0)
            raise Fault("unknown_setting", field=name, name=name[:100], nearest=nearest)
    try:
        return Settings.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise Fault("bad_setting", field=name, name=name, reason=first["msg"]) from error
