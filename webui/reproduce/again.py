"""Pictures that are being made again: each such job keeps what it is to be compared with, across a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from webui.files.write import write_atomic
from webui.infotext import read_image
from webui.jobs.store import Image, Job, Store
from webui.messages import Fault, NotFound
from webui.record import CHUNK, load
from webui.reproduce.kinds import AtHand
from webui.reproduce.past import Original, of_file, of_job
from webui.reproduce.verdict import Verdict, verdict


@dataclass(frozen=True)
class OfJob:
    """A picture in the job store."""

    job: str
    index: int


Source = OfJob | bytes
"""``bytes``: a picture file that somebody brought."""

FILE, PLACE = "original", "original.json"


class Outcome(NamedTuple):
    """``verdict`` None: the job has not ended with a picture."""

    job: Job
    verdict: Verdict | None


class Again:
    def __init__(self, folder: Path, store: Store, at_hand: Callable[[], AtHand]) -> None:
        """``folder``: where results that are not saved lie, a folder for each job."""
        self._folder, self._store, self._at_hand = folder, store, at_hand

    def original(self, source: Source) -> Original:
        """Raises Fault when the picture is gone, or does not say how it was made."""
        if isinstance(source, bytes):
            return of_file(source, self._at_hand())
        job, image = self._image(source.job, source.index)
        try:
            data = image.path.read_bytes()
        except OSError as error:
            raise Fault("image_gone") from error
        return of_job(job, image, data)

    def _image(self, job_id: str, index: int) -> tuple[Job, Image]:
        job = self._store.job(job_id)
        images = self._store.images(job_id) if job else []
        image = next((image for image in images if image.index == index and image.staged is None), None)
        if job is None or image is None:
            raise NotFound("unknown_image", index=index)
        return job, image

    def keep(self, job_id: str, source: Source) -> None:
        """Before the job is submitted, so that it is never without."""
        place = self._folder / job_id
        if isinstance(source, bytes):
            write_atomic(place / FILE, source)
        else:
            write_atomic(place / PLACE, json.dumps({"job": source.job, "index": source.index}).encode())

    def outcome(self, job_id: str) -> Outcome:
        """Raises Fault: NotFound for a job that makes nothing again."""
        job, place = self._store.job(job_id), self._folder / job_id
        if job is None or not ((place / FILE).is_file() or (place / PLACE).is_file()):
            raise NotFound("remake.unknown_job", id=job_id[:100])
        if job.state != "done":
            return Outcome(job, None)
        _, image = self._image(job_id, 0)
        try:
            remade = image.path.read_bytes()
        except OSError as error:
            raise Fault("image_gone") from error
        record = load(read_image(remade).items.get(CHUNK, ""))
        if record is None:
            raise Fault("image_gone")
        return Outcome(job, verdict(self.original(self._kept(place)), remade, record))

    @staticmethod
    def _kept(place: Path) -> Source:
        if (place / FILE).is_file():
            return (place / FILE).read_bytes()
        told = json.loads((place / PLACE).read_text(encoding="utf-8"))
        return OfJob(told["job"], told["index"])
