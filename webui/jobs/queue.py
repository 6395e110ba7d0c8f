"""Takes jobs from the store in order, has them run, and brings their pictures home exactly once.

A picture travels: worker's staging folder → row in the store (its place promised) → renamed to that place → row marked.
Whenever the program dies in between, ``recover`` finds the row and finishes or undoes that picture.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webui.events import Done, Event, Failed, Lost, Note, Progress, Saved
from webui.files.hashes import sha256_of
from webui.files.write import sync_folder
from webui.jobs.executor import Executor, Order
from webui.jobs.pace import Pace
from webui.jobs.store import ENDED, Image, Job, State, Store
from webui.messages import Fault, Message
from webui.outputs import SIDECAR

MAX_CRASHES = 3  # a job whose attempts failed this often is set aside
STUMBLE_SECONDS = 5
log = logging.getLogger(__name__)

Prepare = Callable[[Job, tuple[int, ...]], Order]  # a job and the indices still missing → what the worker is sent
Place = Callable[[Job, Saved, Callable[[Path], bool]], Path]


@dataclass(frozen=True)
class Snapshot:
    """A job as it is now, for whoever watches it."""

    job: Job
    images: tuple[Image, ...]
    ahead: int = 0  # jobs before it while it waits
    fraction: float = 0.0
    remaining: float | None = None  # seconds
    progress: Progress | None = None


@dataclass
class _Live:
    """What is known of the running job only in memory."""

    pace: Pace
    progress: Progress | None = None


class Queue:
    """One thread per executor; there is one executor now."""

    def __init__(self, store: Store, executor: Executor, staging: Path, prepare: Prepare, place: Place) -> None:
        self._store, self._executor, self._staging = store, executor, staging
        self._prepare, self._place = prepare, place
        self._live: dict[str, _Live] = {}
        self._asked: dict[str, Literal["now", "after_image"]] = {}  # to stop, of jobs that have not been heard of since
        self._wake = threading.Event()
        self._closing = False
        self._lock = threading.Lock()
        self._ends: dict[str, Future[None]] = {}  # of jobs that somebody waits for
        self._thread = threading.Thread(target=self._run_all, name="queue", daemon=True)

    def start(self) -> None:
        self.recover()
        self._thread.start()

    def close(self) -> None:
        """The running job stays 'running' in the store and is taken up again at the next start."""
        self._closing = True
        self._wake.set()
        self._executor.close()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def wake(self) -> None:
        """Something was submitted."""
        self._wake.set()

    # --- asked by people

    def ended(self, job_id: str) -> Future[None]:
        """Done as soon as the job has ended, at once when it has already (or never was)."""
        with self._lock:
            future = self._ends.setdefault(job_id, Future())
        job = self._store.job(job_id)
        if job is None or job.state in ENDED:
            self._tell_ended(job_id)
        return future

    def _tell_ended(self, job_id: str) -> None:
        with self._lock:
            future = self._ends.pop(job_id, None)
        if future is not None:
            future.set_result(None)

    def snapshot(self, job_id: str) -> Snapshot | None:
        job = self._store.job(job_id)
        if job is None:
            return None
        images = tuple(image for image in self._store.images(job_id) if image.staged is None)
        if job.state == "queued":
            waiting = self._store.waiting()
            return Snapshot(job, images, ahead=waiting.index(job_id) if job_id in waiting else 0)
        live = self._live.get(job_id)
        if live is None or job.state in ENDED:
            return Snapshot(job, images, fraction=len(images) / len(job.shots))
        done_before = len(job.shots) - live.pace.images
        fraction = (done_before + live.pace.fraction * live.pace.images) / len(job.shots)
        return Snapshot(job, images, 0, fraction, live.pace.remaining(time.monotonic()), live.progress)

    def running(self) -> str | None:
        return next(iter(self._live), None)

    def interrupt(self, job_id: str, *, after_image: bool = False) -> None:
        """Stop a job: one that waits is cancelled at once, one that runs keeps what it has made."""
        if self._store.cancel_queued(job_id):
            self._tell_ended(job_id)
        elif (job := self._store.job(job_id)) is not None and job.state == "running":
            # Told now, and again when it is heard of: its files may still be looked at, and no executor knows it yet.
            self._asked[job_id] = "after_image" if after_image else "now"
            self._executor.tell(job_id, self._asked[job_id])

    def skip(self, job_id: str) -> None:
        """Leave the current picture as it is and go on to the next."""
        self._executor.tell(job_id, "skip")

    # --- running

    def _run_all(self) -> None:
        reason = ""
        unfinished: Job | None = None  # taken, and then something was in the way: a full disk, a busy database
        while not self._closing:
            self._wake.clear()
            try:
                if unfinished is not None:
                    self._settle()
                    self._on_lost(unfinished, reason)
                    unfinished = None
                if (job := self._store.claim()) is not None:
                    unfinished = job
                    self._run(job)
                    unfinished = None
                    continue
            except Exception as error:
                # Nothing is lost: the work waits and is tried again.
                log.exception("the queue stumbled and goes on in %d seconds", STUMBLE_SECONDS)
                reason = f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'the console shows where'}"
                self._wake.wait(timeout=STUMBLE_SECONDS)
                continue
            self._wake.wait(timeout=60)

    def _run(self, job: Job) -> None:
        have = {image.index for image in self._store.images(job.id)}
        missing = tuple(shot.index for shot in job.shots if shot.index not in have)
        if not missing:
            self._end(job, "done")
            return
        try:
            order = self._prepare(job, missing)
        except Fault as fault:
            self._end(job, "failed", fault.message)
            return
        staging = Path(order.staging)
        staging.mkdir(parents=True, exist_ok=True)
        self._live[job.id] = _Live(Pace(len(missing)))
        try:
            self._executor.run(order, lambda event: self._on_event(job, event))
        finally:
            del self._live[job.id]
        shutil.rmtree(staging, ignore_errors=True)  # not when something was raised: what waits there is settled first

    def _on_event(self, job: Job, event: Event) -> None:
        if isinstance(event, Progress):
            if (asked := self._asked.pop(job.id, None)) is not None:
                self._executor.tell(job.id, asked)
            live = self._live[job.id]
            live.pace.progress(event, time.monotonic())
            preview = event.preview or (live.progress.preview if live.progress and event.phase != "loading" else None)
            live.progress = event.model_copy(update={"preview": preview})
        elif isinstance(event, Saved):
            self._bring_home(job, event)
            self._live[job.id].pace.finished(time.monotonic())
        elif isinstance(event, Note):
            self._store.note(job.id, job.fence, event.message)
        elif isinstance(event, Lost):
            self._on_lost(job, event.reason)
        elif isinstance(event, Done):
            self._end(job, "cancelled" if event.cancelled else "done")
        elif isinstance(event, Failed):
            self._end(job, "failed", event.message)

    def _end(self, job: Job, state: State, message: Message | None = None) -> None:
        self._asked.pop(job.id, None)
        if self._store.end(job.id, job.fence, state, message):
            self._tell_ended(job.id)

    def _on_lost(self, job: Job, reason: str) -> None:
        if self._closing:
            return  # we ended the worker ourselves; the next start takes the job up again
        log.warning("an attempt at a job failed: %s", reason)
        if job.crashes + 1 >= MAX_CRASHES:
            message = Message(code="crashed_worker", params={"times": MAX_CRASHES, "reason": reason})
            self._end(job, "failed", message)
        else:
            self._store.requeue(job.id, job.fence)

    def _bring_home(self, job: Job, saved: Saved) -> None:
        staged = Path(saved.path)
        image = self._store.stage(job.id, job.fence, saved, lambda taken: self._place(job, saved, taken))
        if image is None:  # this attempt is no longer the one that counts
            staged.unlink(missing_ok=True)
            return
        self._move(image)

    def _move(self, image: Image) -> None:
        assert image.staged
        image.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # a text beside it, if the job's settings want one
            os.replace(image.staged.with_suffix(SIDECAR), image.path.with_suffix(SIDECAR))
        os.replace(image.staged, image.path)
        sync_folder(image.path.parent)
        self._store.placed(image)

    def recover(self) -> None:
        """At start: settle pictures caught between two steps, sweep old staging, take jobs up again."""
        self._settle()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._staging)
        self._store.requeue_all_running()

    def _settle(self) -> None:
        """Finish the pictures that were promised a place and did not get there, or undo them where that cannot be."""
        for image in self._store.staged():
            assert image.staged
            if image.path.is_file() and sha256_of(image.path) == image.sha256:
                self._store.placed(image)
            elif image.staged.is_file() and sha256_of(image.staged) == image.sha256:
                self._move(image)
            else:
                self._store.forget(image)
