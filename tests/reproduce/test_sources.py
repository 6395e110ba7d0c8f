"""Whatever is dropped or pasted goes the same way."""

from __future__ import annotations

import json

import pytest

from tests.foreign.test_programs import COMFY, FORGE, INVOKE_4, NOVELAI, SDNEXT
from tests.reproduce.conftest import Hand
from webui.infotext import ImageText
from webui.messages import Fault
from webui.reproduce import read_picture, read_text


@pytest.mark.parametrize(
    ("image", "syntax"),
    [
        (ImageText(FORGE), "sd-webui"),
        (ImageText(SDNEXT), None),
        (ImageText(items={"invokeai_metadata": json.dumps(INVOKE_4)}), None),
        (ImageText(items={"Software": "NovelAI", "Comment": json.dumps(NOVELAI)}), None),
        (ImageText(items={"prompt": json.dumps(COMFY)}), None),
    ],
    ids=["forge", "sdnext", "invokeai", "novelai", "comfyui"],
)
def test_texts_of_other_programs_become_requests(hand: Hand, image: ImageText, syntax: str | None) -> None:
    """Only sd-webui's own language is read by its rules."""
    reading = read_picture(image, hand())
    request = reading.request()
    assert (request.seeds.seed, request.sampling.steps > 10) == (5, True)
    assert reading.settings.get("prompt_syntax") == syntax
    assert all(note.text("zh-CN") for note in reading.notes)


def test_a_picture_without_a_text_decides_nothing(hand: Hand) -> None:
    reading = read_picture(ImageText(format="PNG"), hand())
    assert (reading.values, reading.settings) == ({}, {})
    assert [note.code for note in reading.notes] == ["image_no_text"]


def test_a_book_is_not_read(hand: Hand) -> None:
    with pytest.raises(Fault) as fault:
        read_text("a" * 1_000_001, hand())
    assert fault.value.message.code == "text_too_long"
