from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Literal

import numpy
import pytest
from PIL import Image

from webui.infotext import read_image
from webui.outputs import MEDIA_TYPES, Encoded, encode, folder_for, free_path, next_number, png, stage
from webui.settings import Settings

DAY = datetime.date(2026, 1, 31)
TEXTS = ["plain", "雪の灯台\nSteps: 1", "é", "tab\tand 😀"]
BLACK = numpy.zeros((16, 24, 3), numpy.uint8)
NOISE = numpy.random.default_rng(0).integers(0, 256, (32, 48, 3), numpy.uint8)
SMOOTH = numpy.broadcast_to(numpy.arange(48, dtype=numpy.uint8)[None, :, None] * 5, (32, 48, 3)).copy()
Kind = Literal["png", "jpg", "webp", "avif"]


def nobody(path: Path) -> bool:
    return False


def test_names_are_sd_webui_s(tmp_path: Path) -> None:
    folder = folder_for(tmp_path, "txt2img", DAY, Settings())
    assert folder == tmp_path / "txt2img-images" / "2026-01-31"
    assert free_path(folder, 42, nobody, Settings()).name == "00000-42.png"
    assert folder_for(tmp_path, "txt2img", DAY, Settings(save_to_dirs=False)) == tmp_path / "txt2img-images"


def test_numbers_go_on_after_the_highest(tmp_path: Path) -> None:
    for name in ("00007-1.png", "00012.txt", "123-9.png", "grid-0099.png", "100000-5.png"):
        (tmp_path / name).touch()
    assert next_number(tmp_path) == 100001
    assert next_number(tmp_path / "none") == 0


def test_no_file_and_no_promised_path_is_overwritten(tmp_path: Path) -> None:
    promised = tmp_path / "00000-5.png"
    assert free_path(tmp_path, 5, lambda path: path == promised, Settings()).name == "00001-5.png"
    bare = Settings(save_images_add_number=False)
    (tmp_path / "5.png").touch()
    assert free_path(tmp_path, 5, nobody, bare).name == "00001-5.png"


def test_a_text_that_lies_there_is_not_overwritten_either(tmp_path: Path) -> None:
    bare = Settings(save_images_add_number=False)
    (tmp_path / "5.txt").touch()
    assert free_path(tmp_path, 5, nobody, bare, ".jpg").name == "00001-5.jpg"
    assert free_path(tmp_path, 6, nobody, bare, ".jpg").name == "6.jpg"


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_is_read_back_as_it_was(text: str) -> None:
    picture = Image.open(io.BytesIO(png(BLACK, text)))
    assert picture.info["parameters"] == text


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "avif"])
def test_every_format_carries_the_text_and_has_the_size(kind: Kind, text: str) -> None:
    made = encode(BLACK, text, Settings(samples_format=kind))
    found = read_image(made.data)
    assert (found.text, found.width, found.height) == (text, 24, 16)
    assert (made.suffix, made.sidecar) == (f".{kind}", None)
    assert found.format == {"jpg": "JPEG"}.get(kind, kind.upper())
    assert Image.open(io.BytesIO(made.data)).get_format_mimetype() == MEDIA_TYPES[made.suffix]


def pixels(made: Encoded) -> numpy.ndarray:
    return numpy.array(Image.open(io.BytesIO(made.data)).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("settings", "exact"),
    [
        (Settings(), True),
        (Settings(samples_format="webp", webp_lossless=True), True),
        (Settings(samples_format="webp"), False),
        (Settings(samples_format="jpg", jpeg_quality=100), False),
        (Settings(samples_format="avif"), False),
    ],
)
def test_png_and_lossless_webp_keep_every_pixel(settings: Settings, exact: bool) -> None:
    assert (pixels(encode(NOISE, "a", settings)) == NOISE).all() == exact
    assert abs(pixels(encode(SMOOTH, "a", settings)) - SMOOTH).mean() < 4  # of 255: the right picture all the same


@pytest.mark.parametrize("kind", ["jpg", "webp", "avif"])
def test_quality_costs_bytes(kind: Kind) -> None:
    low, high = (len(encode(NOISE, "a", Settings(samples_format=kind, jpeg_quality=q)).data) for q in (20, 95))
    assert low < high


def test_a_picture_that_must_be_lossless_is_a_png_with_further_texts() -> None:
    made = encode(NOISE, "a", Settings(samples_format="jpg"), {"atelier": '{"雪": 1}'}, lossless=True)
    assert made.suffix == ".png"
    assert (pixels(made) == NOISE).all()
    assert read_image(made.data).items == {"atelier": '{"雪": 1}'}


def test_a_text_may_lie_beside_its_picture(tmp_path: Path) -> None:
    path = stage(tmp_path, 3, encode(BLACK, "a 雪\nSteps: 1", Settings(save_txt=True, samples_format="webp")))
    assert path == tmp_path / "00003.webp"
    assert (tmp_path / "00003.txt").read_text(encoding="utf-8") == "a 雪\nSteps: 1\n"
    assert read_image(path).text == "a 雪\nSteps: 1"
    stage(tmp_path, 4, encode(BLACK, "a", Settings()))
    assert not (tmp_path / "00004.txt").exists()


@pytest.mark.parametrize(("length", "beside"), [(30_000, False), (33_000, True)])
def test_a_text_too_long_for_a_jpeg_file_lies_beside_it(length: int, beside: bool) -> None:
    """A JPEG segment holds 64 KiB, and the text takes two bytes a letter."""
    made = encode(BLACK, "x" * length, Settings(samples_format="jpg"))
    assert len(read_image(made.data).text) == (0 if beside else length)
    assert made.sidecar == ("x" * length + "\n" if beside else None)
