"""The bar on top: which model draws, what the queue does, and how the page speaks and looks."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from webui.app import BUILT_IN_VAES, App
from webui.files.catalog import Catalog
from webui.messages import Fault, render
from webui.ui.asset import asset
from webui.ui.buttons import icon
from webui.ui.events import QUIET
from webui.ui.form import look_of
from webui.ui.reader import Reader

OPEN_QUICK = "atelier.openQuick(element.querySelector('.bar'))"


class Header:
    """``models``: the components of the request's fields that are chosen here, by path.

    A second row holds the settings that people chose for it; the page's scripts fill it.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        with gr.Row(elem_id="header"):
            gr.HTML(f'<span class="mark">{asset("mark.svg")}</span><span class="name">Atelier</span>', elem_id="brand")
            self.models: dict[str, Component] = {
                "models.checkpoint": gr.Dropdown(
                    checkpoints(app.catalog), value=default_checkpoint(app), **look_of("models.checkpoint")
                ),
                "models.vae": gr.Dropdown(vaes(app.catalog), value=default_vae(app), **look_of("models.vae")),
            }
            self.refresh = icon("page.refresh", "refresh", elem_id="refresh")
            gr.HTML('<span class="dot"></span><span class="line"></span>', elem_id="queue")
            icon("page.language", "language", "() => atelier.nextLanguage()", elem_id="language")
            icon("page.theme", "theme", "() => atelier.nextTheme()", elem_id="theme")
        gr.HTML('<div class="bar"></div>', elem_id="quick", elem_classes="empty", js_on_load=OPEN_QUICK)
        # Not the dropdowns themselves: gradio refuses a value whose file came or went since the server started.
        chosen, notice = gr.JSON(visible=False), gr.Textbox(visible=False)
        notice.change(None, notice, js="text => atelier.toast(text)", api_visibility="private")
        event = {
            "inputs": chosen,
            "outputs": [*self.models.values(), notice],
            "js": "() => [atelier.models()]",
            **QUIET,
        }
        self.refresh.click(self._refresh, **event)
        self.settle: dict[str, Any] = {"fn": self._settle, **event}

    def _refresh(self, chosen: list[str | None], request: gr.Request) -> tuple[Any, Any, str]:
        """As when the page is opened, and the answer says that something was done."""
        before = {file.name for file in self._app.catalog.of("checkpoint")}
        checkpoint, vae, notice = self._settle(chosen, request)
        found = len({file.name for file in self._app.catalog.of("checkpoint")} - before)
        return checkpoint, vae, notice or render("page.refreshed", {"found": found}, _language(request))

    def _settle(self, chosen: list[str | None], request: gr.Request) -> tuple[Any, Any, str]:
        """The files there are now. A choice whose file has gone is replaced by the default one, and that is said."""
        catalog = self._app.refresh()
        wishes = dict(zip(self.models, chosen, strict=True))
        offers = {
            "models.checkpoint": ([file.name for file in catalog.of("checkpoint")], default_checkpoint(self._app)),
            "models.vae": (vaes(catalog), default_vae(self._app)),
        }
        now = {path: wishes[path] if wishes[path] in names else default for path, (names, default) in offers.items()}
        notice = " ".join(
            render("page.model_gone", {"name": wishes[path], "instead": now[path] or "–"}, _language(request))
            for path in offers
            if wishes[path] not in (None, now[path])
        )
        checkpoint = gr.Dropdown(checkpoints(catalog), value=now["models.checkpoint"])
        return checkpoint, gr.Dropdown(vaes(catalog), value=now["models.vae"]), notice


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


def default_vae(app: App) -> str:
    wish = app.settings.now.sd_vae
    return wish if wish in vaes(app.catalog) else BUILT_IN_VAES[0]


def _language(request: gr.Request) -> str:
    assert request.request
    return Reader.of(request.request).language
