"""What the page's scripts ask about the settings: the tab and the bar of quick ones."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from webui.app import App
from webui.ui import settings_form
from webui.ui.reader import Reader


def router(app: App, route_class: type[APIRoute] = APIRoute) -> APIRouter:
    """``route_class`` reads the bodies, as in ``routes.router``."""
    routes = APIRouter(prefix="/page", include_in_schema=False, route_class=route_class)

    @routes.get("/settings")
    def settings() -> dict[str, Any]:
        return settings_form.view(app)

    @routes.post("/settings")
    def change(values: dict[str, Any], request: Request) -> dict[str, Any]:
        settings_form.change(app.settings, values, Reader.of(request).language)
        return settings_form.view(app)

    return routes
