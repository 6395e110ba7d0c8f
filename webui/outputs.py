"""Where pictures go and what they are called: ``outputs/txt2img-images/2026-01-31/00012-1234567.png``."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui.settings import Settings

KIND_FOLDERS = {"txt2img": "txt2img-images"}
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


def free_path(folder: Path, seed: int, taken: Callable[[Path], bool], settings: Settings) -> Path:
    """A name in ``folder`` that neither exists nor is promised to another picture (``taken(path)``)."""
    number = next_number(folder) if settings.save_images_add_number else 0
    while True:
        counted = settings.save_images_add_number or number
        name = f"{number:05}-{seed}.png" if counted else f"{seed}.png"
        path = folder / name
        if not taken(path) and not path.exists():
            return path
        number += 1


def png(pixels: numpy.ndarray, infotext: str) -> bytes:
    """(H, W, 3) uint8 → a PNG that carries the generation text where sd-webui's programs look for it."""
    text = PngInfo()
    text.add_text("parameters", infotext)  # becomes iTXt by itself when Latin-1 cannot hold it
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=text)
    return file.getvalue()
