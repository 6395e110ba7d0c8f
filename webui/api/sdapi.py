"""/sdapi/v1: sd-webui's API, for the programs people already have."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from starlette.concurrency import run_in_threadpool

from webui.api import lists
from webui.api.a1111 import renamed, understand
from webui.api.body import Txt2ImgBody
from webui.api.deps import AppOf, Client, OptionsOf
from webui.api.errors import ErrorBody
from webui.api.info import Txt2ImgReply, reply
from webui.api.progress import Progress, idle, progress_of
from webui.api.strict import StrictRoute
from webui.app import App
from webui.jobs.store import ENDED
from webui.messages import Fault, language_of

router = APIRouter(
    prefix="/sdapi/v1",
    route_class=StrictRoute,
    tags=["sd-webui"],
    responses={422: {"model": ErrorBody}, 500: {"model": ErrorBody}},
)
JobId = Annotated[str, Query(description="The job that is meant; the running one when not given.")]
Language = Annotated[str, Header(alias="Accept-Language")]


@router.post("/txt2img", response_model=Txt2ImgReply, responses={429: {"model": ErrorBody}})
async def txt2img(body: Txt2ImgBody, app: AppOf, client: Client, accept_language: Language = "") -> Response:
    """Answers when the pictures are made. The job goes on if the caller hangs up: ask for it by its id."""
    asked = await run_in_threadpool(understand, body, app)
    try:
        job = await run_in_threadpool(app.submit, asked.request, client, body.force_task_id or "", asked.settings)
    except Fault as fault:
        raise renamed(fault) from fault
    snapshot = await app.ended(job.id)
    content = await run_in_threadpool(reply, app, body, asked, snapshot, language_of(accept_language))
    return Response(content, media_type="application/json")


@router.get("/progress")
def progress(app: AppOf, job_id: JobId = "", id_task: str = "", skip_current_image: bool = False) -> Progress:
    """Of the job asked for, else of the one that runs, else of the one that is next."""
    asked = job_id or id_task
    if not asked:
        waiting = app.store.waiting()
        if not waiting:
            return idle()
        asked = waiting[0]
    return progress_of(app.snapshot(asked), with_image=not skip_current_image)


@router.post("/interrupt")
def interrupt(app: AppOf, job_id: JobId = "") -> dict[str, Any]:
    """Stop a job; it keeps what it has made. With nothing to stop, nothing happens."""
    if job := meant(app, job_id):
        app.queue.interrupt(job)
    return {}


@router.post("/skip")
def skip(app: AppOf, job_id: JobId = "") -> None:
    """Leave the current picture as it is and go on to the next."""
    if job := meant(app, job_id):
        app.queue.skip(job)


def meant(app: App, job_id: str) -> str | None:
    """Raises NotFound for a job there never was; None when there is nothing (left) to stop."""
    if not job_id:
        return app.queue.running()
    return None if app.snapshot(job_id).job.state in ENDED else job_id


@router.get("/options")
def options(app: AppOf) -> dict[str, Any]:
    return lists.options(app)


@router.post("/options")
def set_options(changes: Annotated[dict[str, Any], Body()], app: AppOf) -> None:
    """Change the settings named, all or none. Running jobs keep the settings they were submitted with.

    What is as ``GET /options`` tells it is no change, so that its whole answer can be sent back.
    """
    now = lists.options(app)
    changes = {name: value for name, value in changes.items() if name not in now or not _same(now[name], value)}
    if wish := changes.get("sd_model_checkpoint"):
        changes["sd_model_checkpoint"] = _checked(app.checkpoint, wish, "sd_model_checkpoint")
    if wish := changes.get("sd_vae"):
        changes["sd_vae"] = _checked(app.vae, wish, "sd_vae")
    app.settings.change(changes)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _checked(find: Any, wish: Any, setting: str) -> Any:
    """The file's own name for what was wished; other values are left for the settings to judge."""
    if not isinstance(wish, str) or len(wish) > 1000:
        return wish
    try:
        file = find(wish)
    except Fault as fault:
        raise renamed(fault, {"models.checkpoint": setting, "models.vae": setting}) from fault
    return file.name if file else wish


@router.get("/cmd-flags")
def cmd_flags(given: OptionsOf) -> dict[str, Any]:
    """How the server was started, without the passwords."""
    flags = {field.name: getattr(given, field.name) for field in dataclasses.fields(given) if field.name != "users"}
    return flags | {"api": True}


@router.get("/sd-models")
def sd_models(app: AppOf) -> list[lists.SdModel]:
    return lists.sd_models(app)


@router.get("/sd-vae")
def sd_vae(app: AppOf) -> list[lists.SdVae]:
    return lists.sd_vaes(app)


@router.get("/samplers")
def samplers(app: AppOf) -> list[lists.Sampler]:
    return lists.samplers(app)


@router.get("/schedulers")
def schedulers(app: AppOf) -> list[lists.Scheduler]:
    return lists.schedulers(app)


@router.get("/upscalers")
def upscalers() -> list[lists.Upscaler]:
    return lists.upscaler_list()


@router.get("/latent-upscale-modes")
def latent_upscale_modes() -> list[lists.Named]:
    return lists.latent_mode_list()


@router.get("/prompt-styles")
def prompt_styles(app: AppOf) -> list[lists.Style]:
    return lists.styles(app)


@router.post("/refresh-checkpoints")
def refresh_checkpoints(app: AppOf) -> None:
    app.refresh()


@router.post("/refresh-vae")
def refresh_vae(app: AppOf) -> None:
    app.refresh()
