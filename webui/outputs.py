"""Picture files: where they go (``outputs/txt2img-images/2026-01-31/00012-1234567.png``) and what is in them."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui.files.write import sync_folder, write_synced
from webui.infotext.comment import MAX_EXIF_IN_JPEG, exif_with
from webui.infotext.containers import PARAMETERS
from webui.settings import Settings

KIND_FOLDERS = MappingProxyType({"txt2img": "txt2img-images"})
MEDIA_TYPES = MappingProxyType(
    {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}
)
SIDECAR = ".txt"
_NUMBER = re.compile(r"(\d{5,})[-.]")


def folder_for(outputs: Path, kind: str, day: datetime.date, settings: Settings) -> Path:
    folder = outputs / KIND_FOLDERS[kind]
    return folder / day.isoformat() if settings.save_to_dirs else folder


def next_number(folder: Path) -> int:
    """One more than the highest number that a file in the folder starts with; 0 in an empty one."""
    if not folder.is_dir():
        return 0
    numbers = (int(match[1]) for file in folder.iterdir() if (match := _NUMBER.match(file.name)))
    return max(numbers, default=-1) + 1


def free_path(folder: Path, seed: int, taken: Callable[[Path], bool], settings: Settings, suffix: str = ".png") -> Path:
    """A name in ``folder`` that neither exists nor is promised to another picture (``taken(path)``)."""
    number = next_number(folder) if settings.save_images_add_number else 0
    while True:
        counted = settings.save_images_add_number or number
        path = folder / (f"{number:05}-{seed}{suffix}" if counted else f"{seed}{suffix}")
        if not taken(path) and not path.exists() and not path.with_suffix(SIDECAR).exists():
            return path
        number += 1


@dataclass(frozen=True)
class Encoded:
    """A picture file's bytes. ``sidecar``: what goes into a text file of the same name, if there is to be one."""

    data: bytes
    suffix: str
    sidecar: str | None = None


def encode(
    pixels: numpy.ndarray,
    infotext: str,
    settings: Settings,
    extra: Mapping[str, str] = MappingProxyType({}),
    *,
    lossless: bool = False,
) -> Encoded:
    """(H, W, 3) uint8 → a file in the format that the settings name, or PNG if it must be ``lossless``.

    The generation text stands where sd-webui's programs look for it. ``extra``: further texts, which only PNG can hold.
    A text that is too long for a JPEG file goes beside it.
    """
    kind = "png" if lossless else settings.samples_format
    sidecar = f"{infotext}\n" if settings.save_txt else None
    if kind == "png":
        return Encoded(png(pixels, infotext, extra), ".png", sidecar)
    exif = exif_with(infotext)
    if kind == "jpg" and len(exif) > MAX_EXIF_IN_JPEG:
        exif, sidecar = b"", f"{infotext}\n"
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, exif=exif, **_options(kind, settings))
    return Encoded(file.getvalue(), f".{kind}", sidecar)


def stage(folder: Path, index: int, picture: Encoded) -> Path:
    """Write a job's picture into its staging folder, synced, so that it outlives a power cut."""
    path = folder / f"{index:05}{picture.suffix}"
    if picture.sidecar is not None:
        write_synced(path.with_suffix(SIDECAR), picture.sidecar.encode())
    write_synced(path, picture.data)
    sync_folder(folder)
    return path


def _options(kind: str, settings: Settings) -> dict[str, Any]:
    """For Pillow. sd-webui has one quality for all, under the name of ``jpeg_quality``."""
    if kind == "webp":
        return {"format": "WEBP", "quality": settings.jpeg_quality, "lossless": settings.webp_lossless}
    return {"format": "AVIF" if kind == "avif" else "JPEG", "quality": settings.jpeg_quality}


def png(pixels: numpy.ndarray, infotext: str, extra: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """(H, W, 3) uint8 → a PNG file with the texts."""
    texts = PngInfo()
    for key, text in {PARAMETERS: infotext, **extra}.items():
        texts.add_text(key, text)  # becomes iTXt by itself when Latin-1 cannot hold it
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=texts)
    return file.getvalue()
