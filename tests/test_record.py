"""What a picture carries so that it can be made again."""

from __future__ import annotations

import json

import numpy
import pytest

from webui.plan import plan
from webui.record import (
    FileRecord,
    Machine,
    Record,
    changed_settings,
    load,
    pixel_settings,
    pixels_hash,
    single,
    without_prompts,
)
from webui.request import Batch, Hires, Keep, Prompts, Seeds, Txt2Img
from webui.settings import Settings

REQUEST = Txt2Img(
    prompts=Prompts(prompt="a\nb", each_line=True), batch=Batch(count=2), seeds=Seeds(seed=4), hires=Hires(prompt="c")
)


def record() -> Record:
    shot = plan(REQUEST).shots[3].model_copy(update={"index": 0})
    return Record(
        program="0.1.0",
        request=without_prompts(REQUEST),
        shot=shot,
        settings=changed_settings(Settings(emphasis="No norm", samples_format="jpg")),
        files={"checkpoint": FileRecord(name="a.safetensors", sha256="0" * 64)},
        machine=Machine(device="cpu", name="a processor", torch="2.13", precision=("float32",) * 3, threads=2),
        text="0" * 64,
        pixels="1" * 64,
    )


def test_round_trip() -> None:
    assert load(record().dump()) == record()


def test_it_is_small_and_holds_one_picture() -> None:
    text = record().dump()
    assert len(text) < 4096
    assert record().settings == {"emphasis": "No norm"}  # the format changes no pixel
    assert "a\\nb" not in text  # other pictures' prompts stay out


def test_the_request_for_one_picture() -> None:
    made = single(record().request, record().shot)
    assert (made.prompts.prompt, made.seeds.seed, made.batch.count, made.keep) == ("b", 7, 1, Keep(save=False))
    assert made.hires and made.hires.prompt == "c"
    assert plan(made).shots == (record().shot,)


def test_a_prompt_that_styles_made_too_long_for_a_request_stays_whole_in_the_shot() -> None:
    shot = record().shot.model_copy(update={"prompt": "a" * 30_000})
    long = record().model_copy(update={"shot": shot})
    assert load(long.dump()) == long
    assert Txt2Img.model_validate_json(single(long.request, shot).model_dump_json())


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000, '{"version": 2}', "\0", "{" * 2_000_000])
def test_what_is_no_record_is_none(text: str) -> None:
    assert load(text) is None


def test_a_later_version_s_record_is_none() -> None:
    assert load(json.dumps(json.loads(record().dump()) | {"version": 2})) is None


def test_pixels_are_told_apart() -> None:
    pixels = numpy.arange(24, dtype=numpy.uint8).reshape(2, 4, 3)
    other = pixels.copy()
    other[1, 3, 2] ^= 1
    hashes = {pixels_hash(each) for each in (pixels, other, pixels.reshape(4, 2, 3), pixels[:, ::-1])}
    assert len(hashes) == 4
    assert pixels_hash(numpy.asfortranarray(pixels)) == pixels_hash(pixels)


def test_settings_that_change_pixels_are_found_by_their_section() -> None:
    assert {"emphasis", "eta_ddim", "prompt_syntax", "sd_noise_schedule"} <= set(pixel_settings())
    assert not {"samples_format", "live_previews_enable", "infotext_styles"} & set(pixel_settings())
