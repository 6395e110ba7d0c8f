"""What the page's scripts ask the server. Handlers only submit and look; a job goes on whoever watches.

gradio's own events are not used for this: they end with their connection, and speak of errors in pop-ups.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from webui.app import App
from webui.jobs.store import ENDED
from webui.request import MAX_PROMPT
from webui.ui import form, live
from webui.ui.reader import Reader
from webui.ui.settings_form import change

BUSY_SECONDS = 0.1  # between two looks while a picture is being made
IDLE_SECONDS = 0.5
BEAT_SECONDS = 15.0  # a silent stream says that it is alive, so that a closed page is noticed


def router(app: App, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """``route_class`` reads the bodies; the API's takes strict JSON only."""
    routes = APIRouter(prefix="/page", include_in_schema=False, route_class=route_class)

    @routes.get("/live")
    async def live_view(request: Request) -> StreamingResponse:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(changes(app, Reader.of(request)), media_type="text/event-stream", headers=headers)

    @routes.post("/jobs", status_code=202)
    def submit(values: dict[str, Any], request: Request) -> dict[str, str]:
        reader = Reader.of(request)
        job = app.submit(form.read(values, app.settings.now, reader.language), reader.client)
        return {"id": job.id}

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
    def tokens(texts: dict[str, str]) -> dict[str, tuple[int, int]]:
        return {
            path: app.count_tokens(text[:MAX_PROMPT], negative=path.endswith("negative"))
            for path, text in texts.items()
        }

    @routes.post("/settings")
    def settings(values: dict[str, Any], request: Request) -> dict[str, Any]:
        change(app.settings, values, Reader.of(request).language)
        return {}

    return routes


async def changes(app: App, reader: Reader) -> AsyncIterator[str]:
    """Server-sent events, each holding the parts of the view that are not as they were."""
    sent: live.View = {}
    silent = 0.0
    while True:
        now = await asyncio.to_thread(live.view, app, reader)
        news = {name: value for name, value in now.items() if name not in sent or sent[name] != value}
        pause = BUSY_SECONDS if now["busy"] else IDLE_SECONDS
        if news:
            yield f"data: {json.dumps(news, ensure_ascii=False)}\n\n"
            silent = 0.0
        elif silent >= BEAT_SECONDS:
            yield ": beat\n\n"
            silent = 0.0
        sent, silent = now, silent + pause
        await asyncio.sleep(pause)
