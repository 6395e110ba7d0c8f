"""The real program over tiny random checkpoints, and pictures of it tampered with."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui.app import App
from webui.infotext import read_image
from webui.record import CHUNK, Record, load, pixels_hash
from webui.reproduce import OfJob, Outcome, Source
from webui.reproduce.verdict import Verdict
from webui.request import Models, Prompts, Request, Sampling, Seeds, Size, Txt2Img


def ask(prompt: str = "a red boat", seed: int = 7, **parts: Any) -> Txt2Img:
    given = {
        "prompts": Prompts(prompt=prompt, negative="text"),
        "size": Size(width=64, height=64),
        "models": Models(checkpoint="one.safetensors"),
        "sampling": Sampling(steps=3),
        "seeds": Seeds(seed=seed),
    }
    return Txt2Img(**{**given, **parts})


def made(app: App, request: Request, **settings: Any) -> list[OfJob]:
    """The pictures of a job, each by its place."""
    job = app.submit(request, settings=app.settings.now.model_copy(update=settings))
    snapshot = app.wait(job.id)
    assert snapshot.job.state == "done", snapshot.job.message
    return [OfJob(job.id, image.index) for image in snapshot.images]


def path_of(app: App, place: OfJob) -> Path:
    return next(image.path for image in app.store.images(place.job) if image.index == place.index)


def file_of(app: App, place: OfJob) -> bytes:
    return path_of(app, place).read_bytes()


def again(app: App, source: Source) -> Verdict:
    job = app.remake(source)
    snapshot = app.wait(job.id)
    assert snapshot.job.state == "done", snapshot.job.message
    outcome: Outcome = app.again.outcome(job.id)
    assert outcome.verdict
    return outcome.verdict


def pixels(data: bytes) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def record_of(data: bytes) -> Record:
    record = load(read_image(data).items[CHUNK])
    assert record
    return record


def tampered(
    data: bytes,
    change: Callable[[dict[str, Any]], object] | None = None,
    paint: bool = False,
    texts: Mapping[str, str | None] | None = None,
) -> bytes:
    """A PNG with other texts (None: without), a record changed in place, or another corner."""
    image = read_image(data)
    found: dict[str, str | None] = {"parameters": image.text, **image.items, **(texts or {})}
    picture = pixels(data).copy()
    if paint:
        picture[:8, :8] += 64
    if change:
        record = json.loads(found[CHUNK] or "")
        change(record)
        found[CHUNK] = json.dumps(record)
    info, file = PngInfo(), io.BytesIO()
    for key, text in found.items():
        if text is not None:
            info.add_text(key, text)
    Image.fromarray(picture).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def elsewhere(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """As if it had been made by another machine or version: other pixels, and a record that says so."""
    painted = pixels(tampered(data, paint=True))

    def tell(record: dict[str, Any]) -> None:
        record["pixels"] = pixels_hash(painted)
        change(record)

    return tampered(data, tell, paint=True)


def as_format(data: bytes, kind: str, **options: Any) -> bytes:
    """Converted by some other program, which kept the text and lost the record."""
    from webui.infotext.comment import exif_with

    file = io.BytesIO()
    Image.fromarray(pixels(data)).save(file, kind, exif=exif_with(read_image(data).text), **options)
    return file.getvalue()
