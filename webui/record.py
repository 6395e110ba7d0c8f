"""What a picture of ours carries besides its generation text, so that it can be made again and compared: the record.

A JSON object in the PNG chunk ``atelier``. It holds the request for this one picture with everything decided, the
settings that differ from the defaults, the hashes of the files, the machine, and the hash of the pixels. No paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy
from pydantic import BaseModel, ConfigDict, ValidationError

from webui.plan import Shot
from webui.request import MAX_PROMPT, Batch, Keep, Prompts, Txt2Img
from webui.settings import Settings

CHUNK = "atelier"
VERSION = 1
MAX_LENGTH = 1_000_000  # characters of a record that is read
PIXEL_SECTIONS = ("prompts", "sampling")  # of the settings: what can change a picture


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileRecord(_Part):
    name: str  # below its folder
    sha256: str


class Machine(_Part):
    """``device``: torch's kind ("cpu", "cuda"); ``name``: the card or processor. ``threads``: 0 where they are none
    of the result's business. ``precision``: of text encoder, denoiser and VAE.
    """

    device: str = ""
    name: str = ""
    torch: str = ""
    precision: tuple[str, ...] = ()
    threads: int = 0


class Record(_Part):
    """``text``, ``pixels``: SHA-256 of the generation text, and of ``pixels_hash``. ``partial``: stopped early."""

    version: int = VERSION
    program: str
    request: Txt2Img  # without prompts
    shot: Shot
    settings: dict[str, Any] = {}
    files: dict[str, FileRecord] = {}
    machine: Machine = Machine()
    partial: bool = False
    text: str = ""
    pixels: str = ""

    def dump(self) -> str:
        return self.model_dump_json()


def load(text: str) -> Record | None:
    """None for what is no record, or one of a version that is not known."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        record = Record.model_validate_json(text)
    except (ValidationError, RecursionError):
        return None
    return record if record.version == VERSION else None


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def pixels_hash(pixels: numpy.ndarray) -> str:
    """Of (H, W, 3) uint8: the SHA-256 of "WxH:" and the bytes, row by row."""
    height, width, _ = pixels.shape
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(numpy.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def single(request: Txt2Img, shot: Shot) -> Txt2Img:
    """The request for one picture whose shot is fixed, not to be saved. Its prompts are the shot's, if they fit."""
    prompts = [text[:MAX_PROMPT] for text in (shot.prompt, shot.negative, shot.hires_prompt, shot.hires_negative)]
    hires = {"prompt": prompts[2], "negative": prompts[3]}
    return request.model_copy(update={
        "prompts": Prompts(prompt=prompts[0], negative=prompts[1]),
        "batch": Batch(),
        "seeds": request.seeds.model_copy(update={"seed": shot.seed, "subseed": shot.subseed}),
        "hires": request.hires.model_copy(update=hires) if request.hires else None,
        "keep": Keep(save=False),
    })  # fmt: skip


def without_prompts(request: Txt2Img) -> Txt2Img:
    """For beside a shot, which has the final ones."""
    hires = request.hires.model_copy(update={"prompt": "", "negative": ""}) if request.hires else None
    return request.model_copy(update={"prompts": Prompts(), "batch": Batch(), "keep": Keep(), "hires": hires})


def changed_settings(settings: Settings) -> dict[str, Any]:
    """Those that can change a picture and are not at their defaults."""
    return {
        name: value
        for name in pixel_settings()
        if (value := getattr(settings, name)) != Settings.model_fields[name].default
    }


def pixel_settings() -> tuple[str, ...]:
    fields: Mapping[str, Any] = Settings.model_fields
    extras = ((name, info.json_schema_extra) for name, info in fields.items())
    return tuple(name for name, extra in extras if isinstance(extra, dict) and extra["section"] in PIXEL_SECTIONS)
