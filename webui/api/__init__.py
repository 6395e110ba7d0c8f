"""HTTP for programs: sd-webui's API, our own, and whether the server is alive. ``create`` puts it together."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

import webui
from webui.api import absent, errors, jobs, png_info, sdapi
from webui.api.strict import StrictRoute
from webui.app import App
from webui.messages import NotFound
from webui.options import Options

alive = APIRouter(tags=["server"])
METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]


@alive.get("/healthz")
async def healthz() -> dict[str, str]:
    """Touches nothing, so it answers whatever else goes on."""
    return {"status": "ok", "name": "Atelier WebUI", "version": webui.__version__}


@alive.get("/internal/ping")
async def ping() -> dict[str, str]:
    return {}


unknown = APIRouter(include_in_schema=False)


@unknown.api_route("/sdapi/{rest:path}", methods=METHODS)
@unknown.api_route("/api/v1/{rest:path}", methods=METHODS)
@unknown.api_route("/gradio_api/upload{rest:path}", methods=METHODS)
async def no_such_route(rest: str) -> None:
    """Stands before the page, which would answer the first two in a shape of its own, and keep whatever is uploaded.

    Nothing on the page takes a file yet.
    """
    raise NotFound("no_such_page")


def create(app: App, options: Options) -> FastAPI:
    api = FastAPI(
        title="Atelier WebUI",
        version=webui.__version__,
        description=(
            "`/sdapi/v1` is AUTOMATIC1111's API; `/api/v1` is ours. "
            "Errors are `{error, detail, field, hint, job_id?}` in the language of `Accept-Language`."
        ),
    )
    api.state.webui, api.state.options = app, options
    api.router.route_class = StrictRoute  # of whoever adds routes, the page too
    errors.install(api)
    for router in (alive, sdapi.router, png_info.router, absent.router, jobs.router, unknown):
        api.include_router(router)
    return api
