"""The bar on top: which model draws, what the queue does, and how the page speaks and looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.app import BUILT_IN_VAES, App
from webui.files.catalog import Catalog
from webui.messages import Fault, render
from webui.ui.buttons import icon
from webui.ui.events import QUIET
from webui.ui.form import look_of
from webui.ui.reader import Reader

ASSETS = Path(__file__).parent / "assets"


class Header:
    """``models``: the components of the request's fields that are chosen here, by path."""

    def __init__(self, app: App) -> None:
        self._app = app
        with gr.Row(elem_id="header"):
            gr.HTML((ASSETS / "brand.html").read_text(encoding="utf-8"), elem_id="brand")
            self.models: dict[str, Component] = {
                "models.checkpoint": gr.Dropdown(
                    checkpoints(app.catalog), value=default_checkpoint(app), **look_of("models.checkpoint")
                ),
                "models.vae": gr.Dropdown(vaes(app.catalog), value="Automatic", **look_of("models.vae")),
            }
            refresh = icon("page.refresh", "refresh", elem_id="refresh")
            gr.HTML('<span class="dot"></span><span class="line"></span>', elem_id="queue")
            icon("page.language", "language", "() => atelier.nextLanguage()", elem_id="language")
            icon("page.theme", "theme", "() => atelier.nextTheme()", elem_id="theme")
        notice = gr.Textbox(visible=False)
        notice.change(None, notice, js="text => atelier.toast(text)", api_visibility="private")
        refresh.click(self._refresh, **self._settles(notice))
        self.settle: dict[str, Any] = {"fn": self._settle, **self._settles(notice)}

    def _settles(self, notice: Component) -> dict[str, Any]:
        models = list(self.models.values())
        return {"inputs": models, "outputs": [*models, notice], **QUIET}

    def _refresh(self, checkpoint: str | None, vae: str | None, request: gr.Request) -> tuple[Any, Any, str]:
        """Look at the folders again."""
        before = {file.name for file in self._app.catalog.of("checkpoint")}
        found = len({file.name for file in self._app.refresh().of("checkpoint")} - before)
        language = _language(request)
        *models, notice = self._settle(checkpoint, vae, request)
        return models[0], models[1], notice or render("page.refreshed", {"found": found}, language)

    def _settle(self, checkpoint: str | None, vae: str | None, request: gr.Request) -> tuple[Any, Any, str]:
        """The files there are now. A choice whose file has gone is replaced by the default one, and that is said."""
        catalog, notice = self._app.catalog, ""
        language = _language(request)
        chosen = next((file.name for file in catalog.of("checkpoint") if file.name == checkpoint), None)
        if chosen is None:
            chosen = default_checkpoint(self._app)
            if checkpoint:
                notice = render("page.model_gone", {"name": checkpoint, "instead": chosen or "–"}, language)
        vae_choices = vaes(catalog)
        if vae not in vae_choices:
            if vae:
                notice = notice or render("page.model_gone", {"name": vae, "instead": "Automatic"}, language)
            vae = "Automatic"
        return gr.Dropdown(checkpoints(catalog), value=chosen), gr.Dropdown(vae_choices, value=vae), notice


def checkpoints(catalog: Catalog) -> list[tuple[str, str]]:
    """(what is shown, what the request holds): a title gains the file's hash when that is known, its name stays."""
    return [(file.title, file.name) for file in catalog.of("checkpoint")]


def vaes(catalog: Catalog) -> list[str]:
    return [*BUILT_IN_VAES, *(file.name for file in catalog.of("vae"))]


def default_checkpoint(app: App) -> str | None:
    try:
        return app.checkpoint().name
    except Fault:
        return None


def _language(request: gr.Request) -> str:
    assert request.request
    return Reader.of(request.request).language
