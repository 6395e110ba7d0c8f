from __future__ import annotations

import datetime
import io
from pathlib import Path

import numpy
import pytest
from PIL import Image

from webui.outputs import folder_for, free_path, next_number, png
from webui.settings import Settings

DAY = datetime.date(2026, 1, 31)


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


@pytest.mark.parametrize("text", ["plain", "雪の灯台\nSteps: 1", "é", "tab\tand 😀"])
def test_the_text_is_read_back_as_it_was(text: str) -> None:
    picture = Image.open(io.BytesIO(png(numpy.zeros((8, 8, 3), numpy.uint8), text)))
    assert picture.info["parameters"] == text
