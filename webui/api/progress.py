"""How far a job is, in sd-webui's shape, where ``job_count`` counts rounds (``n_iter``)."""

from __future__ import annotations

from pydantic import BaseModel

from webui.api.info import timestamp
from webui.jobs.queue import Snapshot
from webui.jobs.store import ENDED


class State(BaseModel):
    skipped: bool = False
    interrupted: bool = False
    stopping_generation: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


class Progress(BaseModel):
    """``eta_relative`` in seconds, 0 when not known; ``current_image`` a JPEG in base64; ``current_task`` the job."""

    progress: float = 0.0
    eta_relative: float = 0.0
    state: State = State()
    current_image: str | None = None
    textinfo: str | None = None
    current_task: str | None = None


def idle() -> Progress:
    return Progress()


def progress_of(snapshot: Snapshot, *, with_image: bool) -> Progress:
    job, now = snapshot.job, snapshot.progress
    ended = job.state in ENDED
    batch = job.request.batch
    return Progress(
        progress=snapshot.fraction,
        eta_relative=snapshot.remaining or 0.0,
        state=State(
            interrupted=job.state == "cancelled",
            job="" if ended else job.id,
            job_count=0 if ended else batch.count,
            job_timestamp=timestamp(job.started or job.created),
            job_no=min(now.index // batch.size if now else 0, batch.count - 1),
            sampling_step=now.step if now else 0,
            sampling_steps=now.steps if now and now.steps else job.request.sampling.steps,
        ),
        current_image=now.preview if now and with_image else None,
        textinfo=f"{job.state}: {now.phase}" if now else job.state,
        current_task=job.id,
    )
