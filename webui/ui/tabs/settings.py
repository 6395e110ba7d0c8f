"""Settings: made from ``webui.settings``, so a setting declared there is here."""

from __future__ import annotations

from html import escape

import gradio as gr
from gradio.components import Component

from webui.ui import settings_form
from webui.ui.asset import asset
from webui.ui.events import QUIET, on_change
from webui.ui.tab import Page, Tab
from webui.ui.words import t


def build(page: Page) -> None:
    components: dict[str, Component] = {}
    shapes, now = settings_form.shapes(page.app), settings_form.values(page.app)
    with gr.Row(elem_id="settings"):
        gr.HTML(_finder(), elem_id="find-settings", js_on_load="atelier.openSettings(element)")
        with gr.Column(elem_classes="sections"):
            for section, names in settings_form.sections().items():
                with gr.Column(elem_id=f"section-{section}", elem_classes="card section"):
                    gr.Markdown(t(f"section.{section}"), elem_classes="title")
                    for name in names:
                        components[name] = settings_form.component(shapes[name], now[name])
            with gr.Row(elem_classes="apply"):
                apply = gr.Button(t("page.apply"), variant="primary", elem_id="apply")
    apply.click(**settings_form.calls("applySettings", components))
    _follow(components, page)


def _finder() -> str:
    """The box to search in, and the way to each section. The words come in the browser."""
    jumps = "".join(
        f'<button type="button" class="jump" data-section="{escape(section)}"></button>'
        for section in settings_form.sections()
    )
    return asset("settings.html").replace("<!-- jumps -->", jumps)


def _follow(components: dict[str, Component], page: Page) -> None:
    """The scripts know what the components hold, and may put other values into them by way of a button."""
    boxes = list(components.values())
    gr.on([on_change(box) for box in boxes], **settings_form.calls("shownSettings", components))
    put = gr.Button(visible="hidden", elem_id="put-settings")
    put.click(**settings_form.calls("putSettings", components), outputs=boxes)
    page.blocks.load(lambda: settings_form.current(page.app), None, boxes, **QUIET)


tab = Tab("settings", order=900, build=build)
