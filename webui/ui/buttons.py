"""Buttons that show a picture of ``assets/icons`` (their words are for screen readers and the tooltip), or nothing."""

from __future__ import annotations

import gradio as gr

from webui.ui.words import t


def icon(code: str, picture: str, js: str = "", *, elem_id: str | None = None) -> gr.Button:
    button = gr.Button(t(code), elem_classes=["icon", f"icon-{picture}"], elem_id=elem_id)
    if js:
        button.click(None, js=js, api_visibility="private")
    return button


def hidden(elem_id: str) -> gr.Button:
    """Pressed by the page's scripts alone, to have an event of gradio's happen."""
    return gr.Button("", elem_id=elem_id, elem_classes="unseen")
