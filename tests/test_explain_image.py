"""``explain image``: one answer for pictures of every program."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui import __main__ as program
from webui.explain.image import explain_image
from webui.infotext.comment import exif_with

TEXT = "a cat\nNegative prompt: b\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x768"
FIELDS = {
    "Prompt": "a cat", "Negative prompt": "b", "Steps": "20", "Sampler": "Euler a", "Seed": "1",
    "Size-1": "512", "Size-2": "768",
}  # fmt: skip


def png(folder: Path, **texts: str) -> Path:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    path = folder / "a.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(("kind", "key"), [("PNG", "pnginfo"), ("JPEG", "exif"), ("WEBP", "exif"), ("AVIF", "exif")])
def test_the_text_and_its_fields_from_every_format(tmp_path: Path, kind: str, key: str) -> None:
    info = PngInfo()
    info.add_text("parameters", TEXT)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, **{key: info if key == "pnginfo" else exif_with(TEXT)})
    (tmp_path / "picture").write_bytes(file.getvalue())
    assert explain_image(tmp_path / "picture") == {
        "text": TEXT, "fields": FIELDS, "source": "sd-webui", "notes": [],
    }  # fmt: skip


def test_it_is_known_which_program_wrote_it(tmp_path: Path) -> None:
    def source(**texts: str) -> str | None:
        return explain_image(png(tmp_path, **texts))["source"]

    assert source(parameters=f"{TEXT}, Version: atelier-0.1") == "atelier"
    assert source(parameters=f"{TEXT}, Version: v1.10.1") == "sd-webui"
    assert source(parameters=f"{TEXT}, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6") == "forge"
    assert source(parameters=f"{TEXT}, App: SD.Next, Version: 1234567") == "sdnext"
    assert source(Software="NovelAI", Comment='{"prompt": "a", "steps": 28, "seed": 1}') == "novelai"
    assert source(parameters="only a prompt") is None
    assert source() is None


def test_what_another_program_says_is_put_under_the_usual_keys(tmp_path: Path) -> None:
    said = {"positive_prompt": "a cat", "negative_prompt": "b", "seed": 5, "steps": 30, "width": 64, "height": 32}
    answer = explain_image(png(tmp_path, invokeai_metadata=json.dumps(said)))
    assert answer["source"] == "invokeai"
    assert answer["fields"].items() >= {"Prompt": "a cat", "Negative prompt": "b", "Seed": "5", "Steps": "30"}.items()


def test_a_picture_that_says_nothing_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["explain", "image", str(png(tmp_path))]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["text"], answer["fields"], answer["source"]) == ("", {}, None)
    assert [note["code"] for note in answer["notes"]] == ["image_no_text"]


def test_a_file_that_is_no_picture_is_explained_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"<html>")
    assert program.main(["explain", "image", str(tmp_path / "a.png")]) == 1
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [note["code"] for note in notes] == ["image_unreadable"]
    assert program.main(["explain", "image", str(tmp_path / "none")]) == 1
