"""What App makes of a request before anybody works on it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.conftest import LONG_AGO
from webui.app import App
from webui.messages import Fault, NotFound
from webui.prompt.styles import Style
from webui.request import Batch, Hires, Prompts, Refiner, Sampling, Seeds, Size, Txt2Img
from webui.settings import changed

SMALL = Size(width=64, height=64)
ELEVEN_LINES = Prompts(prompt="a\n" * 11, each_line=True)


def asked(**parts: Any) -> Txt2Img:
    return Txt2Img(**{"size": SMALL, "sampling": Sampling(steps=2), "seeds": Seeds(seed=7)} | parts)


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ({"hires": Hires(sampler="Oiler")}, "unknown_sampler", "hires.sampler"),
        ({"hires": Hires(scheduler="Kara")}, "unknown_scheduler", "hires.scheduler"),
        ({"hires": Hires(checkpoint="nobody")}, "unknown_model", "hires.checkpoint"),
        ({"hires": Hires(upscaler="Lanczoz")}, "unknown_upscaler", "hires.upscaler"),
        ({"hires": Hires(source="0" * 64)}, "unknown_source", "hires.source"),
        ({"hires": Hires(scale=4), "size": Size(width=2048)}, "hires_too_large", "hires.scale"),
        ({"refiner": Refiner(checkpoint="nobody")}, "unknown_model", "refiner.checkpoint"),
        ({"sampling": Sampling(sampler="")}, "unknown_sampler", "sampling.sampler"),
        ({"prompts": Prompts(styles=("nobody",))}, "unknown_style", "prompts.styles"),
        ({"batch": Batch(count=100), "prompts": ELEVEN_LINES}, "too_many_pictures", "batch.count"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(app: App, parts: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Fault) as fault:
        app.submit(asked(**parts))
    assert (fault.value.message.code, fault.value.message.field) == (code, field)
    assert str(fault.value)
    assert app.store.waiting() == []


def test_names_are_put_right_once(app: App) -> None:
    hires = Hires(sampler="k_euler", scheduler="karras", checkpoint="TINY")
    job = app.submit(asked(hires=hires, refiner=Refiner()))
    assert job.request.hires
    assert (job.request.hires.sampler, job.request.hires.scheduler) == ("Euler", "karras")
    assert job.request.hires.checkpoint == ""  # it is the first pass's own
    assert job.request.refiner is None


def test_styles_and_wildcards_are_in_the_plan_and_what_is_missing_is_said(app: App) -> None:
    app.styles.save(Style("oil", "{prompt}, oil", "photo"))
    app.paths.wildcards.mkdir(exist_ok=True)
    (app.paths.wildcards / "pet.txt").write_text("cat\n")
    prompts = Prompts(prompt="a __pet__ and a __bird__", styles=("oil",))
    job = app.submit(asked(prompts=prompts))
    assert (job.shots[0].prompt, job.shots[0].negative) == ("a cat and a __bird__, oil", "photo")
    assert [note.code for note in app.wait(job.id).job.notes][:1] == ["unknown_wildcard"]
    off = app.submit(asked(prompts=prompts), settings=changed(app.settings.now, {"enable_wildcards": False}))
    assert off.shots[0].prompt == "a __pet__ and a __bird__, oil"


def test_a_picture_is_enlarged_by_the_settings_it_was_made_with(app: App) -> None:
    prompts = Prompts(prompt="{a|b|c|d} x\n{a|b|c|d} y", each_line=True)
    first = app.wait(app.submit(asked(prompts=prompts, batch=Batch(count=2)), client="me").id)
    job = app.enlarge(first.job.id, 3, Hires(scale=2, denoising=0.4, prompt="more"), client="me")
    (shot,) = job.shots
    was = first.job.shots[3]
    assert (shot.index, shot.prompt, shot.seed, shot.hires_prompt) == (0, was.prompt, was.seed, "more")
    assert job.request.hires
    assert app.blobs.path(job.request.hires.source).read_bytes() == first.images[3].path.read_bytes()
    assert job.request.hires.denoising == 0.4
    assert app.wait(job.id).job.state == "done"
    with pytest.raises(NotFound):
        app.enlarge(first.job.id, 9, Hires())


def test_words_that_an_embedding_would_teach_are_said_not_to_be_taught_yet(app: App) -> None:
    folder = app.paths.home / "embeddings"
    folder.mkdir()
    for name in ("EasyNegative.pt", "my word.safetensors", "other.pt"):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    app.refresh()
    job = app.submit(asked(prompts=Prompts(prompt="a My  Word, another", negative="(easynegative:1.2)")))
    (note,) = job.notes
    assert note.params["names"] == ["EasyNegative", "my word"]
    assert app.submit(asked(prompts=Prompts(prompt="others"))).notes == ()
