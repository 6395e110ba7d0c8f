"""Settings: made from ``webui.settings``, so a setting declared there is here."""

from __future__ import annotations

import gradio as gr

from webui.ui import settings_form
from webui.ui.events import QUIET
from webui.ui.tab import Page, Tab
from webui.ui.words import t


def build(page: Page) -> None:
    components = {}
    with gr.Column(elem_id="settings"):
        for section, names in settings_form.sections().items():
            with gr.Column(elem_classes="card section"):
                gr.Markdown(t(f"section.{section}"), elem_classes="title")
                for name in names:
                    components[name] = settings_form.component(name, page.app)
        with gr.Row(elem_classes="apply"):
            apply = gr.Button(t("page.apply"), variant="primary", elem_id="apply")
    apply.click(**settings_form.applies(components))
    page.blocks.load(lambda: settings_form.current(page.app), None, list(components.values()), **QUIET)


tab = Tab("settings", order=900, build=build)
