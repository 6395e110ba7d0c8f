"""What is known of how a picture was made: by its record, by the job store, or by its text alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webui.infotext import ImageText, read_image
from webui.jobs.store import Image, Job
from webui.messages import Fault, Message
from webui.plan import Shot, plan
from webui.record import CHUNK, FileRecord, Machine, Record, changed_settings, load, single, text_hash
from webui.reproduce.kinds import AtHand
from webui.reproduce.sources import read_picture
from webui.request import Txt2Img
from webui.settings import Settings

# What stops a picture from being made again: with another model it is another picture.
MISSING = frozenset(f"reading.{what}_missing{how}" for what in ("checkpoint", "vae") for how in ("", "_no_hash"))
# Everything that a text says counts, whatever people have set for pasting.
READING = Settings(disable_weights_auto_swap=False, infotext_styles="Ignore")


@dataclass(frozen=True)
class Past:
    """``settings``: those that can change pixels and were not at their defaults. ``files`` by role, as in an order.

    ``pixels``, ``text``: hashes as in a Record, empty where nobody knows; so is ``program``. ``lossy``: the settings
    that the file was encoded with, where the job store knows them. ``gaps``: what a text could not tell.
    """

    request: Txt2Img
    shot: Shot
    settings: Mapping[str, Any]
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    program: str = ""
    machine: Machine | None = None
    partial: bool = False
    pixels: str = ""
    text: str = ""
    encoded: Settings | None = None
    from_text: bool = False
    gaps: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Original:
    """A picture file that is to be made again."""

    data: bytes
    image: ImageText
    past: Past


def of_file(data: bytes, at_hand: AtHand) -> Original:
    """Raises Fault for what is no picture, or one that does not say how it was made, or with models not here."""
    image = read_image(data)
    record = load(image.items.get(CHUNK, ""))
    return Original(data, image, of_record(record) if record else _of_text(image, at_hand))


def of_job(job: Job, picture: Image, data: bytes) -> Original:
    """The store knows what was asked; which files and which machine it came to, the record in the file."""
    image = read_image(data)
    record = load(image.items.get(CHUNK, ""))
    shot = next(shot for shot in job.shots if shot.index == picture.index)
    past = Past(
        request=single(job.request, shot),
        shot=shot.model_copy(update={"index": 0}),
        settings=changed_settings(job.settings),
        partial=picture.partial,
        text=text_hash(picture.infotext),
        encoded=job.settings,
    )
    if record:
        known = {name: getattr(record, name) for name in ("files", "program", "machine", "pixels")}
        past = replace(past, **known)
    return Original(data, image, past)


def of_record(record: Record) -> Past:
    return Past(
        request=single(record.request, record.shot),
        shot=record.shot,
        settings=record.settings,
        files=record.files,
        program=record.program,
        machine=record.machine,
        partial=record.partial,
        pixels=record.pixels,
        text=record.text,
    )


def _of_text(image: ImageText, at_hand: AtHand) -> Past:
    reading = read_picture(image, replace(at_hand, settings=READING))
    if not reading.values:
        raise Fault("remake.no_text", field="image")
    for note in reading.notes:
        if note.code in MISSING:
            raise Fault(f"remake.{note.code.removeprefix('reading.')}", field="models.checkpoint", **note.params)
    asked = reading.request()
    shot = plan(asked).shots[0]  # as it stands there: styles, wildcards and remarks were settled before
    return Past(single(asked, shot), shot, reading.settings, from_text=True, gaps=reading.notes)
