"""/api/v1: our own API. A job is submitted, looked at, and its pictures fetched; nothing blocks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from webui.api.deps import AppOf, Client
from webui.api.errors import ErrorBody, error_body
from webui.api.strict import StrictRoute
from webui.jobs.queue import Snapshot
from webui.jobs.store import ENDED, State
from webui.messages import NotFound, language_of
from webui.outputs import MEDIA_TYPES
from webui.paths import safe_path
from webui.request import Txt2Img

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["jobs"], responses={422: {"model": ErrorBody}})
missing: dict[int | str, dict[str, Any]] = {404: {"model": ErrorBody}}
FOREVER = "private, max-age=31536000, immutable"


class Submitted(BaseModel):
    id: str
    url: str


class Picture(BaseModel):
    index: int
    url: str
    seed: int
    width: int
    height: int
    infotext: str
    partial: bool  # stopped before its last step


class JobView(BaseModel):
    """``fraction`` 0..1 and ``remaining_seconds`` are of the whole job; ``ahead`` counts jobs before it."""

    id: str
    state: State
    ahead: int
    fraction: float
    remaining_seconds: float | None
    phase: str | None
    step: int
    steps: int
    images: list[Picture]
    message: ErrorBody | None
    notes: list[ErrorBody]
    created: float
    started: float | None
    ended: float | None


def link(http: Request, route: str, **params: Any) -> str:
    """A path from the root of the host, under the proxy's path if there is one."""
    return http.scope.get("root_path", "") + http.app.url_path_for(route, **params)


@router.post("/jobs", status_code=202, responses={429: {"model": ErrorBody}})
def submit(request: Txt2Img, http: Request, response: Response, app: AppOf, client: Client, id: str = "") -> Submitted:
    """The job will be done once this has answered. ``id`` may be chosen by the caller, and then only once."""
    job = app.submit(request, client, id)
    url = link(http, "job", job_id=job.id)
    response.headers["Location"] = url
    return Submitted(id=job.id, url=url)


@router.get("/jobs/{job_id}", responses=missing)
def job(
    job_id: str, http: Request, app: AppOf, accept_language: Annotated[str, Header(alias="Accept-Language")] = ""
) -> JobView:
    return view(app.snapshot(job_id), http, language_of(accept_language))


def view(snapshot: Snapshot, http: Request, language: str) -> JobView:
    job, now = snapshot.job, snapshot.progress
    pictures = [
        Picture(
            index=image.index,
            url=link(http, "image", job_id=job.id, index=image.index),
            seed=image.seed,
            width=image.width,
            height=image.height,
            infotext=image.infotext,
            partial=image.partial,
        )
        for image in snapshot.images
    ]
    return JobView(
        id=job.id,
        state=job.state,
        ahead=snapshot.ahead,
        fraction=snapshot.fraction,
        remaining_seconds=snapshot.remaining,
        phase=now.phase if now else None,
        step=now.step if now else 0,
        steps=job.request.sampling.steps,
        images=pictures,
        message=ErrorBody(**error_body(job.message, language)) if job.message else None,
        notes=[ErrorBody(**error_body(note, language)) for note in job.notes],
        created=job.created,
        started=job.started,
        ended=job.ended,
    )


@router.post("/jobs/{job_id}/interrupt", responses=missing)
def interrupt(job_id: str, app: AppOf) -> dict[str, Any]:
    """Stop the job; it keeps what it has made. One that has ended stays as it is."""
    if app.snapshot(job_id).job.state not in ENDED:
        app.queue.interrupt(job_id)
    return {}


@router.post("/jobs/{job_id}/skip", responses=missing)
def skip(job_id: str, app: AppOf) -> dict[str, Any]:
    """Leave the current picture as it is and go on to the next."""
    if app.snapshot(job_id).job.state not in ENDED:
        app.queue.skip(job_id)
    return {}


@router.get("/images/{job_id}/{index}", response_class=FileResponse, responses=missing)
def image(job_id: str, index: int, app: AppOf) -> FileResponse:
    """The file as it lies on the disk: PNG, or what the job's settings asked for."""
    for found in app.snapshot(job_id).images:
        if found.index == index:
            path = safe_path(found.path, (app.paths.outputs, app.paths.data))
            if not path.is_file():
                raise NotFound("image_gone")
            headers = {"Cache-Control": FOREVER, "ETag": f'"{found.sha256}"'}
            return FileResponse(path, headers=headers, media_type=MEDIA_TYPES[path.suffix], filename=path.name,
                                content_disposition_type="inline")  # fmt: skip
    raise NotFound("unknown_image", index=index)
