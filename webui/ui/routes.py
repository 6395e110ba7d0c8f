"""What the page's scripts ask the server. Handlers only submit and look; a job goes on whoever watches.

gradio's own events are not used for this: they end with their connection, and speak of errors in pop-ups.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from webui.app import App
from webui.jobs.store import ENDED
from webui.messages import Fault
from webui.prompt.styles import Style, apply
from webui.request import MAX_PROMPT
from webui.settings import Settings, changed
from webui.ui import form, live
from webui.ui.reader import Reader

IDLE_SECONDS = 0.5  # between two looks while nothing is being made
BEAT_SECONDS = 15.0  # a silent stream says that it is alive, so that a closed page is noticed


class Enlarge(BaseModel):
    job: str = Field(max_length=100)
    index: int
    values: dict[str, Any]


class SavedStyle(BaseModel):
    name: str
    prompt: str = Field("", max_length=MAX_PROMPT)
    negative: str = Field("", max_length=MAX_PROMPT)


class Applied(BaseModel):
    names: list[str] = Field(max_length=100)
    prompt: str = Field("", max_length=MAX_PROMPT)
    negative: str = Field("", max_length=MAX_PROMPT)


class Counted(BaseModel):
    """Prompts by path, with all that decides their length."""

    texts: dict[str, Annotated[str, Field(max_length=MAX_PROMPT)]]
    styles: list[str] = Field([], max_length=100)
    overrides: dict[str, Any] = {}


def router(app: App, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """``route_class`` reads the bodies; the API's takes strict JSON only."""
    routes = APIRouter(prefix="/page", include_in_schema=False, route_class=route_class)

    @routes.get("/live")
    async def live_view(request: Request) -> StreamingResponse:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(changes(app, Reader.of(request)), media_type="text/event-stream", headers=headers)

    @routes.post("/jobs", status_code=202)
    def submit(values: dict[str, Any], request: Request) -> dict[str, str]:
        """``values`` by path; "overrides" among them are settings that this job is to have otherwise."""
        reader = Reader.of(request)
        settings = own_settings(app, values.pop("overrides", {}))
        job = app.submit(form.read(values, settings, reader.language), reader.client, settings=settings)
        return {"id": job.id}

    @routes.post("/enlarge", status_code=202)
    def enlarge(asked: Enlarge, request: Request) -> dict[str, str]:
        """The second pass that the form describes, over a picture that is there."""
        reader = Reader.of(request)
        values = {**asked.values, "hires.enabled": True}
        hires = form.read(values, app.settings.now, reader.language).hires
        assert hires
        return {"id": app.enlarge(asked.job, asked.index, hires, reader.client).id}

    @routes.post("/jobs/{job_id}/{command}")
    def tell(job_id: str, command: Literal["now", "after_image", "skip"]) -> dict[str, bool]:
        """About the job that the page shows, by its id: a press that comes late stops no other one."""
        if app.snapshot(job_id).job.state in ENDED:
            return {"told": False}
        if command == "skip":
            app.queue.skip(job_id)
        else:
            app.queue.interrupt(job_id, after_image=command == "after_image")
        return {"told": True}

    @routes.post("/tokens")
    def tokens(asked: Counted) -> dict[str, tuple[int, int]]:
        settings, names = own_settings(app, asked.overrides), asked.styles
        return {
            path: app.count_tokens(text, settings, names, negative=path.endswith("negative"))
            for path, text in asked.texts.items()
        }

    return routes


def style_routes(app: App, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    routes = APIRouter(prefix="/page/styles", include_in_schema=False, route_class=route_class)

    @routes.get("")
    def styles() -> list[dict[str, str]]:
        return [asdict(style) for style in app.styles.all()]

    @routes.post("")
    def save(style: SavedStyle) -> list[dict[str, str]]:
        app.styles.save(Style(style.name, style.prompt, style.negative))
        return styles()

    @routes.post("/apply")
    def put_into(asked: Applied) -> dict[str, str]:
        """The prompts with the styles' texts in them."""
        chosen = app.styles.texts(asked.names)
        return {
            "prompt": apply(asked.prompt, (style.prompt for style in chosen)),
            "negative": apply(asked.negative, (style.negative for style in chosen)),
        }

    @routes.post("/delete")
    def delete(style: SavedStyle) -> list[dict[str, str]]:
        app.styles.delete(style.name)
        return styles()

    return routes


def own_settings(app: App, overrides: Any) -> Settings:
    """Those of one job. Raises Fault naming the first that is wrong."""
    if not isinstance(overrides, dict):
        raise Fault("invalid", field="overrides", name="overrides")
    return changed(app.settings.now, overrides)


def pause_between(settings: Settings, *, busy: bool) -> float:
    """Seconds between two looks at what there is to show."""
    return settings.live_preview_refresh_period / 1000 if busy else IDLE_SECONDS


async def changes(app: App, reader: Reader) -> AsyncIterator[str]:
    """Server-sent events, each holding the parts of the view that are not as they were."""
    sent: live.View = {}
    silent = 0.0
    while True:
        now = await asyncio.to_thread(live.view, app, reader)
        news = {name: value for name, value in now.items() if name not in sent or sent[name] != value}
        pause = pause_between(app.settings.now, busy=now["busy"])
        if news:
            yield f"data: {json.dumps(news, ensure_ascii=False)}\n\n"
            silent = 0.0
        elif silent >= BEAT_SECONDS:
            yield ": beat\n\n"
            silent = 0.0
        sent, silent = now, silent + pause
        await asyncio.sleep(pause)
