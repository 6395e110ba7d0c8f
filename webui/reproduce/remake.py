"""From what is known of a picture to the request, the shot and the settings that make it again here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webui.files.catalog import Kind, ModelFile
from webui.messages import Fault
from webui.plan import Shot
from webui.record import FileRecord, pixel_settings
from webui.reproduce import models
from webui.reproduce.kinds import AtHand
from webui.reproduce.models import Told
from webui.reproduce.past import Past
from webui.request import Txt2Img
from webui.settings import Settings, changed

# Where a file's name stands in the request, by what it is for.
PLACES = {
    "checkpoint": ("models", "checkpoint"),
    "vae": ("models", "vae"),
    "hires_checkpoint": ("hires", "checkpoint"),
    "refiner": ("refiner", "checkpoint"),
}


@dataclass(frozen=True)
class Remake:
    """What is submitted. Files are found by their hash, and by their name only where nothing has the hash."""

    request: Txt2Img
    shot: Shot
    settings: Settings


def remake(past: Past, at_hand: AtHand) -> Remake:
    """Raises Fault ``remake.checkpoint_missing`` or ``remake.vae_missing``."""
    request = past.request
    for role, told in past.files.items():
        if role not in PLACES:
            continue
        part, name = PLACES[role]
        if (section := getattr(request, part)) is not None:
            file = _found(role, told, at_hand)
            request = request.model_copy(update={part: section.model_copy(update={name: file.name})})
    return Remake(request, past.shot, settings_of(past.settings, at_hand.settings)[0])


def _found(role: str, told: FileRecord, at_hand: AtHand) -> ModelFile:
    kind: Kind = "vae" if role == "vae" else "checkpoint"
    found = models.match(at_hand.catalog, at_hand.hash_of, kind, Told(told.name, told.sha256)).file
    if found is None:
        field = ".".join(PLACES[role])
        raise Fault(f"remake.{kind}_missing", field=field, name=told.name[:100], hash=told.sha256[:10])
    return found


def settings_of(wanted: Mapping[str, Any], now: Settings) -> tuple[Settings, dict[str, Any]]:
    """The settings of today, but for those that change pixels: these as they were. And the ones not to be had here."""
    settings = changed(now, {name: Settings.model_fields[name].default for name in pixel_settings()})
    lost: dict[str, Any] = {}
    for name, value in wanted.items():
        try:
            settings = changed(settings, {name: value})
        except Fault:
            lost[name] = value
    return settings, lost
